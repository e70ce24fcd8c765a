//! Small texts with a meaning: limits, counts, durations, periods, thresholds. Pure; an error says what is wrong.

use bursar_core::Measure;
use bursar_core::decimal::{self, DecimalError};
use bursar_ledger::CYCLE_DAYS_MAX;

/// What a limit should look like.
pub(crate) const LIMIT_HELP: &str = "write `\"100 USD\"`, `\"2M tokens\"` or `\"5000 requests\"`";
/// What a duration should look like.
pub(crate) const DURATION_HELP: &str =
    "write a number and `s`, `m`, `h`, `d` or `w`, such as `\"24h\"` or `\"30d\"`";
/// What a period should look like.
pub(crate) const PERIOD_HELP: &str =
    "write `hour`, `day`, `week`, `month`, `year`, `total`, or a number of days such as `\"7d\"`";
/// What an instant should look like.
pub(crate) const TIME_HELP: &str = "write `2026-12-31T23:59:59Z`, or `2026-12-31` for its midnight in UTC";

/// An amount and what it counts: nano-USD, tokens or requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What is counted.
    pub measure: Measure,
    /// How much: nano-USD, tokens or requests. Zero or more.
    pub amount: i64,
}

impl Limit {
    /// Reads `"100 USD"`, `"2M tokens"`, `"1_000 requests"`. `k`, `M` and `B` multiply.
    ///
    /// # Errors
    /// A fragment that says what is wrong, to stand behind the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((number, unit)) = text.trim().split_once(' ') else {
            return Err("has no unit".to_owned());
        };
        let measure = match unit.trim().to_ascii_lowercase().as_str() {
            "usd" => Measure::Usd,
            "token" | "tokens" => Measure::Tokens,
            "request" | "requests" => Measure::Requests,
            _ => return Err(format!("has the unknown unit `{}`", unit.trim())),
        };
        let nanos = scaled(number)?;
        if nanos < 0 {
            return Err("is below zero".to_owned());
        }
        let amount = match measure {
            Measure::Usd => nanos,
            Measure::Tokens | Measure::Requests => whole(nanos)?,
        };
        let amount = i64::try_from(amount).map_err(|_| "is too large".to_owned())?;
        Ok(Self { measure, amount })
    }
}

impl std::fmt::Display for Limit {
    /// As the file writes it: `100 USD`, `2000000 tokens`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.measure {
            Measure::Usd => "USD",
            Measure::Tokens | Measure::Requests => self.measure.as_str(),
        };
        write!(f, "{} {unit}", self.measure.format(self.amount))
    }
}

/// Reads `10k`, `2M`, `1_000`, `1.5M` as a whole number.
pub(crate) fn count(text: &str) -> Result<i64, String> {
    i64::try_from(whole(scaled(text)?)?).map_err(|_| "is too large".to_owned())
}

/// A number with an optional multiplier, in units of 1e-9.
fn scaled(text: &str) -> Result<i128, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (text.get(..at), 1_000),
        Some((at, 'M')) => (text.get(..at), 1_000_000),
        Some((at, 'B')) => (text.get(..at), 1_000_000_000),
        _ => (Some(text), 1),
    };
    let digits = separated(digits.unwrap_or_default()).ok_or_else(|| "is not a number".to_owned())?;
    let nanos = decimal::parse(&digits, 9).map_err(|problem| match problem {
        DecimalError::Malformed => "is not a number".to_owned(),
        DecimalError::TooPrecise(places) => format!("has more than {places} digits behind the point"),
        DecimalError::TooLarge => "is too large".to_owned(),
    })?;
    nanos.checked_mul(factor).ok_or_else(|| "is too large".to_owned())
}

/// The text without `_` between digits; `None` where one stands elsewhere.
fn separated(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('_').collect();
    let fits = groups.len() == 1 || groups.iter().all(|group| group.ends_with(|c: char| c.is_ascii_digit()));
    if fits { Some(groups.concat()) } else { None }
}

fn whole(nanos: i128) -> Result<i128, String> {
    if nanos % 1_000_000_000 == 0 {
        Ok(nanos / 1_000_000_000)
    } else {
        Err("is not a whole number".to_owned())
    }
}

/// Reads `90s`, `10m`, `24h`, `30d`, `2w` as seconds.
///
/// # Errors
/// A fragment that says what is wrong, to stand behind the text.
pub fn duration_s(text: &str) -> Result<i64, String> {
    let Some((at, unit)) = text.char_indices().next_back() else {
        return Err("is empty".to_owned());
    };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err("has no unit".to_owned()),
    };
    let number: i64 = text
        .get(..at)
        .unwrap_or_default()
        .parse()
        .map_err(|_| "is not a whole number and a unit".to_owned())?;
    match number.checked_mul(seconds) {
        Some(total) if total > 0 => Ok(total),
        Some(_) => Err("is not above zero".to_owned()),
        None => Err("is too large".to_owned()),
    }
}

/// How long one window of a budget lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// A clock hour.
    Hour,
    /// A calendar day.
    Day,
    /// Seven days from the budget's `week_start`.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
    /// One window for ever.
    Total,
    /// So many calendar days, counted from the budget's `anchor`.
    Days(u16),
}

impl Period {
    /// Reads `day`, `total`, `7d`, …
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            "total" => Some(Self::Total),
            _ => {
                let days: u16 = text.strip_suffix('d')?.parse().ok()?;
                if (1..=CYCLE_DAYS_MAX).contains(&days) { Some(Self::Days(days)) } else { None }
            }
        }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hour => f.write_str("hour"),
            Self::Day => f.write_str("day"),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
            Self::Year => f.write_str("year"),
            Self::Total => f.write_str("total"),
            Self::Days(days) => write!(f, "{days}d"),
        }
    }
}

/// When a budget warns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Threshold {
    /// At so many percent of the limit.
    Percent(u32),
    /// At an amount of the budget's measure.
    Amount(i64),
}

/// What a budget does with an attempt whose bill is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suspense {
    /// Keeps it charged at its hold.
    Hold,
    /// Settles at an estimate after so many seconds.
    EstimateAfter(i64),
}

impl Suspense {
    /// Reads `hold` or `estimate_after 24h`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "hold" {
            return Ok(Self::Hold);
        }
        match text.strip_prefix("estimate_after ") {
            Some(duration) => duration_s(duration).map(Self::EstimateAfter),
            None => Err("is neither `hold` nor `estimate_after` and a duration".to_owned()),
        }
    }
}
