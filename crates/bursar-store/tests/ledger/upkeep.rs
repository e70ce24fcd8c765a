//! Upkeep: expiry, paging, checkpoints, pruning, draining.

use std::collections::BTreeMap;

use bursar_core::Charge;
use bursar_ledger::{Entry, State};
use bursar_store::disk::Disk;
use bursar_store::disk::simulated::Ending;
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{DrainError, LedgerOptions, OpenError};

use crate::support::{EACH_USER, PLATFORM, World, at, id, memory, options, sqlite, usd};

/// Reserves and settles so many attempts of a user.
fn spend(world: &World, first: u128, count: u128) {
    for number in first..first + count {
        world.hold(number, "ann", 1);
        world.bill(number, 1);
    }
    world.ledger.commit().unwrap();
}

/// Rules: S3-17, S4-35.
#[test]
fn what_makes_no_progress_expires_into_suspense() {
    let world = World::new(options(Durability::Sync));
    world.hold(1, "ann", 10);
    assert_eq!(world.ledger.tend(at(599)).unwrap().suspended, []);
    assert_eq!(world.ledger.tend(at(601)).unwrap().suspended, [id(1)]);
    assert_eq!(world.counters(), (0, 10, 0));
    assert_eq!(world.ledger.suspense().unwrap()[0].state, State::Suspense);
}

/// Rules: S1-21.
#[test]
fn cold_windows_leave_memory_and_come_back_with_their_counters() {
    let folder = tempfile::tempdir().unwrap();
    for windows in [memory(), sqlite(&folder)] {
        let disk = bursar_store::disk::SimulatedDisk::new(1);
        let (mut world, _) = World::open(disk, windows, options(Durability::Sync), at(0)).unwrap();
        world.put_budgets().unwrap();
        for user in ["ann", "bob", "cem"] {
            let number = user.bytes().map(u128::from).sum();
            world.hold(number, user, 250);
            world.bill(number, 250);
        }
        world.now = at(7_200);
        assert_eq!(world.ledger.tend(world.now).unwrap().paged_out, 3);
        assert_eq!(world.ledger.look(bursar_ledger::Engine::windows_in_memory).unwrap(), 1);
        world.reserve(1_000, "ann", 51).unwrap_err();
        world.hold(1_001, "ann", 50);
        let check = world.ledger.check(world.now, &crate::support::user("bob"), &usd(51)).unwrap();
        assert!(check.denial.is_some() && check.not_loaded.is_empty());
        assert_eq!(world.ledger.look(bursar_ledger::Engine::windows_in_memory).unwrap(), 3);
        assert!(world.ledger.verify().unwrap().is_sound());

        // Also after a crash: what is in the store is asked for, what came back is not.
        world.ledger.commit().unwrap();
        let (world, _) = world.restart(Ending::PowerCut);
        world.reserve(1_002, "cem", 51).unwrap_err();
        world.reserve(1_003, "ann", 1).unwrap_err();
        world.ledger.checkpoint().unwrap();
        world.ledger.checkpoint().unwrap();
        let (world, recovery) = world.restart(Ending::PowerCut);
        assert!(recovery.checkpoint.is_some());
        world.reserve(1_004, "bob", 51).unwrap_err();
        assert!(world.ledger.verify().unwrap().is_sound());
    }
}

/// Rules: S3-29.
#[test]
fn cold_windows_are_shown_with_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for windows in [memory(), sqlite(&folder)] {
        let disk = bursar_store::disk::SimulatedDisk::new(1);
        let (mut world, _) = World::open(disk, windows, options(Durability::Sync), at(0)).unwrap();
        world.put_budgets().unwrap();
        let names: Vec<String> = (0..25).map(|n| format!("user {n:02}")).collect();
        for (n, name) in names.iter().enumerate() {
            let n = n as u128;
            world.hold(n + 1, name, 30);
            world.bill(n + 1, 1 + n as i64);
        }
        world.now = at(7_200);
        assert_eq!(world.ledger.tend(world.now).unwrap().paged_out, 25);
        // Some come back, and one is new.
        for (n, name) in [(101, "user 03"), (102, "user 20"), (103, "zoe")] {
            world.hold(n, name, 5);
        }
        assert!(world.ledger.look(bursar_ledger::Engine::windows_in_memory).unwrap() < 6);
        let users = |standings: &[bursar_ledger::Standing]| -> Vec<String> {
            standings.iter().map(|one| one.per[0].as_ref().unwrap().as_str().to_owned()).collect()
        };
        let all = world.ledger.standing(EACH_USER, world.now).unwrap();
        assert_eq!(users(&all)[..5], ["user 03", "user 20", "zoe", "user 24", "user 23"]);
        assert_eq!((all.len(), all[3].settled, all[3].limit), (26, 25, Some(300)));
        assert_eq!((all[0].settled, all[0].held), (4, 5), "what is in memory counts, not its old image");

        // In pages, in the order in which they were opened, each once.
        for most in [1, 4, 7, 26, 100] {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let page = world.ledger.standings_after(EACH_USER, world.now, after, most).unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= most);
                after = last.window;
                seen.extend(users(&page));
            }
            let expected: Vec<String> = names.iter().cloned().chain(["zoe".to_owned()]).collect();
            assert_eq!(seen, expected, "in pages of {most}");
        }
        let per = [Some(bursar_core::Value::new("user 07").unwrap())].into_iter().collect();
        let cold = world.ledger.standing_at(EACH_USER, &per, world.now).unwrap().unwrap();
        assert_eq!((cold.settled, cold.remaining), (8, Some(292)));
        world.ledger.wake(EACH_USER, &per, world.now).unwrap();
        let standing =
            world.ledger.look(|engine| engine.standing_of(cold.window.unwrap(), world.now)).unwrap();
        assert_eq!(standing, Some(cold));
        let nobody = [Some(bursar_core::Value::new("nobody").unwrap())].into_iter().collect();
        assert_eq!(world.ledger.standing_at(EACH_USER, &nobody, world.now).unwrap(), None);
        // The one window of a budget without `per` is there before anything is counted.
        let fresh = world.ledger.standings_after(PLATFORM, at(3 * 86_400), None, 10).unwrap();
        assert_eq!((fresh.len(), fresh[0].window), (1, None));
    }
}

