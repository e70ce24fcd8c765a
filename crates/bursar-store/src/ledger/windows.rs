//! Where cold windows are while they are not in memory.
//!
//! A window's image is stored, lasting, before the engine lets it go; so after any crash a window is in memory by the
//! journal, or its image is here. An image of a window that is in memory is old and nobody asks for it.

use std::collections::BTreeMap;
use std::path::Path;

use bursar_core::Timestamp;
use bursar_ledger::{DecodeError, WindowImage, WindowKey};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::sqlite::{Migration, Schema, Synchronous, open_writer};

/// A store of window images.
pub trait WindowStore: Send + Sync + std::fmt::Debug {
    /// Keeps these images, all or none, in place of older ones of the same key. They last when it returns.
    ///
    /// # Errors
    /// When they may not last.
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError>;
    /// The images that there are of these keys.
    ///
    /// # Errors
    /// When the store cannot be read: nothing is known then.
    fn find(&self, keys: &[WindowKey]) -> Result<Vec<WindowImage>, WindowStoreError>;
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum WindowStoreError {
    /// It cannot be opened.
    #[error("cannot open the store")]
    Open(#[from] crate::OpenError),
    /// The database failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// An image in it is damaged.
    #[error("an image is damaged")]
    Image(#[from] DecodeError),
}

/// In memory: for simulators and tests, which keep it across restarts as they keep their disk.
#[derive(Debug, Default)]
pub struct MemoryWindows {
    images: Mutex<BTreeMap<WindowKey, WindowImage>>,
}

impl MemoryWindows {
    /// How many images it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.images.lock().len()
    }
}

impl WindowStore for MemoryWindows {
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError> {
        self.images.lock().extend(images.iter().map(|image| (image.key.clone(), image.clone())));
        Ok(())
    }

    fn find(&self, keys: &[WindowKey]) -> Result<Vec<WindowImage>, WindowStoreError> {
        let images = self.images.lock();
        Ok(keys.iter().filter_map(|key| images.get(key)).cloned().collect())
    }
}

/// In a SQLite file.
#[derive(Debug)]
pub struct SqliteWindows {
    connection: Mutex<Connection>,
}

static SCHEMA: Schema = Schema {
    application_id: 0x4255_5257,
    migrations: &[Migration {
        name: "windows",
        sql: "CREATE TABLE windows(key BLOB PRIMARY KEY, image BLOB NOT NULL) STRICT, WITHOUT ROWID",
    }],
};
const PUT: &str = "INSERT INTO windows(key, image) VALUES (?1, ?2)
  ON CONFLICT(key) DO UPDATE SET image = excluded.image";
const FIND: &str = "SELECT image FROM windows WHERE key = ?1";

impl SqliteWindows {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, newer, or another kind of file.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, WindowStoreError> {
        let connection = open_writer(path, &SCHEMA, Synchronous::Full, now)?;
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

impl WindowStore for SqliteWindows {
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut statement = transaction.prepare_cached(PUT)?;
            for image in images {
                let (key, image) = (key_bytes(&image.key), image_bytes(image));
                statement.execute((key, image))?;
            }
        }
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
