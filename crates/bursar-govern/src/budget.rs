//! A budget as a document: the form in which the admin API takes and shows it and the settings file keeps it.
//!
//! Field names and texts are those of `bursar.toml`. A document turns into the ledger's [`Budget`] and back.

mod texts;

use bursar_core::amount::CostBasis;
use bursar_core::{Attribute, Measure, Pattern, Timestamp};
use bursar_ledger::{
    Budget, BudgetId, Fit, HoldPolicy, Missing, Mode, OnExpiry, Period, Raise, SuspensePolicy, Threshold,
    Zone,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use texts::{Limit, parse_limit};
use texts::{
    format_limit, format_suspense, format_threshold, parse_period, parse_suspense, parse_threshold,
    period_text,
};

/// One value or a list of them: `"alpha"` or `["alpha", "beta-*"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several; any of them.
    Many(Vec<String>),
}

/// A threshold: a percentage of the limit as a number, or an amount as text such as `"50 USD"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ThresholdText {
    /// Percent of the limit.
    Percent(u32),
    /// An amount in the budget's measure.
    Amount(String),
}

/// A temporary addition to the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaiseDocument {
    /// Such as `"20 USD"`.
    pub amount: String,
    /// RFC 3339, or a date.
    pub until: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A budget as text. Everything absent takes the default that the configuration reference names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetDocument {
    /// `"100 USD"`, `"2M tokens"`, `"5000 requests"`; absent: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What an unlimited budget counts: `usd` (default), `tokens`, `requests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// `hour`, `day`, `week`, `month` (default), `year`, `total`, or `7d` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// A day on which a cycle of N days starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// An IANA time zone; default `UTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Default `monday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_start: Option<String>,
    /// Attributes and the patterns one of which their value must be meant by.
    #[serde(rename = "match", skip_serializing_if = "BTreeMap::is_empty")]
    pub matches: BTreeMap<String, OneOrMany>,
    /// Attributes that get one window for each value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per: Vec<String>,
    /// `hard` (default), `soft`, `shadow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Default `[80, 95, 100]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<ThresholdText>>,
    /// `list` or `effective`; default by what the budget is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<String>,
    /// `worst_case` (default), `streaming`, `estimate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// `hold` (default) or `estimate_after 24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspense: Option<String>,
    /// `shared` (default), `skip`, `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<bool>,
    /// `block` (default) or `deactivate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_expiry: Option<String>,
    /// Percent of the limit; default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollover_cap_pct: Option<u32>,
    /// A temporary addition to the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raise: Option<RaiseDocument>,
    /// `wait`, `clamp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fit: Vec<String>,
    /// How long a request may wait for held room; default 2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u32>,
    /// How long a window without use stays in memory, such as `24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_after: Option<String>,
    /// Default 100000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows_max: Option<u32>,
}

/// What is wrong with a document: which field, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DocumentError {
    /// The field.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

pub(crate) fn wrong(field: &str, problem: impl Into<String>) -> DocumentError {
    DocumentError { field: field.to_owned(), problem: problem.into() }
}

