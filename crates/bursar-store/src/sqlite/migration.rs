//! Ordered, append-only migrations with checksums.

use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

use super::open::OpenError;
use bursar_core::Timestamp;

/// The shape of one kind of file.
pub(crate) struct Schema {
    /// Marks the file as ours in its header (`PRAGMA application_id`).
    pub(crate) application_id: i32,
    /// From the first version on, in order. Never edited once released, only appended to.
    pub(crate) migrations: &'static [Migration],
}

/// One step of a schema; its number is its place in the list, from 1.
pub(crate) struct Migration {
    /// What it brings, in one or two words.
    pub(crate) name: &'static str,
    /// The statements.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// CRC32C of the statements: tells an edited migration from the one that was applied.
    pub(crate) fn checksum(&self) -> u32 {
        crc32c::crc32c(self.sql.as_bytes())
    }
}

const CREATE: &str = "CREATE TABLE migrations(
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum INTEGER NOT NULL, applied_at INTEGER NOT NULL) STRICT";
const EXISTS: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'";
const APPLIED: &str = "SELECT version, checksum FROM migrations ORDER BY version";
const INSERT: &str = "INSERT INTO migrations(version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)";

/// Brings the file to the newest version in one transaction. Returns how many migrations were applied.
///
/// # Errors
/// The file is newer than this program, was migrated by other statements, or cannot be written.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    schema: &Schema,
    now: Timestamp,
) -> Result<usize, OpenError> {
    let io = |source| OpenError::sqlite(path, source);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(io)?;
    let exists: i64 = transaction.query_row(EXISTS, [], |row| row.get(0)).map_err(io)?;
    if exists == 0 {
        transaction.execute(CREATE, []).map_err(io)?;
    }
    let applied = applied(&transaction).map_err(io)?;
    if applied.len() > schema.migrations.len() {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: applied.len(),
            known: schema.migrations.len(),
        });
    }
    let mut count = 0;
    for (place, migration) in schema.migrations.iter().enumerate() {
        let version = i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1);
        let checksum = i64::from(migration.checksum());
        match applied.get(place) {
            Some(found) if *found == (version, checksum) => {}
            Some(_) => return Err(OpenError::Changed { path: path.to_owned(), version }),
            None => {
                transaction.execute_batch(migration.sql).map_err(io)?;
                let row = (version, migration.name, checksum, now.micros());
                transaction.execute(INSERT, row).map_err(io)?;
                count += 1;
            }
        }
    }
    if count > 0 {
        transaction.pragma_update(None, "application_id", schema.application_id).map_err(io)?;
    }
    transaction.commit().map_err(io)?;
    Ok(count)
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = connection.prepare(APPLIED)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests;
