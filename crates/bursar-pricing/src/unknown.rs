//! What to do with a model that the price book does not know: one policy, for hold and bill alike.

use std::sync::Arc;

use bursar_core::{Rate, Timestamp, UsageClass};

use crate::book::PriceBook;
use crate::row::PriceRow;
use crate::spec::RowSpec;

/// The policy of a platform or project for models without a price.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum UnknownModel {
    /// No price, no call (E-PRICE-001).
    #[default]
    Deny,
    /// These rates, in place of a price.
    FallbackPrice {
        /// Per prompt token of any kind, cached or not.
        input: Rate,
        /// Per output token.
        output: Rate,
    },
    /// Nothing is charged; tokens and requests still count.
    Free,
}

/// Where the price of an attempt came from; kept in its record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PriceSource {
    /// A row of the price book.
    Book,
    /// The deployment's own price, over the book's row where there is one.
    Deployment,
    /// The policy's fallback price.
    FallbackPrice,
    /// The policy lets unknown models pass free.
    Free,
}

/// The row that prices an attempt, and why that one.
#[derive(Clone, Debug)]
pub struct Priced {
    /// The row.
    pub row: Arc<PriceRow>,
    /// Where it came from.
    pub source: PriceSource,
}

impl PriceSource {
    /// The word in records and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Deployment => "deployment",
            Self::FallbackPrice => "fallback_price",
            Self::Free => "free",
        }
    }
}

impl UnknownModel {
    /// The row for a model: the book's, else what this policy puts in its place; `None` refuses.
    #[must_use]
    pub fn price(&self, book: &PriceBook, provider: &str, model: &str, at: Timestamp) -> Option<Priced> {
        if let Some(row) = book.find(provider, model, at) {
            return Some(Priced { row: Arc::clone(row), source: PriceSource::Book });
        }
        let (rates, source) = match self {
            Self::Deny => return None,
            Self::Free => ((Rate::ZERO, Rate::ZERO), PriceSource::Free),
            Self::FallbackPrice { input, output } => ((*input, *output), PriceSource::FallbackPrice),
        };
        let spec = RowSpec::new(provider, model)
            .with(UsageClass::Input, rates.0)
            .with(UsageClass::CacheRead, rates.0)
            .with(UsageClass::CacheWrite5m, rates.0)
            .with(UsageClass::CacheWrite1h, rates.0)
            .with(UsageClass::Output, rates.1);
        let id = format!("{}:{provider}/{model}", source.as_str());
        let row = Arc::new(PriceRow::with_id(spec, &id, source.as_str()));
        Some(Priced { row, source })
    }
}
