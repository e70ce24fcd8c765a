//! Puts lines of a bill beside records: by the provider's request id, else by day, provider and model.

use super::Billed;
use crate::table::at;
use bursar_core::amount::PICO_PLACES;
use bursar_core::{Timestamp, decimal};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the comparison of one line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Both sides say the same.
    Matched,
    /// The bill has it and the records do not.
    Missing,
    /// Both have it with different amounts.
    Differing,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Missing => "missing",
            Self::Differing => "differing",
        }
    }
}

/// One line, compared. Amounts in pico-USD.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Comparison {
    pub(super) verdict: Verdict,
    pub(super) upstream_request_id: Option<String>,
    pub(super) day: String,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) billed: Option<i128>,
    pub(super) recorded: Option<i128>,
}

/// Compares every line. Lines without a request id are summed by day, provider and model first.
pub(super) fn compare(billed: &[Billed], records: &[Value], tolerance: i128) -> Vec<Comparison> {
    let mut compared = Vec::new();
    let mut by_id: BTreeMap<String, BTreeMap<String, i128>> = BTreeMap::new();
    for record in records {
        let of_provider = by_id.entry(at(record, "upstream_request_id")).or_default();
        *of_provider.entry(attribute(record, "provider")).or_default() += charged(record);
    }
    let mut sums: BTreeMap<(String, String, String), i128> = BTreeMap::new();
    for row in billed {
        let Some(id) = &row.upstream_request_id else {
            *sums.entry((row.day.clone(), row.provider.clone(), row.model.clone())).or_default() += row.pico;
            continue;
        };
        let recorded = by_id.get(id).and_then(|of| of_provider(of, &row.provider));
        compared.push(Comparison {
            verdict: verdict(row.pico, recorded, tolerance),
            upstream_request_id: Some(id.clone()),
            day: row.day.clone(),
            provider: row.provider.clone(),
            model: row.model.clone(),
            billed: Some(row.pico),
            recorded,
        });
    }
    for ((day, provider, model), pico) in sums {
        let mut mine = records.iter().filter(|record| is_meant(record, &day, &provider, &model)).peekable();
        let recorded = if mine.peek().is_some() { Some(mine.map(charged).sum()) } else { None };
        compared.push(Comparison {
            verdict: verdict(pico, recorded, tolerance),
            upstream_request_id: None,
            day,
            provider,
            model,
            billed: Some(pico),
            recorded,
        });
    }
    compared
}

/// What a provider billed and the records say of one model and day. Amounts in pico-USD.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Drift {
    /// Lines of the bill, or days of it, that were compared.
    pub(super) lines: u64,
    pub(super) billed: i128,
    pub(super) recorded: i128,
}

/// The sums by day, provider and model, matched lines included: small differences that all lean one way show here.
pub(super) fn drift(compared: &[Comparison]) -> BTreeMap<[&str; 3], Drift> {
    let mut sums: BTreeMap<[&str; 3], Drift> = BTreeMap::new();
    for row in compared {
        let sum = sums.entry([row.day.as_str(), row.provider.as_str(), row.model.as_str()]).or_default();
        sum.lines += 1;
        sum.billed = sum.billed.saturating_add(row.billed.unwrap_or(0));
        sum.recorded = sum.recorded.saturating_add(row.recorded.unwrap_or(0));
    }
    sums
}

fn verdict(billed: i128, recorded: Option<i128>, tolerance: i128) -> Verdict {
    match recorded {
        None if billed == 0 => Verdict::Matched,
        None => Verdict::Missing,
        Some(recorded) if (billed - recorded).abs() <= tolerance => Verdict::Matched,
        Some(_) => Verdict::Differing,
    }
}

/// A record's list cost in pico-USD.
fn charged(record: &Value) -> i128 {
    decimal::parse(&at(record, "list_cost"), PICO_PLACES).unwrap_or(0)
}

/// What was recorded under one request id at the provider of the bill. Two providers may give the same id; where only one did,
/// it is meant, whatever the configuration calls it.
fn of_provider(recorded: &BTreeMap<String, i128>, provider: &str) -> Option<i128> {
    match recorded.get(provider) {
        Some(own) => Some(*own),
        None if recorded.len() == 1 || provider.is_empty() => Some(recorded.values().sum()),
        None => None,
    }
}

fn attribute(record: &Value, name: &str) -> String {
    match at(record, name).as_str() {
        "" => record.get("attributes").map(|attributes| at(attributes, name)).unwrap_or_default(),
        some => some.to_owned(),
    }
}

fn is_meant(record: &Value, day: &str, provider: &str, model: &str) -> bool {
    let names = [attribute(record, "served_model"), attribute(record, "model"), at(record, "answered_model")];
    at(record, "created_at").starts_with(day)
        && (provider.is_empty() || attribute(record, "provider") == provider)
        && (model.is_empty() || names.iter().any(|name| name == model))
}

/// The midnight that ends a day.
pub(super) fn day_after(day: &str) -> String {
    let next = Timestamp::parse(day).unwrap_or_default().plus_seconds(86_400);
    next.to_string()
}
