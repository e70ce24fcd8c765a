//! A calendar month in UTC: which file a record lies in.

use bursar_core::{RequestId, Timestamp};
use std::fmt;

/// A month in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month {
    year: i16,
    month: i8,
}

/// The year from which months are numbered.
const FIRST_YEAR: i64 = 1970;

/// The start and the end of every record file's name.
const PREFIX: &str = "records-";
const SUFFIX: &str = ".db";

impl Month {
    /// The month that `at` is in. Instants before 1970 count as its first month.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let at = at.max(Timestamp::from_micros(0));
        let date = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        Self { year: date.year(), month: date.month() }
    }
    /// The month that a UUIDv7 says it was made in; some month for other ids.
    #[must_use]
    pub fn of_id(id: RequestId) -> Self {
        let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
        Self::of(Timestamp::from_micros(millis.saturating_mul(1000)))
    }
    /// How many months after January 1970 it is.
    pub(super) fn number(self) -> i64 {
        i64::from(self.year).saturating_sub(FIRST_YEAR).saturating_mul(12) + i64::from(self.month) - 1
    }
    /// The month so many after January 1970.
    pub(super) fn of_number(number: i64) -> Self {
        let year = i16::try_from(number.div_euclid(12).saturating_add(FIRST_YEAR)).unwrap_or(i16::MAX);
        Self { year, month: i8::try_from(number.rem_euclid(12) + 1).unwrap_or(1) }
    }
    /// Its first instant.
    #[must_use]
    pub fn starts_at(self) -> Timestamp {
        let first = jiff::civil::Date::new(self.year, self.month, 1).ok();
        let zoned = first.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
        zoned.map_or(Timestamp::from_micros(0), |zoned| Timestamp::from_jiff(zoned.timestamp()))
    }
    /// The first instant of the next one.
    #[must_use]
    pub fn ends_at(self) -> Timestamp {
        let next = match self.month {
            12 => Self { year: self.year.saturating_add(1), month: 1 },
            month => Self { year: self.year, month: month.saturating_add(1) },
        };
        next.starts_at()
    }
    /// The name of its file.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{PREFIX}{self}{SUFFIX}")
    }
    /// The month of a file of that name.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?)
    }
    /// Reads `YYYYMM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_at_checked(4)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if month.len() != 2 || !digits(year) || !digits(month) {
            return None;
        }
        let (year, month) = (year.parse().ok()?, month.parse().ok()?);
        (1..=12).contains(&month).then_some(Self { year, month })
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_meet_without_a_gap() {
        let december = Month::of(Timestamp::parse("2026-12-31T23:59:59.999999Z").unwrap());
        assert_eq!(december.file_name(), "records-202612.db");
        assert_eq!(december.ends_at(), Timestamp::parse("2027-01-01").unwrap());
        assert_eq!((december.number(), Month::of_number(december.number())), (56 * 12 + 11, december));
        assert_eq!(Month::of(december.ends_at()).to_string(), "202701");
        assert_eq!(Month::of_file_name("records-202612.db"), Some(december));
        for name in ["records-202613.db", "records-2026.db", "records-202612.db-wal", "records-+2612.db"] {
            assert_eq!(Month::of_file_name(name), None, "{name}");
        }
        let made = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        assert_eq!(Month::of_id(RequestId::new(made, 7)), december);
    }
}
