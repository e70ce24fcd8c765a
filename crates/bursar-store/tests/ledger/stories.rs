//! What the ledger promises, told as stories.

use bursar_ledger::{Outcome, State};
use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{LockError, RealDisk, SimulatedDisk};
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{Commits, Ledger, LedgerDown, LedgerOptions, OpenError, ReserveError};
use std::sync::Arc;

use crate::support::{World, at, audit, block_on, id, memory, options, sqlite};

#[test]
fn a_budget_is_held_spent_and_refused_with_numbers() {
    let world = World::new(options(Durability::Sync));
    let reserved = world.reserve(1, "ann", 250).unwrap();
    assert_eq!(reserved.held.windows.len(), 2);
    assert!(world.ledger.durable_seq() < reserved.seq, "nothing may be sent yet");
    world.ledger.commit().unwrap();
    block_on(world.ledger.durable(reserved.seq)).unwrap();
    assert_eq!(world.counters(), (0, 0, 250));

    let Err(ReserveError::Refused(denial)) = world.reserve(2, "ann", 51) else { panic!() };
    assert_eq!(denial.blocking.len(), 1);
    assert_eq!((denial.blocking[0].numbers.limit, denial.blocking[0].numbers.held), (300, 250));

    let Outcome::Settled(settlement) = world.settle(1, 260).unwrap().outcome else { panic!() };
    assert_eq!(settlement.overage.list.nanos(), 10);
    assert_eq!(world.counters(), (260, 0, 0));
    assert!(matches!(world.settle(1, 260).unwrap().outcome, Outcome::Duplicate(_)));
    assert!(matches!(world.settle(1, 261).unwrap().outcome, Outcome::Conflict(_)));
}

/// Rules: S1-21, S3-17.
#[test]
fn exactly_what_was_in_flight_is_in_suspense_after_a_restart() {
    for durability in [Durability::Sync, Durability::Fast] {
        for ending in [Ending::Killed, Ending::PowerCut] {
            let world = World::new(options(durability));
            for number in 1..=5 {
                world.hold(number, "ann", 50);
            }
            world.bill(1, 40);
            world.ledger.commit().unwrap();
            let _released = world.release(2).unwrap();
            world.ledger.commit().unwrap();
            // Reserved, never durable: never sent.
            world.hold(6, "bob", 70);

            let (world, recovery) = world.restart(ending);
            let lost = durability == Durability::Sync || recovery.last == Seq::new(11);
            assert!(lost || ending == Ending::Killed || recovery.last > Seq::new(11));
            let mut expected = vec![id(3), id(4), id(5)];
            expected.extend((!lost).then(|| id(6)));
            assert_eq!(recovery.suspended, expected, "{durability:?} {ending:?}");
            assert_eq!(world.counters(), (40, if lost { 150 } else { 220 }, 0));
            assert_eq!(world.ledger.suspense().unwrap().len(), expected.len());
            assert_eq!(
                recovery.may_have_forgotten,
                durability == Durability::Fast && ending == Ending::PowerCut
            );

            // Late truth, an operator, and the books are closed.
            let Outcome::Settled(settlement) = world.settle(3, 10).unwrap().outcome else { panic!() };
            assert_eq!(settlement.from, State::Suspense);
            assert_eq!(world.ledger.forgive(world.now, id(4), audit()).unwrap().outcome, Outcome::Forgiven);
            assert_eq!(world.state_of(4), Some(State::Released));
            assert_eq!(world.counters().0, 50);
            world.ledger.close().unwrap();
            let (world, recovery) = world.restart(ending);
            assert!(recovery.closed && recovery.suspended.is_empty() && !recovery.may_have_forgotten);
            assert_eq!(world.counters().0, 50);
        }
    }
}

#[test]
fn a_second_process_is_refused_by_name() {
    let world = World::new(options(Durability::Sync));
    let other = Ledger::open(Arc::new(world.disk), memory(), &options(Durability::Sync), at(0));
    let Err(OpenError::Lock(LockError::Held { holder })) = other else { panic!() };
    assert_eq!(holder, "bursar serve, process 41");
}

/// Rules: S1-16.
#[test]
fn a_full_disk_takes_the_ledger_down_and_says_so() {
    for durability in [Durability::Sync, Durability::Fast] {
        let mut options = options(durability);
        options.commits = Commits::Thread;
        let world = World::new(options);
        world.disk.set_capacity(64 * 1024);
        let mut number = 0;
        let refused = loop {
            number += 1;
            // Every reserve is released again, so that only the disk can refuse.
            match world.reserve(number, "ann", 1) {
                Ok(reserved) => match block_on(world.ledger.durable(reserved.seq)) {
                    Ok(()) => drop(world.release(number)),
                    Err(down) => break down,
                },
                Err(ReserveError::Unavailable(down)) => break down,
                Err(other) => panic!("{other:?}"),
            }
            assert!(number < 10_000);
        };
        assert!(
            refused
                .to_string()
                .starts_with("the ledger is unavailable: the disk failed: cannot write `spare-"),
            "{refused}"
        );
        assert_eq!(world.ledger.down(), Some(refused.clone()));
        assert_eq!(block_on(world.ledger.until_down()), refused);
        assert!(matches!(world.reserve(99_999, "ann", 1), Err(ReserveError::Unavailable(_))));
        assert_eq!(world.settle(1, 1).unwrap_err(), refused);
        assert_eq!(world.ledger.commit().unwrap_err(), refused);
        world.disk.set_capacity(u64::MAX);
        let (world, recovery) = world.restart(Ending::Killed);
        assert!(recovery.suspended.len() <= 1);
        assert_eq!(world.counters().0, 0);
    }
}

