//! From when until when, in whose calendar, and cut into which periods.

use super::ReportError;
use super::limits::{HOURS_MAX, PERIODS_MAX, SPAN_DAYS_MAX};
use bursar_core::Timestamp;
use bursar_ledger::{ANCHOR_DEFAULT, Date, Period, PeriodKind, Weekday, Zone};

/// The words of periods that a report can be cut into.
pub(crate) const PERIODS: [&str; 5] = ["hour", "day", "week", "month", "year"];

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// An interval in a time zone: `from` inclusive, `until` exclusive.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) zone: Zone,
}

/// What a question says about time. Everything absent: this month.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'q> {
    pub(crate) from: Option<&'q str>,
    pub(crate) until: Option<&'q str>,
    pub(crate) hours: Option<i64>,
    pub(crate) days: Option<i64>,
}

/// What a period word means.
pub(crate) fn kind(word: &str) -> Result<PeriodKind, ReportError> {
    match word {
        "hour" => Ok(PeriodKind::Hour),
        "day" => Ok(PeriodKind::Day),
        "week" => Ok(PeriodKind::Week { start: Weekday::Monday }),
        "month" => Ok(PeriodKind::Month),
        "year" => Ok(PeriodKind::Year),
        other => {
            Err(ReportError::input("period", format!("`{other}` is none: ask for {}", PERIODS.join(", "))))
        }
    }
}

impl Range {
    /// What a question means at `now`. Dates are midnights of the zone; without an end it runs to the end of today.
    pub(crate) fn of(asked: Asked<'_>, zone: Zone, now: Timestamp) -> Result<Self, ReportError> {
        let day = Period { kind: PeriodKind::Day, zone: zone.clone() };
        let tomorrow = day.window_at(now).ends_at.unwrap_or(now);
        let bounded = |field, value: i64, most: i64| {
            let problem = || ReportError::input(field, format!("`{value}` is not within 1 and {most}"));
            (1..=most).contains(&value).then_some(value).ok_or_else(problem)
        };
        if [asked.from.is_some(), asked.hours.is_some(), asked.days.is_some()]
            .iter()
            .filter(|set| **set)
            .count()
            > 1
        {
            return Err(ReportError::input("from", "give one of `from`, `hours` and `days`"));
        }
        let until = asked.until.map(|text| instant("until", text, &zone)).transpose()?;
        let (from, until) = if let Some(hours) = asked.hours {
            let until = until.unwrap_or(now.plus_seconds(1));
            (until.plus_seconds(-3600 * bounded("hours", hours, HOURS_MAX)?), until)
        } else if let Some(days) = asked.days {
            let until = until.unwrap_or(tomorrow);
            (days_before(&zone, until, bounded("days", days, SPAN_DAYS_MAX)?), until)
        } else if let Some(from) = asked.from {
            (instant("from", from, &zone)?, until.unwrap_or(tomorrow))
        } else {
            let month = Period { kind: PeriodKind::Month, zone: zone.clone() };
            let until = until.unwrap_or(tomorrow);
            let last = Timestamp::from_micros(until.micros().saturating_sub(1));
            (month.window_at(last).starts_at.unwrap_or(until), until)
        };
        if from >= until {
            return Err(ReportError::input("until", format!("{until} is not after {from}")));
        }
        if until.micros_since(from) > SPAN_DAYS_MAX.saturating_mul(DAY) {
            return Err(ReportError::input(
                "from",
                format!("more than {SPAN_DAYS_MAX} days are not told at once"),
            ));
        }
        Ok(Self { from, until, zone })
    }
    /// The one period that contains `at`.
    pub(crate) fn containing(word: &str, at: Timestamp, zone: Zone) -> Result<Self, ReportError> {
        let interval = Period { kind: kind(word)?, zone: zone.clone() }.window_at(at);
        let (from, until) = (interval.starts_at.unwrap_or_default(), interval.ends_at);
        Ok(Self { from, until: until.unwrap_or(Timestamp::from_micros(i64::MAX)), zone })
    }
    /// Where its periods begin and end: the first and the last are cut to the range.
    pub(crate) fn edges(&self, word: &str) -> Result<Vec<Timestamp>, ReportError> {
        let period = Period { kind: kind(word)?, zone: self.zone.clone() };
        let mut edges = vec![self.from];
        let mut at = self.from;
        while let Some(end) = period.window_at(at).ends_at.filter(|end| *end < self.until) {
            edges.push(end);
            at = end;
            if edges.len() > PERIODS_MAX {
                let problem =
                    format!("more than {PERIODS_MAX} periods: ask for longer ones, or for less time");
                return Err(ReportError::input("period", problem));
            }
        }
        edges.push(self.until);
        Ok(edges)
    }
    /// How many days it spans, rounded up.
    pub(crate) fn days(&self) -> i64 {
        self.until.micros_since(self.from).saturating_add(DAY - 1).div_euclid(DAY)
    }
    /// The date of an instant in its zone.
    pub(crate) fn date(&self, at: Timestamp) -> Date {
        at.to_jiff().to_zoned(self.zone.rules().clone()).date()
    }
}

