//! Small named values: salts, floors, the state of first start.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::limits::META_BYTES_MAX;
use super::row::check_name;
use super::{Change, Settings};
use crate::sqlite::column;

const SELECT: &str = "SELECT value FROM meta WHERE name = ?1";
const PUT: &str =
    "INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";

/// Names that only this module writes.
const RESERVED: [&str; 3] = [super::totals::FLOOR, super::audit::FLOOR, super::throttle::RULES];

/// What the audit says of a value: never the value, which may be a key.
#[derive(Serialize)]
struct Size {
    bytes: usize,
}

impl Settings {
    /// The value of that name.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, SettingsError> {
        self.read(|db| find(db, name))
    }
}

impl Change<'_> {
    /// Sets the value of that name. The audit tells its size only.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] when it is too long, and what writing may bring.
    pub fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), SettingsError> {
        check_name(Object::Meta, name)?;
        if RESERVED.contains(&name) {
            return Err(SettingsError::invalid(Object::Meta, name, "name", "is reserved"));
        }
        if value.len() > META_BYTES_MAX {
            let problem = format!("is longer than {META_BYTES_MAX} bytes");
            return Err(SettingsError::invalid(Object::Meta, name, "value", problem));
        }
        let before = find(&self.transaction, name)?;
        if before.as_deref() == Some(value) {
            return Ok(());
        }
        self.transaction.prepare_cached(PUT)?.execute((name, value))?;
        let action = if before.is_none() { Action::Create } else { Action::Update };
        let before = before.map(|value| Size { bytes: value.len() });
        let after = Size { bytes: value.len() };
        self.audit(action, Object::Meta, name, before.as_ref(), Some(&after))
    }
}

pub(super) fn find(db: &Connection, name: &str) -> Result<Option<Vec<u8>>, SettingsError> {
    Ok(db.prepare_cached(SELECT)?.query_row([name], |row| row.get(0)).optional()?)
}

/// A counter kept as a value: decimal digits.
pub(super) fn counter(db: &Connection, name: &str) -> Result<Option<u64>, SettingsError> {
    let parse = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).ok();
        text.and_then(|text| text.parse().ok()).ok_or_else(|| column::bad("value").into())
    };
    find(db, name)?.map(parse).transpose()
}

pub(super) fn set_counter(db: &Connection, name: &str, value: u64) -> Result<(), SettingsError> {
    set(db, name, value.to_string().as_bytes())
}

/// Sets a value without an audit entry: whoever calls it writes one.
pub(super) fn set(db: &Connection, name: &str, value: &[u8]) -> Result<(), SettingsError> {
    db.prepare_cached(PUT)?.execute((name, value))?;
    Ok(())
}