/// Rules: S3-04.
#[test]
fn who_waits_for_room_hears_of_it() {
    let world = World::new(options(Durability::Sync));
    world.hold(1, "ann", 300);
    let mut changed = world.ledger.changed();
    let Err(ReserveError::Refused(denial)) = world.reserve(2, "ann", 1) else { panic!() };
    assert!(denial.wait_ms > 0, "waiting may help");
    assert!(!changed.has_changed().unwrap());
    world.bill(1, 299);
    block_on(changed.changed()).unwrap();
    world.hold(2, "ann", 1);
}

#[test]
fn the_whole_story_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let options = LedgerOptions { commits: Commits::Thread, ..options(Durability::Sync) };
    let open = || {
        let disk = Arc::new(RealDisk::open(&folder.path().join("ledger")).unwrap());
        Ledger::open(disk, sqlite(&folder), &options, at(0)).unwrap()
    };
    let (ledger, recovery) = open();
    assert_eq!(recovery.last, Seq::NONE);
    for budget in crate::support::budgets() {
        let _put = ledger.put_budget(at(0), budget).unwrap();
    }
    let reserved = ledger.reserve(at(0), crate::support::reserve(1, "ann", 200, at(0))).unwrap();
    block_on(ledger.durable(reserved.seq)).unwrap();
    drop(ledger);
    let (ledger, recovery) = open();
    assert_eq!(recovery.suspended, [id(1)]);
    assert!(!recovery.closed);
    assert!(ledger.checkpoint().unwrap().is_some());
    ledger.close().unwrap();
    assert_eq!(ledger.down(), Some(LedgerDown { reason: "it was closed".into() }));
    drop(ledger);
    let (ledger, recovery) = open();
    assert!(recovery.closed);
    assert!(recovery.checkpoint.is_some() && recovery.replayed == 0);
    assert_eq!(ledger.suspense().unwrap().len(), 1);
}

/// Rules: S1-12, S1-16.
#[test]
fn nothing_is_reserved_while_the_store_of_cold_windows_cannot_be_read() {
    #[derive(Debug)]
    struct Broken;
    impl bursar_store::ledger::WindowStore for Broken {
        fn put(
            &self,
            _: &[bursar_ledger::WindowImage],
        ) -> Result<(), bursar_store::ledger::WindowStoreError> {
            Ok(())
        }
        fn find(
            &self,
            _: &[bursar_ledger::WindowKey],
        ) -> Result<Vec<bursar_ledger::WindowImage>, bursar_store::ledger::WindowStoreError> {
            Err(bursar_ledger::DecodeError::Truncated.into())
        }
        fn list(
            &self,
            _: &bursar_ledger::Current,
            _: Option<bursar_ledger::WindowId>,
            _: usize,
        ) -> Result<Vec<bursar_ledger::WindowImage>, bursar_store::ledger::WindowStoreError> {
            self.find(&[])
        }
        fn fullest(
            &self,
            _: &bursar_ledger::Current,
            _: &dyn Fn(bursar_ledger::WindowId) -> bool,
            _: usize,
        ) -> Result<Vec<bursar_ledger::WindowImage>, bursar_store::ledger::WindowStoreError> {
            self.find(&[])
        }
        fn forget(
            &self,
            _: bursar_core::Timestamp,
            _: usize,
        ) -> Result<usize, bursar_store::ledger::WindowStoreError> {
            Ok(0)
        }
    }
    let (mut world, _) =
        World::open(SimulatedDisk::new(1), Arc::new(Broken), options(Durability::Sync), at(0)).unwrap();
    world.put_budgets().unwrap();
    world.hold(1, "ann", 10);
    world.bill(1, 10);
    world.now = at(7_200);
    assert_eq!(world.ledger.tend(world.now).unwrap().paged_out, 1);
    let Err(ReserveError::Unavailable(down)) = world.reserve(2, "ann", 10) else { panic!() };
    assert_eq!(down.to_string(), "the ledger is unavailable: an image is damaged: the entry is cut short");
    assert_eq!(world.ledger.down(), None, "the disk is fine");
    world.reserve(3, "bob", 10).unwrap_err();
}
