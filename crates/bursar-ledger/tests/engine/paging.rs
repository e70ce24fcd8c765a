//! Windows leave memory and come back with their counters.

use crate::world::{World, attribute, attributes, daily, id, nanos};
use bursar_core::{Code, Measure};
use bursar_ledger::{
    BudgetId, Command, Outcome, PeriodKind, Rejection, Reserve, Threshold, WINDOWS_PER_COMMAND_MAX, WindowId,
    WindowImage, WindowKey, check_invariants,
};
use std::collections::BTreeMap;

/// Stores images as the shell does: by key, as bytes.
#[derive(Default)]
struct Store(BTreeMap<Vec<u8>, Vec<u8>>);

impl Store {
    fn key(key: &WindowKey) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        bytes
    }
    fn put(&mut self, image: &WindowImage) {
        let mut bytes = Vec::new();
        image.encode(&mut bytes);
        self.0.insert(Self::key(&image.key), bytes);
    }
    fn take(&mut self, key: &WindowKey) -> Option<WindowImage> {
        self.0.remove(&Self::key(key)).map(|bytes| WindowImage::decode(&bytes).unwrap())
    }
}

fn page_out(world: &mut World, store: &mut Store) -> usize {
    let (images, next) = world.engine.cold(world.now, 0, u32::MAX);
    assert_eq!(next, 0);
    images.iter().for_each(|image| store.put(image));
    let windows: Vec<(WindowId, u64)> = images.iter().map(|image| (image.id, image.changed)).collect();
    if windows.is_empty() {
        return 0;
    }
    match world.apply(Command::PageOut(windows)) {
        Outcome::PagedOut(count) => count,
        other => panic!("{other:?}"),
    }
}

/// Reserves as the shell does: looks up what is missing and asks again.
fn reserve(world: &mut World, store: &mut Store, n: u128, run: &str, hold: i64) -> Outcome {
    let attributes = attributes(&[("run", run)]);
    let mut reserve = Reserve::new(id(n), attributes, nanos(hold), world.now.plus_seconds(600));
    loop {
        let missing = match world.apply(Command::Reserve(reserve.clone())) {
            Outcome::NotLoaded(missing) if reserve.looked_up != Some(missing.epoch) => missing,
            outcome => return outcome,
        };
        for image in missing.keys.iter().filter_map(|key| store.take(key)) {
            assert_eq!(world.apply(Command::PageIn(Box::new(image))), Outcome::PagedIn);
        }
        reserve.looked_up = Some(missing.epoch);
    }
}

fn runs() -> World {
    let mut budget = daily(1, 100).per(attribute("run"));
    budget.period.kind = PeriodKind::Total;
    World::with(&[budget])
}

#[test]
fn a_cold_window_comes_back_with_its_counters() {
    let (mut world, mut store) = (runs(), Store::default());
    assert!(matches!(reserve(&mut world, &mut store, 1, "a", 70), Outcome::Reserved(_)));
    world.settle(1, nanos(70));
    assert_eq!(page_out(&mut world, &mut store), 0, "not idle yet");
    world.pass(3_600);
    assert_eq!(page_out(&mut world, &mut store), 1);
    assert_eq!(world.engine.windows_in_memory(), 0);
    let Outcome::Refused(denial) = reserve(&mut world, &mut store, 3, "a", 31) else { panic!() };
    assert_eq!(world.engine.windows_in_memory(), 1);
    assert_eq!((denial.code, denial.blocking[0].numbers.settled), (Code::BudgetRun, 70));
    assert!(matches!(reserve(&mut world, &mut store, 4, "a", 30), Outcome::Reserved(_)));
    check_invariants(&world.engine).unwrap();
}

#[test]
fn a_new_run_opens_a_new_window_after_the_store_was_asked() {
    let (mut world, mut store) = (runs(), Store::default());
    let _ = reserve(&mut world, &mut store, 1, "a", 70);
    world.settle(1, nanos(70));
    world.pass(3_600);
    page_out(&mut world, &mut store);
    let fresh = Reserve::new(id(2), attributes(&[("run", "b")]), nanos(70), world.now);
    assert!(matches!(world.apply(Command::Reserve(fresh)), Outcome::NotLoaded(_)));
    let _ = reserve(&mut world, &mut store, 2, "b", 70);
    assert_eq!(world.engine.windows_in_memory(), 1);
}

