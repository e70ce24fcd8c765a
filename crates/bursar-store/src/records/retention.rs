//! Lets old records go: whole months with their file, the rest in batches. Roll-ups stay.

use std::path::PathBuf;
use std::sync::Arc;

use super::limits::RETENTION_BATCH;
use super::month::Month;
use super::month_file::{MonthFile, ReadError};
use super::row::place_at;
use super::{Records, RecordsError, meta};
use bursar_core::Timestamp;

/// What one step of a retention did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retained {
    /// Files that were dropped.
    pub months_dropped: usize,
    /// Records that are gone, with their file or by themselves.
    pub records_deleted: u64,
    /// Whether nothing is left to do.
    pub done: bool,
}

const COUNT: &str = "SELECT count(*) FROM records";
const DELETE: &str = "DELETE FROM records WHERE place IN
  (SELECT place FROM records WHERE place < ?1 ORDER BY place LIMIT ?2)";

impl Records {
    /// One step towards keeping only what was created at or after `before`: drops every month that is wholly older, then
    /// deletes at most [`RETENTION_BATCH`] records of the month that is partly older. Call again until it is done.
    ///
    /// # Errors
    /// See [`RecordsError`]. A step that fails may be taken again.
    pub fn retain(&self, before: Timestamp) -> Result<Retained, RecordsError> {
        let _alone = self.upkeep.lock();
        // What is drained must be safe before its file may go, or a restart would drain it again into a new file.
        if self.checkpoint()? < self.drained.lock().reached {
            return Ok(Retained::default());
        }
        let mut retained = Retained { done: true, ..Retained::default() };
        for month in self.months() {
            if month.ends_at() <= before {
                match self.drop_month(month)? {
                    Some(records) => {
                        retained.months_dropped += 1;
                        retained.records_deleted += records;
                    }
                    None => retained.done = false,
                }
            } else if month.starts_at() < before {
                let deleted = self.delete_batch(month, before)?;
                retained.records_deleted += deleted;
                retained.done &= deleted < u64::from(RETENTION_BATCH);
            }
        }
        Ok(retained)
    }
    /// Drops a month's file once its roll-ups are safe, and answers how many records it had. `None`: someone is reading
    /// or writing it.
    fn drop_month(&self, month: Month) -> Result<Option<u64>, RecordsError> {
        // Opened if it was not, and then alone: nothing can be written between taking the roll-ups over and dropping.
        drop(self.known_month(month)?);
        let mut files = self.files.lock();
        let Some(Some(file)) = files.remove(&month) else { return Ok(Some(0)) };
        let file = match Arc::try_unwrap(file) {
            Ok(file) => file,
            Err(shared) => {
                files.insert(month, Some(shared));
                return Ok(None);
            }
        };
        let path = file.path.clone();
        let records = match self.take_over(month, &file) {
            Ok(records) => records,
            Err(error) => {
                files.insert(month, Some(Arc::new(file)));
                return Err(error);
            }
        };
        // Closing brings the write-ahead log home and removes it; one left behind would be read into a new file of that name.
        drop(file);
        for suffix in ["-wal", "-shm", ""] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            remove(PathBuf::from(name))?;
        }
        Ok(Some(records))
    }
    fn take_over(&self, month: Month, file: &MonthFile) -> Result<u64, RecordsError> {
        file.read(|db, texts| {
            let generation = meta::get(db, meta::GENERATION)?.unwrap_or(0);
            self.book.take_over(month, generation, db, texts)?;
            let records: i64 = db.query_row(COUNT, [], |row| row.get(0))?;
            Ok::<u64, ReadError>(u64::try_from(records).unwrap_or(0))
        })
    }
    fn delete_batch(&self, month: Month, before: Timestamp) -> Result<u64, RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(0) };
        file.write(|db, _| {
            let kept = meta::get(db, meta::KEPT_FROM)?.unwrap_or(0);
            meta::set(db, meta::KEPT_FROM, kept.max(before.micros()))?;
            let deleted = db.prepare_cached(DELETE)?.execute((place_at(before), RETENTION_BATCH))?;
            Ok(u64::try_from(deleted).unwrap_or(0))
        })
    }
}

fn remove(path: PathBuf) -> Result<(), RecordsError> {
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(RecordsError::Directory { path, source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
