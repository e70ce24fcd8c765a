//! Entries that nobody decided: a journal or a snapshot that was forged, or written by a program with a bug. A replay
//! refuses whatever would break an invariant, so that nothing goes on from there.

use crate::world::{World, attribute, attributes, audit, id, nanos, replayed};
use bursar_core::{Charge, Measure};
use bursar_ledger::{
    AdjustmentId, Budget, BudgetId, Command, Engine, Entry, Image, Outcome, PeriodKind, ReplayError,
    Reserved, State, WindowId, WindowImage, check_invariants,
};
use std::sync::Arc;

fn total(id: u32, limit: i64) -> Budget {
    Budget::new(BudgetId(id), "b", Measure::Usd, Some(limit), PeriodKind::Total)
}

/// One user's window with something settled, a reservation in flight, one in suspense, one remembered.
fn busy() -> World {
    let mut world = World::with(&[total(1, 1_000).per(attribute("user")), total(2, 5_000)]);
    let ann = attributes(&[("user", "ann")]);
    world.spend(1, &ann, nanos(10));
    world.reserve(2, &ann, nanos(20));
    world.pass(700);
    world.expire();
    world.reserve(3, &ann, nanos(40));
    let _adjusted = world.apply(Command::Adjust(bursar_ledger::Adjust {
        id: AdjustmentId(9),
        reservation: None,
        parts: vec![(WindowId(1), 5)],
        audit: audit(),
    }));
    world
}

fn pieces(world: &World) -> Vec<Image> {
    let mut snapshot: Vec<Entry> = Vec::new();
    world.engine.snapshot(&mut snapshot);
    let image = |entry| match entry {
        Entry::Image(image) => image,
        other => panic!("a snapshot has {other:?}"),
    };
    snapshot.into_iter().map(image).collect()
}

/// What taking these pieces in says, the end included.
fn restore(pieces: impl IntoIterator<Item = Image>) -> Result<Engine, ReplayError> {
    let mut engine = Engine::new();
    for piece in pieces {
        engine.replay(&Entry::Image(piece))?;
    }
    engine.restored()?;
    Ok(engine)
}

/// The snapshot with the first piece changed that the change takes.
fn changed(world: &World, change: impl FnMut(&mut Image) -> bool) -> Result<Engine, ReplayError> {
    let mut pieces = pieces(world);
    assert!(pieces.iter_mut().any(change), "nothing was changed");
    restore(pieces)
}

fn window(change: impl Fn(&mut WindowImage)) -> impl Fn(&mut Image) -> bool {
    move |piece| match piece {
        Image::Window(image) => {
            change(image);
            true
        }
        _ => false,
    }
}

fn opened(world: &World) -> WindowImage {
    let opened = world.journal.iter().find_map(|entry| match entry {
        Entry::Opened(image) => Some(WindowImage::clone(image)),
        _ => None,
    });
    opened.unwrap()
}

#[test]
fn a_whole_snapshot_is_taken() {
    let world = busy();
    let copy = restore(pieces(&world)).unwrap();
    check_invariants(&copy).unwrap();
    assert_eq!(copy.state_hash(), world.engine.state_hash());
}

#[test]
fn a_snapshot_accounts_for_what_its_windows_hold() {
    let world = busy();
    let refused = Some(ReplayError::Image);
    assert_eq!(changed(&world, window(|image| image.held += 1)).err(), refused);
    assert_eq!(changed(&world, window(|image| image.held -= 1)).err(), refused);
    assert_eq!(changed(&world, window(|image| image.suspense += 1)).err(), refused);
    assert_eq!(changed(&world, window(|image| image.suspense -= 1)).err(), refused);
    // A reservation that is missing leaves its holds unclaimed, and one too many claims what is not there.
    let mut fewer = pieces(&world);
    fewer.retain(|piece| !matches!(piece, Image::Reservation { state: State::Live, .. }));
    assert_eq!(restore(fewer).err(), refused);
    let more = pieces(&world).into_iter().flat_map(|piece| match piece {
        Image::Reservation { ref reserved, state, until } => {
            let other = Reserved { id: id(77), ..reserved.clone() };
            vec![piece, Image::Reservation { reserved: other, state, until }]
        }
        other => vec![other],
    });
    assert_eq!(restore(more).err(), refused);
    // The end of the snapshot is told by any other entry just as well.
    let mut engine = Engine::new();
    let cut = pieces(&world).into_iter().take_while(|piece| !matches!(piece, Image::Reservation { .. }));
    for piece in cut {
        engine.replay(&Entry::Image(piece)).unwrap();
    }
    let next = Entry::BudgetRemoved { at: world.now, budget: BudgetId(2) };
    assert_eq!(engine.replay(&next), Err(ReplayError::Image));
}

