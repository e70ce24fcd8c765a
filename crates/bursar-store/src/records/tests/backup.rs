//! A copy made under load is whole, and what came after it is drained once.

use super::*;
use crate::sqlite::BackupError;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_copy_made_while_draining_adds_up_and_takes_the_rest_of_the_journal() {
    let world = World::new();
    let journal: Vec<(Seq, Record)> = (1..=6000u64)
        .map(|n| {
            // Both sides of a month's end, in turn.
            let at = time(if n % 2 == 0 { "2026-02-28T23:00:00Z" } else { "2026-03-01T00:00:00Z" });
            let at = at.plus_millis(i64::try_from(n).unwrap()).to_string();
            (Seq::new(n), completed(u128::from(n), &at))
        })
        .collect();
    let (first, rest) = journal.split_at(1000);
    let drain = |records: &Records, entries: &[(Seq, Record)]| {
        for batch in entries.chunks(100) {
            records.drain(batch, batch.last().unwrap().0).unwrap();
        }
    };
    drain(&world.records, first);
    world.records.checkpoint().unwrap();
    let target = tempfile::tempdir().unwrap();
    let copied = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            world.records.backup_to(target.path()).unwrap();
            copied.store(true, Ordering::SeqCst);
        });
        drain(&world.records, rest);
    });
    assert!(copied.load(Ordering::SeqCst));
    let copy = World::at(target);
    copy.check();
    assert!(copy.records.floor() >= Seq::new(1000));
    drain(&copy.records, &journal);
    assert_eq!(copy.found(&RecordFilter::default()).len(), 6000);
    copy.check();
}

#[test]
fn a_copy_never_overwrites() {
    let world = World::new();
    world.records.put(&[completed(1, "2026-03-01T10:00:00Z")]).unwrap();
    let target = tempfile::tempdir().unwrap();
    let made = world.records.backup_to(target.path()).unwrap();
    assert_eq!(made.len(), 2);
    assert!(matches!(world.records.backup_to(target.path()), Err(BackupError::Target { .. })));
    let names: Vec<_> =
        std::fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no log beside the copies: {names:?}");
}
