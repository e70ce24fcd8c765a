//! The audit: who changed what, when, from what to what. Appended to, never edited.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::error::{Object, SettingsError};
use super::limits::{AUDIT_KEPT_S_MIN, RETENTION_BATCH};
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column, text, words::words};
use bursar_core::Timestamp;

words! {
    /// What was done.
    Action {
        /// A row was made.
        Create = "create",
        /// A row was changed.
        Update = "update",
        /// A row was deleted, or can no longer be used.
        Delete = "delete",
        /// A key got a new secret.
        Rotate = "rotate",
        /// A token was revoked.
        Revoke = "revoke",
        /// A kill switch was turned on.
        TurnOn = "turn_on",
        /// A kill switch was turned off.
        TurnOff = "turn_off",
        /// The ledger was corrected; the journal has the entry, this says it beside everything else.
        Correct = "correct",
        /// Old entries were deleted by retention.
        Retain = "retain",
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number, in order of time.
    pub id: i64,
    /// When.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// To what kind of thing.
    pub object: Object,
    /// To which.
    pub name: String,
    /// The row before, without secrets; absent when it was made.
    pub before: Option<serde_json::Value>,
    /// The row after, without secrets; absent when it is gone.
    pub after: Option<serde_json::Value>,
}

/// Which entries are asked for. Everything absent: all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this kind of thing.
    pub object: Option<Object>,
    /// Of this one.
    pub name: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// The meta row below which the file lets entries go.
pub(super) const FLOOR: &str = "audit_floor";
const INSERT: &str = "INSERT INTO audit(at, actor, action, object, name, before, after)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const LIST: &str = "SELECT * FROM audit WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR object = ?2)
  AND (?3 IS NULL OR name = ?3) AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR at < ?6)
  ORDER BY id DESC LIMIT ?7";
const AFTER: &str = "SELECT * FROM audit WHERE id > ?1 AND (object = ?2 OR id = (SELECT max(id) FROM audit))
  ORDER BY id LIMIT ?3";
const RAISE_FLOOR: &str = "INSERT INTO meta(name, value) VALUES (?1, CAST(CAST(?2 AS TEXT) AS BLOB))
  ON CONFLICT(name) DO UPDATE SET value = excluded.value";
const DELETE: &str =
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY id LIMIT ?2)";

#[derive(Serialize)]
struct Retained {
    #[serde(with = "text")]
    before: Timestamp,
    entries: usize,
}

impl Settings {
    /// Entries, newest first.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>, SettingsError> {
        let position = page.position_integer()?;
        self.read(|db| {
            let mut statement = db.prepare_cached(LIST)?;
            let object = filter.object.map(Object::as_str);
            let from = filter.from.map(Timestamp::micros);
            let until = filter.until.map(Timestamp::micros);
            let values = (position, object, &filter.name, &filter.actor, from, until, page.fetch());
            let rows = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(rows, page, |entry| entry.id.to_be_bytes().to_vec()))
        })
    }
    /// Entries about one kind of thing behind number `after`, oldest first, at most `limit`; the newest entry of all ends the
    /// list whatever it is about, so that who remembers the last number skips the others only once.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn audit_after(
        &self,
        after: i64,
        object: Object,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(AFTER)?;
            let rows = statement.query_map((after, object.as_str(), limit), read)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Notes a correction of the ledger, which keeps it in its own journal: what it was about, before and after.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn note_correction(
        &mut self,
        name: &str,
        before: &serde_json::Value,
        after: &serde_json::Value,
    ) -> Result<(), SettingsError> {
        self.audit(Action::Correct, Object::Ledger, name, Some(before), Some(after))
    }
    /// Deletes at most a batch of entries that are older than `before`, and answers how many. Entries of the last
    /// [`AUDIT_KEPT_S_MIN`] seconds stay. Call again until it answers 0.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn retain_audit(&mut self, before: Timestamp) -> Result<usize, SettingsError> {
        let before = before.min(self.now.plus_seconds(-AUDIT_KEPT_S_MIN));
        self.transaction.execute(RAISE_FLOOR, (FLOOR, before.micros()))?;
        let entries = self.transaction.execute(DELETE, (before.micros(), RETENTION_BATCH))?;
        if entries > 0 {
            self.audit(Action::Retain, Object::Audit, "audit", None, Some(&Retained { before, entries }))?;
        }
        Ok(entries)
    }
}

pub(super) fn insert(
    db: &Connection,
    at: Timestamp,
    actor: &str,
    action: Action,
    object: Object,
    name: &str,
    (before, after): (Option<String>, Option<String>),
) -> Result<(), SettingsError> {
    let row = (at.micros(), actor, action.as_str(), object.as_str(), name, before, after);
    db.prepare_cached(INSERT)?.execute(row)?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get("id")?,
        at: column::time(row, "at")?,
        actor: row.get("actor")?,
        action: column::text(row, "action")?,
        object: column::text(row, "object")?,
        name: row.get("name")?,
        before: column::json_option(row, "before")?,
        after: column::json_option(row, "after")?,
    })
}
