//! What prompt caching did: how often it hit, what reading saved, what writing cost for it.

use super::ReportError;
use super::figures::{percent, usd};
use super::limits::{CACHE_HOURS, ROWS_DEFAULT};
use super::query::{UsageQuery, WHEN, WHOSE_UNFAILED, check_cost};
use super::summary::named;
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Records, Status, Sums};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// What caching did to completed requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CacheReport {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// All of them.
    pub(crate) total: CacheFigures,
    /// By names, the largest net saving first; empty unless grouped.
    pub(crate) items: Vec<CacheRow>,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CacheRow {
    /// The names.
    pub(crate) names: BTreeMap<String, String>,
    /// Its figures.
    #[serde(flatten)]
    pub(crate) figures: CacheFigures,
}

/// The figures. Money is USD at list price, each request at its own price row.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CacheFigures {
    /// Completed requests.
    pub(crate) requests: i64,
    /// Those that read from a cache.
    pub(crate) requests_with_hit: i64,
    /// In percent.
    pub(crate) request_hit_rate: String,
    /// Tokens neither read from nor written to a cache.
    pub(crate) input: i64,
    /// Tokens read.
    pub(crate) cache_read: i64,
    /// Tokens written, for five minutes.
    pub(crate) cache_write_5m: i64,
    /// Tokens written, for an hour.
    pub(crate) cache_write_1h: i64,
    /// Tokens read in percent of tokens read and input.
    pub(crate) token_hit_rate: String,
    /// Paid for reading.
    pub(crate) cache_read_cost: String,
    /// Paid for writing.
    pub(crate) cache_write_cost: String,
    /// What the tokens read would have cost more as input.
    pub(crate) gross_savings: String,
    /// What the tokens written cost more than as input.
    pub(crate) write_premium: String,
    /// The difference; negative where writing cost more than reading saved.
    pub(crate) net_savings: String,
}

impl CacheFigures {
    pub(crate) fn of(sums: &Sums) -> Self {
        Self {
            requests: sums.requests,
            requests_with_hit: sums.cache_hits,
            request_hit_rate: percent(sums.cache_hits, sums.requests),
            input: sums.input,
            cache_read: sums.cache_read,
            cache_write_5m: sums.cache_write_5m,
            cache_write_1h: sums.cache_write_1h,
            token_hit_rate: percent(sums.cache_read, sums.input.saturating_add(sums.cache_read)),
            cache_read_cost: usd(sums.cache_read_cost),
            cache_write_cost: usd(sums.cache_write_cost),
            gross_savings: usd(sums.cache_saved),
            write_premium: usd(sums.cache_premium),
            net_savings: usd(net(sums)),
        }
    }
}

fn net(sums: &Sums) -> i64 {
    sums.cache_saved.saturating_sub(sums.cache_premium)
}

/// Names and what they add up to.
type Group = (Vec<Arc<str>>, Sums);

/// Tells it: of the last week unless asked otherwise.
pub(crate) fn cache(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<CacheReport, ReportError> {
    query.only(&[WHEN, WHOSE_UNFAILED, &["by", "limit"]])?;
    let (by, filter, rows) = (query.groups()?, query.filter()?, query.page(ROWS_DEFAULT)?);
    let range = query.range(zone, now, Some(CACHE_HOURS))?;
    check_cost(&range, &by, &filter)?;
    let completed = |by: &[Dimension]| -> Result<Vec<Group>, ReportError> {
        let used = records.usage(range.from, range.until, by, &filter)?;
        Ok(used
            .into_iter()
            .filter(|used| used.status == Status::Completed)
            .map(|used| (used.names, used.sums))
            .collect())
    };
    let total = completed(&[])?.into_iter().fold(Sums::default(), |mut total, (_, sums)| {
        total.add(&sums);
        total
    });
    let mut groups = if by.is_empty() { Vec::new() } else { completed(&by)? };
    groups.sort_by_key(|(_, sums)| Reverse(net(sums)));
    let row = |(names, sums): &Group| CacheRow { names: named(&by, names), figures: CacheFigures::of(sums) };
    Ok(CacheReport {
        from: range.from.to_string(),
        until: range.until.to_string(),
        time_zone: range.zone.name().to_owned(),
        total: CacheFigures::of(&total),
        items: groups.iter().take(rows).map(row).collect(),
    })
}
