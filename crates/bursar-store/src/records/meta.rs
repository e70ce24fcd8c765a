//! Small named integers of a file.

use rusqlite::{Connection, OptionalExtension};

/// Which file of its month it is: how many were dropped by retention before it.
pub(super) const GENERATION: &str = "generation";
/// The last journal entry whose record was written here.
pub(super) const DRAINED: &str = "drained";
/// Records before this instant, in microseconds, were deleted by retention.
pub(super) const KEPT_FROM: &str = "kept_from";
/// The day from which on the roll-ups of version 3 are still to be counted from records; absent: they are there.
pub(super) const UNFILLED: &str = "unfilled";

const GET: &str = "SELECT value FROM meta WHERE name = ?1";
const SET: &str =
    "INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
const SET_FIRST: &str = "INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO NOTHING";

pub(super) fn get(db: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(GET)?.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn set(db: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached(SET)?.execute((name, value)).map(drop)
}

/// Removes a value.
pub(super) fn remove(db: &Connection, name: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM meta WHERE name = ?1")?.execute([name]).map(drop)
}

/// Sets a value that has none.
pub(super) fn set_first(db: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached(SET_FIRST)?.execute((name, value)).map(drop)
}