/// The name of the period that begins at `at`: `2026-03-15T23`, `2026-03-15`, `2026-W11`, `2026-03`, `2026`. An hour that
/// the clock shows twice says by its offset which of the two it is: `2026-11-01T01-04:00`.
pub(crate) fn label(word: &str, at: Timestamp, zone: &Zone) -> String {
    let zoned = at.to_jiff().to_zoned(zone.rules().clone());
    let date = zoned.date();
    match word {
        "hour" => {
            let twice = zone.rules().to_ambiguous_zoned(zoned.datetime()).is_ambiguous();
            let offset = if twice { zoned.strftime("%:z").to_string() } else { String::new() };
            format!("{date}T{:02}{offset}", zoned.hour())
        }
        "week" => {
            let week = date.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        "month" => format!("{:04}-{:02}", date.year(), date.month()),
        "year" => format!("{:04}", date.year()),
        _day => date.to_string(),
    }
}

/// An instant, or the midnight that begins a date in the zone.
pub(crate) fn instant(field: &'static str, text: &str, zone: &Zone) -> Result<Timestamp, ReportError> {
    if let Ok(date) = text.parse::<Date>()
        && !text.contains(['T', ' '])
    {
        let midnight = date.to_zoned(zone.rules().clone());
        return midnight
            .map(|zoned| Timestamp::from_jiff(zoned.timestamp()))
            .map_err(|_| ReportError::input(field, format!("`{text}` is beyond the calendar")));
    }
    let problem =
        || format!("`{text}` is no instant: write `2026-03-01T10:00:00Z`, or a date such as `2026-03-01`");
    Timestamp::parse(text).ok_or_else(|| ReportError::input(field, problem()))
}

/// A zone by its name.
pub(crate) fn zone(name: &str) -> Result<Zone, ReportError> {
    Zone::parse(name).map_err(|error| {
        ReportError::input("time_zone", format!("{error}: write an IANA name such as `Asia/Taipei`"))
    })
}

/// The midnight so many calendar days before `until`, which begins or is within a day.
fn days_before(zone: &Zone, until: Timestamp, days: i64) -> Timestamp {
    let last = Timestamp::from_micros(until.micros().saturating_sub(1));
    let days = u16::try_from(days).unwrap_or(u16::MAX);
    // A cycle of so many days that ends with this one: its anchor is tomorrow.
    let tomorrow = last.to_jiff().to_zoned(zone.rules().clone()).date().tomorrow().unwrap_or(ANCHOR_DEFAULT);
    let cycle = Period { kind: PeriodKind::Days { days, anchor: tomorrow }, zone: zone.clone() };
    cycle.window_at(last).starts_at.unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn bounds(word: &str, at: &str, name: &str) -> [String; 2] {
        let range = Range::containing(word, time(at), zone(name).unwrap()).unwrap();
        [range.from.to_string(), range.until.to_string()]
    }

    /// Rules: S2-11, V U03.
    #[test]
    fn periods_are_half_open_calendar_intervals() {
        let cases = [
            ("month", "2026-12-15T10:00:00Z", ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
            ("day", "2026-03-15T23:59:59.999Z", ["2026-03-15T00:00:00Z", "2026-03-16T00:00:00Z"]),
            ("hour", "2026-03-15T23:59:59.999Z", ["2026-03-15T23:00:00Z", "2026-03-16T00:00:00Z"]),
            ("month", "2028-02-29T00:00:00Z", ["2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"]),
        ];
        for (word, at, expected) in cases {
            assert_eq!(bounds(word, at, "UTC"), expected.map(str::to_owned), "{word} of {at}");
        }
        let short = ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"].map(str::to_owned);
        assert_eq!(bounds("day", "2026-03-08T12:00:00Z", "America/New_York"), short, "23 hours");
    }

    /// Rules: S2-02, S2-08, S2-11, V U01, V U13: an instant of any offset is in the period of the report's zone.
    #[test]
    fn a_period_is_named_in_its_own_zone() {
        let at = time("2026-03-15T23:30:00-04:00");
        let names = ["hour", "day", "week", "month", "year"].map(|word| label(word, at, &Zone::utc()));
        assert_eq!(names, ["2026-03-16T03", "2026-03-16", "2026-W12", "2026-03", "2026"]);
        let new_york = zone("America/New_York").unwrap();
        assert_eq!(label("day", at, &new_york), "2026-03-15");
        let hours = ["04", "05", "06", "07"]
            .map(|hour| label("hour", time(&format!("2026-11-01T{hour}:00:00Z")), &new_york));
        assert_eq!(hours, ["2026-11-01T00", "2026-11-01T01-04:00", "2026-11-01T01-05:00", "2026-11-01T02"]);
    }

    /// Rules: S2-08, V U10.
    #[test]
    fn an_unknown_period_is_refused_with_the_right_ones() {
        let error = kind("fortnight").unwrap_err().to_string();
        assert_eq!(error, "period: `fortnight` is none: ask for hour, day, week, month, year");
    }

    /// Rules: S4-44, V H01: so many days that end with today, in the zone.
    #[test]
    fn days_end_with_today() {
        let days = |days, name: &str| {
            let asked = Asked { days: Some(days), ..Asked::default() };
            let range = Range::of(asked, zone(name).unwrap(), time("2026-03-15T18:00:00Z")).unwrap();
            (range.date(range.from).to_string(), range.edges("day").unwrap().len() - 1)
        };
        assert_eq!(days(365, "UTC"), ("2025-03-16".to_owned(), 365));
        assert_eq!(days(1, "UTC"), ("2026-03-15".to_owned(), 1));
        assert_eq!(days(7, "Asia/Taipei"), ("2026-03-10".to_owned(), 7), "there it is the 16th already");
        assert_eq!(days(30, "Europe/Berlin").1, 30);
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        let ask = |asked| Range::of(asked, Zone::utc(), time("2026-03-15T18:00:00Z"));
        let refused = [
            Asked { hours: Some(721), ..Asked::default() },
            Asked { days: Some(0), ..Asked::default() },
            Asked { hours: Some(1), days: Some(1), ..Asked::default() },
            Asked { from: Some("2026-03-16"), ..Asked::default() },
            Asked { from: Some("yesterday"), ..Asked::default() },
            Asked { from: Some("1999-01-01"), ..Asked::default() },
        ];
        for asked in refused {
            assert!(ask(asked).is_err(), "{asked:?}");
        }
        let year = ask(Asked { from: Some("2025-03-16"), ..Asked::default() }).unwrap();
        assert!(year.edges("hour").is_err(), "8,760 hours");
        let month = ask(Asked::default()).unwrap();
        assert_eq!((month.from, month.until), (time("2026-03-01"), time("2026-03-16")), "this month so far");
    }
}
