//! Opens SQLite files with the pragmas that Bursar relies on.

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::migration::{Schema, migrate};
use bursar_core::Timestamp;

/// How long a statement waits for another process (a backup, a shell) that holds the file: longer than any
/// transaction of ours, shorter than a person's patience.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection: above the number of distinct statements of either store.
const STATEMENTS_KEPT: usize = 128;
/// Bytes to which the write-ahead log is cut after a checkpoint.
const WAL_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// Pages of the write-ahead log at which files that are written in bulk are checkpointed: 32 MB, so that few commits wait
/// for the disk.
const LARGE_WAL_PAGES: i64 = 8192;

/// Memory for pages of files that are written in bulk, in KiB: the rows of this hour and day, and the ends of the
/// indexes, are found without reading them again.
const LARGE_CACHE_KIB: i64 = 16 * 1024;

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system or SQLite failed.
    #[error("cannot open `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is damaged or no database.
    #[error("`{}` is damaged or no database", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file belongs to another program, or is another kind of file of this one.
    #[error("`{}` is not the kind of file expected here (application id {found})", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The application id in its header.
        found: i32,
    },
    /// The file was written by a newer version.
    #[error("`{}` has version {found}, this program knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The newest known version.
        known: usize,
    },
    /// A migration was applied with other statements than those known under its number.
    #[error("`{}`: migration {version} is not the one that was applied", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The migration's number.
        version: i64,
    },
}

impl OpenError {
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if is_damage(&source) { Self::Corrupt { path, source } } else { Self::Io { path, source } }
    }
}

/// Whether SQLite says that the file's content, not its environment, is wrong.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        )
}

/// When SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// At every commit: what was answered survives a power cut.
    Full,
    /// At checkpoints: a power cut may take back the last commits, never half of one.
    Normal,
}

/// Opens or creates a file for writing and migrates it.
///
/// # Errors
/// See [`OpenError`].
pub(crate) fn open_writer(
    path: &Path,
    schema: &Schema,
    synchronous: Synchronous,
    now: Timestamp,
) -> Result<Connection, OpenError> {
    let io = |source| OpenError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(io)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(io)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(io)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(io)?;
    if found != schema.application_id && (found != 0 || tables != 0) {
        return Err(OpenError::NotOurs { path: path.to_owned(), found });
    }
    let level = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    // `journal_mode` answers with a row, so it is asked, not executed.
    let _mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(io)?;
    connection.pragma_update(None, "synchronous", level).map_err(io)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(io)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(io)?;
    // What was deleted is overwritten: a removed credential or record leaves no trace in a free page.
    connection.pragma_update(None, "secure_delete", true).map_err(io)?;
    if synchronous == Synchronous::Normal {
        // Negative: KiB, not pages.
        connection.pragma_update(None, "cache_size", -LARGE_CACHE_KIB).map_err(io)?;
        let _pages: i64 = connection
            .query_row(&format!("PRAGMA wal_autocheckpoint = {LARGE_WAL_PAGES}"), [], |row| row.get(0))
            .map_err(io)?;
    }
    let _limit: i64 = connection
        .query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES_KEPT}"), [], |row| row.get(0))
        .map_err(io)?;
    migrate(&mut connection, path, schema, now)?;
    Ok(connection)
}

/// Opens a file that a writer has opened before, for reading only.
///
/// # Errors
/// See [`OpenError`].
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let io = |source| OpenError::sqlite(path, source);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(io)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(io)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "trusted_schema", false).map_err(io)?;
    Ok(connection)
}
