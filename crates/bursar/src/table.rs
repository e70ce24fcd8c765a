//! Aligned tables and fields for people. Numbers stand right, names left; no colour, no lines. A character takes as many
//! columns as a terminal gives it.

use bursar_core::{Usd, text};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// A table with a head.
#[derive(Debug, Clone)]
pub struct Table {
    head: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns; a title that starts with `>` stands right.
    #[must_use]
    pub fn new(titles: &[&'static str]) -> Self {
        let column = |title: &&'static str| match title.strip_prefix('>') {
            Some(title) => (title, Align::Right),
            None => (*title, Align::Left),
        };
        Self { head: titles.iter().map(column).collect(), rows: Vec::new() }
    }
    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// As text, each line without spaces at its end.
    #[must_use]
    pub fn render(&self) -> String {
        let titles: Vec<String> = self.head.iter().map(|(title, _)| (*title).to_owned()).collect();
        let lines = || std::iter::once(&titles).chain(&self.rows);
        let width =
            |at: usize| lines().filter_map(|line| line.get(at)).map(|cell| cell.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut out = String::new();
        for line in lines() {
            let mut text = String::new();
            for ((cell, width), (_, align)) in line.iter().zip(&widths).zip(&self.head) {
                let room = room(cell, *width);
                text.push_str(&match align {
                    Align::Left => format!("{cell}{room}  "),
                    Align::Right => format!("{room}{cell}  "),
                });
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Names and values under each other, values in one column. Empty values are left out.
#[must_use]
pub fn fields(pairs: &[(&str, String)]) -> String {
    let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.width()).max().unwrap_or(0);
    shown().map(|(name, value)| format!("{name}{}  {value}\n", room(name, width))).collect()
}

/// The spaces that a text leaves of a column.
fn room(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width()))
}

/// A value of an answer as a cell: texts plain, lists joined, nothing for null.
#[must_use]
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            map.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Without characters that move a terminal's cursor or change its colours: clients and providers chose some of the texts.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\t')).collect()
}

/// The value at a name, as a cell.
#[must_use]
pub fn at(row: &Value, name: &str) -> String {
    row.get(name).map(cell).unwrap_or_default()
}

/// An amount as people read it: `measure` is `usd`, `tokens` or `requests`; `-` where there is none.
#[must_use]
pub fn amount(row: &Value, name: &str, measure: &str) -> String {
    match row.get(name).and_then(Value::as_str) {
        Some(exact) if measure == "usd" => money(exact),
        Some(exact) => exact.parse().map_or_else(|_| exact.to_owned(), text::count),
        None => "-".to_owned(),
    }
}

/// Decimal USD as people read it.
#[must_use]
pub fn money(exact: &str) -> String {
    Usd::parse(exact).map_or_else(|_| exact.to_owned(), text::money)
}

/// An instant without its fraction of a second, in UTC: `2026-11-23 08:15:00Z`.
#[must_use]
pub fn time(row: &Value, name: &str) -> String {
    let text = at(row, name);
    match text.split_once('T') {
        Some((date, clock)) => {
            let clock = clock.trim_end_matches('Z').split('.').next().unwrap_or_default().to_owned();
            format!("{date} {clock}Z")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, spent: &str) -> [String; 2] {
        [name.to_owned(), spent.to_owned()]
    }

    #[test]
    fn names_of_wide_characters_take_the_room_that_a_terminal_gives_them() {
        let mut table = Table::new(&["user", ">spent"]);
        table.row(shown("王小明", "$1.00"));
        table.row(shown("e\u{301}lan", "$12.00"));
        table.row(shown("carol", "$3.00"));
        let expected = "user     spent\n王小明   $1.00\ne\u{301}lan    $12.00\ncarol    $3.00\n";
        assert_eq!(table.render(), expected);
        assert_eq!(fields(&[("専案", "甲".to_owned()), ("user", "乙".to_owned())]), "専案  甲\nuser  乙\n");
    }
}