impl BudgetDocument {
    /// The ledger's budget of this document.
    ///
    /// # Errors
    /// [`DocumentError`] for the first field that is wrong.
    pub fn to_budget(
        &self,
        id: BudgetId,
        version: u64,
        name: &str,
        since: Timestamp,
        active: bool,
    ) -> Result<Budget, DocumentError> {
        let limit = self.limit.as_deref().map(parse_limit).transpose()?;
        let measure = match (limit, self.measure.as_deref()) {
            (Some(limit), None) => limit.measure,
            (Some(limit), Some(word)) if word == limit.measure.as_str() => limit.measure,
            (Some(_), Some(_)) => return Err(wrong("measure", "is not what the limit counts; leave it out")),
            (None, None | Some("usd")) => Measure::Usd,
            (None, Some("tokens")) => Measure::Tokens,
            (None, Some("requests")) => Measure::Requests,
            (None, Some(other)) => return Err(word_error("measure", other, &["usd", "tokens", "requests"])),
        };
        let kind = parse_period(
            self.period.as_deref().unwrap_or("month"),
            self.week_start.as_deref(),
            self.anchor.as_deref(),
        )?;
        let mut budget = Budget::new(id, name, measure, limit.map(|limit| limit.amount), kind);
        let zone = self.time_zone.as_deref().unwrap_or("UTC");
        let zone = Zone::parse(zone)
            .map_err(|error| wrong("time_zone", format!("{error}; use an IANA name such as Asia/Taipei")))?;
        budget.period = Period { kind, zone };
        budget.version = version;
        budget.since = since;
        budget.active = active;
        for (word, values) in &self.matches {
            budget.matches.push((attribute("match", word)?, patterns(values)));
        }
        for word in &self.per {
            budget.per.push(attribute("per", word)?);
        }
        budget.cost_basis = choose(
            "cost_basis",
            self.cost_basis.as_deref(),
            budget.default_cost_basis(),
            &[("list", CostBasis::List), ("effective", CostBasis::Effective)],
        )?;
        budget.mode = choose("mode", self.mode.as_deref(), Mode::Hard, &MODES)?;
        budget.hold = choose("hold", self.hold.as_deref(), HoldPolicy::WorstCase, &HOLDS)?;
        budget.missing = choose("missing", self.missing.as_deref(), Missing::Shared, &MISSING)?;
        budget.on_expiry = choose("on_expiry", self.on_expiry.as_deref(), OnExpiry::Block, &ON_EXPIRY)?;
        budget.suspense = self.suspense.as_deref().map_or(Ok(SuspensePolicy::Hold), parse_suspense)?;
        budget.auto_renew = self.auto_renew.unwrap_or(true);
        budget.rollover_cap_pct = self.rollover_cap_pct.unwrap_or(0);
        if let Some(thresholds) = &self.thresholds {
            let read = thresholds.iter().map(|threshold| parse_threshold(threshold, measure));
            budget.thresholds = read.collect::<Result<_, _>>()?;
        }
        budget.raise = self.raise.as_ref().map(|raise| raise_of(raise, measure)).transpose()?;
        for word in &self.fit {
            budget.fit.push(choose("fit", Some(word), Fit::Wait, &FITS)?);
        }
        budget.wait_ms = self.wait_ms.unwrap_or(budget.wait_ms);
        if let Some(text) = &self.idle_after {
            let seconds = texts::duration_s(text);
            budget.idle_after_s =
                seconds.ok_or_else(|| wrong("idle_after", format!("`{text}` is no duration such as 24h")))?;
        }
        budget.windows_max = self.windows_max.unwrap_or(budget.windows_max);
        budget.validate().map_err(|error| wrong("budget", error.to_string()))?;
        Ok(budget)
    }

    /// The document of a budget: only what differs from the defaults.
    #[must_use]
    pub fn of(budget: &Budget) -> Self {
        let measure = budget.measure;
        let differs = |is: bool, text: &'static str| is.then(|| text.to_owned());
        let (period, anchor, week_start) = period_text(&budget.period.kind);
        let defaults = [Threshold::Percent(80), Threshold::Percent(95), Threshold::Percent(100)];
        Self {
            limit: budget.limit.map(|amount| format_limit(measure, amount)),
            measure: differs(budget.limit.is_none(), measure.as_str()),
            period: Some(period),
            anchor,
            time_zone: Some(budget.period.zone.name().to_owned()),
            week_start,
            matches: budget
                .matches
                .iter()
                .map(|(attribute, patterns)| (attribute.to_string(), many(patterns)))
                .collect(),
            per: budget.per.iter().map(Attribute::to_string).collect(),
            mode: Some(word_of(&MODES, budget.mode).to_owned()),
            thresholds: (budget.thresholds != defaults).then(|| {
                budget.thresholds.iter().map(|threshold| format_threshold(threshold, measure)).collect()
            }),
            cost_basis: Some(budget.cost_basis.as_str().to_owned()),
            hold: differs(budget.hold != HoldPolicy::WorstCase, word_of(&HOLDS, budget.hold)),
            suspense: (budget.suspense != SuspensePolicy::Hold).then(|| format_suspense(budget.suspense)),
            missing: differs(budget.missing != Missing::Shared, word_of(&MISSING, budget.missing)),
            auto_renew: (!budget.auto_renew).then_some(false),
            on_expiry: differs(budget.on_expiry != OnExpiry::Block, word_of(&ON_EXPIRY, budget.on_expiry)),
            rollover_cap_pct: (budget.rollover_cap_pct != 0).then_some(budget.rollover_cap_pct),
            raise: budget.raise.as_ref().map(|raise| RaiseDocument {
                amount: format_limit(measure, raise.amount),
                until: raise.until.to_string(),
                reason: raise.reason.to_string(),
            }),
            fit: budget.fit.iter().map(|fit| word_of(&FITS, *fit).to_owned()).collect(),
            wait_ms: (budget.wait_ms != 2_000).then_some(budget.wait_ms),
            idle_after: (budget.idle_after_s != bursar_ledger::IDLE_AFTER_S_DEFAULT)
                .then(|| format!("{}s", budget.idle_after_s)),
            windows_max: (budget.windows_max != bursar_core::limits::WINDOWS_PER_BUDGET_DEFAULT)
                .then_some(budget.windows_max),
        }
    }
}