/// Every window belongs into a snapshot, also one that says that nothing ever changed it.
#[test]
fn a_snapshot_has_windows_that_never_changed() {
    let world = busy();
    let copy = changed(&world, window(|image| image.changed = 0)).unwrap();
    let again = restore(pieces(&World { engine: copy.clone(), ..World::new() })).unwrap();
    assert_eq!(again.state_hash(), copy.state_hash());
    assert_eq!(again.windows_in_memory(), 2);
}

#[test]
fn the_counters_of_a_window_are_what_counters_can_be() {
    let world = busy();
    let overflow = Some(ReplayError::Overflow);
    assert_eq!(changed(&world, window(|image| image.settled = -1)).err(), overflow);
    assert_eq!(changed(&world, window(|image| image.overage = -1)).err(), overflow);
    assert_eq!(changed(&world, window(|image| image.returned = -1)).err(), overflow);
    assert_eq!(changed(&world, window(|image| image.held = -1)).err(), overflow);
    assert_eq!(changed(&world, window(|image| image.suspense = -1)).err(), overflow);
    assert_eq!(changed(&world, window(|image| image.settled = i64::MAX)).err(), overflow);
    let fits = |image: &mut WindowImage| image.settled = i64::MAX - image.held - image.suspense;
    changed(&world, window(fits)).unwrap();
    // Nor does an entry lead there.
    let mut full = changed(&world, window(fits)).unwrap();
    let reserved = world.journal.iter().find_map(|entry| match entry {
        Entry::Reserved(reserved) => Some(Reserved { id: id(50), ..reserved.clone() }),
        _ => None,
    });
    let reserved = reserved.unwrap();
    assert_eq!(full.clone().replay(&Entry::Reserved(reserved.clone())), Err(ReplayError::Overflow));
    let (at, deadline) = (world.now, world.now);
    let more = Entry::Extended { at, id: id(3), more: nanos(1), deadline };
    assert_eq!(full.clone().replay(&more), Err(ReplayError::Overflow));
    let settled = |charge: Charge| {
        let none = Vec::new();
        let (hold, windows) = (nanos(40), reserved.windows.clone());
        let (from, estimated, record) = (State::Live, false, Box::default());
        Entry::Settled(bursar_ledger::Settled {
            at,
            id: id(3),
            from,
            charge,
            hold,
            estimated,
            windows,
            crossings: none,
            record,
        })
    };
    assert_eq!(full.clone().replay(&settled(nanos(41))), Err(ReplayError::Overflow));
    full.clone().replay(&settled(nanos(40))).unwrap();
    let adjusted = Entry::Adjusted {
        at,
        id: AdjustmentId(10),
        reservation: None,
        parts: vec![(WindowId(1), 1)],
        crossings: Vec::new(),
        audit: audit(),
    };
    assert_eq!(full.replay(&adjusted), Err(ReplayError::Overflow));
}