#[test]
fn what_was_used_since_it_was_stored_stays() {
    let (mut world, mut store) = (runs(), Store::default());
    let _ = reserve(&mut world, &mut store, 1, "a", 10);
    world.pass(4_000);
    assert_eq!(world.engine.cold(world.now, 0, 100).0.len(), 0, "held by a request in flight");
    world.settle(1, nanos(10));
    world.pass(4_000);
    let (images, _) = world.engine.cold(world.now, 0, 100);
    let _ = reserve(&mut world, &mut store, 2, "a", 10);
    world.settle(2, nanos(10));
    let stored = vec![(images[0].id, images[0].changed)];
    assert_eq!(world.apply(Command::PageOut(stored)), Outcome::PagedOut(0));
    assert_eq!(world.engine.windows_in_memory(), 1);
}

/// A threshold that leaves the list of its budget and comes back is told again, whether its window was stored in between
/// or not.
///
/// Rules: S3-11.
#[test]
fn a_window_that_forgot_a_threshold_since_it_was_stored_stays() {
    let (mut world, mut store) = (runs(), Store::default());
    let _ = reserve(&mut world, &mut store, 1, "a", 60);
    world.change(1, |budget| budget.thresholds = vec![Threshold::Percent(50), Threshold::Percent(90)]);
    world.settle(1, nanos(60));
    world.pass(4_000);
    let (images, _) = world.engine.cold(world.now, 0, 100);
    assert_eq!(images[0].crossed.as_slice(), [Threshold::Percent(50)]);
    let stored = vec![(images[0].id, images[0].changed)];
    // What was not crossed is forgotten without a trace.
    world.change(1, |budget| budget.thresholds = vec![Threshold::Percent(50)]);
    assert_eq!(world.engine.cold(world.now, 0, 100).0, images);
    world.change(1, |budget| budget.thresholds.clear());
    world.change(1, |budget| budget.thresholds = vec![Threshold::Percent(50)]);
    assert_eq!(world.apply(Command::PageOut(stored)), Outcome::PagedOut(0));
    let _ = reserve(&mut world, &mut store, 2, "a", 1);
    assert_eq!(world.settle(2, nanos(1)).crossings.len(), 1);
}

#[test]
fn an_answer_from_before_another_page_out_does_not_count() {
    let (mut world, mut store) = (runs(), Store::default());
    for (n, run) in [(1, "a"), (2, "b")] {
        let _ = reserve(&mut world, &mut store, n, run, 10);
        world.settle(n, nanos(10));
        world.pass(3_600);
        page_out(&mut world, &mut store);
    }
    let mut stale = Reserve::new(id(3), attributes(&[("run", "b")]), nanos(95), world.now);
    stale.looked_up = Some(1);
    assert!(matches!(world.apply(Command::Reserve(stale)), Outcome::NotLoaded(_)));
}

#[test]
fn a_foreign_image_is_rejected() {
    let (mut world, mut store) = (runs(), Store::default());
    let _ = reserve(&mut world, &mut store, 1, "a", 10);
    world.settle(1, nanos(10));
    let image = world.engine.images(0).remove(0);
    assert!(matches!(world.apply(Command::PageIn(Box::new(image.clone()))), Outcome::Rejected(_)));
    let (older, mut newer) = (image.clone(), image);
    newer.id = WindowId(99);
    assert!(matches!(world.apply(Command::PageIn(Box::new(newer))), Outcome::Rejected(_)));
    assert!(matches!(world.apply(Command::PageIn(Box::new(older))), Outcome::Rejected(_)));
}

#[test]
fn the_window_of_a_budget_without_per_stays_while_its_period_lasts() {
    let mut world = World::with(&[daily(1, 100)]);
    world.spend(1, &attributes(&[]), nanos(1));
    world.pass(4_000);
    assert_eq!(world.engine.cold(world.now, 0, 100).0.len(), 0);
    world.at("2026-03-11T00:00:00Z");
    assert_eq!(world.engine.cold(world.now, 0, 100).0.len(), 1);
}

/// Rules: S1-21.
#[test]
fn a_snapshot_rebuilds_the_state() {
    let (mut world, mut store) = (runs(), Store::default());
    for n in 1..=50u128 {
        let _ = reserve(&mut world, &mut store, n, &format!("r{}", n % 20), 5);
        match n % 4 {
            0 => drop(world.try_settle(n, nanos(3))),
            1 => drop(world.release(n)),
            _ => drop(world.pass(20)),
        }
        if n == 30 {
            world.pass(4_000);
            world.expire();
            page_out(&mut world, &mut store);
        }
    }
    let mut snapshot = Vec::new();
    world.engine.snapshot(&mut snapshot);
    let copy = crate::world::replayed(&snapshot);
    assert_eq!(copy.state_hash(), world.engine.state_hash());
    check_invariants(&copy).unwrap();
    check_invariants(&world.engine).unwrap();
}

