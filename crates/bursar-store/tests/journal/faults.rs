//! Every fault at every disk operation of a scripted run, then recovery, then every fault at every operation of that
//! recovery. The oracle: acknowledged entries are all there, none is invented, and an honest disk never ends in a
//! refusal.

use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::journal::{Durability, JournalError};

use crate::support::{Opened, Story, open, options, run, script};

const HONEST: [Fault; 5] = [Fault::Broken, Fault::Full, Fault::Torn, Fault::CutBefore, Fault::CutAfter];
const ENDINGS: [Ending; 2] = [Ending::Killed, Ending::PowerCut];

/// Breaks the operation with this number.
fn break_at(disk: &SimulatedDisk, number: u64, fault: Fault) {
    let mut left = number;
    disk.set_hook(Box::new(move |_| {
        let now = left == 0;
        left = left.wrapping_sub(1);
        now.then_some(fault)
    }));
}

/// What the machine calls itself after this ending.
fn boot_after(ending: Ending, fault: Fault) -> &'static str {
    let cut = matches!(fault, Fault::CutBefore | Fault::CutAfter) || ending == Ending::PowerCut;
    if cut { "second boot" } else { "first boot" }
}

/// Lives one life with a fault in it. The disk as it was left, the story, and whether the fault was reached.
fn live(seed: u64, number: u64, fault: Fault, durability: Durability) -> (SimulatedDisk, Story, bool) {
    let disk = SimulatedDisk::new(seed);
    break_at(&disk, number, fault);
    let mut story = Story::default();
    let failed = match open(&disk, options(durability, "first boot")) {
        Ok(Opened { mut journal, .. }) => run(&mut journal, &mut story, 0, &script()).is_err(),
        Err(_) => true,
    };
    let reached = disk.operations() > number;
    assert!(reached || !failed, "nothing fails without a fault");
    (disk, story, reached)
}

/// What must be there after this ending.
fn acknowledged(story: &Story, ending: Ending, fault: Fault, durability: Durability) -> usize {
    match (durability, boot_after(ending, fault)) {
        (Durability::Fast, "first boot") => story.written,
        (Durability::Fast | Durability::Sync, _) => story.synced,
    }
}

fn every_fault(
    durability: Durability,
    faults: &[Fault],
    mut check: impl FnMut(SimulatedDisk, Story, Ending, Fault, u64),
) {
    for fault in faults {
        for ending in ENDINGS {
            for number in 0.. {
                let mut reached = true;
                for seed in 0..3 {
                    let (disk, story, hit) = live(seed, number, *fault, durability);
                    reached &= hit;
                    check(disk, story, ending, *fault, seed);
                }
                if !reached {
                    assert!(number > 40, "the script has that many operations");
                    break;
                }
            }
        }
    }
}

fn recovers_from_everything(durability: Durability) {
    every_fault(durability, &HONEST, |disk, mut story, ending, fault, _| {
        let boot = boot_after(ending, fault);
        let disk = disk.restart(ending);
        let opened = open(&disk, options(durability, boot));
        let Opened { mut journal, entries, recovery } =
            opened.unwrap_or_else(|error| panic!("{fault:?} {ending:?}: {error}"));
        assert_eq!(
            recovery.may_have_forgotten,
            boot == "second boot" && durability == Durability::Fast && !recovery.closed && recovery.rebooted
        );
        let acknowledged = acknowledged(&story, ending, fault, durability);
        story.judge(entries, acknowledged);
        // The journal goes on, and what was recovered once survives a power cut from then on.
        run(&mut journal, &mut story, 1, &script()).unwrap();
        let disk = disk.restart(Ending::PowerCut);
        let opened = open(&disk, options(durability, "third boot")).unwrap();
        let all = story.submitted.len();
        story.judge(opened.entries, all);
    });
}

#[test]
fn sync_survives_every_fault_at_every_operation() {
    recovers_from_everything(Durability::Sync);
}

#[test]
fn fast_survives_every_fault_at_every_operation() {
    recovers_from_everything(Durability::Fast);
}

