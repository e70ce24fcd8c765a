//! One transaction of changes, made by someone at some time.

use rusqlite::Transaction;
use serde::Serialize;

use super::audit::{self, Action};
use super::error::{Object, SettingsError};
use bursar_core::Timestamp;

/// Who changes settings, and when.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Who: a token's name, `config`, `throttle`, ….
    pub actor: &'a str,
    /// When.
    pub now: Timestamp,
}

impl<'a> Stamp<'a> {
    /// A stamp.
    #[must_use]
    pub const fn new(actor: &'a str, now: Timestamp) -> Self {
        Self { actor, now }
    }
}

/// Changes that become durable together. Every method writes an audit entry; a change that changes nothing writes
/// neither row nor entry.
pub struct Change<'c> {
    pub(super) transaction: Transaction<'c>,
    pub(super) actor: String,
    pub(super) now: Timestamp,
}

impl<'c> Change<'c> {
    pub(super) fn new(transaction: Transaction<'c>, stamp: &Stamp<'_>) -> Self {
        Self { transaction, actor: stamp.actor.to_owned(), now: stamp.now }
    }
    pub(super) fn commit(self) -> Result<(), SettingsError> {
        Ok(self.transaction.commit()?)
    }
    /// Writes the audit entry of one change. Rows serialise without their secrets.
    pub(super) fn audit<T: Serialize>(
        &self,
        action: Action,
        object: Object,
        name: &str,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<(), SettingsError> {
        let json = |row: Option<&T>| row.map(serde_json::to_string).transpose();
        let (before, after) = json(before)
            .and_then(|before| Ok((before, json(after)?)))
            .map_err(|error| SettingsError::invalid(object, name, "document", error.to_string()))?;
        audit::insert(&self.transaction, self.now, &self.actor, action, object, name, (before, after))
    }
}