#[test]
fn the_store_of_cold_windows_never_knows_more_than_the_journal() {
    let world = World::new(options(Durability::Sync));
    world.hold(1, "ann", 250);
    world.ledger.commit().unwrap();
    world.bill(1, 250);
    let decided = world.ledger.last();
    assert!(world.ledger.synced_seq() < decided, "the settle alone starts no sync");
    assert!(world.ledger.tend(at(7_200)).unwrap().paged_out > 0);
    assert!(world.ledger.synced_seq() >= decided, "an image was stored before what it contains was synced");
}

#[test]
fn the_journal_is_pruned_below_the_older_checkpoint_and_what_was_drained() {
    let world = World::new(options(Durability::Sync));
    spend(&world, 1, 40);
    let files = || world.disk.list().unwrap().iter().filter(|name| name.starts_with("journal-")).count();
    let before = files();
    assert!(before >= 3);
    let first = world.ledger.checkpoint().unwrap().unwrap();
    assert_eq!(world.ledger.checkpoint().unwrap(), None, "nothing happened since");
    world.ledger.drained(first);
    assert_eq!(world.ledger.tend(at(1)).unwrap().pruned, 0, "one checkpoint alone is no reason");
    spend(&world, 100, 1);
    world.ledger.checkpoint().unwrap().unwrap();
    assert!(files() < before);
    assert!(world.ledger.first() > Seq::new(1) && world.ledger.first() <= first.next());

    spend(&world, 200, 40);
    world.ledger.checkpoint().unwrap();
    spend(&world, 300, 1);
    world.ledger.checkpoint().unwrap();
    assert!(world.ledger.first() <= first.next(), "the drainer is behind");
    world.ledger.drained(world.ledger.synced_seq());
    assert!(world.ledger.tend(at(1)).unwrap().pruned > 0);

    let (next, recovery) = world.restart(Ending::PowerCut);
    assert_eq!(next.counters(), (82, 0, 0));
    assert!(recovery.replayed < 5, "{recovery:?}");
    assert!(next.ledger.verify().unwrap().is_sound());
}

#[test]
fn a_checkpoint_is_written_once_the_journal_is_long_enough() {
    let world = World::new(LedgerOptions { checkpoint_bytes: 100_000, ..options(Durability::Sync) });
    let mut made = 0;
    for round in 0..20 {
        spend(&world, 1 + round * 10, 5);
        made += usize::from(world.ledger.tend(at(0)).unwrap().checkpoint.is_some());
    }
    // A hundred records of 4 kB, and as many small ones.
    assert!((3..=5).contains(&made), "{made}");
    let (world, _) = world.restart(Ending::Killed);
    assert_eq!(world.counters(), (100, 0, 0));
}

