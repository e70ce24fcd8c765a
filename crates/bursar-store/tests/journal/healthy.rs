//! The journal on a healthy disk: what is written is read, across restarts, segments and prunings.

use std::sync::Arc;

use crate::support::{Step, Story, open, open_on, options, run, script};
use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{Disk, LockError, RealDisk, SimulatedDisk};
use bursar_store::journal::{Durability, Journal, JournalError, Seq, Start, recover};

#[test]
fn what_is_written_is_read_again() {
    let disk = SimulatedDisk::new(1);
    let mut story = Story::default();
    for life in 0..4 {
        let disk = disk.restart(Ending::Killed);
        let opened = open(&disk, options(Durability::Sync, "boot")).unwrap();
        assert_eq!(opened.recovery.closed, life > 0);
        assert_eq!(opened.recovery.cut, None);
        story.judge(opened.entries, story.submitted.len());
        let mut journal = opened.journal;
        run(&mut journal, &mut story, life, &script()).unwrap();
    }
    assert!(story.submitted.len() > 150);
}

#[test]
fn the_real_disk_behaves_like_the_simulated_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut story = Story::default();
    for life in 0..2 {
        let disk = Arc::new(RealDisk::open(&folder.path().join("ledger")).unwrap());
        let opened = open_on(disk.clone(), options(Durability::Sync, "boot")).unwrap();
        story.judge(opened.entries, story.submitted.len());
        let mut journal = opened.journal;
        run(&mut journal, &mut story, life, &script()).unwrap();
        assert!(disk.list().unwrap().iter().all(|name| name.ends_with(".seg")));
    }
}

#[test]
fn a_second_process_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(folder.path()).unwrap();
    let lock = disk.lock("lock", "bursar serve, process 41").unwrap();
    let refused = RealDisk::open(folder.path()).unwrap().lock("lock", "process 42").unwrap_err();
    assert!(matches!(&refused, LockError::Held { holder } if holder == "bursar serve, process 41"));
    assert_eq!(refused.to_string(), "the data directory is in use by bursar serve, process 41");
    drop(lock);
    disk.lock("lock", "process 42").unwrap();
}

#[test]
fn a_reader_follows_the_writer_across_segments() {
    let disk = SimulatedDisk::new(1);
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    let mut reader = journal.segments().reader(Seq::new(1)).unwrap();
    let mut story = Story::default();
    let mut read = Vec::new();
    for step in script() {
        run(&mut journal, &mut story, 0, &[step]).unwrap();
        let upto = journal.synced();
        reader
            .read(upto, |seq, entry| {
                assert_eq!(seq, Seq::new(read.len() as u64 + 1));
                read.push(entry.to_vec());
                read.len() % 3 != 0
            })
            .unwrap();
    }
    reader
        .read(journal.synced(), |_, entry| {
            read.push(entry.to_vec());
            true
        })
        .unwrap();
    assert_eq!(read, story.submitted);
    assert!(reader.chain().is_some());
}

#[test]
fn pruned_segments_become_spares_and_the_rest_is_read() {
    let disk = SimulatedDisk::new(1);
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    let mut story = Story::default();
    for _ in 0..6 {
        run(&mut journal, &mut story, 0, &[Step::Append(vec![9_000; 5]), Step::Sync]).unwrap();
    }
    let before = disk.list().unwrap().len();
    let mut reader = journal.segments().reader(Seq::new(14)).unwrap();
    let mut chain = None;
    reader.read(Seq::new(15), |_, _| true).unwrap();
    chain = chain.or(reader.chain());
    assert_eq!(journal.segments().prune(Seq::new(16)).unwrap(), 2);
    assert_eq!(disk.list().unwrap().len(), before, "recycled, not removed");
    assert!(matches!(journal.segments().reader(Seq::new(1)), Err(JournalError::Missing { .. })));

    let disk = disk.restart(Ending::Killed);
    let mut entries = Vec::new();
    let start = |after, chain| Start { after: Seq::new(after), chain, journal: Some(0x0b0b_5a5a_0b0b) };
    let options = || options(Durability::Sync, "boot");
    let (_, recovery) =
        recover(Arc::new(disk.clone()), options(), start(15, chain.unwrap()), &mut |_, entry| {
            entries.push(entry.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!(entries, story.submitted[15..]);
    assert_eq!(recovery.replayed, 15);

    let again = |start: Start| {
        recover(Arc::new(disk.restart(Ending::Killed)), options(), start, &mut |_, _| Ok(())).unwrap_err()
    };
    assert!(matches!(again(start(15, 77)), JournalError::Foreign { .. }), "another history");
    assert!(matches!(again(start(99, 0)), JournalError::Missing { .. }), "the journal ends too early");
    assert!(matches!(again(Start::default()), JournalError::Missing { .. }), "it begins too late");
    let foreign = Start { journal: Some(1), ..start(15, chain.unwrap()) };
    assert!(matches!(again(foreign), JournalError::Foreign { .. }), "a checkpoint of another journal");
}

#[test]
fn recycled_bytes_are_never_read_as_new_ones() {
    let disk = SimulatedDisk::new(1);
    let mut story = Story::default();
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    for _ in 0..30 {
        run(&mut journal, &mut story, 0, &[Step::Append(vec![9_000; 5]), Step::Sync]).unwrap();
        journal.segments().prune(journal.synced()).unwrap();
    }
    assert!(disk.list().unwrap().len() <= 4);
    let first = journal.segments().first();
    let after = Start { after: first.before(), chain: 0, journal: None };
    let disk = disk.restart(Ending::Killed);
    let mut count = 0;
    recover(Arc::new(disk), options(Durability::Sync, "boot"), after, &mut |seq, entry| {
        assert_eq!(entry, story.submitted[seq.number() as usize - 1]);
        count += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 150 - after.after.number());
}

#[test]
fn an_entry_that_no_segment_holds_ends_the_journal() {
    let disk = SimulatedDisk::new(1);
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    let mut story = Story::default();
    let too_large = run(&mut journal, &mut story, 0, &[Step::Append(vec![70_000])]).unwrap_err();
    assert!(matches!(too_large, JournalError::TooLarge { .. }));
    assert!(matches!(journal.sync(), Err(JournalError::Failed)));
}
