//! Images of cold windows in a SQLite file.

use std::path::Path;

use bursar_core::Timestamp;
use bursar_ledger::{Current, WindowId, WindowImage, WindowKey};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{WindowStore, WindowStoreError, charged, is_long_past};
use crate::limits::{STORED_WINDOWS_EXAMINED_MAX, WINDOW_KEPT_S_MIN};
use crate::sqlite::{Migration, Schema, Synchronous, open_writer};

/// In a SQLite file.
#[derive(Debug)]
pub struct SqliteWindows {
    connection: Mutex<Connection>,
}

static SCHEMA: Schema = Schema {
    application_id: 0x4255_5257,
    migrations: &[
        Migration {
            name: "windows",
            sql: "CREATE TABLE windows(key BLOB PRIMARY KEY, image BLOB NOT NULL) STRICT, WITHOUT ROWID",
        },
        // What lists need of an image. `id` is absent where the image is older than these columns.
        Migration {
            name: "lists",
            sql: "ALTER TABLE windows ADD COLUMN id INTEGER;
  ALTER TABLE windows ADD COLUMN budget INTEGER;
  ALTER TABLE windows ADD COLUMN generation INTEGER;
  ALTER TABLE windows ADD COLUMN starts INTEGER;
  ALTER TABLE windows ADD COLUMN ends INTEGER;
  ALTER TABLE windows ADD COLUMN charged INTEGER;
  CREATE INDEX windows_opened ON windows(budget, generation, starts, id);
  CREATE INDEX windows_charged ON windows(budget, generation, starts, charged DESC, id);
  CREATE INDEX windows_ended ON windows(ends) WHERE ends IS NOT NULL;
  CREATE INDEX windows_unlisted ON windows(key) WHERE id IS NULL",
        },
    ],
};
const PUT: &str = "INSERT INTO windows(key, image, id, budget, generation, starts, ends, charged)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
  ON CONFLICT(key) DO UPDATE SET image = excluded.image, id = excluded.id, budget = excluded.budget,
    generation = excluded.generation, starts = excluded.starts, ends = excluded.ends, charged = excluded.charged";
const FIND: &str = "SELECT image FROM windows WHERE key = ?1";
const LIST: &str = "SELECT image FROM windows
  WHERE budget = ?1 AND generation = ?2 AND starts IS ?3 AND id > ?4 ORDER BY id LIMIT ?5";
const FULLEST: &str = "SELECT id, image FROM windows
  WHERE budget = ?1 AND generation = ?2 AND starts IS ?3 ORDER BY charged DESC, id LIMIT ?4";
const ENDED: &str = "SELECT image FROM windows WHERE ends < ?1 ORDER BY ends LIMIT ?2";
const DELETE: &str = "DELETE FROM windows WHERE key = ?1";
const UNLISTED: &str = "SELECT image FROM windows WHERE id IS NULL LIMIT 1000";

impl SqliteWindows {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, newer, or another kind of file.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, WindowStoreError> {
        let mut connection = open_writer(path, &SCHEMA, Synchronous::Full, now)?;
        while list_unlisted(&mut connection)? {}
        Ok(Self { connection: Mutex::new(connection) })
    }
    /// Copies the file as it is now to `to`, which must not exist. It may be in use.
    ///
    /// # Errors
    /// See [`BackupError`](crate::BackupError).
    pub fn backup(file: &Path, to: &Path) -> Result<(), crate::BackupError> {
        crate::sqlite::backup::copy(file, to)
    }
}

/// Fills in the columns of images that are older than them, a thousand at a time. Whether there may be more.
fn list_unlisted(connection: &mut Connection) -> Result<bool, WindowStoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let unlisted: Vec<Vec<u8>> =
        transaction.prepare_cached(UNLISTED)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let images = unlisted.iter().map(|bytes| WindowImage::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
    put_all(&transaction, &images)?;
    transaction.commit()?;
    Ok(!images.is_empty())
}

fn put_all(transaction: &Transaction<'_>, images: &[WindowImage]) -> Result<(), WindowStoreError> {
    let mut statement = transaction.prepare_cached(PUT)?;
    for image in images {
        let WindowKey { budget, generation, interval, .. } = &image.key;
        let micros = |at: Option<Timestamp>| at.map(Timestamp::micros);
        statement.execute(params![
            key_bytes(&image.key),
            image_bytes(image),
            image.id.0.cast_signed(),
            budget.0,
            generation,
            micros(interval.starts_at),
            micros(interval.ends_at),
            charged(image),
        ])?;
    }
    Ok(())
}

impl WindowStore for SqliteWindows {
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        put_all(&transaction, images)?;
        Ok(transaction.commit()?)
    }

    fn find(&self, keys: &[WindowKey]) -> Result<Vec<WindowImage>, WindowStoreError> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(FIND)?;
        let mut images = Vec::new();
        for key in keys {
            let found: Option<Vec<u8>> =
                statement.query_row([key_bytes(key)], |row| row.get(0)).optional()?;
            if let Some(bytes) = found {
                images.push(WindowImage::decode(&bytes)?);
            }
        }
        Ok(images)
    }

    fn list(
        &self,
        of: &Current,
        after: Option<WindowId>,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(LIST)?;
        let starts = of.interval.starts_at.map(Timestamp::micros);
        let after = after.map_or(0, |after| after.0.cast_signed());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![of.budget.0, of.generation, starts, after, most])?;
        let mut images = Vec::new();
        while let Some(row) = rows.next()? {
            images.push(WindowImage::decode(&row.get::<_, Vec<u8>>(0)?)?);
        }
        Ok(images)
    }

    fn fullest(
        &self,
        of: &Current,
        skip: &dyn Fn(WindowId) -> bool,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(FULLEST)?;
        let starts = of.interval.starts_at.map(Timestamp::micros);
        let mut rows =
            statement.query(params![of.budget.0, of.generation, starts, STORED_WINDOWS_EXAMINED_MAX])?;
        let mut images = Vec::new();
        while let Some(row) = rows.next()? {
            if images.len() >= most {
                break;
            }
            if !skip(WindowId(row.get::<_, i64>(0)?.cast_unsigned())) {
                images.push(WindowImage::decode(&row.get::<_, Vec<u8>>(1)?)?);
            }
        }
        Ok(images)
    }

    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, WindowStoreError> {
        let mut connection = self.connection.lock();
        let before = now.plus_seconds(WINDOW_KEPT_S_MIN.saturating_neg()).micros();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut past = Vec::new();
        {
            let mut statement = connection.prepare_cached(ENDED)?;
            let mut rows = statement.query((before, most))?;
            while let Some(row) = rows.next()? {
                let image = WindowImage::decode(&row.get::<_, Vec<u8>>(0)?)?;
                if is_long_past(&image.key, now) {
                    past.push(key_bytes(&image.key));
                }
            }
        }
        if !past.is_empty() {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for key in &past {
                transaction.prepare_cached(DELETE)?.execute([key])?;
            }
            transaction.commit()?;
        }
        Ok(past.len())
    }
}

fn key_bytes(key: &WindowKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes
}

fn image_bytes(image: &WindowImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.encode(&mut bytes);
    bytes
}
