//! Gaps between requests that follow each other: percentiles, buckets, and who they belong to.

use super::ReportError;
use super::figures::{minutes, percent_1};
use bursar_core::Timestamp;
use bursar_ledger::projection::divide_half_even;
use bursar_store::records::Moment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Microseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000_000;

/// Whose requests follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// A user's. What has no user is nobody's.
    User,
    /// A key's.
    Key,
    /// A conversation's, within its project. What has no session is of none.
    Session,
}

impl Whose {
    pub(crate) fn parse(word: &str) -> Result<Self, ReportError> {
        match word {
            "user" => Ok(Self::User),
            "key" => Ok(Self::Key),
            "session" => Ok(Self::Session),
            other => {
                Err(ReportError::input("by", format!("`{other}` is none here: ask for user, key or session")))
            }
        }
    }
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Session => "session",
        }
    }
    pub(crate) fn name(self, moment: &Moment) -> &Arc<str> {
        match self {
            Self::User => &moment.user,
            Self::Key => &moment.key,
            Self::Session => &moment.session,
        }
    }
    /// What tells two of the same name apart.
    fn within(self, moment: &Moment) -> &str {
        match self {
            Self::User | Self::Key => "",
            Self::Session => &moment.project,
        }
    }
}

/// The time between a completed request and the one of the same group before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    /// Whose.
    pub(crate) name: Arc<str>,
    /// When the later one was received.
    pub(crate) at: Timestamp,
    /// What it asked for.
    pub(crate) model: Arc<str>,
    /// Microseconds.
    pub(crate) micros: i64,
}

/// The gaps of moments in order of time.
pub(crate) fn gaps(moments: &[Moment], whose: Whose) -> Vec<Gap> {
    let mut last: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    let mut gaps = Vec::new();
    for moment in moments {
        let name = whose.name(moment);
        if name.is_empty() {
            continue;
        }
        if let Some(before) = last.insert((whose.within(moment), name), moment.at) {
            let micros = moment.at.micros_since(before).max(0);
            gaps.push(Gap { name: name.clone(), at: moment.at, model: moment.model.clone(), micros });
        }
    }
    gaps
}

/// The value below which `percent` of the sorted values lie, between neighbours in proportion. `None` of nothing.
pub(crate) fn percentile(sorted: &[i64], percent: u32) -> Option<i64> {
    let steps = u64::try_from(sorted.len().checked_sub(1)?).ok()?.saturating_mul(u64::from(percent));
    let low = *sorted.get(usize::try_from(steps / 100).ok()?)?;
    let high =
        usize::try_from(steps.div_ceil(100)).ok().and_then(|at| sorted.get(at)).copied().unwrap_or(low);
    let part = i128::from(high.saturating_sub(low)) * i128::from(steps % 100);
    Some(low.saturating_add(i64::try_from(divide_half_even(part, 100)).unwrap_or(0)))
}

/// How many gaps end within how many minutes: each in the first bucket that holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Buckets<T> {
    /// Up to 5 minutes.
    pub(crate) within_5min: T,
    /// Above 5, up to 15.
    pub(crate) within_15min: T,
    /// Above 15, up to 30.
    pub(crate) within_30min: T,
    /// Above 30, up to 60.
    pub(crate) within_60min: T,
    /// Above 60.
    pub(crate) over_60min: T,
}

impl Buckets<i64> {
    pub(crate) fn of(gaps: &[i64]) -> Self {
        let mut buckets = Self::default();
        for gap in gaps {
            let bucket = match *gap {
                gap if gap <= 5 * MINUTE => &mut buckets.within_5min,
                gap if gap <= 15 * MINUTE => &mut buckets.within_15min,
                gap if gap <= 30 * MINUTE => &mut buckets.within_30min,
                gap if gap <= 60 * MINUTE => &mut buckets.within_60min,
                _longer => &mut buckets.over_60min,
            };
            *bucket += 1;
        }
        buckets
    }
    /// In percent of all, one place.
    pub(crate) fn percent(&self, all: i64) -> Buckets<String> {
        Buckets {
            within_5min: percent_1(self.within_5min, all),
            within_15min: percent_1(self.within_15min, all),
            within_30min: percent_1(self.within_30min, all),
            within_60min: percent_1(self.within_60min, all),
            over_60min: percent_1(self.over_60min, all),
        }
    }
}

/// Gaps in figures: minutes with two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Spread {
    /// How many gaps.
    pub(crate) gaps: i64,
    /// Half are shorter.
    pub(crate) p50: Option<String>,
    /// Three quarters are shorter.
    pub(crate) p75: Option<String>,
    /// Nine in ten are shorter.
    pub(crate) p90: Option<String>,
    /// The mean.
    pub(crate) avg: Option<String>,
    /// The shortest.
    pub(crate) min: Option<String>,
    /// The longest.
    pub(crate) max: Option<String>,
    /// How many end within how many minutes.
    pub(crate) distribution: Buckets<i64>,
    /// The same in percent.
    pub(crate) percent: Buckets<String>,
}

impl Spread {
    /// Of gaps in microseconds, sorted.
    pub(crate) fn of(sorted: &[i64]) -> Self {
        let count = i64::try_from(sorted.len()).unwrap_or(i64::MAX);
        let at = |percent| percentile(sorted, percent).map(minutes);
        let sum = sorted.iter().copied().fold(0i64, i64::saturating_add);
        let distribution = Buckets::of(sorted);
        let percent = distribution.percent(count);
        Self {
            gaps: count,
            p50: at(50),
            p75: at(75),
            p90: at(90),
            avg: super::figures::mean(sum, count).map(minutes),
            min: sorted.first().copied().map(minutes),
            max: sorted.last().copied().map(minutes),
            distribution,
            percent,
        }
    }
}
