//! Damage at rest: a flipped bit, a short file, a missing one. Never other entries than those written.

use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::{Durability, Journal, JournalError};

use crate::support::{Step, Story, open, options, run, script};

const FIRST: &str = "journal-0000000001.seg";

fn written(script: &[Step]) -> (SimulatedDisk, Story) {
    let disk = SimulatedDisk::new(1);
    let mut story = Story::default();
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    run(&mut journal, &mut story, 0, script).unwrap();
    (disk, story)
}

#[test]
fn every_flipped_bit_in_a_written_block_is_refused_with_its_place() {
    let (disk, _) = written(&script()[..5]);
    let used = disk.content(FIRST).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let last_block = used / 512;
    assert!(last_block >= 5);
    for byte in 0..(last_block + 1) * 512 {
        let disk = disk.restart(Ending::Killed);
        assert!(disk.flip(FIRST, byte, (byte % 8) as u8));
        let refused =
            open(&disk, options(Durability::Sync, "boot")).map(|opened| opened.entries).unwrap_err();
        let JournalError::Damaged { file, offset, .. } = &refused else { panic!("byte {byte}: {refused}") };
        assert_eq!((file.as_str(), *offset as usize), (FIRST, byte / 512 * 512), "byte {byte}");
        assert!(refused.to_string().contains("run `bursar ledger verify`"));
        assert!(disk.flip(FIRST, byte, (byte % 8) as u8));
    }
}

#[test]
fn a_flipped_bit_in_what_was_never_written_harms_nothing() {
    let (disk, mut story) = written(&script()[..5]);
    let disk = disk.restart(Ending::Killed);
    assert!(disk.flip(FIRST, 60_000, 1));
    let opened = open(&disk, options(Durability::Sync, "boot")).unwrap();
    let all = story.submitted.len();
    story.judge(opened.entries, all);
}

#[test]
fn the_tail_is_cut_only_where_nothing_acknowledged_can_be() {
    // Three synced batches. Zeros in place of the last: a batch that never arrived, as far as anybody can know.
    let sync = |bytes| [Step::Append(vec![bytes]), Step::Sync];
    let (disk, _) = written(&[sync(10), sync(20), sync(900)].concat());
    let whole = disk.content(FIRST).unwrap();
    let with_zeros = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from * 512..to * 512].fill(0);
        let disk = SimulatedDisk::new(1);
        disk.put(FIRST, bytes);
        open(&disk, options(Durability::Sync, "next boot"))
            .map(|opened| (opened.entries.len(), opened.recovery.cut))
    };
    assert_eq!(with_zeros(3, 5).unwrap(), (2, None), "nothing of it is there");
    let (entries, cut) = with_zeros(4, 5).unwrap();
    assert_eq!((entries, cut.unwrap().offset), (2, 3 * 512), "half of it is there");
    // But the last one proves that those before it were synced.
    let refused = with_zeros(2, 3).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { offset: 1024, .. }), "{refused}");
    // And so does a note.
    let (disk, _) = written(&[sync(10).as_slice(), &[Step::Note]].concat());
    let mut bytes = disk.content(FIRST).unwrap();
    bytes[512..1024].fill(0);
    disk.put(FIRST, bytes);
    let refused = open(&disk.restart(Ending::Killed), options(Durability::Sync, "next boot"));
    assert!(matches!(refused.err().unwrap(), JournalError::Damaged { offset: 512, .. }));
}

#[test]
fn a_killed_process_leaves_no_holes() {
    // Under `fast` nothing is synced here, so only a power cut can explain a hole with a batch behind it.
    let disk = SimulatedDisk::new(1);
    let mut journal = open(&disk, options(Durability::Fast, "boot")).unwrap().journal;
    let mut story = Story::default();
    run(&mut journal, &mut story, 0, &[Step::Append(vec![9]), Step::Append(vec![9]), Step::Append(vec![9])])
        .unwrap();
    let mut bytes = disk.content(FIRST).unwrap();
    bytes[1024..1536].fill(0);
    disk.put(FIRST, bytes);
    let disk = disk.restart(Ending::Killed);
    let refused = open(&disk, options(Durability::Fast, "boot")).map(|opened| opened.entries).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { offset: 1024, .. }), "{refused}");
    let opened = open(&disk, options(Durability::Fast, "next boot")).unwrap();
    assert_eq!(opened.entries.len(), 1);
    assert!(opened.recovery.may_have_forgotten);
}

#[test]
fn a_missing_short_or_foreign_file_is_named() {
    let (disk, _) = written(&[script(), script()].concat());
    let names: Vec<String> = disk.list().unwrap();
    assert!(names.len() >= 3, "{names:?}");
    let refused = |disk: &SimulatedDisk| {
        open(disk, options(Durability::Sync, "boot")).map(|_| ()).unwrap_err().to_string()
    };

    let missing = disk.restart(Ending::Killed);
    let content = missing.content(&names[1]).unwrap();
    missing.remove(&names[1]).unwrap();
    assert_eq!(
        refused(&missing),
        "`journal-0000000002.seg` is missing: the segments around it are there; run `bursar ledger verify`"
    );
    missing.put(&names[1], content[..content.len() / 2].to_vec());
    assert!(refused(&missing).contains("the file has not the length that its header says"));
    missing.put(&names[1], content);
    open(&missing, options(Durability::Sync, "boot")).unwrap();

    let other = SimulatedDisk::new(2);
    let mut other_options = options(Durability::Sync, "boot");
    other_options.journal = 7;
    let mut journal = open(&other, other_options).unwrap().journal;
    run(&mut journal, &mut Story::default(), 0, &script()).unwrap();
    missing.put(&names[1], other.content(&names[1]).unwrap());
    assert!(refused(&missing.restart(Ending::Killed)).contains("belongs to another journal"));

    // The same journal's segment from another history, as after a restore of half a backup.
    let forked = SimulatedDisk::new(3);
    let mut journal = open(&forked, options(Durability::Sync, "boot")).unwrap().journal;
    run(&mut journal, &mut Story::default(), 5, &script()).unwrap();
    missing.put(&names[1], forked.content(&names[1]).unwrap());
    assert!(refused(&missing.restart(Ending::Killed)).contains("does not continue this one"));
}

#[test]
fn an_entry_that_means_nothing_is_refused_with_its_place() {
    let (disk, _) = written(&script()[..5]);
    let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(disk.restart(Ending::Killed));
    let refused = bursar_store::journal::recover(
        disk,
        options(Durability::Sync, "boot"),
        Default::default(),
        &mut |seq, _| if seq.number() < 3 { Ok(()) } else { Err("unknown kind 250".to_owned()) },
    );
    assert_eq!(
        refused.map(|_| ()).unwrap_err().to_string(),
        "entry 3 in `journal-0000000001.seg`, in the batch at byte 1024, cannot be replayed: unknown kind 250; \
         run `bursar ledger verify`"
    );
}

#[test]
fn closing_proves_that_nothing_is_missing() {
    let (disk, _) = written(&[Step::Append(vec![10]), Step::Close]);
    let opened = open(&disk.restart(Ending::PowerCut), options(Durability::Fast, "next boot")).unwrap();
    assert!(opened.recovery.closed && opened.recovery.rebooted && !opened.recovery.may_have_forgotten);
    assert_eq!(opened.journal.written().number(), 1);
}
