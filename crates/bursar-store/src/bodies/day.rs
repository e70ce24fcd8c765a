//! A calendar day in UTC: which file headers and bodies lie in.

use bursar_core::{RequestId, Timestamp};

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i64);

const MICROS: i64 = 86_400_000_000;
const PREFIX: &str = "bodies-";
const SUFFIX: &str = ".db";

impl Day {
    /// The day that `at` is in.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        Self(at.micros().div_euclid(MICROS))
    }
    /// The day that a UUIDv7 says it was made on; some day for other ids.
    #[must_use]
    pub fn of_id(id: RequestId) -> Self {
        let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
        Self::of(Timestamp::from_micros(millis.saturating_mul(1000)))
    }
    /// Its first instant.
    #[must_use]
    pub const fn starts_at(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(MICROS))
    }
    /// The first instant of the next one.
    #[must_use]
    pub const fn ends_at(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_add(1).saturating_mul(MICROS))
    }
    /// The name of its file.
    #[must_use]
    pub fn file_name(self) -> String {
        let date = self.starts_at().to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        format!("{PREFIX}{date}{SUFFIX}")
    }
    /// The day of a file of that name.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<Self> {
        let date = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        (date.len() == 10).then(|| Timestamp::parse(date).map(Self::of))?
    }
}
