//! Group commit: who shares a sync, who starts one, who is woken, and what happens when the disk fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bursar_ledger::Settle;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::disk::{Operation, SimulatedDisk};
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{Commits, LedgerDown, LedgerOptions};

use crate::support::{World, at, block_on, memory, options};

/// Counts syncs and lets each take this long.
fn count_syncs(disk: &SimulatedDisk, takes: Duration) -> Arc<AtomicUsize> {
    let syncs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&syncs);
    disk.set_hook(Box::new(move |asked| {
        if asked.operation == Operation::Sync {
            counter.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(takes);
        }
        None
    }));
    syncs
}

fn threaded(durability: Durability) -> LedgerOptions {
    LedgerOptions { commits: Commits::Thread, segment_bytes: 16 << 20, ..options(durability) }
}

fn no_limits(world: &World) {
    for budget in crate::support::budgets() {
        let mut budget = (*budget).clone();
        (budget.limit, budget.version) = (None, 2);
        let _put = world.ledger.put_budget(at(0), Arc::new(budget)).unwrap();
    }
}

#[test]
fn a_batch_shares_one_sync() {
    let world = World::new(threaded(Durability::Sync));
    no_limits(&world);
    block_on(world.ledger.durable(world.ledger.last())).unwrap();
    let syncs = count_syncs(&world.disk, Duration::from_millis(2));
    const CALLERS: u128 = 256;
    const ROUNDS: u128 = 20;
    std::thread::scope(|scope| {
        for thread in 0..4u128 {
            let world = &world;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let callers = tokio::task::LocalSet::new();
                for caller in 0..CALLERS / 4 {
                    let ledger = Arc::clone(&world.ledger);
                    let first = 1 + (thread * CALLERS + caller) * ROUNDS;
                    callers.spawn_local(async move {
                        for number in first..first + ROUNDS {
                            let mut reserve = crate::support::reserve(number, "ann", 1, at(0));
                            reserve.record = Box::default();
                            let reserved = ledger.reserve(at(0), reserve).unwrap();
                            ledger.durable(reserved.seq).await.unwrap();
                            assert!(ledger.durable_seq() >= reserved.seq);
                        }
                    });
                }
                runtime.block_on(callers);
            });
        }
    });
    let syncs = syncs.load(Ordering::SeqCst);
    assert!((20..400).contains(&syncs), "{} reserves took {syncs} syncs", CALLERS * ROUNDS);
    let (world, recovery) = world.restart(Ending::PowerCut);
    assert_eq!(recovery.suspended.len() as u128, CALLERS * ROUNDS);
    assert_eq!(world.counters(), (0, (CALLERS * ROUNDS) as i64, 0));
}

