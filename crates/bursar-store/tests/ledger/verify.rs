//! Verification finds what does not add up, and says where.

use std::sync::Arc;

use bursar_ledger::{Entry, Image};
use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::{Batch, Durability, Journal, SegmentOptions, Seq, Start, recover};
use bursar_store::ledger::{MemoryWindows, VerifyError, WindowStore, verify};

use crate::support::{EACH_USER, World, at, id, options, sqlite};

fn busy() -> World {
    let world = World::new(options(Durability::Sync));
    for number in 1..=30 {
        world.hold(number, "ann", 5);
        if number % 3 > 0 {
            world.bill(number, 4);
        }
        if number == 20 {
            world.ledger.checkpoint().unwrap();
        }
    }
    world.ledger.commit().unwrap();
    world
}

#[test]
fn a_sound_ledger_is_sound_while_it_runs_and_after() {
    let world = busy();
    let running = world.ledger.verify().unwrap();
    assert!(running.is_sound(), "{running:#?}");
    assert_eq!((running.first, running.last), (Seq::new(1), world.ledger.last()));
    assert_eq!((running.windows, running.live, running.suspense), (2, 10, 0));
    assert_eq!(running.checkpoints.len(), 1);
    assert_eq!(running.entries, running.last.number());

    assert!(matches!(verify(&world.disk, None), Err(VerifyError::Lock(_))), "it is in use");
    let disk = world.disk.restart(Ending::Killed);
    let after = verify(&disk, None).unwrap();
    assert_eq!(after, running);
    assert!(verify(&SimulatedDisk::new(1), None).unwrap().is_sound(), "nothing is sound");
}

#[test]
fn damage_is_named_with_file_and_place() {
    let world = busy();
    let disk = world.disk.restart(Ending::Killed);
    assert!(disk.flip("journal-0000000001.seg", 1_000, 3));
    let found = verify(&disk, None).unwrap();
    assert_eq!(
        found.problems[0],
        "`journal-0000000001.seg` is damaged at byte 512: a block's checksum does not match; run `bursar ledger verify`"
    );
    assert!(!found.is_sound());
    assert!(disk.flip("journal-0000000001.seg", 1_000, 3));
    let checkpoint = disk.list().unwrap().into_iter().find(|name| name.starts_with("checkpoint-")).unwrap();
    assert!(disk.flip(&checkpoint, 200, 3));
    let found = verify(&disk, None).unwrap();
    assert!(found.problems[0].contains(&checkpoint), "{found:#?}");
}

#[test]
fn an_entry_that_does_not_follow_is_found() {
    let world = busy();
    let disk = world.disk.restart(Ending::Killed);
    // Somebody writes into the journal what never happened.
    let segments = SegmentOptions {
        segment_bytes: 64 * 1024,
        durability: Durability::Sync,
        boot_id: "boot".to_owned(),
        journal: 1,
    };
    let (mut journal, found) =
        recover(Arc::new(disk.clone()), segments, Start::default(), &mut |_, _| Ok(())).unwrap();
    let mut batch = Batch::new(found.last.next());
    let at = world.now;
    let released = Entry::Released {
        at,
        id: id(1),
        reason: bursar_ledger::ProvablyUnbilled::NeverSent,
        record: Box::default(),
    };
    batch.push(|bytes| released.encode(bytes));
    journal.append(&batch).unwrap();
    journal.sync().unwrap();
    let found = verify(&disk.restart(Ending::Killed), None).unwrap();
    assert_eq!(found.problems.len(), 1, "{found:#?}");
    assert!(found.problems[0].contains("cannot be replayed: the entry names a reservation that is not open"));
}

#[test]
fn a_checkpoint_that_says_something_else_is_found_counter_by_counter() {
    let world = busy();
    let disk = world.disk.restart(Ending::Killed);
    let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("checkpoint-")).unwrap();
    let forged = forge(&disk.content(&name).unwrap());
    disk.put(&name, forged);
    let found = verify(&disk, None).unwrap();
    assert!(!found.is_sound());
    let difference = found.differences.iter().find(|one| one.counter == "settled").unwrap();
    assert_eq!(difference.recorded_in, "checkpoint");
    assert_eq!(difference.recorded.unwrap() + 1, difference.recomputed.unwrap());
    assert!(found.problems[0].contains("is not what the entries lead to"), "{found:#?}");
}

