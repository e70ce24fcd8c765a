//! Export: records as flat rows of typed cells, and those rows as text. Nothing is kept: a chunk of records in, its text out.

pub mod focus;
pub mod records;

use bursar_core::Timestamp;
use serde_json::{Map, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// An exact decimal with so many places at most.
    Decimal(u32),
    /// An instant.
    Time,
    /// True or false.
    Flag,
}

/// A column of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing is known.
    Absent,
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// An exact decimal.
    Decimal(String),
    /// An instant.
    Time(Timestamp),
    /// True or false.
    Flag(bool),
}

impl Cell {
    /// Text, absent where it is empty.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Some(text.into()).filter(|text| !text.is_empty()).map_or(Self::Absent, Self::Text)
    }
    /// A cell where there is a value.
    pub(crate) fn some<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Absent, cell)
    }
    /// A count, pinned at the largest.
    pub(crate) fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// Appends the names of the columns as the first line of a CSV file.
pub(crate) fn csv_head(columns: &[Column], out: &mut String) {
    for (place, column) in columns.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str(column.name);
    }
    out.push_str("\r\n");
}

/// Appends a row as a line of a CSV file (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe.
pub(crate) fn csv_row(row: &[Cell], out: &mut String) {
    for (place, cell) in row.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match cell {
            Cell::Absent => {}
            Cell::Text(text) => csv_text(text, out),
            Cell::Integer(number) => out.push_str(&number.to_string()),
            Cell::Decimal(text) => out.push_str(text),
            Cell::Time(at) => out.push_str(&at.to_string()),
            Cell::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        }
    }
    out.push_str("\r\n");
}

fn csv_text(text: &str, out: &mut String) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if !is_formula && !text.contains([',', '"', '\r', '\n']) && !text.starts_with(' ') && !text.ends_with(' ')
    {
        out.push_str(text);
        return;
    }
    out.push('"');
    if is_formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

/// Appends a row as one line of JSON: every column, null where nothing is known, decimals as texts.
pub(crate) fn json_row(columns: &[Column], row: Vec<Cell>, out: &mut String) {
    let value = |cell| match cell {
        Cell::Absent => Value::Null,
        Cell::Text(text) | Cell::Decimal(text) => Value::String(text),
        Cell::Integer(number) => number.into(),
        Cell::Time(at) => Value::String(at.to_string()),
        Cell::Flag(flag) => flag.into(),
    };
    let fields = columns.iter().zip(row).map(|(column, cell)| (column.name.to_owned(), value(cell)));
    out.push_str(&Value::Object(fields.collect::<Map<_, _>>()).to_string());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_a_formula_or_leave_its_cell() {
        let row = [
            Cell::Text("=HYPERLINK(\"http://x\")".into()),
            Cell::Text("@SUM(1)".into()),
            Cell::Text("a,b\n".into()),
            Cell::Text("plain".into()),
            Cell::Integer(-5),
            Cell::Decimal("-0.5".into()),
            Cell::Absent,
            Cell::Flag(true),
        ];
        let mut out = String::new();
        csv_row(&row, &mut out);
        assert_eq!(out, "\"'=HYPERLINK(\"\"http://x\"\")\",\"'@SUM(1)\",\"a,b\n\",plain,-5,-0.5,,true\r\n");
    }
}
