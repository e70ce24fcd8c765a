//! Draining: the journal's entries, in order and exactly once, for whoever makes records, roll-ups and alerts of them.

use std::sync::atomic::Ordering;

use bursar_ledger::{DecodeError, Entry};

use super::Ledger;
use crate::journal::{JournalError, Seq};

/// A piece of the journal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Drained {
    /// Entries with their numbers, in order, without gaps.
    pub entries: Vec<(Seq, Entry)>,
    /// The last entry looked at: keep it in the same transaction as what became of the entries.
    pub upto: Seq,
}

/// Why the journal cannot be drained.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The journal cannot be read.
    #[error("cannot read the journal")]
    Journal(#[from] JournalError),
    /// An entry means nothing.
    #[error("entry {seq} means nothing")]
    Entry {
        /// Which.
        seq: Seq,
        /// Why.
        source: DecodeError,
    },
}

/// Draining.
impl Ledger {
    /// The entries from `from` on, at most `max`, only synced ones: what a power cut may still take is not told to others.
    /// Reads the disk, so call it where blocking is allowed.
    ///
    /// # Errors
    /// [`DrainError`]: the journal was pruned above `from`, is damaged, or the disk fails.
    pub fn drain(&self, from: Seq, max: usize) -> Result<Drained, DrainError> {
        let from = from.max(Seq::NONE.next());
        let synced = self.core.synced();
        let mut drained = Drained { entries: Vec::new(), upto: from.before() };
        if from > synced || max == 0 {
            return Ok(drained);
        }
        let mut kept = self.reader.lock();
        let mut reader = match kept.take() {
            Some(reader) if reader.next() == from => reader,
            Some(_) | None => self.core.segments.reader(from)?,
        };
        let there = usize::try_from(synced.number().saturating_sub(from.before().number())).unwrap_or(max);
        drained.entries.reserve_exact(there.min(max));
        let mut foreign = None;
        reader.read(synced, |seq, bytes| match Entry::decode(bytes) {
            Ok((entry, _)) => {
                drained.entries.push((seq, entry));
                drained.upto = seq;
                drained.entries.len() < max
            }
            Err(source) => {
                foreign = Some(DrainError::Entry { seq, source });
                false
            }
        })?;
        if let Some(error) = foreign {
            return Err(error);
        }
        *kept = Some(reader);
        Ok(drained)
    }
    /// Everything up to `upto` was drained, lasting: the journal need not keep it for that any more. Tell it after each
    /// start, too; until then nothing is pruned.
    pub fn drained(&self, upto: Seq) {
        self.drained.fetch_max(upto.number(), Ordering::AcqRel);
    }
    /// The first entry that the journal still has.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.core.segments.first()
    }
}
