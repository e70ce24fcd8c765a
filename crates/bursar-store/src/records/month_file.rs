//! The file of one month: a writer, a reader, and the dictionary as each has seen it.

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

use super::RecordsError;
use super::meta;
use super::month::Month;
use super::recount;
use super::strings::{Numbers, Texts};
use crate::sqlite::{Migration, OpenError, Schema, Synchronous, open_reader, open_writer};
use bursar_core::Timestamp;

/// Marks a month's file in its header: "BurR".
const APPLICATION_ID: i32 = 0x4275_7252;

static SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    migrations: &[
        Migration { name: "records", sql: include_str!("sql/001_records.sql") },
        Migration { name: "reports", sql: include_str!("sql/002_reports.sql") },
        Migration { name: "grains", sql: include_str!("sql/003_grains.sql") },
        Migration { name: "unfilled", sql: include_str!("sql/004_unfilled.sql") },
    ],
};

pub(super) struct MonthFile {
    pub(super) path: PathBuf,
    // Closed first: the writer, closing last, brings the write-ahead log home.
    reader: Mutex<Reader>,
    writer: Mutex<Writer>,
}

pub(super) struct Reader {
    db: Connection,
    texts: Texts,
}

pub(super) struct Writer {
    db: Connection,
    numbers: Numbers,
}

impl MonthFile {
    /// Opens or makes the file. A new one notes that it is the `generation`th of its month.
    pub(super) fn open(dir: &Path, month: Month, generation: i64, now: Timestamp) -> Result<Self, OpenError> {
        let path = dir.join(month.file_name());
        let mut db = open_writer(&path, &SCHEMA, Synchronous::Normal, now)?;
        meta::set_first(&db, meta::GENERATION, generation)
            .and_then(|()| recount::fill(&mut db, month))
            .map_err(|source| OpenError::sqlite(&path, source))?;
        let reader = Mutex::new(Reader { db: open_reader(&path)?, texts: Texts::default() });
        let writer = Mutex::new(Writer { db, numbers: Numbers::default() });
        Ok(Self { path, reader, writer })
    }
    /// Writes in one transaction; nothing of it stays when `write` fails.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>, &mut Numbers) -> rusqlite::Result<T>,
    ) -> Result<T, RecordsError> {
        let Writer { db, numbers } = &mut *self.writer.lock();
        let done = (|| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = write(&transaction, numbers)?;
            transaction.commit()?;
            Ok(answer)
        })();
        done.map_err(|source| {
            numbers.forget();
            RecordsError::sqlite(&self.path, source)
        })
    }
    /// Reads in one transaction.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &mut Texts) -> Result<T, ReadError>,
    ) -> Result<T, RecordsError> {
        let Reader { db, texts } = &mut *self.reader.lock();
        let done = (|| {
            let transaction = db.transaction()?;
            let answer = read(&transaction, texts)?;
            transaction.commit()?;
            Ok(answer)
        })();
        done.map_err(|error| match error {
            ReadError::Sqlite(source) => RecordsError::sqlite(&self.path, source),
            ReadError::Record(source) => RecordsError::Record { path: self.path.clone(), source },
        })
    }
    /// Brings everything that was committed to the disk. False when a reader was in the way for too long.
    pub(super) fn checkpoint(&self) -> Result<bool, RecordsError> {
        let writer = self.writer.lock();
        let busy: i64 = writer
            .db
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))
            .map_err(|source| RecordsError::sqlite(&self.path, source))?;
        Ok(busy == 0)
    }
}

/// Why a row was not read.
pub(super) enum ReadError {
    Sqlite(rusqlite::Error),
    Record(super::RecordError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
impl From<super::RecordError> for ReadError {
    fn from(error: super::RecordError) -> Self {
        Self::Record(error)
    }
}
