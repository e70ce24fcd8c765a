//! Repair: on an operator's word the ledger opens again, and what was given up is listed.

use std::sync::Arc;

use bursar_ledger::Entry;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{Repaired, repair};

use crate::support::{World, at, memory, options};

/// Twenty settled attempts, a checkpoint, twenty more, five in flight; several segments.
fn busy() -> World {
    let world = World::new(options(Durability::Sync));
    for number in 1..=45 {
        world.hold(number, "ann", 2);
        world.ledger.commit().unwrap();
        if number <= 40 {
            world.bill(number, 2);
        }
        if number == 20 {
            world.ledger.checkpoint().unwrap();
        }
    }
    world.ledger.commit().unwrap();
    world
}

fn fix(disk: &SimulatedDisk) -> Option<Repaired> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    repair(&disk, &options(Durability::Sync)).unwrap()
}

fn refused(disk: &SimulatedDisk) -> bool {
    World::open(disk.clone(), memory(), options(Durability::Sync), at(0)).is_err()
}

/// The repaired ledger works, across restarts, and adds up.
fn works(disk: SimulatedDisk, repaired: &Repaired) -> World {
    let (world, recovery) = World::open(disk, memory(), options(Durability::Sync), at(0)).unwrap();
    assert_eq!(recovery.last, repaired.next.before());
    let seq = world.hold(1_000, "bob", 9);
    assert!(seq >= repaired.next);
    world.ledger.commit().unwrap();
    let (world, recovery) = world.restart(Ending::PowerCut);
    assert!(recovery.suspended.contains(&crate::support::id(1_000)));
    let verified = world.ledger.verify().unwrap();
    assert!(verified.is_sound(), "{verified:#?}");
    // Whoever drains goes over the gap, once.
    let mut last = Seq::NONE;
    for (seq, _) in world.ledger.drain(Seq::NONE, 10_000).unwrap().entries {
        assert!(seq == last.next() || (last, seq) == (repaired.last, repaired.next), "{last} {seq}");
        last = seq;
    }
    assert_eq!(last, world.ledger.synced_seq());
    world
}

#[test]
fn nothing_is_repaired_where_nothing_is_damaged() {
    let disk = busy().disk.restart(Ending::Killed);
    assert_eq!(fix(&disk), None);
    assert!(!refused(&disk));
}

#[test]
fn a_flipped_bit_costs_what_follows_and_says_what_that_was() {
    let disk = busy().disk.restart(Ending::Killed);
    let name = "journal-0000000003.seg";
    assert!(disk.flip(name, 9_000, 1));
    assert!(refused(&disk));
    let disk = disk.restart(Ending::Killed);
    let repaired = fix(&disk).unwrap();
    assert!(repaired.damage.starts_with(&format!("`{name}` is damaged at byte 8704")), "{}", repaired.damage);
    assert!(repaired.lost.len() > 5 && repaired.lost.iter().all(|(_, entry)| entry.is_some()));
    assert_eq!(repaired.set_aside, ["journal-0000000004.seg"]);
    assert!(disk.content("journal-0000000004.seg.damaged").is_some(), "nothing is deleted");
    assert!(repaired.lost.iter().any(|(_, entry)| matches!(entry, Some(Entry::Settled(_)))));
    assert!(repaired.lost.iter().all(|(seq, _)| *seq > repaired.last && *seq < repaired.next));
    let world = works(disk, &repaired);
    assert!(world.counters().0 < 80, "less is settled than was");
}

#[test]
fn whole_files_may_be_damaged_or_missing() {
    let names = busy().disk.list().unwrap();
    let segments: Vec<_> = names.iter().filter(|name| name.starts_with("journal-")).collect();
    assert!(segments.len() >= 3, "{segments:?}");
    for name in &segments[1..] {
        for damage in ["header", "missing", "short", "zeros"] {
            let disk = busy().disk.restart(Ending::Killed);
            match damage {
                "header" => assert!(disk.flip(name, 100, 5)),
                "missing" => disk.remove(name).unwrap(),
                "short" => disk.put(name, disk.content(name).unwrap()[..5_000].to_vec()),
                _ => disk.put(name, vec![0; 64 * 1024]),
            }
            let newest = *name == segments[segments.len() - 1];
            if newest && (damage == "missing" || damage == "zeros") {
                // Nothing on the disk says that it ever was.
                assert_eq!(fix(&disk), None);
                continue;
            }
            assert!(refused(&disk), "{name} {damage}");
            let disk = disk.restart(Ending::Killed);
            let repaired = fix(&disk).unwrap_or_else(|| panic!("{name} {damage}"));
            works(disk, &repaired);
        }
    }
}

#[test]
fn a_repair_that_is_broken_off_is_done_again() {
    for number in 0u64.. {
        let disk = busy().disk.restart(Ending::Killed);
        let names: Vec<String> =
            disk.list().unwrap().into_iter().filter(|name| name.starts_with("journal-")).collect();
        assert!(disk.flip(&names[1], 9_000, 1));
        let mut left = number;
        disk.set_hook(Box::new(move |_| {
            left = left.wrapping_sub(1);
            (left == u64::MAX).then_some(Fault::CutAfter)
        }));
        let whole: Arc<dyn Disk> = Arc::new(disk.clone());
        let done = repair(&whole, &options(Durability::Sync)).is_ok();
        let disk = disk.restart(Ending::PowerCut);
        if let Some(repaired) = fix(&disk) {
            works(disk, &repaired);
        } else {
            let (world, _) = World::open(disk, memory(), options(Durability::Sync), at(0)).unwrap();
            assert!(world.ledger.last().number() > 1_000_000, "it was done before the power failed");
        }
        if done {
            assert!(number > 20);
            break;
        }
    }
}
