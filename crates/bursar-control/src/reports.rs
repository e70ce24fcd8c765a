//! Reports: what was used, by whom, and what came of it. Plain functions over roll-ups and records; nothing here writes,
//! and nothing here is on a request's way.
//!
//! # What counts
//!
//! Every report uses these rules, and this is the only place that states them (code: [`counts`]):
//!
//! - A request counts once it has ended after it was let through: `completed`, `failed` or `cancelled`. One that is
//!   `pending` or `streaming` counts nowhere but among the active ones. One that was `denied` is told beside them as
//!   refused: it is no request in any rate, mean or ranking, and it cost nothing.
//! - What it cost is what its record was charged, at list price and after the credential's multiplier. A failed request
//!   with a charge costs that charge; one in suspense costs its hold until the truth is known.
//! - Tokens are counted once by class: `input` (neither read from nor written to a cache), `cache_read`, `cache_write_5m`,
//!   `cache_write_1h`, `output`; `total` is their sum.
//! - A request belongs to the instant at which it was received, and periods are half-open calendar intervals of a time
//!   zone: the one that is asked for, else that of the project that is asked about, else UTC.
//! - It belongs to the project, user, key, agent, run, session, provider and model of its record, and to each of its tags.
//! - Analyses of caching, gaps and latency are about `completed` requests only.

pub(crate) mod active;
pub(crate) mod breakdown;
pub(crate) mod budgets;
pub(crate) mod cache;
pub(crate) mod counts;
pub(crate) mod entity;
mod figures;
pub(crate) mod gaps;
pub(crate) mod heatmap;
pub(crate) mod latency;
mod limits;
pub(crate) mod query;
mod range;
pub(crate) mod rollups;
pub(crate) mod summary;
pub(crate) mod timeline;
pub(crate) mod top;
pub(crate) mod ttl;

use bursar_store::records::RecordsError;
use bursar_store::settings::SettingsError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The question is wrong.
    #[error("{field}: {problem}")]
    Input {
        /// Which part of it.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The records cannot be read, or the answer is too large.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The ledger is not there.
    #[error("the ledger cannot be asked: {0}")]
    Ledger(String),
}

impl ReportError {
    pub(crate) fn input(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Input { field, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests;
