//! Segments on a disk: whatever stands in them, recovery gives entries that were written, in order, or refuses. With
//! checksums put right after each change the decoders behind them are reached too.

#![no_main]

use bursar_fuzz::repair_block;
use bursar_store::disk::simulated::Ending;
use bursar_store::disk::SimulatedDisk;
use bursar_store::journal::{Batch, Durability, Journal, SegmentOptions, Start, inspect, recover};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fn options(boot: &str) -> SegmentOptions {
    SegmentOptions {
        segment_bytes: 64 * 1024,
        durability: Durability::Sync,
        boot_id: boot.to_owned(),
        journal: 7,
    }
}

/// Entries that a recovery gives, if it does.
fn read(disk: &SimulatedDisk, boot: &str) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    let mut replay = |_, bytes: &[u8]| {
        entries.push(bytes.to_vec());
        Ok(())
    };
    recover(Arc::new(disk.clone()), options(boot), Start::default(), &mut replay).ok()?;
    Some(entries)
}

fuzz_target!(|data: &[u8]| {
    let Some(([choice, batches], mut rest)) = data.split_first_chunk::<2>() else { return };
    let repairs = choice & 1 != 0;
    let disk = SimulatedDisk::new(1);
    let (mut journal, _) =
        recover(Arc::new(disk.clone()), options("boot"), Start::default(), &mut |_, _| Ok(())).unwrap();
    // Some batches of a few entries, of the bytes that come.
    let mut written: Vec<Vec<u8>> = Vec::new();
    for _ in 0..batches % 8 {
        let Some(([count, length], more)) = rest.split_first_chunk::<2>() else { break };
        let mut batch = Batch::new(journal.written().next());
        rest = more;
        for _ in 0..count % 5 {
            let (entry, more) = rest.split_at((usize::from(*length) * 4).min(rest.len()));
            rest = more;
            written.push(entry.to_vec());
            batch.push(|bytes| bytes.extend_from_slice(entry));
        }
        if !batch.is_empty() {
            journal.append(&batch).unwrap();
        }
        if count & 128 != 0 {
            journal.sync().unwrap();
        }
    }
    drop(journal);
    let name = "journal-0000000001.seg";
    let mut file = disk.content(name).unwrap();
    // Then changes: where, how long, what.
    let mut changed = false;
    while let Some(([low, high, length], more)) = rest.split_first_chunk::<3>() {
        let place = usize::from(u16::from_le_bytes([*low, *high])) % file.len();
        let (bytes, more) = more.split_at(usize::from(length % 32).min(more.len()));
        let end = (place + bytes.len()).min(file.len());
        file[place..end].copy_from_slice(&bytes[..end - place]);
        changed |= !bytes.is_empty();
        if repairs && !bytes.is_empty() {
            for block in place / 512..=end.saturating_sub(1) / 512 {
                repair_block(&mut file, block);
            }
        }
        rest = more;
    }
    for boot in ["boot", "next boot"] {
        let disk = disk.restart(Ending::Killed);
        disk.put(name, file.clone());
        let seen = inspect(&disk, Start::default(), &mut |_, _| Ok(())).is_ok();
        let found = read(&disk, boot);
        if !changed {
            assert!(seen);
            assert_eq!(found.as_ref(), Some(&written));
        }
        let Some(found) = found else { continue };
        if !repairs {
            assert!(written.starts_with(&found), "entries that were never written");
        }
        assert_eq!(read(&disk.restart(Ending::Killed), boot), Some(found), "the second recovery differs");
    }
});