/// The words of a mode.
pub const MODES: [(&str, Mode); 3] = [("hard", Mode::Hard), ("soft", Mode::Soft), ("shadow", Mode::Shadow)];
const HOLDS: [(&str, HoldPolicy); 3] = [
    ("worst_case", HoldPolicy::WorstCase),
    ("streaming", HoldPolicy::Streaming),
    ("estimate", HoldPolicy::Estimate),
];
const MISSING: [(&str, Missing); 3] =
    [("shared", Missing::Shared), ("skip", Missing::Skip), ("refuse", Missing::Refuse)];
const ON_EXPIRY: [(&str, OnExpiry); 2] = [("block", OnExpiry::Block), ("deactivate", OnExpiry::Deactivate)];
const FITS: [(&str, Fit); 2] = [("wait", Fit::Wait), ("clamp", Fit::Clamp)];

fn choose<T: Copy>(
    field: &str,
    word: Option<&str>,
    default: T,
    choices: &[(&'static str, T)],
) -> Result<T, DocumentError> {
    let Some(word) = word else { return Ok(default) };
    let found = choices.iter().find(|(text, _)| *text == word);
    let words: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
    found.map(|(_, value)| *value).ok_or_else(|| word_error(field, word, &words))
}

/// The word of a value.
pub fn word_of<T: PartialEq + Copy>(choices: &[(&'static str, T)], value: T) -> &'static str {
    choices.iter().find(|(_, choice)| *choice == value).map_or("", |(word, _)| word)
}

pub(crate) fn word_error(field: &str, word: &str, words: &[&str]) -> DocumentError {
    wrong(field, format!("`{word}` is not one of {}", words.join(", ")))
}

fn attribute(field: &str, word: &str) -> Result<Attribute, DocumentError> {
    Attribute::parse(word).ok_or_else(|| word_error(field, word, &Attribute::words()))
}

fn patterns(values: &OneOrMany) -> Vec<Pattern> {
    match values {
        OneOrMany::One(text) => vec![Pattern::new(text)],
        OneOrMany::Many(texts) => texts.iter().map(|text| Pattern::new(text)).collect(),
    }
}

fn many(patterns: &[Pattern]) -> OneOrMany {
    match patterns {
        [one] => OneOrMany::One(one.to_string()),
        several => OneOrMany::Many(several.iter().map(Pattern::to_string).collect()),
    }
}

fn raise_of(raise: &RaiseDocument, measure: Measure) -> Result<Raise, DocumentError> {
    let amount = parse_limit(&raise.amount).map_err(|error| wrong("raise.amount", error.problem))?;
    if amount.measure != measure {
        return Err(wrong("raise.amount", format!("does not count {}", measure.as_str())));
    }
    let until = Timestamp::parse(&raise.until)
        .ok_or_else(|| wrong("raise.until", "is no RFC 3339 time or date such as 2026-12-31"))?;
    Ok(Raise { amount: amount.amount, until, reason: raise.reason.as_str().into() })
}

#[cfg(test)]
mod tests;
