//! Periods as half-open calendar intervals in a time zone. A new period is a new interval: nothing is ever reset.

use crate::zone::Zone;
use bursar_core::Timestamp;
use jiff::civil::{Date, Weekday, date};
use jiff::{ToSpan, Zoned};

/// How long a window lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PeriodKind {
    /// From one full hour of the zone to the next; also ends where the zone's clock is changed.
    Hour,
    /// A calendar day of the zone: 23 or 25 hours where the clock is changed.
    Day,
    /// Seven calendar days.
    Week {
        /// The first of them.
        start: Weekday,
    },
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
    /// So many calendar days, one cycle starting on the anchor.
    Days {
        /// Length in days, 1 to [`crate::CYCLE_DAYS_MAX`].
        days: u16,
        /// A day on which a cycle starts.
        anchor: Date,
    },
    /// One window for ever.
    Total,
}

/// A kind of period in a time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// How long.
    pub kind: PeriodKind,
    /// Whose calendar.
    pub zone: Zone,
}

/// From an instant, included, to another, excluded. Absent: without beginning, without end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Interval {
    /// The first instant.
    pub starts_at: Option<Timestamp>,
    /// The first instant after.
    pub ends_at: Option<Timestamp>,
}

impl Interval {
    /// Without beginning or end.
    pub const ALWAYS: Self = Self { starts_at: None, ends_at: None };

    /// Whether `at` is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= at) && self.ends_at.is_none_or(|end| at < end)
    }
}

impl Period {
    /// In UTC.
    #[must_use]
    pub fn utc(kind: PeriodKind) -> Self {
        Self { kind, zone: Zone::utc() }
    }
    /// The interval that contains `at`. Intervals of one period follow each other without gap or overlap. Beyond the
    /// calendar (about the year 9999) it is without end.
    #[must_use]
    pub fn window_at(&self, at: Timestamp) -> Interval {
        if self.kind == PeriodKind::Total {
            return Interval::ALWAYS;
        }
        if self.kind == PeriodKind::Hour {
            return self.hour_at(at);
        }
        let today = at.to_jiff().to_zoned(self.zone.rules().clone()).date();
        let Some((mut first, mut next)) = self.dates_at(today) else {
            return Interval::ALWAYS;
        };
        // Where a clock is turned back across midnight the local date runs backwards for a while; the first midnight counts.
        for _ in 0..2 {
            if self.midnight(next).is_some_and(|end| at >= end) {
                let Some(dates) = self.dates_at(next) else { break };
                (first, next) = dates;
            } else if self.midnight(first).is_some_and(|start| at < start) {
                let Some(dates) = first.yesterday().ok().and_then(|day| self.dates_at(day)) else { break };
                (first, next) = dates;
            }
        }
        Interval { starts_at: self.midnight(first), ends_at: self.midnight(next) }
    }
    /// The interval before the one that starts at `start`.
    #[must_use]
    pub fn window_before(&self, start: Timestamp) -> Interval {
        self.window_at(Timestamp::from_micros(start.micros().saturating_sub(1)))
    }

    /// First day of the period that contains `day`, and first day of the next one.
    fn dates_at(&self, day: Date) -> Option<(Date, Date)> {
        match self.kind {
            PeriodKind::Hour | PeriodKind::Total => None,
            PeriodKind::Day => Some((day, day.tomorrow().ok()?)),
            PeriodKind::Week { start } => {
                let first = day.checked_sub(i64::from(day.weekday().since(start)).days()).ok()?;
                Some((first, first.checked_add(7.days()).ok()?))
            }
            PeriodKind::Month => Some((day.first_of_month(), day.last_of_month().tomorrow().ok()?)),
            PeriodKind::Year => Some((day.first_of_year(), day.last_of_year().tomorrow().ok()?)),
            PeriodKind::Days { days, anchor } => {
                let days = i64::from(days.max(1));
                let since = i64::from(day.since(anchor).ok()?.get_days());
                let first = anchor.checked_add(since.div_euclid(days).checked_mul(days)?.days()).ok()?;
                Some((first, first.checked_add(days.days()).ok()?))
            }
        }
    }
    /// The first instant of a day.
    fn midnight(&self, day: Date) -> Option<Timestamp> {
        let instant = day.to_zoned(self.zone.rules().clone()).ok()?.timestamp();
        Some(Timestamp::from_jiff(instant))
    }
    fn hour_at(&self, at: Timestamp) -> Interval {
        const HOUR: i64 = 3_600_000_000;
        let zoned: Zoned = at.to_jiff().to_zoned(self.zone.rules().clone());
        let offset = i64::from(zoned.offset().seconds()) * 1_000_000;
        let local = at.micros().saturating_add(offset);
        let start = Timestamp::from_micros((local - local.rem_euclid(HOUR)).saturating_sub(offset));
        let end = Timestamp::from_micros(start.micros().saturating_add(HOUR));
        // A change of the clock ends the hour: both hours of a repeated one are windows of their own.
        let rules = self.zone.rules();
        let changed = rules.preceding(Timestamp::from_micros(at.micros().saturating_add(1)).to_jiff()).next();
        let changes = rules.following(at.to_jiff()).next();
        let start = changed.map_or(start, |change| start.max(Timestamp::from_jiff(change.timestamp())));
        let end = changes.map_or(end, |change| end.min(Timestamp::from_jiff(change.timestamp())));
        Interval { starts_at: Some(start), ends_at: Some(end) }
    }
}

/// The anchor of a cycle that names none: a Monday and the first of a year's first full week.
pub const ANCHOR_DEFAULT: Date = date(2024, 1, 1);
