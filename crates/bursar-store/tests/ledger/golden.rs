//! Old ledgers open: checkpoint and journal as written by the version of each released format.

use std::path::{Path, PathBuf};

use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::{Durability, Seq};

use crate::support::{World, at, audit, id, memory, options};

fn golden(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/ledger-v{version}"))
}

/// Some of everything, half of it in a checkpoint.
fn story() -> World {
    let mut world = World::new(options(Durability::Sync));
    for number in 1..=6 {
        let mut reserve = crate::support::reserve(number, "ann", 20, world.now);
        reserve.record = b"asked".to_vec().into();
        let _held = world.ledger.reserve(world.now, reserve).unwrap();
    }
    world.bill(1, 25);
    let _released = world.release(2).unwrap();
    world.ledger.checkpoint().unwrap();
    world.now = at(601);
    assert_eq!(world.ledger.tend(world.now).unwrap().suspended.len(), 4);
    let _forgiven = world.ledger.forgive(world.now, id(3), audit()).unwrap();
    world.bill(4, 20);
    world.ledger.commit().unwrap();
    world
}

#[test]
fn ledgers_of_every_released_format_open() {
    if !golden(1).exists() {
        write(1);
    }
    let disk = SimulatedDisk::new(1);
    for file in std::fs::read_dir(golden(1)).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let mut bytes = std::fs::read(file.path()).unwrap();
        if name.ends_with(".seg") {
            bytes.resize(64 * 1024, 0);
        }
        disk.put(&name, bytes);
    }
    let (found, recovery) = World::open(disk, memory(), options(Durability::Sync), at(601)).unwrap();
    assert_eq!(
        (recovery.checkpoint, recovery.last, recovery.replayed),
        (Some(Seq::new(12)), Seq::new(18), 6)
    );
    assert_eq!(recovery.suspended, []);
    assert_eq!(found.counters(), (45, 40, 0));
    assert_eq!(found.ledger.suspense().unwrap().len(), 2);
    assert!(found.ledger.verify().unwrap().is_sound());
    let now = story();
    let states = [&now, &found].map(|world| world.ledger.look(bursar_ledger::Engine::state_hash).unwrap());
    assert_eq!(states[0], states[1], "the same story leads to the same state today");
}

/// Writes the golden files of this version; done once per format, by removing the directory's absence.
fn write(version: u16) {
    let disk = story().disk.restart(Ending::PowerCut);
    std::fs::create_dir_all(golden(version)).unwrap();
    for name in disk.list().unwrap() {
        let bytes = disk.content(&name).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let end = if name.ends_with(".seg") { end } else { bytes.len() };
        if end > 0 && name != "ledger.lock" {
            std::fs::write(golden(version).join(name), &bytes[..end]).unwrap();
        }
    }
}