#[test]
fn a_snapshot_is_in_order_and_comes_first() {
    let world = busy();
    let whole = pieces(&world);
    let refused = Some(ReplayError::Image);
    for swapped in 0..whole.len() - 1 {
        let mut pieces = whole.clone();
        pieces.swap(swapped, swapped + 1);
        let same_kind =
            std::mem::discriminant(&pieces[swapped]) == std::mem::discriminant(&pieces[swapped + 1]);
        assert_eq!(restore(pieces).is_ok(), same_kind, "piece {swapped} behind the next");
    }
    for doubled in 0..whole.len() {
        let mut pieces = whole.clone();
        pieces.insert(doubled, pieces[doubled].clone());
        assert!(restore(pieces).is_err(), "piece {doubled} twice");
    }
    assert_eq!(restore(whole.iter().skip(1).cloned()).err(), refused, "without marks");
    let mut engine = replayed(&world.journal);
    for piece in whole {
        assert_eq!(engine.replay(&Entry::Image(piece)).err(), refused, "behind other entries");
    }
}

#[test]
fn a_snapshot_knows_no_other_states() {
    let world = busy();
    let refused = Some(ReplayError::Image);
    for final_state in [State::Settled, State::Released] {
        let ended = |piece: &mut Image| match piece {
            Image::Reservation { state, .. } => {
                *state = final_state;
                true
            }
            _ => false,
        };
        assert_eq!(changed(&world, ended).err(), refused, "an open reservation that ended");
    }
    for open_state in [State::Live, State::Suspense] {
        let open = |piece: &mut Image| match piece {
            Image::Finished { state, .. } => {
                *state = open_state;
                true
            }
            _ => false,
        };
        assert_eq!(changed(&world, open).err(), refused, "a finished reservation that is open");
    }
    let without_alarm = |piece: &mut Image| match piece {
        Image::Reservation { state: State::Live, until, .. } => until.take().is_some(),
        _ => false,
    };
    assert_eq!(changed(&world, without_alarm).err(), refused, "in flight for ever");
    let both = |piece: &mut Image| match piece {
        Image::Finished { id: finished, .. } => {
            *finished = id(3);
            true
        }
        _ => false,
    };
    assert_eq!(changed(&world, both).err(), refused, "open and finished");
    // Nor of one that is in no window at all.
    let of_nothing = pieces(&world).into_iter().map(|piece| match piece {
        Image::Reservation { mut reserved, state, until } => {
            reserved.windows.clear();
            Image::Reservation { reserved, state, until }
        }
        Image::Window(mut image) => {
            (image.held, image.suspense) = (0, 0);
            Image::Window(image)
        }
        other => other,
    });
    let of_nothing: Vec<Image> = of_nothing.collect();
    restore(of_nothing.clone()).unwrap();
    for (wrong, never) in [(State::Live, true), (State::Settled, false), (State::Released, false)] {
        let mut pieces = of_nothing.clone();
        for piece in &mut pieces {
            if let Image::Reservation { state, until, .. } = piece {
                *state = wrong;
                *until = until.filter(|_| !never);
            }
        }
        assert_eq!(restore(pieces).err(), refused, "{wrong:?} in no window");
    }
}

