//! The journal: numbered opaque entries in segment files, appended in batches, synced, recovered after a crash.
//!
//! # Files
//! `journal-NNNNNNNNNN.seg` are segments, numbered by their generation, which is never used twice; `spare-N.seg` are
//! zero-filled or recycled files that become the next segment by a rename. A segment has its full size from the
//! start, so that a sync writes data and no metadata.
//!
//! A segment is a row of 512-byte blocks, the unit that a disk writes whole or not at all. Each block carries a CRC32C
//! over all the rest of it, its segment's generation and its place. Block 0 is the segment's header; after it come
//! batches, each starting on a block of its own. No block is written twice within a generation. Hence each block on
//! disk is at every instant one of four: *zero* or *of an older generation* (this generation has not written it),
//! *of this generation*, or *damaged*. Old bytes of a recycled file can never be read as new ones.
//!
//! A batch says the number of its first entry, how many entries follow, a running checksum over all batches of the
//! journal, and up to which entry everything had been synced when it was written. An idle journal adds an empty batch
//! that says so, and a closing one another that says that nothing is missing.
//!
//! # The rule of the tail
//! Reading stops at the first block that does not continue the journal. What follows is cut off, and only then, when
//! 1. the file is the newest segment (an older one says in its successor's header where it ended),
//! 2. the batch there has at least one block that this generation never wrote: then no sync of it ever returned,
//! 3. no batch behind it claims that it had been synced, and
//! 4. the machine has restarted since, or no batch stands behind it at all: a killed process leaves no hole.
//!
//! Such a batch was never acknowledged under `sync`; under `fast` it was, and recovery says that a power cut may have
//! forgotten the last 50 ms. Everything else is damage: it is refused with file and offset, never guessed at.
//! Recovery never writes into what it read. It starts a new segment, whose header says where the journal goes on.

mod batch;
mod block;
mod error;
mod reader;
mod recovery;
mod repair;
mod scan;
mod segment;
mod segments;
mod writer;

use std::fmt;
use std::sync::Arc;

use crate::disk::{DiskError, DiskFile};

pub use self::batch::Batch;
pub use self::error::JournalError;
pub use self::reader::JournalReader;
pub use self::recovery::{Cut, JournalRecovery, Replay, Start, first_entry, inspect, recover};
pub use self::repair::{Check, Lost, Repair, repair};
pub use self::segment::Durability;
pub(crate) use self::segment::generation_of as segment_generation;
pub use self::segments::{SegmentOptions, Segments};
pub use self::writer::SegmentJournal;

/// The number of a journal entry: 1 for the first, without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Seq(u64);

impl Seq {
    /// Before the first entry.
    pub const NONE: Self = Self(0);

    /// From a stored number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
    /// As a number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
    /// The one `count` after it.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
    /// The one before it; [`Seq::NONE`] has none and stays.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The write side of a journal. One failure ends it: every later call fails, and a failed sync is never tried again.
pub trait Journal: Send + fmt::Debug {
    /// Writes the batch to the operating system. A killed process does not lose it, a power cut may.
    ///
    /// # Errors
    /// When the batch is too large, not the next in order, or the disk fails.
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError>;
    /// Makes everything appended so far last through a power cut.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&mut self) -> Result<(), JournalError>;
    /// As [`Journal::sync`] in three steps, the middle one without the journal in hand, so that others may append
    /// meanwhile. `None` when everything is synced.
    ///
    /// # Errors
    /// When the journal failed before.
    fn begin_sync(&mut self) -> Result<Option<PendingSync>, JournalError>;
    /// Takes the result of [`PendingSync::run`].
    ///
    /// # Errors
    /// When that was one.
    fn end_sync(&mut self, pending: &PendingSync, done: Result<(), DiskError>) -> Result<(), JournalError>;
    /// Notes in the journal that everything appended so far is synced, so that later damage to its last batch is not
    /// taken for a torn write. Does nothing unless all is synced and the note is new.
    ///
    /// # Errors
    /// When the disk fails.
    fn note_synced(&mut self) -> Result<(), JournalError>;
    /// Syncs, and notes that nothing is missing behind the last entry.
    ///
    /// # Errors
    /// When the disk fails.
    fn close(&mut self) -> Result<(), JournalError>;
    /// The last entry appended.
    fn written(&self) -> Seq;
    /// The last entry that a returned sync covers.
    fn synced(&self) -> Seq;
}

/// A sync that was begun.
#[derive(Debug)]
pub struct PendingSync {
    file: Arc<dyn DiskFile>,
    upto: Seq,
    /// Segment and block up to which it syncs.
    end: (u32, u32),
}

impl PendingSync {
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the sync fails: hand it to [`Journal::end_sync`].
    pub fn run(&self) -> Result<(), DiskError> {
        self.file.sync()
    }
}
