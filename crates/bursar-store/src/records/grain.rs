//! The periods of roll-ups: months, days, hours and quarters of an hour, in UTC and numbered from 1970 on.

use super::month::Month;
use bursar_core::Timestamp;

/// Microseconds of a quarter of an hour. Every zone of today is so many quarters away from UTC, so a zone's days are
/// whole quarters.
const QUARTER: i64 = 900_000_000;
const HOUR: i64 = 4 * QUARTER;
const DAY: i64 = 24 * HOUR;
const HOURS_OF_DAY: i64 = 24;
const QUARTERS_OF_HOUR: i64 = 4;

/// How long a period of a roll-up is, from the longest to the shortest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Grain {
    Months,
    Days,
    Hours,
    Quarters,
}

impl Grain {
    pub(super) const ALL: [Self; 4] = [Self::Months, Self::Days, Self::Hours, Self::Quarters];
    /// Its table of names.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Months => "roll_month",
            Self::Days => "roll_day",
            Self::Hours => "roll_hour",
            Self::Quarters => "roll_quarter",
        }
    }
    /// The number of the period that an instant is in.
    pub(super) fn number(self, at: Timestamp) -> i64 {
        match self {
            Self::Months => Month::of(at).number(),
            Self::Days => at.micros().div_euclid(DAY),
            Self::Hours => at.micros().div_euclid(HOUR),
            Self::Quarters => at.micros().div_euclid(QUARTER),
        }
    }
    /// The start of a period.
    pub(super) fn start(self, number: i64) -> Timestamp {
        let fixed = |length| Timestamp::from_micros(number.saturating_mul(length));
        match self {
            Self::Months => Month::of_number(number).starts_at(),
            Self::Days => fixed(DAY),
            Self::Hours => fixed(HOUR),
            Self::Quarters => fixed(QUARTER),
        }
    }
    /// The number of the next longer period that this one is part of.
    pub(super) fn longer(self, number: i64) -> i64 {
        match self {
            Self::Months => number,
            Self::Days => Self::Months.number(self.start(number)),
            Self::Hours => number.div_euclid(HOURS_OF_DAY),
            Self::Quarters => number.div_euclid(QUARTERS_OF_HOUR),
        }
    }
    /// The first period that begins at or after an instant.
    pub(super) fn first_from(self, at: Timestamp) -> i64 {
        let period = self.number(at);
        if self.start(period) >= at { period } else { period.saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_period_holds_its_instants_and_is_part_of_the_next_longer_one(micros in 0..4_000_000_000_000_000i64) {
            let at = Timestamp::from_micros(micros);
            for (longer, grain) in Grain::ALL.iter().zip(&Grain::ALL[1..]) {
                let number = grain.number(at);
                prop_assert!(grain.start(number) <= at && at < grain.start(number + 1));
                prop_assert_eq!(grain.longer(number), longer.number(at));
                prop_assert_eq!(grain.first_from(grain.start(number)), number);
            }
        }
    }
}
