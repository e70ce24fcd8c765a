//! Price rows that were given through the admin API, over the book that the configuration installed.

use bursar_govern::assemble::Installed;
use bursar_govern::directory::{Model, ModelAt};
use bursar_pricing::file::{self, Invalid};
use bursar_pricing::{BookError, PriceBook, RowSpec};
use bursar_store::settings::{Document, DocumentKind};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;

/// The layer's name: in ids of rows as `+api`.
pub(crate) const ORIGIN: &str = "api";

/// Why rows do not lie over the book.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// A row by itself, or what it becomes over the rows below it.
    #[error(transparent)]
    Row(#[from] Invalid),
    /// Rows that contradict each other.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// What was made last, and of what: a book is made again only where something of it changed.
#[derive(Default)]
pub(crate) struct Overlays {
    made: Mutex<Option<Made>>,
    giving: Mutex<()>,
}

struct Made {
    from: Arc<Installed>,
    rows: Vec<(String, u64)>,
    over: Arc<Installed>,
}

impl Overlays {
    /// Held from the check of a row until it is stored: two rows that are right by themselves may be wrong together.
    pub(crate) fn give(&self) -> MutexGuard<'_, ()> {
        self.giving.lock()
    }
    /// What is installed, with the active rows of `documents` over its prices.
    ///
    /// # Errors
    /// See [`OverlayError`].
    pub(crate) fn over(
        &self,
        installed: &Arc<Installed>,
        documents: &[Document],
    ) -> Result<Arc<Installed>, OverlayError> {
        let active: Vec<&Document> = active(documents).collect();
        let rows: Vec<(String, u64)> =
            active.iter().map(|row| (row.name.clone(), row.revision.version)).collect();
        if rows.is_empty() {
            return Ok(Arc::clone(installed));
        }
        let mut made = self.made.lock();
        if let Some(made) =
            made.as_ref().filter(|made| Arc::ptr_eq(&made.from, installed) && made.rows == rows)
        {
            return Ok(Arc::clone(&made.over));
        }
        let over = Arc::new(lay(installed, specs(documents)?)?);
        *made = Some(Made { from: Arc::clone(installed), rows, over: Arc::clone(&over) });
        Ok(over)
    }
}

/// Rows in force, of the documents of every kind.
fn active(documents: &[Document]) -> impl Iterator<Item = &Document> {
    documents.iter().filter(|row| row.kind == DocumentKind::PriceOverlay && row.active)
}

/// The active rows, read.
///
/// # Errors
/// One that cannot be read.
pub(crate) fn specs(documents: &[Document]) -> Result<Vec<RowSpec>, OverlayError> {
    active(documents).map(|row| Ok(file::row_from_json(&row.document)?)).collect()
}

/// What is installed, with rows over its prices, each model's own price over the new rows.
///
/// # Errors
/// See [`OverlayError`]: also where a row prices nothing, or what comes of it fails [`file::check`].
pub(crate) fn lay(installed: &Installed, rows: Vec<RowSpec>) -> Result<Installed, OverlayError> {
    let names: Vec<(String, String)> =
        rows.iter().map(|row| (row.provider.clone(), row.model.clone())).collect();
    let book = installed.prices.overlay(rows, ORIGIN)?;
    for (provider, model) in &names {
        let history = book.history(provider, model);
        if history.is_empty() {
            return Err(priceless(provider, model).into());
        }
        for row in history {
            file::check(row.spec())?;
        }
    }
    let mut over = Installed { prices: Arc::new(book), ..installed.clone() };
    for model in over.models.values_mut() {
        if model.deployments.iter().any(|at| at.price.is_some()) {
            *model = Arc::new(priced(model, &over.prices)?);
        }
    }
    Ok(over)
}

fn priced(model: &Model, book: &PriceBook) -> Result<Model, Invalid> {
    let at = |at: &Arc<ModelAt>| {
        Ok(Arc::new(ModelAt {
            provider: Arc::clone(&at.provider),
            upstream_model: at.upstream_model.clone(),
            price: at.price.as_ref().map(|price| price.over(book)).transpose()?.map(Arc::new),
            prefers_billed: at.prefers_billed,
        }))
    };
    let deployments = model.deployments.iter().map(at).collect::<Result<_, Invalid>>()?;
    Ok(Model { deployments, fallback: model.fallback.clone() })
}

fn priceless(provider: &str, model: &str) -> Invalid {
    Invalid {
        row: format!("({provider}/{model})"),
        field: "input".to_owned(),
        problem: "is missing: no row is below this one, and without it nothing is priced".to_owned(),
    }
}
