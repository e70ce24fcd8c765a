//! How long answers took: exact percentiles over completed requests.

use super::ReportError;
use super::gaps::percentile;
use super::limits::{ROWS_DEFAULT, TIMELINE_HOURS};
use super::query::{UsageQuery, WHEN, WHOSE_UNFAILED, dimension};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Moment, Records};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// How long answers took.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatencyReport {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// All of them.
    pub(crate) total: Latency,
    /// By name, most requests first; empty unless grouped.
    pub(crate) items: Vec<LatencyRow>,
    /// Whether the oldest requests are missing because there are too many.
    pub(crate) cut: bool,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatencyRow {
    /// The name.
    pub(crate) name: String,
    /// Its figures.
    #[serde(flatten)]
    pub(crate) latency: Latency,
}

/// Figures in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Latency {
    /// Completed requests.
    pub(crate) requests: usize,
    /// To the first byte.
    pub(crate) first_byte_ms: Percentiles,
    /// To the end.
    pub(crate) total_ms: Percentiles,
}

/// Percentiles in milliseconds; null of nothing.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Percentiles {
    /// Half are faster.
    pub(crate) p50: Option<i64>,
    /// Nine in ten are faster.
    pub(crate) p90: Option<i64>,
    /// 95 in 100 are faster.
    pub(crate) p95: Option<i64>,
    /// 99 in 100 are faster.
    pub(crate) p99: Option<i64>,
    /// The slowest.
    pub(crate) max: Option<i64>,
}

impl Percentiles {
    fn of(times: impl Iterator<Item = u32>) -> Self {
        let mut sorted: Vec<i64> = times.map(i64::from).collect();
        sorted.sort_unstable();
        let at = |percent| percentile(&sorted, percent);
        Self { p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: sorted.last().copied() }
    }
}

impl Latency {
    fn of(moments: &[&Moment]) -> Self {
        Self {
            requests: moments.len(),
            first_byte_ms: Percentiles::of(moments.iter().filter_map(|moment| moment.first_byte_ms)),
            total_ms: Percentiles::of(moments.iter().filter_map(|moment| moment.total_ms)),
        }
    }
}

/// Tells it: of the last day unless asked otherwise.
pub(crate) fn latency(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<LatencyReport, ReportError> {
    query.only(&[WHEN, WHOSE_UNFAILED, &["by", "limit"]])?;
    let by = query.by.as_deref().map(dimension).transpose()?;
    let name = |moment: &Moment| -> Option<Arc<str>> {
        match by? {
            Dimension::User => Some(moment.user.clone()),
            Dimension::Key => Some(moment.key.clone()),
            Dimension::Model => Some(moment.model.clone()),
            Dimension::Provider => Some(moment.provider.clone()),
            Dimension::Project
            | Dimension::Agent
            | Dimension::Run
            | Dimension::Session
            | Dimension::Tag
            | Dimension::Code => None,
        }
    };
    if let Some(by) = by
        && !matches!(by, Dimension::User | Dimension::Key | Dimension::Model | Dimension::Provider)
    {
        let problem = format!("`{by}` is none here: ask for user, key, model or provider");
        return Err(ReportError::input("by", problem));
    }
    let (filter, rows) = (query.filter()?, query.page(ROWS_DEFAULT)?);
    let range = query.scanned(zone, now, TIMELINE_HOURS)?;
    let moments = records.moments(range.from, range.until, &filter, usize::MAX)?;
    let mut groups: BTreeMap<Arc<str>, Vec<&Moment>> = BTreeMap::new();
    for moment in &moments.items {
        if let Some(name) = name(moment) {
            groups.entry(name).or_default().push(moment);
        }
    }
    let mut items: Vec<LatencyRow> = groups
        .iter()
        .map(|(name, moments)| LatencyRow { name: name.to_string(), latency: Latency::of(moments) })
        .collect();
    items.sort_by_key(|row| std::cmp::Reverse(row.latency.requests));
    items.truncate(rows);
    Ok(LatencyReport {
        from: range.from.to_string(),
        until: range.until.to_string(),
        total: Latency::of(&moments.items.iter().collect::<Vec<_>>()),
        items,
        cut: moments.cut,
    })
}
