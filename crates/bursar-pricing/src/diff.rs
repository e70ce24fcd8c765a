//! What rows would change in a book, field by field: `price import --dry-run` and `price diff`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bursar_core::Timestamp;

use crate::book::PriceBook;
use crate::file;
use crate::spec::RowSpec;

/// What rows would change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// Rows of models that the book does not know, or not yet at their date.
    pub added: Vec<RowSpec>,
    /// Rows that state something else than the book.
    pub changed: Vec<Changed>,
    /// How many rows say what the book says already.
    pub same: usize,
    /// Models of the same providers that only the book knows; they stay.
    pub only_in_book: usize,
}

/// A row that states something else than the book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Whose price.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// The id of the row in force in the book.
    pub row: String,
    /// The fields that differ, in the words of a price file.
    pub fields: Vec<FieldChange>,
}

/// One field that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// The field's path, such as `input` or `service_tiers`.
    pub field: String,
    /// What the book says; absent: nothing.
    pub from: Option<String>,
    /// What the row says; absent: nothing.
    pub to: Option<String>,
}

/// Fields that are not the price: where it was found, what to know about it, and its dates and names.
const NOT_COMPARED: [&str; 8] =
    ["source", "note", "effective_from", "effective_until", "aliases", "patterns", "provider", "model"];

/// What laying `rows` over the book would change, compared with the rows in force at `at`, or at the rows' own dates
/// where these are later. A field that a row does not state stays as it is.
#[must_use]
pub fn diff(book: &PriceBook, rows: &[RowSpec], at: Timestamp) -> Diff {
    let mut diff = Diff::default();
    let mut named: BTreeSet<(&str, &str)> = BTreeSet::new();
    for row in rows {
        let at = row.effective_from.map_or(at, |from| from.max(at));
        let Some(current) = book.find(&row.provider, &row.model, at) else {
            diff.added.push(row.clone());
            continue;
        };
        named.insert((current.provider(), current.model()));
        let fields = changes(current.spec(), row);
        if fields.is_empty() {
            diff.same += 1;
        } else {
            diff.changed.push(Changed {
                provider: row.provider.clone(),
                model: row.model.clone(),
                row: current.id().to_string(),
                fields,
            });
        }
    }
    let sellers: BTreeSet<&str> = rows.iter().map(|row| row.provider.as_str()).collect();
    let known: BTreeSet<(&str, &str)> = book
        .rows()
        .into_iter()
        .filter(|row| sellers.contains(row.provider()))
        .map(|row| (row.provider(), row.model()))
        .collect();
    diff.only_in_book = known.difference(&named).count();
    diff
}

/// The fields that `new` states and `old` states otherwise.
#[must_use]
pub fn changes(old: &RowSpec, new: &RowSpec) -> Vec<FieldChange> {
    let (old, new) = (stated(old), stated(new));
    new.into_iter()
        .filter(|(field, value)| old.get(field) != Some(value))
        .map(|(field, to)| FieldChange { from: old.get(&field).cloned(), field, to: Some(to) })
        .collect()
}

/// A row's fields as a price file writes them.
fn stated(spec: &RowSpec) -> BTreeMap<String, String> {
    let text = file::row_to_toml(spec);
    let fields = text.lines().filter_map(|line| line.split_once(" = "));
    fields
        .filter(|(field, _)| !NOT_COMPARED.contains(field))
        .map(|(field, value)| (field.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.added {
            let rates: Vec<String> =
                stated(row).into_iter().map(|(field, value)| format!("{field} {value}")).collect();
            writeln!(f, "+ {}/{}: {}", row.provider, row.model, rates.join(", "))?;
        }
        for changed in &self.changed {
            for field in &changed.fields {
                let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "(nothing)".to_owned());
                let (from, to) = (text(&field.from), text(&field.to));
                writeln!(f, "~ {}/{}: {} {from} -> {to}", changed.provider, changed.model, field.field)?;
            }
        }
        let (added, changed) = (self.added.len(), self.changed.len());
        write!(
            f,
            "{added} added, {changed} changed, {} the same, {} only in the book",
            self.same, self.only_in_book
        )
    }
}
