//! Windows leave memory and come back with their counters.

use crate::world::{World, attribute, attributes, daily, id, nanos};
use bursar_core::Code;
use bursar_ledger::{
    Command, Outcome, PeriodKind, Reserve, Threshold, WindowId, WindowImage, WindowKey, check_invariants,
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