#[test]
fn a_damaged_checkpoint_is_set_aside_where_the_older_one_does() {
    let mut world = World::new(options(Durability::Sync));
    spend(&world, 1, 20);
    world.hold(50, "ann", 7);
    world.ledger.checkpoint().unwrap();
    spend(&world, 100, 20);
    let newest = world.ledger.checkpoint().unwrap().unwrap();
    world.ledger.drained(newest);
    spend(&world, 200, 2);
    world.remember();
    let name = format!("checkpoint-{:020}.state", newest.number());
    for byte in (0..world.disk.content(&name).unwrap().len()).step_by(7) {
        let disk = world.disk.restart(Ending::Killed);
        let image: Vec<(String, Vec<u8>)> = disk
            .list()
            .unwrap()
            .into_iter()
            .map(|name| (name.clone(), disk.content(&name).unwrap()))
            .collect();
        let copy = bursar_store::disk::SimulatedDisk::new(1);
        for (name, bytes) in image {
            copy.put(&name, bytes);
        }
        assert!(copy.flip(&name, byte, (byte % 8) as u8));
        let (found, recovery) = World::open(copy, memory(), options(Durability::Sync), at(0)).unwrap();
        assert_eq!(recovery.damaged_checkpoints.len(), 1, "byte {byte}");
        assert_eq!(recovery.damaged_checkpoints[0].0, name);
        let expected = world.expected(recovery.last, at(0)).unwrap().state_hash();
        assert_eq!(found.ledger.look(bursar_ledger::Engine::state_hash).unwrap(), expected);
        assert!(found.ledger.verify().unwrap().is_sound());
    }
}

#[test]
fn without_any_good_checkpoint_a_pruned_journal_is_refused() {
    let world = World::new(options(Durability::Sync));
    for round in 0..3 {
        spend(&world, 1 + round * 100, 40);
        world.ledger.drained(world.ledger.synced_seq());
        world.ledger.checkpoint().unwrap();
    }
    assert!(world.ledger.first() > Seq::new(1));
    let disk = world.disk.restart(Ending::Killed);
    for name in disk.list().unwrap().iter().filter(|name| name.starts_with("checkpoint-")) {
        assert!(disk.flip(name, 100, 1));
    }
    let refused =
        World::open(disk.clone(), memory(), options(Durability::Sync), at(0)).map(|_| ()).unwrap_err();
    let OpenError::Checkpoint(error) = refused else { panic!("{refused}") };
    assert!(error.to_string().starts_with("`checkpoint-"), "{error}");
    assert!(error.to_string().ends_with("run `bursar ledger verify`"), "{error}");
    for name in disk.list().unwrap().iter().filter(|name| name.starts_with("checkpoint-")) {
        disk.remove(name).unwrap();
    }
    let refused = World::open(disk, memory(), options(Durability::Sync), at(0)).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Journal(_)), "{refused}");
}

/// Rules: S2-05.
#[test]
fn every_entry_is_drained_once_in_order_across_restarts() {
    let world = World::new(options(Durability::Sync));
    let mut upto = Seq::NONE;
    let mut billed: BTreeMap<u128, Charge> = BTreeMap::new();
    let mut drain = |world: &World, max: usize| {
        loop {
            let drained = world.ledger.drain(upto.next(), max).unwrap();
            for (seq, entry) in &drained.entries {
                assert_eq!(*seq, upto.next());
                upto = *seq;
                if let Entry::Settled(settled) = entry {
                    assert_eq!(&*settled.record, b"what was billed");
                    assert!(billed.insert(settled.id.request.as_u128(), settled.charge).is_none());
                }
            }
            assert_eq!(drained.upto, upto);
            if drained.entries.len() < max {
                return (upto, billed.len());
            }
        }
    };
    spend(&world, 1, 30);
    assert_eq!(drain(&world, 7), (world.ledger.synced_seq(), 30));
    // What is not synced yet is not told to others.
    world.hold(900, "ann", 1);
    world.bill(900, 1);
    assert_eq!(drain(&world, 100).1, 30);
    world.ledger.commit().unwrap();
    assert_eq!(drain(&world, 1).1, 31);
    let (world, _) = world.restart(Ending::PowerCut);
    spend(&world, 1_000, 30);
    assert_eq!(drain(&world, 1_000), (world.ledger.synced_seq(), 61));

    world.ledger.drained(upto);
    world.ledger.checkpoint().unwrap();
    spend(&world, 2_000, 1);
    world.ledger.checkpoint().unwrap();
    assert!(matches!(world.ledger.drain(Seq::new(1), 1), Err(DrainError::Journal(_))), "pruned");
}

/// A process that is killed again and again begins a segment each time, however little it wrote: they are given up all the
/// same, long before the journal is as long as a checkpoint is asked for.
#[test]
fn what_restarts_again_and_again_does_not_fill_the_disk() {
    let mut world = World::new(options(Durability::Sync));
    for round in 0..40 {
        spend(&world, 1_000 + round, 1);
        world.ledger.drained(world.ledger.synced_seq());
        world.ledger.tend(world.now).unwrap();
        let files = world.disk.list().unwrap();
        assert!(files.len() <= 24, "round {round}: {files:?}");
        (world, _) = world.restart(Ending::Killed);
    }
    assert_eq!(world.counters().0, 40, "nothing was lost");
    assert!(world.ledger.verify().unwrap().is_sound());
}