#[test]
fn settles_alone_wait_for_the_timer_and_ride_with_the_next_reserve() {
    let world = World::new(threaded(Durability::Sync));
    for number in 1..=4 {
        world.hold(number, "ann", 10);
    }
    block_on(world.ledger.durable(world.ledger.last())).unwrap();
    let syncs = count_syncs(&world.disk, Duration::ZERO);
    let started = Instant::now();
    let settled = world.bill(1, 10);
    while world.ledger.durable_seq() < settled {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(started.elapsed() >= Duration::from_millis(40), "{:?}", started.elapsed());
    assert_eq!(syncs.load(Ordering::SeqCst), 1);

    let settled = world.bill(2, 10);
    let reserved = world.hold(5, "ann", 10);
    block_on(world.ledger.durable(reserved)).unwrap();
    assert!(world.ledger.durable_seq() >= settled);
    assert_eq!(syncs.load(Ordering::SeqCst), 2, "one for both");

    // Who waits for a settle gets it at once.
    let started = Instant::now();
    let settled = world.bill(3, 10);
    block_on(world.ledger.durable(settled)).unwrap();
    assert!(started.elapsed() < Duration::from_millis(40), "{:?}", started.elapsed());
}

#[test]
fn fast_does_not_wait_for_the_disk_but_syncs_soon() {
    let world = World::new(threaded(Durability::Fast));
    let syncs = count_syncs(&world.disk, Duration::from_millis(5));
    let reserved = world.hold(1, "ann", 10);
    assert_eq!(syncs.load(Ordering::SeqCst), 0);
    block_on(world.ledger.durable(reserved)).unwrap();
    assert!(world.ledger.synced_seq() < reserved);
    let started = Instant::now();
    while world.ledger.synced_seq() < reserved {
        assert!(started.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(1));
    }
    let (world, _) = world.restart(Ending::PowerCut);
    assert_eq!(world.counters(), (0, 10, 0));
}

#[test]
fn fast_writes_what_a_turn_decides_together_and_a_kill_takes_none_of_it() {
    const CALLERS: u128 = 32;
    const ROUNDS: u128 = 20;
    let world = World::new(threaded(Durability::Fast));
    no_limits(&world);
    let writes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&writes);
    world.disk.set_hook(Box::new(move |asked| {
        counter.fetch_add(usize::from(asked.operation == Operation::Write), Ordering::SeqCst);
        None
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let callers = tokio::task::LocalSet::new();
    for caller in 0..CALLERS {
        let ledger = Arc::clone(&world.ledger);
        callers.spawn_local(async move {
            for number in (1 + caller * ROUNDS)..=(caller + 1) * ROUNDS {
                let reserve = crate::support::reserve(number, "ann", 5, at(0));
                let (id, charge) = (reserve.id, reserve.hold);
                let reserved = ledger.reserve(at(0), reserve).unwrap();
                ledger.durable(reserved.seq).await.unwrap();
                assert!(ledger.durable_seq() >= reserved.seq, "sent only now");
                let settle = Settle { id, charge, estimated: false, record: Box::default() };
                let settled = ledger.settle_gathered(at(0), settle).unwrap();
                ledger.handed_over(settled.seq).await.unwrap();
                assert!(ledger.durable_seq() >= settled.seq, "told only now");
            }
        });
    }
    runtime.block_on(callers);
    let writes = u128::try_from(writes.load(Ordering::SeqCst)).unwrap();
    assert!(writes < CALLERS * ROUNDS / 2, "{writes} writes of {} entries", 2 * CALLERS * ROUNDS);
    let (world, recovery) = world.restart(Ending::Killed);
    assert!(recovery.suspended.is_empty(), "{:?}", recovery.suspended);
    assert_eq!(world.counters(), ((CALLERS * ROUNDS * 5) as i64, 0, 0));
}

#[test]
fn an_idle_ledger_leaves_the_disk_alone() {
    for durability in [Durability::Sync, Durability::Fast] {
        let world = World::new(threaded(durability));
        let reserved = world.hold(1, "ann", 10);
        block_on(world.ledger.durable(reserved)).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let operations = world.disk.operations();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(world.disk.operations(), operations);
        // And wakes up again.
        let settled = world.bill(1, 10);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(world.ledger.synced_seq(), settled);
    }
}

#[test]
fn a_failed_sync_is_never_retried_and_everybody_is_told() {
    for durability in [Durability::Sync, Durability::Fast] {
        let world = World::new(threaded(durability));
        let syncs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&syncs);
        world.disk.set_hook(Box::new(move |asked| {
            let sync = asked.operation == Operation::Sync;
            counter.fetch_add(usize::from(sync), Ordering::SeqCst);
            sync.then_some(Fault::Broken)
        }));
        let down = std::thread::scope(|scope| {
            let waits = scope.spawn(|| block_on(world.ledger.until_down()));
            let seq = world.hold(1, "ann", 10);
            let waited = block_on(world.ledger.durable(seq));
            assert_eq!(waited.is_err(), durability == Durability::Sync);
            waits.join().unwrap()
        });
        assert!(down.reason.starts_with("the disk failed: cannot sync `journal-"), "{down}");
        std::thread::sleep(Duration::from_millis(120));
        assert_eq!(syncs.load(Ordering::SeqCst), 1);
        assert_eq!(world.settle(1, 10).unwrap_err(), down);
        assert_eq!(world.ledger.close().unwrap_err(), down);
    }
}

#[test]
fn waiters_that_are_cancelled_leave_nobody_behind() {
    // By hand, so that the wake comes exactly when the leader is gone.
    let world = World::new(options(Durability::Sync));
    let seq = world.hold(1, "ann", 10);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let waiters = tokio::task::LocalSet::new();
    let done: Vec<_> = (0..10)
        .map(|_| {
            let ledger = Arc::clone(&world.ledger);
            waiters.spawn_local(async move { ledger.durable(seq).await })
        })
        .collect();
    waiters.block_on(&runtime, async {
        tokio::task::yield_now().await;
        world.ledger.commit().unwrap();
        // The first was woken and is cancelled before it runs.
        done[0].abort();
        let mut finished = 0;
        for waiter in done {
            finished += usize::from(waiter.await.is_ok());
        }
        assert!(finished >= 9);
    });
}

#[test]
fn what_is_already_durable_needs_no_waiting() {
    let world = World::new(options(Durability::Sync));
    let seq = world.hold(1, "ann", 10);
    world.ledger.commit().unwrap();
    block_on(world.ledger.durable(seq)).unwrap();
    block_on(world.ledger.durable(Seq::NONE)).unwrap();
    world.ledger.close().unwrap();
    block_on(world.ledger.durable(seq)).unwrap();
    let later = block_on(world.ledger.durable(seq.next()));
    assert_eq!(later, Err(LedgerDown { reason: "it was closed".into() }));
    let again = World::open(world.disk.restart(Ending::Killed), memory(), options(Durability::Sync), at(0));
    assert!(again.unwrap().1.closed);
}
