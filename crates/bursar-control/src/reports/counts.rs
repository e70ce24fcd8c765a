//! What counts, in code: see the rules in [`super`].

use super::figures::{mean, percent, usd};
use bursar_store::records::{Status, Sums, Used};
use serde::Serialize;
use utoipa::ToSchema;

/// How a state counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counting {
    /// It ended after it was let through.
    Counts,
    /// It was refused.
    Refused,
    /// It runs.
    Runs,
}

fn counting(status: Status) -> Counting {
    match status {
        Status::Completed | Status::Failed | Status::Cancelled => Counting::Counts,
        Status::Denied => Counting::Refused,
        Status::Pending | Status::Streaming => Counting::Runs,
    }
}

/// What counts, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    /// Everything that counts.
    pub(crate) sums: Sums,
    /// Of it: completed.
    pub(crate) completed: i64,
    /// Of it: failed.
    pub(crate) failed: i64,
    /// Of it: cancelled.
    pub(crate) cancelled: i64,
    /// Beside it: refused.
    pub(crate) refused: i64,
}

impl Tally {
    /// Adds what one row says, as far as it counts.
    pub(crate) fn add(&mut self, used: &Used) {
        match counting(used.status) {
            Counting::Counts => self.sums.add(&used.sums),
            Counting::Refused => self.refused = self.refused.saturating_add(used.sums.requests),
            Counting::Runs => {}
        }
        let part = match used.status {
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Cancelled => &mut self.cancelled,
            Status::Pending | Status::Streaming | Status::Denied => return,
        };
        *part = part.saturating_add(used.sums.requests);
    }
    /// All rows together.
    pub(crate) fn of<'u>(rows: impl IntoIterator<Item = &'u Used>) -> Self {
        let mut tally = Self::default();
        rows.into_iter().for_each(|used| tally.add(used));
        tally
    }
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Rows of the one state that is asked for, else all.
pub(crate) fn ended_so(rows: Vec<Used>, status: Option<Status>) -> Vec<Used> {
    rows.into_iter().filter(|used| status.is_none_or(|status| used.status == status)).collect()
}

/// Tokens by class, each counted once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Neither read from nor written to a cache.
    pub(crate) input: i64,
    /// Read from a cache.
    pub(crate) cache_read: i64,
    /// Written to a cache for five minutes.
    pub(crate) cache_write_5m: i64,
    /// Written to a cache for an hour.
    pub(crate) cache_write_1h: i64,
    /// Generated.
    pub(crate) output: i64,
    /// All of these.
    pub(crate) total: i64,
}

/// What was used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Totals {
    /// Requests that ended after they were let through.
    pub(crate) requests: i64,
    /// Of these: answered in full.
    pub(crate) completed: i64,
    /// Of these: the provider or the way to it failed.
    pub(crate) failed: i64,
    /// Of these: the client left, or it was cut.
    pub(crate) cancelled: i64,
    /// Beside these: refused before anything was sent.
    pub(crate) refused: i64,
    /// Failed requests in percent of all, two places.
    pub(crate) failed_pct: String,
    /// Tokens.
    pub(crate) tokens: Tokens,
    /// USD at list price.
    pub(crate) list_cost: String,
    /// USD after the credential's multiplier.
    pub(crate) effective_cost: String,
    /// Mean milliseconds to the first byte; null where nobody knows.
    pub(crate) mean_first_byte_ms: Option<i64>,
    /// Mean milliseconds to the end; null where nobody knows.
    pub(crate) mean_total_ms: Option<i64>,
    /// Requests that no budget counted.
    pub(crate) unbudgeted: i64,
    /// Their list cost in USD.
    pub(crate) unbudgeted_cost: String,
}

impl Totals {
    pub(crate) fn of(tally: &Tally) -> Self {
        let sums = &tally.sums;
        Self {
            requests: sums.requests,
            completed: tally.completed,
            failed: tally.failed,
            cancelled: tally.cancelled,
            refused: tally.refused,
            failed_pct: percent(tally.failed, sums.requests),
            tokens: Tokens {
                input: sums.input,
                cache_read: sums.cache_read,
                cache_write_5m: sums.cache_write_5m,
                cache_write_1h: sums.cache_write_1h,
                output: sums.output,
                total: sums.tokens(),
            },
            list_cost: usd(sums.list_cost),
            effective_cost: usd(sums.effective_cost),
            mean_first_byte_ms: mean(sums.first_byte_ms, sums.first_bytes),
            mean_total_ms: mean(sums.total_ms, sums.timed),
            unbudgeted: sums.unbudgeted,
            unbudgeted_cost: usd(sums.unbudgeted_cost),
        }
    }
}
