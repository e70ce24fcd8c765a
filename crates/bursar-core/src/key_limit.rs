//! Limits of a key beside its budgets: how much per minute, hour or day, and how much at once. Written as people say them.

use crate::amount::{Measure, Usd};
use crate::decimal;
use crate::pattern::Pattern;
use std::fmt;

/// One limit of a key: `100 requests per minute`, `2M tokens per hour for gpt-*`, `5 USD per day`, `4 at once`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyLimit {
    /// What it counts.
    pub counts: Counts,
    /// The most: requests, tokens or nano-USD; zero: nothing.
    pub most: i64,
    /// The models it is about, which count together; absent: all.
    pub model: Option<Pattern>,
}

/// What a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// So much within a sliding span.
    Per(Measure, Span),
    /// Requests in flight.
    AtOnce,
}

/// The span of a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

/// What a limit should look like.
pub const KEY_LIMIT_HELP: &str = "write `100 requests per minute`, `2M tokens per hour`, `5 USD per day` or `4 at once`, each also with `for MODEL`";

impl Span {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
    /// How long it is, in microseconds.
    #[must_use]
    pub const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }
    fn parse(word: &str) -> Option<Self> {
        [Self::Minute, Self::Hour, Self::Day].into_iter().find(|span| span.as_str() == word)
    }
}

impl KeyLimit {
    /// So many requests per minute.
    #[must_use]
    pub fn requests_per_minute(most: u32) -> Self {
        Self { counts: Counts::Per(Measure::Requests, Span::Minute), most: i64::from(most), model: None }
    }
    /// So many requests in flight.
    #[must_use]
    pub fn at_once(most: u32) -> Self {
        Self { counts: Counts::AtOnce, most: i64::from(most), model: None }
    }
    /// Reads what [`KeyLimit`]'s documentation shows. `k`, `M` and `B` multiply.
    ///
    /// # Errors
    /// A fragment that says what is wrong, to stand behind the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (what, model) = match text.split_once(" for ") {
            Some((_, model)) if model.trim().is_empty() => {
                return Err("names no model behind `for`".to_owned());
            }
            Some((what, model)) => (what, Some(Pattern::new(model.trim()))),
            None => (text, None),
        };
        let words: Vec<&str> = what.split_whitespace().collect();
        let (counts, most) = match words.as_slice() {
            [number, "at", "once"] => (Counts::AtOnce, whole(number)?),
            [number, unit, "per", span] => {
                let span = Span::parse(span).ok_or_else(|| format!("has the unknown span `{span}`"))?;
                let (measure, most) = match unit.to_ascii_lowercase().as_str() {
                    "request" | "requests" => (Measure::Requests, whole(number)?),
                    "token" | "tokens" => (Measure::Tokens, whole(number)?),
                    "usd" => (Measure::Usd, nanos(number)?),
                    other => return Err(format!("has the unknown unit `{other}`")),
                };
                (Counts::Per(measure, span), most)
            }
            _ => return Err("is no limit".to_owned()),
        };
        Ok(Self { counts, most, model })
    }
    /// Whether a request for this model counts.
    #[must_use]
    pub fn is_about(&self, model: &str) -> bool {
        self.model.as_ref().is_none_or(|pattern| pattern.matches(model))
    }
}

impl fmt::Display for KeyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.counts {
            Counts::AtOnce => write!(f, "{} at once", self.most)?,
            Counts::Per(Measure::Usd, span) => {
                write!(f, "{} USD per {}", Usd::from_nanos(self.most), span.as_str())?;
            }
            Counts::Per(measure @ (Measure::Tokens | Measure::Requests), span) => {
                write!(f, "{} {} per {}", self.most, measure.as_str(), span.as_str())?;
            }
        }
        match &self.model {
            Some(model) => write!(f, " for {}", model.as_str()),
            None => Ok(()),
        }
    }
}

const NANOS: i128 = 1_000_000_000;

fn whole(text: &str) -> Result<i64, String> {
    let nanos = scaled(text)?;
    if nanos % NANOS != 0 {
        return Err(format!("has `{text}`, which is not a whole number"));
    }
    i64::try_from(nanos / NANOS).map_err(|_| "is too large".to_owned())
}

fn nanos(text: &str) -> Result<i64, String> {
    i64::try_from(scaled(text)?).map_err(|_| "is too large".to_owned())
}

/// A number with an optional multiplier, in units of 1e-9, zero or more.
fn scaled(text: &str) -> Result<i128, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (text.get(..at).unwrap_or_default(), 1_000),
        Some((at, 'M')) => (text.get(..at).unwrap_or_default(), 1_000_000),
        Some((at, 'B')) => (text.get(..at).unwrap_or_default(), NANOS),
        _ => (text, 1),
    };
    let nanos = decimal::parse(digits, 9).map_err(|_| format!("has `{text}`, which is no number"))?;
    if nanos < 0 {
        return Err("is below zero".to_owned());
    }
    nanos.checked_mul(factor).ok_or_else(|| "is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_as_they_are_written() {
        for text in [
            "100 requests per minute",
            "2000000 tokens per hour for gpt-*",
            "5.25 USD per day",
            "4 at once",
            "1 at once for claude-opus-4-7",
            "0 requests per day",
        ] {
            assert_eq!(KeyLimit::parse(text).map(|limit| limit.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(KeyLimit::parse("2M tokens per hour").unwrap().most, 2_000_000);
        assert_eq!(KeyLimit::parse("0.5k requests per minute").unwrap().most, 500);
        assert_eq!(KeyLimit::parse("1 usd per day").unwrap().most, 1_000_000_000);
    }

    #[test]
    fn what_is_no_limit_says_why() {
        for (text, problem) in [
            ("", "is no limit"),
            ("100", "is no limit"),
            ("100 requests", "is no limit"),
            ("100 requests per week", "has the unknown span `week`"),
            ("100 euros per day", "has the unknown unit `euros`"),
            ("many requests per day", "has `many`, which is no number"),
            ("1.5 requests per day", "has `1.5`, which is not a whole number"),
            ("-1 at once", "is below zero"),
            ("4 at once for ", "names no model behind `for`"),
        ] {
            assert_eq!(KeyLimit::parse(text), Err(problem.to_owned()), "{text}");
        }
    }
}
