//! The price book: layers of rows, merged and compiled, found by provider, model and date without a search.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bursar_core::{Pattern, Timestamp};

use crate::file::{self, Invalid};
use crate::row::PriceRow;
use crate::spec::RowSpec;
use crate::timeline::{self, Segment};
use crate::vendor;

/// All dated prices. Immutable: an overlay or import makes another book, to be swapped in as a whole.
#[derive(Clone, Default)]
pub struct PriceBook {
    layers: Vec<Layer>,
    providers: HashMap<Box<str>, Provider>,
    /// Which providers sell a model under that exact name, in order of preference.
    sellers: HashMap<Box<str>, Vec<Arc<str>>>,
    rows: usize,
}

/// Rows of one origin: the built-in book, a file, the admin API. A later layer wins, row by row, field by field.
#[derive(Clone)]
struct Layer {
    origin: Arc<str>,
    rows: Arc<[RowSpec]>,
}

#[derive(Clone, Default)]
struct Provider {
    /// By exact name: the model's, or one of its aliases.
    exact: HashMap<Box<str>, Timeline>,
    /// By declared family, the longest pattern first.
    patterns: Vec<(Pattern, Timeline)>,
}

/// The rows of one model in order of their dates.
type Timeline = Arc<[Arc<PriceRow>]>;

/// Why rows did not become a book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the price rows in {origin} cannot be used: {}", wrong.len(), first(wrong))]
pub struct BookError {
    /// Which file or layer.
    pub origin: String,
    /// Everything that is wrong.
    pub wrong: Vec<Invalid>,
}

fn first(wrong: &[Invalid]) -> String {
    wrong.first().map(ToString::to_string).unwrap_or_default()
}

