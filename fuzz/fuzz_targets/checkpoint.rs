//! Checkpoints on a disk: whatever stands in one, the ledger opens or says why not, and so does verification. The pieces'
//! checksums are right unless the input wants them wrong, so that what is inside is reached.

#![no_main]

use bursar_core::Timestamp;
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::disk::simulated::Ending;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, MemoryWindows, verify};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// A checkpoint of journal 7 behind entry 12 with these pieces.
fn checkpoint(pieces: &[&[u8]]) -> Vec<u8> {
    let mut file = b"bursarcp".to_vec();
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&7u128.to_le_bytes());
    file.extend_from_slice(&12u64.to_le_bytes());
    file.extend_from_slice(&0u32.to_le_bytes());
    file.extend_from_slice(&crc32c::crc32c(&file).to_le_bytes());
    let mut sum = 0;
    for piece in pieces {
        let crc = crc32c::crc32c(piece);
        sum = crc32c::crc32c_append(sum, &crc.to_le_bytes());
        file.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_le_bytes());
        file.extend_from_slice(&crc.to_le_bytes());
        file.extend_from_slice(piece);
    }
    let mut end = vec![0; 4];
    end.extend_from_slice(&u64::try_from(pieces.len()).unwrap().to_le_bytes());
    end.extend_from_slice(&sum.to_le_bytes());
    let crc = crc32c::crc32c(&end);
    end.extend_from_slice(&crc.to_le_bytes());
    file.extend_from_slice(&end);
    file
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let file = if choice & 1 != 0 {
        rest.to_vec()
    } else {
        let mut pieces = Vec::new();
        while let Some(([low, high], more)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(more.len());
            let (piece, more) = more.split_at(length);
            if !piece.is_empty() {
                pieces.push(piece);
            }
            rest = more;
        }
        checkpoint(&pieces)
    };
    let disk = SimulatedDisk::new(1);
    disk.put("checkpoint-00000000000000000012.state", file);
    let _found = verify(&disk, None).expect("the simulated disk works");
    let options = LedgerOptions {
        durability: Durability::Sync,
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 1 << 40,
        boot_id: "boot".to_owned(),
        holder: "a fuzzer".to_owned(),
        random: 7,
        commits: Commits::ByHand,
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.restart(Ending::Killed));
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    if let Ok((ledger, _)) = Ledger::open(disk, Arc::new(MemoryWindows::default()), &options, now) {
        let _closed = ledger.close();
    }
});