/// Lowers what the first window settled by one, all checksums right.
fn forge(bytes: &[u8]) -> Vec<u8> {
    let (header, mut rest) = bytes.split_at(42);
    let mut forged = header.to_vec();
    let (mut count, mut sum, mut done) = (0u64, 0u32, false);
    loop {
        let length = u32::from_le_bytes(*rest.first_chunk().unwrap()) as usize;
        if length == 0 {
            break;
        }
        let (mut entry, _) = Entry::decode(&rest[8..8 + length]).unwrap();
        rest = &rest[8 + length..];
        if let Entry::Image(Image::Window(image)) = &mut entry
            && !done
        {
            image.settled -= 1;
            done = true;
        }
        let mut piece = Vec::new();
        entry.encode(&mut piece);
        let crc = crc32c::crc32c(&piece);
        sum = crc32c::crc32c_append(sum, &crc.to_le_bytes());
        count += 1;
        forged.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        forged.extend_from_slice(&crc.to_le_bytes());
        forged.extend_from_slice(&piece);
    }
    let mut end = vec![0; 4];
    end.extend_from_slice(&count.to_le_bytes());
    end.extend_from_slice(&sum.to_le_bytes());
    let crc = crc32c::crc32c(&end);
    forged.extend_from_slice(&end);
    forged.extend_from_slice(&crc.to_le_bytes());
    assert!(done);
    forged
}

/// A world in which the windows of two users left memory.
fn paged(windows: Arc<dyn WindowStore>) -> World {
    let (mut world, _) =
        World::open(SimulatedDisk::new(1), windows, options(Durability::Sync), at(0)).unwrap();
    world.put_budgets().unwrap();
    for (number, name) in [(1, "ann"), (2, "bob")] {
        world.hold(number, name, 30);
        world.bill(number, 20);
    }
    world.now = at(7_200);
    assert_eq!(world.ledger.tend(world.now).unwrap().paged_out, 2);
    world
}

#[test]
fn images_of_windows_that_left_memory_are_compared_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let world = paged(Arc::clone(&store));
    let sound = world.ledger.verify().unwrap();
    assert!(sound.is_sound(), "{sound:#?}");
    assert_eq!((sound.windows, sound.paged), (1, 2));

    let current = world.ledger.look(|engine| engine.current(EACH_USER, world.now)).unwrap().unwrap();
    let mut image = store.list(&current, None, 9).unwrap().remove(1);
    image.settled -= 1;
    store.put(&[image]).unwrap();
    world.ledger.commit().unwrap();
    let disk = world.disk.restart(Ending::Killed);
    for found in [world.ledger.verify().ok(), verify(&disk, Some(store.as_ref())).ok()].into_iter().flatten()
    {
        assert_eq!(found.differences.len(), 1, "{found:#?}");
        let difference = &found.differences[0];
        assert_eq!((difference.recorded_in, difference.counter), ("the store of cold windows", "settled"));
        assert_eq!((difference.recorded, difference.recomputed), (Some(19), Some(20)));
    }
    assert!(verify(&disk, None).unwrap().is_sound(), "without the store there is nothing to compare");

    // A window that comes back with other counters than it left with is found in the journal itself.
    let (world, _) = world.restart(Ending::Killed);
    world.hold(3, "bob", 1);
    let found = world.ledger.verify().unwrap();
    assert!(found.problems[0].contains("with other counters than it left with"), "{found:#?}");
}

#[test]
fn a_window_whose_image_is_gone_is_found() {
    let world = paged(Arc::new(MemoryWindows::default()));
    world.ledger.commit().unwrap();
    let disk = world.disk.restart(Ending::Killed);
    let found = verify(&disk, Some(&MemoryWindows::default())).unwrap();
    let gone: Vec<_> = found.differences.iter().filter(|one| one.counter == "settled").collect();
    assert_eq!(gone.len(), 2, "{found:#?}");
    assert!(gone.iter().all(|one| one.recorded.is_none() && one.recomputed == Some(20)));
}
