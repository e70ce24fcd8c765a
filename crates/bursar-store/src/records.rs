//! Records: one compact row per request, in one SQLite file per month, with roll-ups kept in step.
//!
//! What the journal carries is written exactly once: each file notes, in the transaction that writes a batch, up to
//! which journal entry it has drained; `rollups.db` notes up to where all files are safe from a power cut, which is
//! where the journal may be pruned. A month's file is dropped whole by retention; its roll-ups are kept.
//!
//! Everything here blocks on the disk: call it from a thread that may wait.
//!
//! Invariant: a roll-up is the sum of its records to the nano-dollar, at every commit.
//! Invariant: reading never writes.

mod backup;
mod book;
mod bytes;
mod caching;
mod decode;
mod encode;
mod error;
mod grain;
mod interval;
pub mod limits;
mod list;
mod meta;
mod moments;
mod month;
mod month_file;
mod record;
mod recount;
mod replay;
mod retention;
mod roll;
mod row;
mod status;
mod strings;
mod usage;
mod would_move;
mod write;

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use book::Book;
use bursar_core::Timestamp;
use limits::MONTHS_MAX;
use month_file::MonthFile;

use crate::journal::Seq;

pub use error::{RecordError, RecordsError};
pub use list::RecordFilter;
pub use moments::{Moment, Moments};
pub use month::Month;
pub use record::{
    Attempt, AttemptOutcome, LineUsed, PriceDetail, PriceSource, PriceUsed, Record, WindowUsed,
};
pub use recount::{Difference, Recount};
pub use retention::Retained;
pub use roll::Sums;
pub use status::Status;
pub use usage::{Dimension, NameFilter, Used};
pub use would_move::WouldMove;
pub use write::Applied;

/// The record files of a directory.
pub struct Records {
    dir: PathBuf,
    opened_at: Timestamp,
    /// The months that have a file; opened when first used.
    files: Mutex<BTreeMap<Month, Option<Arc<MonthFile>>>>,
    book: Book,
    drained: Mutex<Drained>,
    /// Held by retention and backup, which must not meet.
    upkeep: Mutex<()>,
}

/// How far the journal is drained.
struct Drained {
    /// In memory and in the files.
    reached: Seq,
    /// Safe from a power cut.
    safe: Seq,
    /// The files that hold what is not safe yet.
    dirty: BTreeSet<Month>,
}

impl Records {
    /// Opens the record files of a directory; there may be none yet.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, RecordsError> {
        let book = Book::open(dir, now)?;
        let safe = book.floor()?;
        let directory = |source| RecordsError::Directory { path: dir.to_owned(), source };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(directory)? {
            let name = entry.map_err(directory)?.file_name();
            if let Some(month) = name.to_str().and_then(Month::of_file_name) {
                files.insert(month, None);
            }
        }
        let drained = Drained { reached: safe, safe, dirty: BTreeSet::new() };
        Ok(Self {
            dir: dir.to_owned(),
            opened_at: now,
            files: Mutex::new(files),
            book,
            drained: Mutex::new(drained),
            upkeep: Mutex::new(()),
        })
    }
    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// The months that have records, oldest first.
    #[must_use]
    pub fn months(&self) -> Vec<Month> {
        self.files.lock().keys().copied().collect()
    }
    /// The file of a month, if it has one.
    fn known_month(&self, month: Month) -> Result<Option<Arc<MonthFile>>, RecordsError> {
        let mut files = self.files.lock();
        match files.get_mut(&month) {
            None => Ok(None),
            Some(place) => self.opened(month, place).map(Some),
        }
    }
    /// The file of a month, a new one where it has none.
    fn open_month(&self, month: Month) -> Result<Arc<MonthFile>, RecordsError> {
        let mut files = self.files.lock();
        if files.len() >= MONTHS_MAX && !files.contains_key(&month) {
            return Err(RecordsError::TooManyMonths(MONTHS_MAX));
        }
        self.opened(month, files.entry(month).or_default())
    }
    fn opened(
        &self,
        month: Month,
        place: &mut Option<Arc<MonthFile>>,
    ) -> Result<Arc<MonthFile>, RecordsError> {
        if let Some(file) = place {
            return Ok(Arc::clone(file));
        }
        let generation = self.book.dropped(month)?;
        let file = Arc::new(MonthFile::open(&self.dir, month, generation, self.opened_at)?);
        *place = Some(Arc::clone(&file));
        Ok(file)
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
