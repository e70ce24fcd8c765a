//! The small texts inside a budget document: limits, periods, thresholds, suspense.

use super::{DocumentError, ThresholdText, word_error, wrong};
use bursar_core::amount::NANO_PLACES;
use bursar_core::{Measure, decimal};
use bursar_ledger::{ANCHOR_DEFAULT, PeriodKind, SuspensePolicy, Threshold};
use jiff::civil::{Date, Weekday};

/// An amount and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What it counts.
    pub measure: Measure,
    /// How much: nano-USD, tokens, or requests.
    pub amount: i64,
}

/// Reads `"100 USD"`, `"2M tokens"`, `"5000 requests"`; `k`, `M`, `B` multiply, `_` may group digits.
///
/// # Errors
/// [`DocumentError`] under the field `limit`.
pub fn parse_limit(text: &str) -> Result<Limit, DocumentError> {
    let help = "write an amount and a unit: \"100 USD\", \"2M tokens\" or \"5000 requests\"";
    let bad = |what: &str| wrong("limit", format!("`{text}` {what}; {help}"));
    let (number, unit) = text.trim().split_once(' ').ok_or_else(|| bad("has no unit"))?;
    let measure = match unit.trim().to_ascii_lowercase().as_str() {
        "usd" => Measure::Usd,
        "token" | "tokens" => Measure::Tokens,
        "request" | "requests" => Measure::Requests,
        _ => return Err(bad("has an unknown unit")),
    };
    let digits: String = number.trim().chars().filter(|c| *c != '_').collect();
    let (digits, factor) = match digits.chars().last() {
        Some('k' | 'K') => (digits.get(..digits.len() - 1).unwrap_or_default(), 1_000),
        Some('M') => (digits.get(..digits.len() - 1).unwrap_or_default(), 1_000_000),
        Some('B') => (digits.get(..digits.len() - 1).unwrap_or_default(), 1_000_000_000),
        Some(_) | None => (digits.as_str(), 1),
    };
    let nanos = decimal::parse(digits, NANO_PLACES).map_err(|error| bad(&format!("is {error}")))?;
    let nanos = nanos.checked_mul(factor).ok_or_else(|| bad("is too large"))?;
    if nanos < 0 {
        return Err(bad("is below zero"));
    }
    let amount = match measure {
        Measure::Usd => nanos,
        Measure::Tokens | Measure::Requests if nanos % 1_000_000_000 != 0 => {
            return Err(bad("is not a whole number"));
        }
        Measure::Tokens | Measure::Requests => nanos / 1_000_000_000,
    };
    let amount = i64::try_from(amount).map_err(|_| bad("is too large"))?;
    Ok(Limit { measure, amount })
}

pub(super) fn format_limit(measure: Measure, amount: i64) -> String {
    let unit = match measure {
        Measure::Usd => "USD",
        Measure::Tokens | Measure::Requests => measure.as_str(),
    };
    format!("{} {unit}", measure.format(amount))
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn parse_period(
    text: &str,
    week_start: Option<&str>,
    anchor: Option<&str>,
) -> Result<PeriodKind, DocumentError> {
    Ok(match text {
        "hour" => PeriodKind::Hour,
        "day" => PeriodKind::Day,
        "week" => {
            let word = week_start.unwrap_or("monday");
            let found = WEEKDAYS.iter().find(|(name, _)| *name == word);
            let names: Vec<&str> = WEEKDAYS.iter().map(|(name, _)| *name).collect();
            let (_, start) = found.ok_or_else(|| word_error("week_start", word, &names))?;
            PeriodKind::Week { start: *start }
        }
        "month" => PeriodKind::Month,
        "year" => PeriodKind::Year,
        "total" => PeriodKind::Total,
        other => {
            let days = other.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| *days > 0);
            let days = days.ok_or_else(|| {
                word_error(
                    "period",
                    other,
                    &["hour", "day", "week", "month", "year", "total", "a number of days such as 7d"],
                )
            })?;
            let anchor = match anchor {
                None => ANCHOR_DEFAULT,
                Some(text) => text
                    .parse::<Date>()
                    .map_err(|_| wrong("anchor", format!("`{text}` is no date such as 2026-01-01")))?,
            };
            PeriodKind::Days { days, anchor }
        }
    })
}

/// The texts of `period`, `anchor` and `week_start`.
pub(super) fn period_text(kind: &PeriodKind) -> (String, Option<String>, Option<String>) {
    let plain = |text: &str| (text.to_owned(), None, None);
    match kind {
        PeriodKind::Hour => plain("hour"),
        PeriodKind::Day => plain("day"),
        PeriodKind::Week { start } => {
            let name = WEEKDAYS.iter().find(|(_, day)| day == start).map_or("monday", |(name, _)| name);
            ("week".to_owned(), None, (name != "monday").then(|| name.to_owned()))
        }
        PeriodKind::Month => plain("month"),
        PeriodKind::Year => plain("year"),
        PeriodKind::Total => plain("total"),
        PeriodKind::Days { days, anchor } => (format!("{days}d"), Some(anchor.to_string()), None),
    }
}

pub(super) fn parse_threshold(text: &ThresholdText, measure: Measure) -> Result<Threshold, DocumentError> {
    match text {
        ThresholdText::Percent(percent) => Ok(Threshold::Percent(*percent)),
        ThresholdText::Amount(amount) => {
            let limit = parse_limit(amount).map_err(|error| wrong("thresholds", error.problem))?;
            if limit.measure == measure {
                Ok(Threshold::Amount(limit.amount))
            } else {
                Err(wrong("thresholds", format!("`{amount}` does not count {}", measure.as_str())))
            }
        }
    }
}

pub(super) fn format_threshold(threshold: &Threshold, measure: Measure) -> ThresholdText {
    match threshold {
        Threshold::Percent(percent) => ThresholdText::Percent(*percent),
        Threshold::Amount(amount) => ThresholdText::Amount(format_limit(measure, *amount)),
    }
}

pub(super) fn parse_suspense(text: &str) -> Result<SuspensePolicy, DocumentError> {
    if text == "hold" {
        return Ok(SuspensePolicy::Hold);
    }
    let seconds = text.strip_prefix("estimate_after ").and_then(duration_s);
    let seconds = seconds.ok_or_else(|| word_error("suspense", text, &["hold", "estimate_after 24h"]))?;
    Ok(SuspensePolicy::EstimateAfter { seconds })
}

/// Seconds of `30s`, `5m`, `24h`, `7d`; none where it is something else, zero or too long.
pub(super) fn duration_s(duration: &str) -> Option<u32> {
    let (number, unit) = duration.split_at_checked(duration.len().checked_sub(1)?)?;
    let factor: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor).filter(|seconds| *seconds > 0)
}

pub(super) fn format_suspense(policy: SuspensePolicy) -> String {
    match policy {
        SuspensePolicy::Hold => "hold".to_owned(),
        SuspensePolicy::EstimateAfter { seconds } => format!("estimate_after {seconds}s"),
    }
}
