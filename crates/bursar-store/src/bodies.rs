//! Headers and bodies of requests: apart from the records, one SQLite file per UTC day, with a retention of their own.
//!
//! What lies here was masked, redacted and cut before: this only keeps it. Losing all of it loses no money.
//!
//! Invariant: a day's file goes as a whole; its parts go before it by stages.

mod day;
mod detail;
mod file;
mod tend;

use parking_lot::Mutex;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bursar_core::{RequestId, Timestamp};

use crate::sqlite::OpenError;

pub use day::Day;
pub use detail::{Body, Detail, Headers};
pub use tend::{Kept, Tended};

/// Bytes of one body that are ever read back: what is kept is cut far below; above it the file is not ours.
pub const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why headers and bodies were not kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BodiesError {
    /// A file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The directory could not be listed or a file in it not removed.
    #[error("cannot use `{}`", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite failed: the disk is full, the file is damaged, ….
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// The files of a directory.
pub struct Bodies {
    dir: PathBuf,
    opened_at: Timestamp,
    /// The file that was written last, and its day.
    writer: Mutex<Option<(Day, Connection)>>,
}

impl Bodies {
    /// The files of a directory, which is made when something is first kept.
    #[must_use]
    pub fn new(dir: &Path, now: Timestamp) -> Self {
        Self { dir: dir.to_owned(), opened_at: now, writer: Mutex::default() }
    }
    /// The days that have a file, oldest first.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn days(&self) -> Result<Vec<Day>, BodiesError> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.directory(source)),
        };
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| self.directory(source))?.file_name();
            days.extend(name.to_str().and_then(Day::of_file_name));
        }
        days.sort_unstable();
        Ok(days)
    }
    /// Keeps what was said, in one transaction for each day. What is known of a request and is not said again stays.
    ///
    /// # Errors
    /// See [`BodiesError`].
    pub fn put(&self, details: &[Detail]) -> Result<(), BodiesError> {
        let mut by_day: BTreeMap<Day, Vec<&Detail>> = BTreeMap::new();
        for detail in details {
            by_day.entry(Day::of_id(detail.id)).or_default().push(detail);
        }
        for (day, details) in by_day {
            self.write(day, |db| {
                let transaction = db.transaction()?;
                for detail in &details {
                    file::put(&transaction, detail)?;
                }
                transaction.commit()
            })?;
        }
        Ok(())
    }
    /// What was kept of a request; nothing where its log level kept nothing or retention let it go.
    ///
    /// # Errors
    /// See [`BodiesError`].
    pub fn get(&self, id: RequestId) -> Result<Option<Detail>, BodiesError> {
        let path = self.path(Day::of_id(id));
        if !path.exists() {
            return Ok(None);
        }
        let db = crate::sqlite::open_reader(&path)?;
        file::get(&db, id).map_err(|source| BodiesError::Io { path, source })
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir.join(day.file_name())
    }
    fn directory(&self, source: std::io::Error) -> BodiesError {
        BodiesError::Directory { path: self.dir.clone(), source }
    }
    /// Works on the file of a day, a new one where it has none.
    fn write<T>(
        &self,
        day: Day,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, BodiesError> {
        let mut writer = self.writer.lock();
        let path = self.path(day);
        if !matches!(&*writer, Some((open, _)) if *open == day) {
            // The last day's file is closed before another is opened.
            *writer = None;
            file::make_private(&self.dir).map_err(|source| self.directory(source))?;
            *writer = Some((day, file::open(&path, self.opened_at)?));
        }
        let Some((_, db)) = writer.as_mut() else {
            return Err(self.directory(std::io::Error::other("not open")));
        };
        work(db).map_err(|source| BodiesError::Io { path, source })
    }
    /// Removes a day's file.
    fn remove(&self, day: Day) -> Result<(), BodiesError> {
        let mut writer = self.writer.lock();
        if matches!(&*writer, Some((open, _)) if *open == day) {
            *writer = None;
        }
        for suffix in ["-wal", "-shm", ""] {
            let mut name = self.path(day).into_os_string();
            name.push(suffix);
            let path = PathBuf::from(name);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(BodiesError::Directory { path, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Bodies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bodies").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