impl PriceBook {
    /// A book without rows.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }
    /// A book of one price file; `origin` names it in rows and records.
    ///
    /// # Errors
    /// Every row that cannot be used.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, BookError> {
        Self::empty().overlay_toml(text, origin)
    }
    /// This book with a price file laid over it.
    ///
    /// # Errors
    /// Every row that cannot be used.
    pub fn overlay_toml(&self, text: &str, origin: &str) -> Result<Self, BookError> {
        let rows = file::parse(text).map_err(|wrong| BookError { origin: origin.to_owned(), wrong })?;
        self.overlay(rows, origin)
    }
    /// This book with rows laid over it: they win, row by row, field by field.
    ///
    /// # Errors
    /// Every row that fails [`file::check`], two rows of one model with one date, a name of two models.
    pub fn overlay(&self, rows: Vec<RowSpec>, origin: &str) -> Result<Self, BookError> {
        let mut wrong: Vec<_> = rows.iter().filter_map(|row| file::check(row).err()).collect();
        wrong.extend(clashes(&rows));
        if !wrong.is_empty() {
            return Err(BookError { origin: origin.to_owned(), wrong });
        }
        let mut layers = self.layers.clone();
        layers.push(Layer { origin: origin.into(), rows: rows.into() });
        Ok(Self::build(layers))
    }
    /// The row of a model at a provider in force at an instant: by exact name or alias, else by declared family.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Arc<PriceRow>> {
        let provider = self.providers.get(provider)?;
        let timeline = match provider.exact.get(model) {
            Some(timeline) => timeline,
            None => provider
                .patterns
                .iter()
                .find(|(pattern, _)| pattern.matches(model))
                .map(|(_, found)| found)?,
        };
        in_force(timeline, at)
    }
    /// Every row of a model at a provider, in order of their dates.
    #[must_use]
    pub fn history(&self, provider: &str, model: &str) -> &[Arc<PriceRow>] {
        let found = self.providers.get(provider).and_then(|provider| {
            let by_pattern = || {
                provider.patterns.iter().find(|(pattern, _)| pattern.matches(model)).map(|(_, found)| found)
            };
            provider.exact.get(model).or_else(by_pattern)
        });
        found.map(|timeline| &**timeline).unwrap_or_default()
    }
    /// Who sells a model under that exact name, makers before resellers.
    #[must_use]
    pub fn providers_of(&self, model: &str) -> &[Arc<str>] {
        self.sellers.get(model).map(Vec::as_slice).unwrap_or_default()
    }
    /// The provider that a model without a configured deployment goes to: its first seller, by name or by family.
    #[must_use]
    pub fn provider_of(&self, model: &str) -> Option<&str> {
        if let Some(first) = self.providers_of(model).first() {
            return Some(first);
        }
        // A pattern for everything, such as a local server's, claims no model.
        let claims =
            |pattern: &Pattern| !pattern.as_str().trim_matches('*').is_empty() && pattern.matches(model);
        let mut by_family: Vec<_> = self
            .providers
            .iter()
            .filter(|(_, rows)| rows.patterns.iter().any(|(pattern, _)| claims(pattern)))
            .map(|(name, _)| &**name)
            .collect();
        by_family.sort_unstable_by_key(|name| (vendor::preference(name), *name));
        by_family.first().copied()
    }
    /// Every row once, by provider, model and date.
    #[must_use]
    pub fn rows(&self) -> Vec<&Arc<PriceRow>> {
        let mut all: BTreeMap<(&str, &str, Option<Timestamp>), &Arc<PriceRow>> = BTreeMap::new();
        for provider in self.providers.values() {
            for row in provider.exact.values().flat_map(|timeline| timeline.iter()) {
                all.insert((row.provider(), row.model(), row.effective_from()), row);
            }
        }
        all.into_values().collect()
    }
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }
    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn build(layers: Vec<Layer>) -> Self {
        let models = timeline::merge(layers.iter().map(|layer| (&*layer.origin, &*layer.rows)));
        let mut book = Self { layers, ..Self::default() };
        for ((provider, model), segments) in models {
            book.insert(&provider, &model, &segments);
        }
        for provider in book.providers.values_mut() {
            provider.patterns.sort_by(|(a, _), (b, _)| {
                b.as_str().len().cmp(&a.as_str().len()).then_with(|| a.as_str().cmp(b.as_str()))
            });
        }
        for (name, provider) in &book.providers {
            let name: Arc<str> = (**name).into();
            for model in provider.exact.keys() {
                book.sellers.entry(model.clone()).or_default().push(Arc::clone(&name));
            }
        }
        for sellers in book.sellers.values_mut() {
            sellers.sort_by(|a, b| {
                (vendor::preference(a), a.as_ref()).cmp(&(vendor::preference(b), b.as_ref()))
            });
        }
        book
    }
    fn insert(&mut self, provider: &str, model: &str, segments: &[Segment]) {
        let compiled = segments
            .iter()
            .map(|segment| Arc::new(PriceRow::with_id(segment.spec.clone(), &segment.id, &segment.origin)));
        let timeline: Timeline = compiled.collect();
        self.rows += timeline.len();
        let place = self.providers.entry(provider.into()).or_default();
        // A model's own name wins over an alias that another model claims, whatever the order.
        place.exact.insert(model.into(), Arc::clone(&timeline));
        for segment in segments {
            for alias in &segment.spec.aliases {
                let own_elsewhere = place.exact.get(alias.as_str()).and_then(|rows| rows.first());
                if own_elsewhere.is_none_or(|row| row.model() != alias) {
                    place.exact.insert(alias.as_str().into(), Arc::clone(&timeline));
                }
            }
            for pattern in &segment.spec.patterns {
                if !place.patterns.iter().any(|(known, _)| known == pattern) {
                    place.patterns.push((pattern.clone(), Arc::clone(&timeline)));
                }
            }
        }
    }
}

/// The row of a timeline in force at an instant.
pub(crate) fn in_force(timeline: &[Arc<PriceRow>], at: Timestamp) -> Option<&Arc<PriceRow>> {
    let row = timeline.iter().rev().find(|row| row.effective_from().is_none_or(|from| from <= at))?;
    row.effective_until().is_none_or(|until| at < until).then_some(row)
}

/// Rows of one layer that contradict each other.
fn clashes(rows: &[RowSpec]) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    let mut dates = HashMap::new();
    let mut names: HashMap<(&str, &str), &str> = HashMap::new();
    for (number, spec) in rows.iter().enumerate() {
        let row = format!("{} ({}/{})", number + 1, spec.provider, spec.model);
        if let Some(other) = dates.insert((&spec.provider, &spec.model, spec.effective_from), number + 1) {
            let problem = format!("is the same as in row {other}: rows of one model need different dates");
            wrong.push(Invalid::new(&row, "effective_from", problem));
        }
        for name in spec.names() {
            match names.insert((&spec.provider, name), &spec.model) {
                Some(other) if other != spec.model => {
                    let problem = format!("has \"{name}\", which is also a name of {other}");
                    wrong.push(Invalid::new(&row, "aliases", problem));
                }
                _ => {}
            }
        }
    }
    wrong
}

impl std::fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriceBook").field("rows", &self.rows).finish_non_exhaustive()
    }
}
