//! Copies journal and checkpoints while they are written.

use std::sync::atomic::Ordering;

use super::{Ledger, LedgerDown};
use crate::BackupError;
use crate::disk::{Disk, DiskError};
use crate::journal::{Seq, segment_generation};

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 1 << 20;
/// What the names of checkpoints end in.
const CHECKPOINT_SUFFIX: &str = ".state";

/// Why a ledger was not copied. What was copied so far is left where it is.
#[derive(Debug, thiserror::Error)]
pub enum LedgerBackupError {
    /// The ledger is down.
    #[error(transparent)]
    Down(#[from] LedgerDown),
    /// A file cannot be read or written.
    #[error("cannot copy the journal")]
    Disk(#[from] DiskError),
    /// The store of cold windows.
    #[error("cannot copy the cold windows")]
    Windows(#[source] BackupError),
}

/// Keeps the journal from being pruned above what was drained when this was made, until it is dropped.
#[must_use = "what is pruned meanwhile is missing in the copy"]
#[derive(Debug)]
pub struct JournalKept<'a>(&'a Ledger);

impl Drop for JournalKept<'_> {
    fn drop(&mut self) {
        self.0.pinned.store(u64::MAX, Ordering::Release);
    }
}

/// Backup.
impl Ledger {
    /// Keeps the journal from what was drained so far on: take it before records are copied, and hold it until the ledger
    /// is. `None` while another backup holds it.
    #[must_use]
    pub fn keep_journal(&self) -> Option<JournalKept<'_>> {
        let _no_pruning_now = self.keeper.lock();
        let from = self.drained.load(Ordering::Acquire);
        let pinned = self.pinned.compare_exchange(u64::MAX, from, Ordering::AcqRel, Ordering::Acquire);
        pinned.is_ok().then(|| JournalKept(self))
    }
    /// Copies checkpoints and journal to `to`, which must have neither, as of one moment during the call, and answers the
    /// last entry in the copy. `windows` copies the store of cold windows of the same moment. Upkeep waits for all of it;
    /// requests wait only for the copy of the newest segment, a tenth of a second.
    ///
    /// # Errors
    /// [`LedgerBackupError`].
    pub fn backup_to(
        &self,
        to: &dyn Disk,
        windows: impl FnOnce() -> Result<(), BackupError>,
    ) -> Result<Seq, LedgerBackupError> {
        // Nothing pages out, no checkpoint is made and nothing is pruned while the keeper is in hand.
        let keeper = self.keeper.lock();
        let from = keeper.disk();
        let names = from.list()?;
        for name in names.iter().filter(|name| name.ends_with(CHECKPOINT_SUFFIX)) {
            copy(from, to, name)?;
        }
        // The newest segment first, while nobody writes: later ones are not in the copy, earlier ones do not change.
        let (upto, newest) = {
            let writer = self.core.writer.lock();
            let names = from.list()?;
            let newest = names.iter().filter_map(|name| segment_generation(name).map(|at| (at, name))).max();
            if let Some((_, name)) = newest {
                copy(from, to, name)?;
            }
            (writer.journal.written(), newest.map(|(generation, _)| generation))
        };
        for name in from.list()? {
            if segment_generation(&name).is_some_and(|generation| Some(generation) < newest) {
                copy(from, to, &name)?;
            }
        }
        to.sync_directory()?;
        windows().map_err(LedgerBackupError::Windows)?;
        Ok(upto)
    }
}

fn copy(from: &dyn Disk, to: &dyn Disk, name: &str) -> Result<(), DiskError> {
    let (source, target) = (from.open(name)?, to.create(name)?);
    let mut piece = vec![0; PIECE_BYTES];
    let mut at: u64 = 0;
    loop {
        let read = source.read_at(at, &mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        target.write_at(at, bytes)?;
        at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    target.sync()
}
