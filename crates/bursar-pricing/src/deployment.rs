//! The price that a deployment states for itself: over the book's rows, date by date, field by field.

use std::sync::Arc;

use bursar_core::{Pattern, Timestamp};

use crate::book::{PriceBook, in_force};
use crate::file::{self, Invalid};
use crate::row::PriceRow;
use crate::spec::RowSpec;

/// What one model costs at one deployment that states prices of its own.
#[derive(Clone, Debug)]
pub struct DeploymentPrice {
    declared: RowSpec,
    /// Each of the book's rows with the declared fields over it, in order of their dates.
    rows: Vec<Arc<PriceRow>>,
    /// The declared fields, for when the book has no row; absent where they alone price nothing.
    alone: Option<Arc<PriceRow>>,
}

impl DeploymentPrice {
    /// The declared fields of `price` over every row that `book` has for the model at the provider, by name or family. A
    /// family of every model, such as a local server's, says nothing about this one. A row's aliases and patterns stay the
    /// book's: a deployment is found by its place.
    ///
    /// # Errors
    /// As [`file::check`] on each row that comes of it, and where the declared fields price nothing and no row is below
    /// them.
    pub fn new(book: &PriceBook, provider: &str, model: &str, price: &RowSpec) -> Result<Self, Invalid> {
        let mut declared = price.clone();
        (declared.provider, declared.model) = (provider.to_owned(), model.to_owned());
        let row = |mut spec: RowSpec, base: &str| {
            (spec.aliases, spec.patterns) = (Vec::new(), Vec::new());
            file::check(&spec)?;
            Ok(Arc::new(PriceRow::with_id(spec, &format!("{base}+deployment"), "deployment")))
        };
        let is_about_it = |row: &&Arc<PriceRow>| {
            let all = |pattern: &Pattern| pattern.as_str().trim_matches('*').is_empty();
            row.spec().names().any(|name| name == model) || !row.spec().patterns.iter().any(all)
        };
        let below = book.history(provider, model).iter().filter(is_about_it);
        let rows = below.map(|below| row(declared.over(below.spec()), below.id()));
        let rows = rows.collect::<Result<Vec<_>, Invalid>>()?;
        let alone = row(declared.clone(), &format!("{provider}/{model}"))?;
        let alone = declared.is_complete().then_some(alone);
        if rows.is_empty() && alone.is_none() {
            let problem = "is missing: without it, and without a row in the price book, nothing is priced";
            return Err(Invalid::new(&format!("({provider}/{model})"), "input", problem));
        }
        Ok(Self { declared, rows, alone })
    }
    /// The same declared fields over another book.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over(&self, book: &PriceBook) -> Result<Self, Invalid> {
        Self::new(book, &self.declared.provider, &self.declared.model, &self.declared)
    }
    /// The row in force at an instant.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<&Arc<PriceRow>> {
        in_force(&self.rows, at).or(self.alone.as_ref())
    }
}
