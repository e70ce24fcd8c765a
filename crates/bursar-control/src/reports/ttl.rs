//! For how long a prompt cache should be kept: by simple thresholds, and by what it is expected to cost.

use super::ReportError;
use super::figures::ratio;
use super::gaps::{MINUTE, Spread, Whose, gaps, percentile};
use super::limits::{CACHE_HOURS, ROWS_DEFAULT};
use super::query::{UsageQuery, WHEN, WHOSE_UNFAILED};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::Records;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Gaps from which a group is analysed: fewer say nothing.
const GAPS_MIN: usize = 2;

/// What a prompt costs in thousandths of its input price: read from a cache, written for five minutes, written for an hour.
/// Anthropic's documented factors (docs.anthropic.com, prompt caching, 2026-01); other vendors write at the input price.
const READ: i64 = 100;
const WRITE_5M: i64 = 1_250;
const WRITE_1H: i64 = 2_000;
const INPUT: i64 = 1_000;

/// Whose cache should be kept how long.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TtlReport {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// `user`, `key` or `session`.
    pub(crate) by: String,
    /// Groups with two gaps or more, most gaps first.
    pub(crate) items: Vec<TtlRow>,
    /// How many groups are recommended which time.
    pub(crate) ttl_distribution: TtlDistribution,
    /// Whether the oldest requests are missing because there are too many.
    pub(crate) cut: bool,
}

/// How many groups are recommended which time.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TtlDistribution {
    /// 5 minutes.
    #[serde(rename = "5min")]
    pub(crate) min_5: usize,
    /// 15 minutes.
    #[serde(rename = "15min")]
    pub(crate) min_15: usize,
    /// 30 minutes.
    #[serde(rename = "30min")]
    pub(crate) min_30: usize,
    /// 60 minutes.
    #[serde(rename = "60min")]
    pub(crate) min_60: usize,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TtlRow {
    /// The user, the key's id, or the session.
    pub(crate) name: String,
    /// The name that people are shown, of a user.
    pub(crate) display_name: Option<String>,
    /// The address, of a user.
    pub(crate) email: Option<String>,
    /// Completed requests.
    pub(crate) requests: i64,
    /// The gaps between them.
    #[serde(flatten)]
    pub(crate) spread: Spread,
    /// Minutes by the simple thresholds: 5, 15, 30 or 60.
    pub(crate) recommended_ttl: i64,
    /// Why.
    pub(crate) reason: String,
    /// What a cached prompt is expected to cost, in percent of sending it as input each time.
    pub(crate) expected_cost_pct: ExpectedCost,
    /// The cheapest of these: `none`, `5m` or `1h`.
    pub(crate) recommended_by_cost: &'static str,
}

/// What a cached prompt is expected to cost by how long it is kept, in percent of sending it as input each time.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ExpectedCost {
    /// Not cached.
    pub(crate) none: String,
    /// Kept for five minutes.
    #[serde(rename = "5m")]
    pub(crate) for_5m: String,
    /// Kept for an hour.
    #[serde(rename = "1h")]
    pub(crate) for_1h: String,
}

/// Minutes by the simple thresholds, and why. Percentiles are in microseconds.
pub(crate) fn recommend(p75: Option<i64>, p90: Option<i64>) -> (i64, &'static str) {
    match (p75, p90) {
        (Some(_), Some(p90)) if p90 <= 5 * MINUTE => (5, "9 in 10 requests follow within 5 minutes"),
        (Some(p75), _) if p75 <= 15 * MINUTE => (15, "3 in 4 requests follow within 15 minutes"),
        (Some(p75), _) if p75 <= 30 * MINUTE => (30, "3 in 4 requests follow within 30 minutes"),
        (Some(_), _) => (60, "a quarter of the requests or more follow after 30 minutes"),
        (None, _) => (5, "too few requests to tell"),
    }
}

/// What keeping a prompt is expected to cost over these gaps, and the cheapest way. A request that follows in time reads
/// what the last one wrote or read; one that comes later writes it again. The first one is not counted: it writes anyway.
pub(crate) fn by_cost(gaps: &[i64]) -> (ExpectedCost, &'static str) {
    let count = i64::try_from(gaps.len()).unwrap_or(i64::MAX);
    let cost = |minutes: i64, write: i64| {
        let in_time = gaps.iter().filter(|gap| **gap <= minutes * MINUTE).count();
        let in_time = i64::try_from(in_time).unwrap_or(i64::MAX);
        in_time * READ + (count - in_time) * write
    };
    let (none, for_5m, for_1h) = (count * INPUT, cost(5, WRITE_5M), cost(60, WRITE_1H));
    let cheapest = match none.min(for_5m).min(for_1h) {
        least if least == none => "none",
        least if least == for_5m => "5m",
        _hour => "1h",
    };
    let shown = |cost: i64| ratio(i128::from(cost) * 100, i128::from(count * INPUT), 1);
    (ExpectedCost { none: shown(none), for_5m: shown(for_5m), for_1h: shown(for_1h) }, cheapest)
}

impl TtlDistribution {
    pub(crate) fn of(recommended: impl IntoIterator<Item = i64>) -> Self {
        let mut distribution = Self::default();
        for ttl in recommended {
            match ttl {
                5 => distribution.min_5 += 1,
                15 => distribution.min_15 += 1,
                30 => distribution.min_30 += 1,
                _longest => distribution.min_60 += 1,
            }
        }
        distribution
    }
}

/// One group from its gaps in microseconds.
pub(crate) fn group(name: &str, mut gaps: Vec<i64>) -> Option<TtlRow> {
    if gaps.len() < GAPS_MIN {
        return None;
    }
    gaps.sort_unstable();
    let (recommended_ttl, reason) = recommend(percentile(&gaps, 75), percentile(&gaps, 90));
    let (expected_cost_pct, recommended_by_cost) = by_cost(&gaps);
    let spread = Spread::of(&gaps);
    Some(TtlRow {
        name: name.to_owned(),
        display_name: None,
        email: None,
        requests: spread.gaps.saturating_add(1),
        spread,
        recommended_ttl,
        reason: reason.to_owned(),
        expected_cost_pct,
        recommended_by_cost,
    })
}

/// Tells it: of the last week unless asked otherwise.
pub(crate) fn ttl(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<TtlReport, ReportError> {
    query.only(&[WHEN, WHOSE_UNFAILED, &["by", "limit"]])?;
    // Asked of one key, its requests follow each other; else a user's.
    let default = if query.key.is_some() { "key" } else { "user" };
    let whose = Whose::parse(query.by.as_deref().unwrap_or(default))?;
    let (filter, rows) = (query.filter()?, query.page(ROWS_DEFAULT)?);
    let range = query.scanned(zone, now, CACHE_HOURS)?;
    let moments = records.moments(range.from, range.until, &filter, usize::MAX)?;
    let mut groups: BTreeMap<Arc<str>, Vec<i64>> = BTreeMap::new();
    for gap in gaps(&moments.items, whose) {
        groups.entry(gap.name).or_default().push(gap.micros);
    }
    let mut items: Vec<TtlRow> = groups.into_iter().filter_map(|(name, gaps)| group(&name, gaps)).collect();
    items.sort_by_key(|row| std::cmp::Reverse(row.spread.gaps));
    let ttl_distribution = TtlDistribution::of(items.iter().map(|row| row.recommended_ttl));
    items.truncate(rows);
    Ok(TtlReport {
        from: range.from.to_string(),
        until: range.until.to_string(),
        by: whose.as_str().to_owned(),
        items,
        ttl_distribution,
        cut: moments.cut,
    })
}
