//! Rows as JSON, with the same fields as in a price file: for the admin API and for programs.

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::file::error::Invalid;
use crate::file::read::row_from_table;
use crate::file::write::row_to_toml;
use crate::spec::RowSpec;

/// Reads and checks one row. Dates are texts; a field that is `null` is absent.
///
/// # Errors
/// The first thing that is wrong, as [`crate::file::row_from_table`].
pub fn row_from_json(row: &Json) -> Result<RowSpec, Invalid> {
    match toml_of(row) {
        Some(Value::Table(table)) => row_from_table(&table, "given"),
        Some(_) | None => {
            Err(Invalid::new("given", "price", "must be an object with the fields of a price row"))
        }
    }
}

/// The row as it stands, in the fields of a price file.
#[must_use]
pub fn row_to_json(spec: &RowSpec) -> Json {
    let written = row_to_toml(spec).parse::<Table>();
    let row = written.ok().and_then(|file| file.get("price")?.get(0).cloned());
    row.map_or(Json::Null, |row| json_of(&row))
}

fn toml_of(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => Value::Boolean(*flag),
        // A fraction is no field of a row: rates are texts. Its kind alone is told.
        Json::Number(number) => number.as_i64().map_or(Value::Float(f64::NAN), Value::Integer),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().filter_map(toml_of).collect()),
        Json::Object(fields) => {
            let stated = |(name, value): (&String, &Json)| Some((name.clone(), toml_of(value)?));
            Value::Table(fields.iter().filter_map(stated).collect())
        }
    })
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(_) => Json::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Datetime(date) => date.to_string().into(),
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Table(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), json_of(value))).collect())
        }
    }
}
