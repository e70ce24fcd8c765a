//! Gaps between requests as points over time: what a scatter chart shows.

use super::ReportError;
use super::figures::minutes;
use super::gaps::{Gap, MINUTE, Whose, gaps};
use super::limits::{POINTS_MAX, TIMELINE_HOURS};
use super::query::{UsageQuery, WHEN, WHOSE_UNFAILED};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::Records;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Gaps above this are pauses, not intervals.
const GAP_MAX: i64 = 120 * MINUTE;

/// Points over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// `user`, `key` or `session`.
    pub(crate) by: String,
    /// How many points there are; `items` has a fair part of each one's where these are too many.
    pub(crate) total_points: usize,
    /// In order of time.
    pub(crate) items: Vec<Point>,
    /// The models of the points, in order.
    pub(crate) models: Vec<String>,
    /// What people are called, by user; empty when only one is asked for.
    pub(crate) users: BTreeMap<String, String>,
    /// Whether the oldest requests are missing because there are too many.
    pub(crate) cut: bool,
}

/// One gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Point {
    /// The user, the key's id, or the session.
    pub(crate) name: String,
    /// When the later request was received, RFC 3339 in UTC.
    pub(crate) x: String,
    /// Minutes since the one before, two places.
    pub(crate) y: String,
    /// What it asked for.
    pub(crate) model: String,
}

/// At most about `limit` of the gaps: everybody keeps the same part of their own, rounded up, evenly spread over time.
/// The newest and the oldest are treated alike.
pub(crate) fn sampled(gaps: Vec<Gap>, limit: usize) -> Vec<Gap> {
    let total = gaps.len();
    if total <= limit {
        return gaps;
    }
    let mut counts: BTreeMap<std::sync::Arc<str>, usize> = BTreeMap::new();
    for gap in &gaps {
        *counts.entry(gap.name.clone()).or_default() += 1;
    }
    let mut seen: BTreeMap<std::sync::Arc<str>, usize> = BTreeMap::new();
    let mut kept = gaps;
    kept.retain(|gap| {
        let own = counts.get(&gap.name).copied().unwrap_or(0);
        let quota = own.saturating_mul(limit).div_ceil(total).max(1);
        let at = seen.entry(gap.name.clone()).or_default();
        let keep = is_kept(*at, own, quota);
        *at += 1;
        keep
    });
    kept
}

/// Whether the place `at` of `n` is one of `floor(i * n / k)` for an `i` below `k`.
fn is_kept(at: usize, n: usize, k: usize) -> bool {
    let next = at.saturating_mul(k).div_ceil(n.max(1));
    next < k && next.saturating_mul(n) / k.max(1) == at
}

/// Tells it: of the last day unless asked otherwise.
pub(crate) fn timeline(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<Timeline, ReportError> {
    query.only(&[WHEN, WHOSE_UNFAILED, &["by", "limit"]])?;
    let default = if query.key.is_some() { "key" } else { "user" };
    let whose = Whose::parse(query.by.as_deref().unwrap_or(default))?;
    let (filter, points) = (query.filter()?, query.rows(POINTS_MAX, POINTS_MAX)?);
    let range = query.scanned(zone, now, TIMELINE_HOURS)?;
    let moments = records.moments(range.from, range.until, &filter, usize::MAX)?;
    let mut gaps = gaps(&moments.items, whose);
    gaps.retain(|gap| gap.micros <= GAP_MAX);
    let total_points = gaps.len();
    let kept = sampled(gaps, points);
    let models: BTreeSet<String> = kept.iter().map(|gap| gap.model.to_string()).collect();
    let point = |gap: &Gap| Point {
        name: gap.name.to_string(),
        x: gap.at.to_string(),
        y: minutes(gap.micros),
        model: gap.model.to_string(),
    };
    Ok(Timeline {
        from: range.from.to_string(),
        until: range.until.to_string(),
        by: whose.as_str().to_owned(),
        total_points,
        items: kept.iter().map(point).collect(),
        models: models.into_iter().collect(),
        users: BTreeMap::new(),
        cut: moments.cut,
    })
}
