//! What spend will come to at the end of a period: one set of formulas for standings and throttle, in whole numbers.

use crate::period::{Interval, Period};
use bursar_core::Timestamp;

const DAY: i64 = 86_400_000_000;

/// How far a period counts as elapsed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Elapsed {
    /// Calendar days of the zone, today counted whole.
    CalendarDay,
    /// The exact time, without a floor.
    Fraction,
    /// The exact time, but at least one day: what standings show.
    ExactDays,
}

/// `numerator / denominator`, halves to the even neighbour. Zero when the denominator is not positive.
#[must_use]
pub fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    if denominator <= 0 {
        return 0;
    }
    let (whole, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    let twice = rest.saturating_mul(2);
    let up = twice > denominator || (twice == denominator && whole.rem_euclid(2) == 1);
    if up { whole + 1 } else { whole }
}

/// How much of an interval is over at `now`, and how long it is, in the same unit. `None`: without beginning or end, or
/// nothing elapsed yet.
#[must_use]
pub fn elapsed(period: &Period, interval: Interval, now: Timestamp, how: Elapsed) -> Option<(i64, i64)> {
    let (start, end) = (interval.starts_at?, interval.ends_at?);
    let (so_far, length) = (now.micros_since(start), end.micros_since(start));
    match how {
        Elapsed::ExactDays => Some((so_far.max(DAY), length)),
        Elapsed::Fraction => (so_far > 0).then_some((so_far, length)),
        Elapsed::CalendarDay => {
            let date = |at: Timestamp| at.to_jiff().to_zoned(period.zone.rules().clone()).date();
            let days =
                |to: Timestamp| date(to).since(date(start)).ok().map(|span| i64::from(span.get_days()));
            Some((days(now)?.max(0) + 1, days(end)?.max(1)))
        }
    }
}

/// Spend at the end of the interval if it goes on as so far, half-even. `None` as [`elapsed`].
#[must_use]
pub fn projection(
    period: &Period,
    interval: Interval,
    now: Timestamp,
    spent: i64,
    how: Elapsed,
) -> Option<i64> {
    let (so_far, length) = elapsed(period, interval, now, how)?;
    let projected = divide_half_even(i128::from(spent) * i128::from(length), i128::from(so_far));
    Some(i64::try_from(projected).unwrap_or(i64::MAX))
}

/// Spend per day: `spent` / max(exact days elapsed, 1), half-even. An interval without beginning counts from `since`.
#[must_use]
pub fn burn_per_day(spent: i64, starts_at: Timestamp, now: Timestamp) -> i64 {
    let so_far = now.micros_since(starts_at).max(DAY);
    let burn = divide_half_even(i128::from(spent) * i128::from(DAY), i128::from(so_far));
    i64::try_from(burn).unwrap_or(i64::MAX)
}

/// Whole days from `now` to `end`, never below 0.
#[must_use]
pub fn days_left(end: Timestamp, now: Timestamp) -> i64 {
    end.micros_since(now).div_euclid(DAY).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::PeriodKind;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let cases = [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (4, 0, 0)];
        for (numerator, denominator, quotient) in cases {
            assert_eq!(divide_half_even(numerator, denominator), quotient, "{numerator}/{denominator}");
        }
    }

    /// Rules: S0-06, S0-07.
    #[test]
    fn three_ways_to_count_the_days_of_april() {
        let april = Period::utc(PeriodKind::Month);
        let project = |at: &str, spent, how| {
            let now = Timestamp::parse(at).unwrap();
            projection(&april, april.window_at(now), now, spent, how)
        };
        assert_eq!(project("2026-04-10T12:00:00Z", 40, Elapsed::CalendarDay), Some(120));
        assert_eq!(project("2026-04-11T00:00:00Z", 30, Elapsed::ExactDays), Some(90));
        assert_eq!(project("2026-04-01T12:00:00Z", 4, Elapsed::ExactDays), Some(120));
        assert_eq!(project("2026-04-01T12:00:00Z", 4, Elapsed::Fraction), Some(240));
        assert_eq!(project("2026-04-01T00:00:00Z", 4, Elapsed::Fraction), None);
    }
}
