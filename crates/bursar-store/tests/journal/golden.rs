//! Old journals replay: a file per format that was ever released, written by the version of that time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_store::disk::{RealDisk, SimulatedDisk};
use bursar_store::journal::{Durability, Journal, JournalError};

use crate::support::{Step, Story, open, open_on, options, run};

fn golden(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/journal-v{version}"))
}

/// What the golden journals hold.
fn story() -> (SimulatedDisk, Story) {
    let disk = SimulatedDisk::new(1);
    let mut story = Story::default();
    let mut journal = open(&disk, options(Durability::Sync, "golden boot")).unwrap().journal;
    let script = [
        Step::Append(vec![12]),
        Step::Sync,
        Step::Append(vec![300, 600, 0]),
        Step::Sync,
        Step::Note,
        Step::Append(vec![40]),
        Step::Close,
    ];
    run(&mut journal, &mut story, 0, &script).unwrap();
    (disk, story)
}

/// Trailing zeros are not kept in the repository.
fn unpacked(version: u16) -> Vec<u8> {
    let mut bytes = std::fs::read(golden(version).join("journal-0000000001.seg")).unwrap();
    bytes.resize(64 * 1024, 0);
    bytes
}

#[test]
fn journals_of_every_released_format_replay() {
    let (_, mut story) = story();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("journal-0000000001.seg"), unpacked(1)).unwrap();
    let disk = Arc::new(RealDisk::open(folder.path()).unwrap());
    let opened = open_on(disk, options(Durability::Sync, "boot")).unwrap();
    assert!(opened.recovery.closed);
    let all = story.submitted.len();
    story.judge(opened.entries, all);
    assert_eq!(opened.journal.written().number(), 5);
}

#[test]
fn this_version_still_writes_format_1() {
    let (disk, _) = story();
    let now = disk.content("journal-0000000001.seg").unwrap();
    if !golden(1).exists() {
        std::fs::create_dir_all(golden(1)).unwrap();
        let end = now.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        std::fs::write(golden(1).join("journal-0000000001.seg"), &now[..end]).unwrap();
    }
    assert!(
        now == unpacked(1),
        "the format changed: raise its version and add a golden file beside the old ones"
    );
}

#[test]
fn a_later_format_is_refused_by_name() {
    let disk = SimulatedDisk::new(1);
    let mut bytes = unpacked(1);
    bytes[16 + 8] = 2;
    let crc = crc32c::crc32c(&bytes[4..512]).to_le_bytes();
    bytes[..4].copy_from_slice(&crc);
    disk.put("journal-0000000001.seg", bytes);
    let refused = open(&disk, options(Durability::Sync, "boot")).map(|opened| opened.entries).unwrap_err();
    assert!(matches!(refused, JournalError::NewerFormat { version: 2, .. }), "{refused}");
}