/// How many sessions; `BURSAR_SOAK_SESSIONS` for more.
fn sessions() -> u128 {
    std::env::var_os("BURSAR_SOAK_SESSIONS").map_or(20_000, |n| n.to_str().unwrap().parse().unwrap())
}

#[test]
fn memory_is_bounded_by_what_is_active_not_by_what_ever_was() {
    let mut budget = daily(1, 100).per(attribute("session"));
    (budget.period.kind, budget.idle_after_s, budget.windows_max) = (PeriodKind::Total, 60, 2_000);
    let (mut engine, mut store) = (bursar_ledger::Engine::new(), Store::default());
    let (mut now, mut from, mut highest) = (World::new().now, 0, 0);
    // Nothing is kept of the journal: what counts is the engine's own memory.
    let mut journal = Vec::new();
    let put = Command::PutBudget(std::sync::Arc::new(budget));
    assert_eq!(engine.apply(now, put, &mut journal), Outcome::BudgetPut);
    for n in 1..=sessions() {
        // Every tenth session is an old one that comes back.
        let session = if n % 10 == 0 { n / 2 } else { n };
        let request = attributes(&[("session", &format!("s{session}"))]);
        let mut reserve = Reserve::new(id(n), request, nanos(40), now.plus_seconds(600));
        loop {
            match engine.apply(now, Command::Reserve(reserve.clone()), &mut journal) {
                Outcome::NotLoaded(missing) => {
                    for image in missing.keys.iter().filter_map(|key| store.take(key)) {
                        assert_eq!(
                            engine.apply(now, Command::PageIn(Box::new(image)), &mut journal),
                            Outcome::PagedIn
                        );
                    }
                    reserve.looked_up = Some(missing.epoch);
                }
                Outcome::Reserved(held) => {
                    // A multiple of twenty visits a session whose number is a multiple of ten, which nobody visited.
                    let first = n % 10 != 0 || n % 20 == 0;
                    assert_eq!(
                        held.windows[0].remaining,
                        Some(if first { 60 } else { 30 }),
                        "session {session}"
                    );
                    break;
                }
                other => panic!("session {session}: {other:?}"),
            }
        }
        let settle =
            bursar_ledger::Settle { id: id(n), charge: nanos(30), estimated: false, record: Box::default() };
        assert!(matches!(engine.apply(now, Command::Settle(settle), &mut journal), Outcome::Settled(_)));
        if n % 10 == 0 {
            now = now.plus_seconds(1);
            let (images, next) = engine.cold(now, from, 512);
            from = next;
            images.iter().for_each(|image| store.put(image));
            let windows: Vec<(WindowId, u64)> =
                images.iter().map(|image| (image.id, image.changed)).collect();
            if !windows.is_empty() {
                let count = windows.len();
                assert_eq!(
                    engine.apply(now, Command::PageOut(windows), &mut journal),
                    Outcome::PagedOut(count)
                );
            }
        }
        highest = highest.max(engine.windows_in_memory());
        journal.clear();
    }
    assert!(highest < 1_500, "{highest} windows in memory");
    check_invariants(&engine).unwrap();
}

/// A world with so many cold windows of one budget.
fn cold_runs(count: usize) -> World {
    let mut world = runs();
    for n in 0..count {
        let (id, run) = (id(u128::try_from(n).unwrap()), attributes(&[("run", &format!("r{n}"))]));
        let reserve = Reserve::new(id, run, nanos(1), world.now);
        let held = world.engine.apply(world.now, Command::Reserve(reserve), &mut world.journal);
        assert!(matches!(held, Outcome::Reserved(_)));
        let settle = bursar_ledger::Settle { id, charge: nanos(1), estimated: false, record: Box::default() };
        let settled = world.engine.apply(world.now, Command::Settle(settle), &mut world.journal);
        assert!(matches!(settled, Outcome::Settled(_)));
    }
    world.pass(3_600);
    world
}

#[test]
fn cold_windows_are_looked_for_in_parts() {
    let most = WINDOWS_PER_COMMAND_MAX;
    let world = cold_runs(most + 44);
    let look = |from, examine| {
        let (images, next) = world.engine.cold(world.now, from, examine);
        (images.len(), next)
    };
    let all = u32::try_from(most).unwrap();
    assert_eq!(look(0, u32::MAX), (most, all), "no more than one command takes");
    assert_eq!(look(all, u32::MAX), (44, 0));
    assert_eq!(look(0, 100), (100, 100));
    assert_eq!(look(100, 100), (100, 200));
    assert_eq!(look(200, 100), (100, 0));
    assert_eq!(look(200, 99), (99, 299));
    assert_eq!(look(300, 100), (0, 0));
}

