//! What every settings row has, and the checks that they share.

use rusqlite::Row;
use serde::Serialize;

use super::error::{Object, SettingsError};
use super::limits::{DOCUMENT_BYTES_MAX, LIST_MAX, SENTENCE_BYTES_MAX};
use crate::sqlite::{column, text, words::words};
use bursar_core::{Timestamp, Value};

words! {
    /// Who decides about a row.
    ManagedBy {
        /// The configuration file: reconciled at start and on reload.
        File = "file",
        /// The admin API.
        Api = "api",
    }
}

/// Which state of a row this is. Give it back unchanged with an update: an older one is refused as stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Revision {
    /// Counts the changes of the row, from 1.
    pub version: u64,
    /// When the row was made.
    #[serde(with = "text")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(with = "text")]
    pub updated_at: Timestamp,
}

impl Revision {
    pub(super) fn first(now: Timestamp) -> Self {
        Self { version: 1, created_at: now, updated_at: now }
    }
    pub(super) fn next(self, now: Timestamp) -> Self {
        Self { version: self.version.saturating_add(1), created_at: self.created_at, updated_at: now }
    }
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::read_at(row, ["version", "created_at", "updated_at"])
    }
    /// As [`Self::read`], from these columns.
    pub(super) fn read_at(row: &Row<'_>, columns: [impl column::At; 3]) -> rusqlite::Result<Self> {
        let [version, created_at, updated_at] = columns;
        Ok(Self {
            version: column::count(row, version)?,
            created_at: column::time(row, created_at)?,
            updated_at: column::time(row, updated_at)?,
        })
    }
    /// Checks that the caller's row is the one in the file, and answers the next revision.
    pub(super) fn follow(
        self,
        given: Self,
        object: Object,
        name: &str,
        now: Timestamp,
    ) -> Result<Self, SettingsError> {
        if self.version == given.version {
            return Ok(self.next(now));
        }
        let (expected, found) = (given.version, self.version);
        Err(SettingsError::Stale { object, name: name.to_owned(), expected, found })
    }
}

/// A name that is also an attribute value.
pub(super) fn check_name(object: Object, name: &str) -> Result<(), SettingsError> {
    match Value::new(name) {
        Ok(_) => Ok(()),
        Err(error) => Err(SettingsError::invalid(object, name, "name", error.to_string())),
    }
}

/// A free sentence: bounded, one line.
pub(super) fn check_sentence(
    object: Object,
    name: &str,
    field: &'static str,
    sentence: &str,
) -> Result<(), SettingsError> {
    if sentence.len() > SENTENCE_BYTES_MAX {
        let problem = format!("is longer than {SENTENCE_BYTES_MAX} bytes");
        return Err(SettingsError::invalid(object, name, field, problem));
    }
    if sentence.chars().any(char::is_control) {
        return Err(SettingsError::invalid(object, name, field, "has a control character"));
    }
    Ok(())
}

/// A list: bounded.
pub(super) fn check_list<T>(
    object: Object,
    name: &str,
    field: &'static str,
    list: &[T],
) -> Result<(), SettingsError> {
    if list.len() > LIST_MAX {
        let problem = format!("has more than {LIST_MAX} entries");
        return Err(SettingsError::invalid(object, name, field, problem));
    }
    Ok(())
}

/// A JSON document as text: bounded.
pub(super) fn document_text(
    object: Object,
    name: &str,
    document: &serde_json::Value,
) -> Result<String, SettingsError> {
    let text = document.to_string();
    if text.len() > DOCUMENT_BYTES_MAX {
        let problem = format!("is longer than {DOCUMENT_BYTES_MAX} bytes");
        return Err(SettingsError::invalid(object, name, "document", problem));
    }
    Ok(text)
}
