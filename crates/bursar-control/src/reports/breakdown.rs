//! What went wrong: refusals and failures by code.

use super::ReportError;
use super::counts::{Tally, Totals};
use super::figures::{percent, usd};
use super::limits::ROWS_DEFAULT;
use super::query::{UsageQuery, WHEN, WHOSE, check_cost};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Records, Status};
use serde::Serialize;
use std::cmp::Reverse;
use utoipa::ToSchema;

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Breakdown {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// Everything, what went well included.
    pub(crate) total: Totals,
    /// By code and state, most requests first.
    pub(crate) items: Vec<BreakdownRow>,
}

/// One way to go wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakdownRow {
    /// The code of the refusal or gateway error, else the status that the client was answered with.
    pub(crate) code: String,
    /// `failed`, `cancelled` or `denied`.
    pub(crate) status: String,
    /// How many.
    pub(crate) requests: i64,
    /// Of all requests and refusals, in percent.
    pub(crate) share_pct: String,
    /// What these cost, USD at list price.
    pub(crate) list_cost: String,
}

/// Tells it.
pub(crate) fn breakdown(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<Breakdown, ReportError> {
    query.only(&[WHEN, WHOSE, &["limit"]])?;
    let (filter, rows) = (query.filter()?, query.page(ROWS_DEFAULT)?);
    let range = query.range(zone, now, None)?;
    check_cost(&range, &[Dimension::Code], &filter)?;
    let used = records.usage(range.from, range.until, &[Dimension::Code], &filter)?;
    let total = Tally::of(&used);
    let whole = total.sums.requests.saturating_add(total.refused);
    let wrong = |status: Status| match status {
        Status::Failed | Status::Cancelled | Status::Denied => true,
        Status::Pending | Status::Streaming | Status::Completed => false,
    };
    let mut items: Vec<BreakdownRow> = used
        .iter()
        .filter(|used| wrong(used.status))
        .map(|used| BreakdownRow {
            code: used.names.iter().map(ToString::to_string).collect(),
            status: used.status.to_string(),
            requests: used.sums.requests,
            share_pct: percent(used.sums.requests, whole),
            list_cost: usd(used.sums.list_cost),
        })
        .collect();
    items.sort_by_key(|row| Reverse(row.requests));
    items.truncate(rows);
    Ok(Breakdown {
        from: range.from.to_string(),
        until: range.until.to_string(),
        time_zone: range.zone.name().to_owned(),
        total: Totals::of(&total),
        items,
    })
}