#[test]
fn a_window_is_cold_once_it_was_idle_for_as_long_as_its_budget_says() {
    let mut world = cold_runs(1);
    let cold = |world: &World| world.engine.cold(world.now, 0, 100).0.len();
    assert_eq!(cold(&world), 1, "an hour to the instant");
    world.pass(-1);
    assert_eq!(cold(&world), 0);
}

#[test]
fn of_a_budget_without_per_only_what_counts_now_stays() {
    let with = |change: &dyn Fn(&mut World)| {
        let mut world = World::with(&[daily(1, 100)]);
        world.spend(1, &attributes(&[]), nanos(1));
        change(&mut world);
        world.pass(4_000);
        world.engine.cold(world.now, 0, 100).0.len()
    };
    assert_eq!(with(&|_| ()), 0);
    let removed = |world: &mut World| {
        assert_eq!(world.apply(Command::RemoveBudget(BudgetId(1))), Outcome::BudgetRemoved);
    };
    assert_eq!(with(&removed), 1, "a removed budget shows no window");
    let apart = |world: &mut World| world.change(1, |budget| budget.measure = Measure::Requests);
    assert_eq!(with(&apart), 1, "nor one of another measure");
}

#[test]
fn one_command_drops_as_many_windows_as_it_may() {
    let most = WINDOWS_PER_COMMAND_MAX;
    let mut world = cold_runs(most + 1);
    let stored: Vec<(WindowId, u64)> =
        world.engine.images(0).iter().map(|image| (image.id, image.changed)).collect();
    let mut out = |windows: &[(WindowId, u64)]| {
        world.engine.apply(world.now, Command::PageOut(windows.to_vec()), &mut world.journal)
    };
    assert_eq!(out(&[]), Outcome::Rejected(Rejection::Windows));
    assert_eq!(out(&stored), Outcome::Rejected(Rejection::Windows));
    assert_eq!(out(&[(WindowId(9_999), 1)]), Outcome::PagedOut(0), "of no window");
    assert_eq!(out(&[stored[0], stored[0]]), Outcome::PagedOut(1), "each counts once");
    assert_eq!(out(&stored[..most]), Outcome::PagedOut(most - 1), "it is gone already");
    assert_eq!(out(&stored[1..]), Outcome::PagedOut(1), "and so are they");
    assert_eq!(world.engine.windows_in_memory(), 0);
}

#[test]
fn what_something_is_held_in_stays_though_it_was_stored() {
    let (mut world, mut store) = (runs(), Store::default());
    let _ = reserve(&mut world, &mut store, 1, "a", 10);
    let image = world.engine.images(0).remove(0);
    assert_eq!(world.apply(Command::PageOut(vec![(image.id, image.changed)])), Outcome::PagedOut(0));
}

#[test]
fn windows_leave_in_any_order_and_the_others_are_found() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut world = cold_runs(3);
        let images = world.engine.images(0);
        for (left, at) in [2, 1, 0].into_iter().zip(order) {
            let out = vec![(images[at].id, images[at].changed)];
            assert_eq!(world.apply(Command::PageOut(out)), Outcome::PagedOut(1));
            check_invariants(&world.engine).unwrap();
            assert_eq!(world.engine.standing(BudgetId(1), world.now).len(), left);
        }
        for image in images {
            let back = Command::PageIn(Box::new(image.clone()));
            assert_eq!(world.apply(back.clone()), Outcome::PagedIn);
            assert_eq!(world.apply(back), Outcome::Rejected(Rejection::Image(image.id)), "it is back");
        }
        check_invariants(&world.engine).unwrap();
    }
}

#[test]
fn a_window_comes_back_to_a_budget_that_changed_meanwhile() {
    let mut world = cold_runs(1);
    let image = world.engine.images(0).remove(0);
    let stored = vec![(image.id, image.changed)];
    assert_eq!(world.apply(Command::PageOut(stored)), Outcome::PagedOut(1));
    world.change(1, |budget| budget.limit = Some(50));
    assert_eq!(world.apply(Command::PageIn(Box::new(image))), Outcome::PagedIn);
    assert_eq!(world.standing(1).remaining, Some(49));
}
