//! What one fdatasync costs on the disk that the ledger writes to.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// The median of 200 appends of 4 kB, each synced, in microseconds.
pub(crate) fn fdatasync_us(folder: &Path) -> u128 {
    let path = folder.join("fdatasync-probe");
    let mut file = std::fs::File::create(&path).unwrap();
    // As the journal does: the blocks are there before they are written.
    file.write_all(&vec![0; 200 * 4096]).unwrap();
    file.sync_all().unwrap();
    let mut times = Vec::new();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
        times.push(begun.elapsed().as_micros());
    }
    std::fs::remove_file(path).unwrap();
    times.sort_unstable();
    times[times.len() / 2]
}
