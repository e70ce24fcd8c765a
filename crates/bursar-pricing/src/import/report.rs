//! What an import took over and what not, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What became of a foreign price list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportReport {
    /// Models in the list.
    pub models: usize,
    /// Rows taken over.
    pub rows: usize,
    /// Models without any price in the list.
    pub unpriced: usize,
    /// Price fields that Bursar cannot express, with the models that they price.
    pub unsupported: BTreeMap<String, BTreeSet<String>>,
    /// Price fields that are understood and not needed, with the reason and how many models have them.
    pub redundant: BTreeMap<String, (String, usize)>,
    /// Models that were left out as a whole, and why.
    pub skipped: Vec<Skipped>,
    /// Models that the list has twice under different names and with different rates; the dearer was taken.
    pub contradictions: Vec<String>,
    /// Rates with more digits than a pico-USD, taken to the nearest.
    pub rounded: usize,
    /// Cache rates of zero beside a priced input, read as "not stated".
    pub zero_cache_rates: usize,
    /// Names that the list matches by part (substring, expression) and that are not taken over.
    pub loose_names: usize,
}

/// A model that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// `provider/model`.
    pub model: String,
    /// Why.
    pub reason: String,
}

impl ImportReport {
    pub(crate) fn skip(&mut self, provider: &str, model: &str, reason: String) {
        self.skipped.push(Skipped { model: format!("{provider}/{model}"), reason });
    }
    pub(crate) fn unsupported(&mut self, field: &str, model: &str) {
        self.unsupported.entry(field.to_owned()).or_default().insert(model.to_owned());
    }
    pub(crate) fn redundant(&mut self, field: &str, reason: &str) {
        self.redundant.entry(field.to_owned()).or_insert_with(|| (reason.to_owned(), 0)).1 += 1;
    }
    /// Models whose price is not taken over in full: a field is not supported, or they were left out.
    #[must_use]
    pub fn affected(&self) -> usize {
        let mut models: BTreeSet<&str> = self.unsupported.values().flatten().map(String::as_str).collect();
        models.extend(self.skipped.iter().map(|skipped| skipped.model.as_str()));
        models.len()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} models read, {} rows taken over, {} without a price",
            self.models, self.rows, self.unpriced
        )?;
        writeln!(f, "{} models not taken over in full", self.affected())?;
        for (field, models) in &self.unsupported {
            let some: Vec<&str> = models.iter().take(3).map(String::as_str).collect();
            writeln!(f, "not supported: {field} ({} models: {}, …)", models.len(), some.join(", "))?;
        }
        for (field, (reason, count)) in &self.redundant {
            writeln!(f, "not needed: {field} ({count} models): {reason}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "left out: {}: {}", skipped.model, skipped.reason)?;
        }
        for model in &self.contradictions {
            writeln!(f, "listed twice with different rates, the dearer taken: {model}")?;
        }
        for (count, what) in [
            (self.rounded, "rates taken to the nearest pico-USD"),
            (self.zero_cache_rates, "cache rates of zero beside a priced input read as not stated"),
            (self.loose_names, "names matched by part not taken over"),
        ] {
            if count > 0 {
                writeln!(f, "{count} {what}")?;
            }
        }
        Ok(())
    }
}
