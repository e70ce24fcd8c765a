//! Files move forward only, and only by the statements that this program knows.

use super::*;
use crate::sqlite::{Synchronous, open_writer};

const FIRST: Migration = Migration { name: "first", sql: "CREATE TABLE a(x INTEGER) STRICT" };
const SECOND: Migration =
    Migration { name: "second", sql: "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1" };
const EDITED: Migration = Migration { name: "first", sql: "CREATE TABLE a(x TEXT) STRICT" };
const BROKEN: Migration = Migration { name: "broken", sql: "CREATE TABLE b(x); CREATE TABLE a(x)" };

static ONE: Schema = Schema { application_id: 7, migrations: &[FIRST] };
static TWO: Schema = Schema { application_id: 7, migrations: &[FIRST, SECOND] };
static OTHER: Schema = Schema { application_id: 7, migrations: &[EDITED] };
static HALF: Schema = Schema { application_id: 7, migrations: &[FIRST, BROKEN] };
static FOREIGN: Schema = Schema { application_id: 8, migrations: &[FIRST] };

fn open(path: &Path, schema: &'static Schema) -> Result<Connection, OpenError> {
    open_writer(path, schema, Synchronous::Full, Timestamp::from_micros(1))
}

#[test]
fn an_older_file_is_brought_forward_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    open(&path, &ONE).unwrap().execute("INSERT INTO a VALUES (41)", []).unwrap();
    for _ in 0..2 {
        let connection = open(&path, &TWO).unwrap();
        let y: i64 = connection.query_row("SELECT y FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(y, 42);
    }
}

#[test]
fn a_newer_an_edited_and_a_foreign_file_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    open(&path, &TWO).unwrap();
    assert!(matches!(open(&path, &ONE), Err(OpenError::Newer { found: 2, known: 1, .. })));
    assert!(matches!(open(&path, &FOREIGN), Err(OpenError::NotOurs { .. })));
    let path = dir.path().join("b.db");
    open(&path, &ONE).unwrap();
    assert!(matches!(open(&path, &OTHER), Err(OpenError::Changed { version: 1, .. })));
    let path = dir.path().join("c.db");
    std::fs::write(&path, "this is no database, however long it may be".repeat(200)).unwrap();
    assert!(matches!(open(&path, &ONE), Err(OpenError::Corrupt { .. })));
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    open(&path, &ONE).unwrap();
    assert!(matches!(open(&path, &HALF), Err(OpenError::Io { .. })));
    let connection = open(&path, &ONE).unwrap();
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'b'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0);
}