#[test]
fn a_replay_goes_on_only_with_what_a_decision_leads_to() {
    let world = busy();
    let undecided = Err(ReplayError::Undecided);
    let engine = replayed(&world.journal);
    let refused = |entry: &Entry| engine.clone().replay(entry);
    let image = opened(&world);
    let new = |change: &dyn Fn(&mut WindowImage)| {
        let mut image = image.clone();
        image.id = WindowId(40);
        image.key.per = std::iter::once(Some(bursar_core::Value::new("bob").unwrap())).collect();
        change(&mut image);
        refused(&Entry::Opened(Box::new(image)))
    };
    assert_eq!(new(&|_| ()), Ok(()));
    assert_eq!(new(&|image| image.settled = 1), undecided, "a window opens empty");
    assert_eq!(new(&|image| image.suspense = 1), undecided);
    assert_eq!(new(&|image| image.held = 1), undecided);
    assert_eq!(new(&|image| image.overage = 1), undecided);
    assert_eq!(new(&|image| image.returned = 1), undecided);
    assert_eq!(new(&|image| image.key.generation += 1), undecided, "of a change that was not made");

    let removed = Entry::BudgetRemoved { at: world.now, budget: BudgetId(2) };
    let mut without = engine.clone();
    without.replay(&removed).unwrap();
    assert_eq!(without.clone().replay(&removed), undecided, "a budget is removed once");
    let mut again = Budget::clone(world.engine.budget_of(BudgetId(2)).unwrap());
    let put = |budget: &Budget| Entry::BudgetPut { at: world.now, budget: Arc::new(budget.clone()) };
    assert_eq!(refused(&put(&again)), undecided, "a change is a later version");
    again.version += 1;
    assert_eq!(refused(&put(&again)), Ok(()));
    assert_eq!(without.clone().replay(&put(&again)), undecided, "a removed budget does not come back");
    let mut late = image.clone();
    (late.id, late.key.budget, late.key.per) = (WindowId(40), BudgetId(2), std::iter::empty().collect());
    assert_eq!(without.replay(&Entry::Opened(Box::new(late))), undecided, "nor do its windows open");

    // An id that ended is not reserved again while it is remembered; an attempt counts once in a window.
    let reserved = world.journal.iter().find_map(|entry| match entry {
        Entry::Reserved(reserved) => Some(reserved.clone()),
        _ => None,
    });
    let reserved = reserved.unwrap();
    assert_eq!(refused(&Entry::Reserved(reserved.clone())), Err(ReplayError::ReservationTwice));
    let mut twice = Reserved { id: id(60), ..reserved };
    twice.windows.push(twice.windows[0]);
    assert_eq!(refused(&Entry::Reserved(twice)), undecided);

    let adjusted = world.journal.iter().rfind(|entry| matches!(entry, Entry::Adjusted { .. })).unwrap();
    assert_eq!(refused(adjusted), undecided, "an adjustment is booked once");
    for amount in [0, -1, 1_000] {
        let back = Entry::GaveBack { at: world.now, window: WindowId(1), amount };
        assert_eq!(refused(&back), undecided, "{amount} is not free");
    }
    let back = Entry::GaveBack { at: world.now, window: WindowId(1), amount: 1_000 - 10 - 20 - 40 - 5 };
    assert_eq!(refused(&back), Ok(()));
}

#[test]
fn only_what_left_memory_comes_back() {
    let mut world = World::with(&[total(1, 1_000).per(attribute("user"))]);
    world.spend(1, &attributes(&[("user", "ann")]), nanos(10));
    world.pass(40 * 86_400);
    let (images, _) = world.engine.cold(world.now, 0, 100);
    let cold = images[0].clone();
    assert_eq!(world.apply(Command::PageOut(vec![(cold.id, cold.changed)])), Outcome::PagedOut(1));
    let engine = replayed(&world.journal);
    let come = |change: &dyn Fn(&mut WindowImage)| {
        let mut image = cold.clone();
        change(&mut image);
        let (mut decides, mut journal) = (engine.clone(), Vec::new());
        let outcome = decides.apply(world.now, Command::PageIn(Box::new(image.clone())), &mut journal);
        let entry = Entry::PagedIn { at: world.now, image: Box::new(image) };
        let replayed = engine.clone().replay(&entry);
        assert_eq!(replayed.is_ok(), outcome == Outcome::PagedIn, "decided and replayed alike");
        replayed
    };
    assert_eq!(come(&|_| ()), Ok(()));
    assert_eq!(come(&|image| image.held = 1), Err(ReplayError::Undecided));
    assert_eq!(come(&|image| image.suspense = 1), Err(ReplayError::Undecided));
    assert_eq!(come(&|image| image.key.generation += 1), Err(ReplayError::Undecided));
    assert_eq!(come(&|image| image.id.0 += 7), Err(ReplayError::Undecided), "it was never opened");
    let mut twice = engine.clone();
    let back = |image: &WindowImage| Entry::PagedIn { at: world.now, image: Box::new(image.clone()) };
    twice.replay(&back(&cold)).unwrap();
    let mut other = cold.clone();
    other.key.per = std::iter::once(Some(bursar_core::Value::new("bob").unwrap())).collect();
    assert_eq!(twice.replay(&back(&other)), Err(ReplayError::Undecided), "no more come back than left");
}
