//! The simulated disk is as bad as it says, and no worse.

use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::disk::{Disk, LockError, Operation, SimulatedDisk};
use std::collections::BTreeSet;

#[test]
fn a_power_cut_keeps_what_was_synced_and_any_part_of_the_rest() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let file = disk.create("a").unwrap();
        file.write_at(0, &[1; 1024]).unwrap();
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        file.write_at(512, &[2; 1024]).unwrap();
        let after = disk.restart(Ending::PowerCut);
        assert!(file.write_at(0, b"late").is_err(), "the old process is gone");
        let content = after.content("a").unwrap();
        assert_eq!(content[..512], [1; 512]);
        assert!(content[512..].chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        outcomes.insert((content[512], content.get(1024).copied()));
    }
    let all = [(1, None), (1, Some(2)), (2, None), (2, Some(2))];
    assert_eq!(outcomes, BTreeSet::from(all), "nothing, either sector, both");
}

#[test]
fn names_last_in_order_and_only_when_synced() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..100 {
        let disk = SimulatedDisk::new(seed);
        disk.create("a").unwrap();
        disk.sync_directory().unwrap();
        disk.rename("a", "b").unwrap();
        disk.create("c").unwrap();
        assert_eq!(disk.list().unwrap(), ["b", "c"]);
        assert_eq!(disk.restart(Ending::Killed).list().unwrap(), ["b", "c"]);
        outcomes.insert(disk.restart(Ending::PowerCut).list().unwrap());
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(outcomes, BTreeSet::from([names(&["a"]), names(&["b"]), names(&["b", "c"])]));
}

#[test]
fn a_failed_sync_is_forgotten_by_the_next_one() {
    let disk = SimulatedDisk::new(1);
    let file = disk.create("a").unwrap();
    disk.sync_directory().unwrap();
    file.write_at(0, b"money").unwrap();
    let mut broken = true;
    disk.set_hook(Box::new(move |asked| {
        (asked.operation == Operation::Sync && std::mem::take(&mut broken)).then_some(Fault::Broken)
    }));
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(disk.content("a").unwrap(), b"money");
    let lost = disk.restart(Ending::PowerCut).content("a").unwrap();
    assert!(lost.iter().all(|byte| *byte == 0), "the success was a lie");
}

#[test]
fn locks_end_with_their_process() {
    let disk = SimulatedDisk::new(1);
    let lock = disk.lock("lock", "first").unwrap();
    assert!(matches!(disk.lock("lock", "second"), Err(LockError::Held { holder }) if holder == "first"));
    drop(lock);
    let _killed = disk.lock("lock", "second").unwrap();
    disk.restart(Ending::Killed).lock("lock", "third").unwrap();
}

#[test]
fn a_full_disk_says_so() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(1000);
    let file = disk.create("a").unwrap();
    file.write_at(0, &[1; 1000]).unwrap();
    file.write_at(500, &[2; 500]).unwrap();
    let full = file.write_at(999, &[2; 2]).unwrap_err();
    assert!(full.is_full());
    assert_eq!(full.to_string(), "cannot write `a`");
}
