//! Judging one window: is its provider on the way to spend more than the window's limit? Exact: no quotient is rounded
//! before it is compared, only what is shown is.

use super::rules::{Projection, Rules};
use bursar_core::{Measure, Multiplier, Timestamp, decimal};
use bursar_ledger::projection::{divide_half_even, elapsed};
use bursar_ledger::{Interval, Period};
use std::cmp::Ordering;
use std::fmt;

/// Places behind the point of projections and ratios, where they are shown.
const PLACES: u32 = 4;
/// 10 to the power of [`PLACES`].
const SHOWN: i128 = 10_000;
/// Nano-USD of the last shown place.
const NANOS_SHOWN: i128 = 100_000;
/// Ratios are configured in millionths.
const MILLION: i128 = 1_000_000;
/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// What is judged: the counters and the limit of one window at an instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spend<'a> {
    /// The budget's kind of period, in its own time zone.
    pub period: &'a Period,
    /// The window's period.
    pub interval: Interval,
    /// What the amounts count.
    pub measure: Measure,
    /// Settled and in suspense: what is spent, as far as anybody knows.
    pub spent: i64,
    /// The limit. Absent: unlimited; 0: nothing.
    pub limit: Option<i64>,
}

/// Why a window is judged as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// No limit: nothing can be too much.
    Unlimited,
    /// The limit is nothing.
    ZeroBudget,
    /// What is spent reaches the limit, whatever the projection says.
    AlreadySpent,
    /// Too early in the period, too little spent, or a period without an end: no projection counts.
    InsufficientData,
    /// The ratio is at or above the one that engages.
    Over,
    /// Engaged before, and the ratio is not below the one that releases.
    Held,
    /// Engaged before, and the ratio is below the one that releases.
    Released,
    /// The ratio is below the one that engages.
    Within,
}

/// A figure as it is shown: four places, half-even. Never what a decision is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shown(i128);

/// The judgement of one window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether the window throttles.
    pub engaged: bool,
    /// Why.
    pub status: Status,
    /// Spend at the end of the period if it goes on so. Absent where nothing can be projected.
    pub projected: Option<Shown>,
    /// Projected spend over limit.
    pub ratio: Option<Shown>,
    /// The spend at which the window would engage at this instant; absent where more spend changes nothing.
    pub line: Option<i64>,
}

impl Status {
    /// The word in JSON, events and history.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unlimited => "unlimited",
            Self::ZeroBudget => "zero_budget",
            Self::AlreadySpent => "budget_already_spent",
            Self::InsufficientData => "insufficient_data",
            Self::Over => "over",
            Self::Held => "held",
            Self::Released => "released",
            Self::Within => "within",
        }
    }
}

impl Shown {
    fn quotient(numerator: i128, denominator: i128) -> Self {
        let scaled = numerator.checked_mul(SHOWN).unwrap_or(i128::MAX);
        Self(divide_half_even(scaled, denominator))
    }
    /// As money, where it is one: nano-USD.
    #[must_use]
    pub fn nanos(self) -> i64 {
        i64::try_from(self.0.saturating_mul(NANOS_SHOWN)).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal::format(self.0, PLACES))
    }
}

/// Judges a window that throttled before (`engaged`) or did not.
#[must_use]
pub fn judge(rules: &Rules, spend: &Spend<'_>, engaged: bool, now: Timestamp) -> Verdict {
    let pace = elapsed(spend.period, spend.interval, now, rules.projection.elapsed());
    let pace = pace.map(|(so_far, length)| (i128::from(so_far), i128::from(length)));
    let spent = i128::from(spend.spent);
    let mut verdict =
        Verdict { engaged: false, status: Status::Unlimited, projected: None, ratio: None, line: None };
    if let Some((so_far, length)) = pace {
        // Money has nine places, everything else none.
        let unit = if spend.measure == Measure::Usd { 1_000_000_000 } else { 1 };
        verdict.projected = Some(Shown::quotient(spent * length, so_far * unit));
    }
    let Some(limit) = spend.limit.map(i128::from) else { return verdict };
    if limit <= 0 {
        return Verdict { engaged: true, status: Status::ZeroBudget, ..verdict };
    }
    if let Some((so_far, length)) = pace {
        verdict.ratio = Some(Shown::quotient(spent * length, so_far * limit));
    }
    if spent >= limit {
        return Verdict { engaged: true, status: Status::AlreadySpent, ..verdict };
    }
    let counts = pace.filter(|pace| late_enough(rules, *pace, spend));
    verdict.line = Some(line(rules, counts, limit));
    let enough = spent * 100 >= i128::from(rules.min_spend_pct) * limit;
    let Some((so_far, length)) = counts.filter(|_| enough) else {
        return Verdict { status: Status::InsufficientData, ..verdict };
    };
    let at_least = |ratio: Multiplier| {
        let ratio = (i128::from(ratio.millionths()), MILLION);
        compare((spent * length, so_far * limit), ratio) != Ordering::Less
    };
    let (status, engaged) = if at_least(rules.engage_ratio) {
        (Status::Over, true)
    } else if engaged && at_least(rules.release_ratio) {
        (Status::Held, true)
    } else if engaged {
        (Status::Released, false)
    } else {
        (Status::Within, false)
    };
    Verdict { engaged, status, line: verdict.line.filter(|_| !engaged), ..verdict }
}

/// Whether so much of the period is over that its projection counts. Where the whole period is no longer than the days
/// asked for, a tenth of it does.
fn late_enough(rules: &Rules, (so_far, length): (i128, i128), spend: &Spend<'_>) -> bool {
    let asked = i128::from(rules.min_elapsed_days);
    let whole = spend.interval.starts_at.zip(spend.interval.ends_at);
    let micros = whole.map_or(0, |(start, end)| i128::from(end.micros_since(start)));
    if asked > 0 && micros <= asked * DAY {
        return so_far * 10 >= length;
    }
    match rules.projection {
        Projection::CalendarDay => so_far >= asked,
        Projection::ElapsedFraction => so_far >= asked * DAY,
    }
}

/// The least spend that engages: the limit itself, or, where the projection counts, what reaches the ratio and the least
/// percentage.
fn line(rules: &Rules, counts: Option<(i128, i128)>, limit: i128) -> i64 {
    let up = |numerator: Option<i128>, denominator: i128| {
        let numerator = numerator?;
        Some(numerator.div_euclid(denominator) + i128::from(numerator.rem_euclid(denominator) > 0))
    };
    let least = up(Some(i128::from(rules.min_spend_pct) * limit), 100);
    let line = counts.and_then(|(so_far, length)| {
        let wanted = i128::from(rules.engage_ratio.millionths()).checked_mul(so_far);
        let ratio = up(wanted.and_then(|wanted| wanted.checked_mul(limit)), length * MILLION)?;
        Some(ratio.max(least?))
    });
    i64::try_from(line.unwrap_or(limit).min(limit)).unwrap_or(i64::MAX)
}

/// Compares two fractions of positive denominators exactly, without a product that could overflow.
fn compare((mut a, mut b): (i128, i128), (mut c, mut d): (i128, i128)) -> Ordering {
    let mut turned = false;
    loop {
        let order = a.div_euclid(b).cmp(&c.div_euclid(d));
        let order = if turned { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
        let (left, right) = (a.rem_euclid(b), c.rem_euclid(d));
        let order = match (left, right) {
            (0, 0) => return Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            (_, _) => {
                // left/b against right/d is d/right against b/left.
                (a, b, c, d) = (b, left, d, right);
                turned = !turned;
                continue;
            }
        };
        return if turned { order.reverse() } else { order };
    }
}

#[cfg(test)]
mod tests;