#[test]
fn a_recovery_that_is_broken_off_can_be_repeated() {
    let durability = Durability::Sync;
    every_fault(durability, &[Fault::CutBefore, Fault::Broken], |disk, mut story, ending, fault, seed| {
        if seed > 0 {
            return;
        }
        let acknowledged = acknowledged(&story, ending, fault, durability);
        let mut disk = disk.restart(ending);
        // Each pass breaks the recovery at its next operation, with every second ending a power cut, until one ends.
        for number in 0.. {
            break_at(&disk, number, HONEST[number as usize % HONEST.len()]);
            let opened = open(&disk, options(durability, "other boot"));
            let ending = ENDINGS[number as usize % 2];
            if let Ok(opened) = opened {
                story.judge(opened.entries, acknowledged);
                break;
            }
            assert!(
                !matches!(opened, Err(JournalError::Damaged { .. })),
                "{opened:?}",
                opened = opened.err()
            );
            disk = disk.restart(ending);
        }
    });
}

#[test]
fn a_lying_sync_loses_the_lied_tail_or_is_found_out() {
    let (mut refused, mut shortened) = (0, 0);
    every_fault(Durability::Sync, &[Fault::Lied], |disk, mut story, ending, _, _| {
        let disk = disk.restart(ending);
        match open(&disk, options(Durability::Sync, boot_after(ending, Fault::Lied))) {
            Ok(opened) => {
                shortened += usize::from(opened.entries.len() < story.synced);
                assert!(ending == Ending::PowerCut || opened.entries.len() == story.submitted.len());
                story.judge(opened.entries, 0);
            }
            Err(JournalError::Damaged { .. } | JournalError::Missing { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    });
    assert!(refused > 0 && shortened > 0, "{refused} {shortened}");
}

#[test]
fn a_bit_that_flips_on_its_way_is_found() {
    let mut refused = 0;
    every_fault(Durability::Sync, &[Fault::Flipped], |disk, mut story, ending, fault, _| {
        let disk = disk.restart(ending);
        match open(&disk, options(Durability::Sync, boot_after(ending, fault))) {
            Ok(opened) => {
                let acknowledged = story.synced;
                story.judge(opened.entries, acknowledged);
            }
            Err(JournalError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    });
    assert!(refused > 30, "{refused}");
}

#[test]
fn a_full_disk_stops_the_journal_and_loses_nothing() {
    let disk = SimulatedDisk::new(1);
    let mut story = Story::default();
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    disk.set_capacity(2 * 64 * 1024 + 100);
    let mut full = None;
    for _ in 0..10 {
        full = full.or(run(&mut journal, &mut story, 0, &script()[..9]).err());
    }
    let full = full.unwrap();
    assert!(matches!(&full, JournalError::Disk(error) if error.is_full()), "{full}");
    disk.set_capacity(u64::MAX);
    let opened = open(&disk.restart(Ending::Killed), options(Durability::Sync, "boot")).unwrap();
    let acknowledged = story.synced;
    story.judge(opened.entries, acknowledged);
}

#[test]
fn a_failed_sync_is_not_believed_later() {
    // The system forgets what it could not write and calls the next sync a success. Recovery must write it again.
    let disk = SimulatedDisk::new(3);
    let mut story = Story::default();
    let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
    run(&mut journal, &mut story, 0, &script()[..2]).unwrap();
    disk.set_hook(Box::new(|asked| {
        (asked.operation == bursar_store::disk::Operation::Sync).then_some(Fault::Broken)
    }));
    run(&mut journal, &mut story, 0, &script()[..2]).unwrap_err();
    let disk = disk.restart(Ending::Killed);
    let opened = open(&disk, options(Durability::Sync, "boot")).unwrap();
    assert_eq!(opened.entries.len(), 2, "still in the cache");
    let opened = open(&disk.restart(Ending::PowerCut), options(Durability::Sync, "next boot")).unwrap();
    assert_eq!(opened.entries.len(), 2, "recovered once is recovered for ever");
}

#[test]
fn a_note_at_the_end_of_a_segment_lasts_as_long_as_the_segment_behind_it() {
    // The next segment says where the one before it ended: behind the note, which no sync of entries covered.
    use crate::support::Step::{Append, Note, Sync};
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        let mut story = Story::default();
        let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
        let steps = [Append(vec![30_000]), Sync, Note, Append(vec![40_000]), Sync];
        run(&mut journal, &mut story, 0, &steps).unwrap();
        let disk = disk.restart(Ending::PowerCut);
        let opened = open(&disk, options(Durability::Sync, "next boot")).unwrap();
        story.judge(opened.entries, 2);
    }
}
