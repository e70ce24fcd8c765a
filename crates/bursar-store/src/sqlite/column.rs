//! Reads one column of a row as one of our types; a column that cannot be read is damage.

use rusqlite::{Row, RowIndex, types::Type};
use std::fmt::Display;

use super::text::{Text, attributes_from_json, list_from_json};
use bursar_core::{Attributes, Timestamp, Usd};

/// A column holds what this program never wrote there.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds an unknown value")]
pub(crate) struct BadColumn {
    column: String,
}

/// A column by its name, or by its number where many rows are read: looking a name up costs more than reading.
pub(crate) trait At: RowIndex + Copy + Display {}
impl<T: RowIndex + Copy + Display> At for T {}

/// The error for a column that holds an unknown value. The value itself is not repeated: it may be anything.
pub(crate) fn bad(column: impl At) -> rusqlite::Error {
    let error = BadColumn { column: column.to_string() };
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

pub(crate) fn text<T: Text>(row: &Row<'_>, column: impl At) -> rusqlite::Result<T> {
    let raw: String = row.get(column)?;
    T::from_text(&raw).ok_or_else(|| bad(column))
}

pub(crate) fn text_list<T: Text>(row: &Row<'_>, column: impl At) -> rusqlite::Result<Vec<T>> {
    let raw: String = row.get(column)?;
    list_from_json(&raw).ok_or_else(|| bad(column))
}

pub(crate) fn attributes(row: &Row<'_>, column: impl At) -> rusqlite::Result<Attributes> {
    let raw: String = row.get(column)?;
    attributes_from_json(&raw).ok_or_else(|| bad(column))
}

pub(crate) fn json(row: &Row<'_>, column: impl At) -> rusqlite::Result<serde_json::Value> {
    let raw: String = row.get(column)?;
    serde_json::from_str(&raw).map_err(|_| bad(column))
}

pub(crate) fn json_option(row: &Row<'_>, column: impl At) -> rusqlite::Result<Option<serde_json::Value>> {
    let raw: Option<String> = row.get(column)?;
    raw.map(|raw| serde_json::from_str(&raw).map_err(|_| bad(column))).transpose()
}

pub(crate) fn time(row: &Row<'_>, column: impl At) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

pub(crate) fn time_option(row: &Row<'_>, column: impl At) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    Ok(micros.map(Timestamp::from_micros))
}

pub(crate) fn usd(row: &Row<'_>, column: impl At) -> rusqlite::Result<Usd> {
    row.get(column).map(Usd::from_nanos)
}

/// A count or version: an integer that is never negative.
pub(crate) fn count(row: &Row<'_>, column: impl At) -> rusqlite::Result<u64> {
    let raw: i64 = row.get(column)?;
    u64::try_from(raw).map_err(|_| bad(column))
}

/// A count as an SQL integer, pinned at the largest.
pub(crate) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A counter that may not be there yet; what is not there, or negative, is 0.
pub(crate) fn unsigned(raw: Option<i64>) -> u64 {
    raw.and_then(|raw| u64::try_from(raw).ok()).unwrap_or(0)
}
