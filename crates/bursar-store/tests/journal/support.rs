//! A scripted journal on a simulated disk, and the oracle that judges what a recovery finds.

use std::sync::Arc;

use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::{
    Batch, Durability, Journal, JournalError, JournalRecovery, SegmentJournal, SegmentOptions, Seq, Start,
    recover,
};

pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024;

pub(crate) fn options(durability: Durability, boot: &str) -> SegmentOptions {
    SegmentOptions {
        segment_bytes: SEGMENT_BYTES,
        durability,
        boot_id: boot.to_owned(),
        journal: 0x0b0b_5a5a_0b0b,
    }
}

/// An entry whose content depends on who wrote it, so that an old one is never taken for a new one.
pub(crate) fn entry(life: u32, seq: Seq, bytes: usize) -> Vec<u8> {
    let word = format!("life {life} entry {seq} ");
    word.bytes().cycle().take(bytes.max(word.len())).collect()
}

/// What one process did with the journal, and what it may rely on.
#[derive(Default, Debug, Clone)]
pub(crate) struct Story {
    /// Every entry given to the journal, in order.
    pub(crate) submitted: Vec<Vec<u8>>,
    /// How many of them a returned sync covers.
    pub(crate) synced: usize,
    /// How many of them a returned append covers.
    pub(crate) written: usize,
}

impl Story {
    pub(crate) fn next(&self) -> Seq {
        Seq::new(self.submitted.len() as u64).next()
    }

    /// A recovery must find every acknowledged entry and none that was not submitted; the story goes on from there.
    pub(crate) fn judge(&mut self, found: Vec<Vec<u8>>, acknowledged: usize) {
        assert!(found.len() >= acknowledged, "{} entries found, {acknowledged} acknowledged", found.len());
        assert!(found.len() <= self.submitted.len(), "more entries than were submitted");
        for (place, (found, submitted)) in found.iter().zip(&self.submitted).enumerate() {
            assert_eq!(found, submitted, "entry {}", place + 1);
        }
        self.submitted = found;
        self.synced = self.submitted.len();
        self.written = self.submitted.len();
    }
}

pub(crate) struct Opened {
    pub(crate) journal: SegmentJournal,
    pub(crate) recovery: JournalRecovery,
    pub(crate) entries: Vec<Vec<u8>>,
}

pub(crate) fn open(disk: &SimulatedDisk, options: SegmentOptions) -> Result<Opened, JournalError> {
    open_on(Arc::new(disk.clone()), options)
}

pub(crate) fn open_on(disk: Arc<dyn Disk>, options: SegmentOptions) -> Result<Opened, JournalError> {
    let mut entries = Vec::new();
    let (journal, recovery) = recover(disk, options, Start::default(), &mut |seq, entry| {
        assert_eq!(seq, Seq::new(entries.len() as u64).next(), "entries come in order, from the first");
        entries.push(entry.to_vec());
        Ok(())
    })?;
    assert_eq!(recovery.replayed, entries.len() as u64);
    assert_eq!(recovery.last, Seq::new(entries.len() as u64));
    Ok(Opened { journal, recovery, entries })
}

/// One step of a script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Append entries of these sizes.
    Append(Vec<usize>),
    Sync,
    Note,
    Spare,
    Close,
}

/// Runs the script until it ends or something fails.
pub(crate) fn run(
    journal: &mut SegmentJournal,
    story: &mut Story,
    life: u32,
    script: &[Step],
) -> Result<(), JournalError> {
    for step in script {
        match step {
            Step::Append(sizes) => {
                let mut batch = Batch::new(story.next());
                for bytes in sizes {
                    let entry = entry(life, batch.next(), *bytes);
                    batch.push(|out| out.extend_from_slice(&entry));
                    story.submitted.push(entry);
                }
                journal.append(&batch)?;
                story.written = story.submitted.len();
            }
            Step::Sync => {
                journal.sync()?;
                story.synced = story.submitted.len();
            }
            Step::Note => journal.note_synced()?,
            Step::Spare => journal.segments().prepare_spare()?,
            Step::Close => {
                journal.close()?;
                story.synced = story.submitted.len();
            }
        }
    }
    Ok(())
}

/// A script that crosses segments, leaves batches unsynced, notes and closes.
pub(crate) fn script() -> Vec<Step> {
    use Step::{Append, Close, Note, Spare, Sync};
    vec![
        Append(vec![10]),
        Sync,
        Append(vec![100, 2000, 5]),
        Append(vec![60]),
        Sync,
        Note,
        Append(vec![20_000, 20_000]),
        Sync,
        Spare,
        Append(vec![30, 20_000, 30, 15_000]),
        Sync,
        Append(vec![700]),
        Append(vec![1]),
        Append(vec![1500]),
        Sync,
        Note,
        Note,
        Append(vec![80; 40]),
        Sync,
        Append(vec![600]),
        Close,
    ]
}
