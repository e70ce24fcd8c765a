//! The parts of a budget that are lists or tables of their own: thresholds, fit, raise.

use super::Raise;
use super::fields::RAISE_FIELDS;
use crate::config::instant;
use crate::config::mistake::choices;
use crate::config::section::{Reading, Section};
use crate::config::tree::Tree;
use crate::config::value::{LIMIT_HELP, Limit, TIME_HELP, Threshold};
use crate::config::words::Fit;
use bursar_core::Measure;
use bursar_ledger::{PERCENT_MAX, REASON_BYTES_MAX, THRESHOLDS_MAX};

pub(super) fn thresholds(
    section: &Section<'_>,
    measure: Measure,
    reading: &mut Reading<'_>,
) -> Vec<Threshold> {
    let Some(entry) = section.get("thresholds") else {
        return vec![Threshold::Percent(80), Threshold::Percent(95), Threshold::Percent(100)];
    };
    let Tree::List(items) = &entry.node.value else {
        section.mistyped(entry, "a list", reading);
        return Vec::new();
    };
    let path = section.field("thresholds");
    if items.len() > THRESHOLDS_MAX {
        let message = format!("`{path}` has more than {THRESHOLDS_MAX} thresholds");
        reading.wrong(&entry.node.place, &path, message, "keep those that somebody acts on");
    }
    let mut list = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let field = format!("{path}[{at}]");
        match threshold(&item.value, measure) {
            Err(problem) => {
                let help = "write percents such as `80`, or amounts such as `\"50 USD\"`";
                reading.wrong(&item.place, &field, format!("`{field}` {problem}"), help);
            }
            Ok(threshold) if list.contains(&threshold) => {
                reading.wrong(&item.place, &field, format!("`{field}` stands there twice"), "name each once");
            }
            Ok(threshold) => list.push(threshold),
        }
    }
    list
}

fn threshold(value: &Tree, measure: Measure) -> Result<Threshold, String> {
    let percent = |n: i64| match u32::try_from(n) {
        Ok(percent) if (1..=PERCENT_MAX).contains(&percent) => Ok(Threshold::Percent(percent)),
        _ => Err(format!("is not a percentage from 1 to {PERCENT_MAX}")),
    };
    match value {
        Tree::Integer(n) => percent(*n),
        Tree::Text(text) => match text.strip_suffix('%') {
            Some(number) => {
                percent(number.trim().parse().map_err(|_| format!("is no percentage: `{text}`"))?)
            }
            None => {
                let limit = Limit::parse(text).map_err(|problem| format!("`{text}` {problem}"))?;
                if limit.measure != measure {
                    return Err(format!("is `{text}`, and the budget counts {}", measure.as_str()));
                }
                if limit.amount == 0 {
                    return Err("is not above zero".to_owned());
                }
                Ok(Threshold::Amount(limit.amount))
            }
        },
        Tree::Float(_) | Tree::Boolean(_) | Tree::Time(_) | Tree::List(_) | Tree::Table(_) => {
            Err(format!("is {}, not a percentage or an amount", value.kind()))
        }
    }
}

pub(super) fn fit(section: &Section<'_>, reading: &mut Reading<'_>) -> Vec<Fit> {
    let spots = section.texts("fit", false, reading).unwrap_or_default();
    let mut list = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        match Fit::parse(spot.text) {
            Some(fit) => list.push(fit),
            None => {
                let field = format!("{}[{at}]", section.field("fit"));
                let help = format!("it takes {}", choices(Fit::WORDS.iter().copied()));
                reading.wrong(spot.place, &field, format!("`{field}` cannot be `{}`", spot.text), help);
            }
        }
    }
    list
}

pub(super) fn raise(
    section: &Section<'_>,
    measure: Measure,
    has_limit: bool,
    reading: &mut Reading<'_>,
) -> Option<Raise> {
    const HELP: &str = "write `{ amount = \"20 USD\", until = \"2026-12-31\", reason = \"launch week\" }`";
    let entry = section.get("raise")?;
    let inner = Section::open(section.field("raise"), &entry.node, RAISE_FIELDS, reading)?;
    if !has_limit && !section.has("limit") {
        let message = format!("`{}` raises a limit that is not there", inner.path);
        reading.wrong(&entry.node.place, &inner.path, message, "write a `limit`, or remove `raise`");
    }
    for required in ["amount", "until", "reason"] {
        if !inner.has(required) {
            inner.missing(required, HELP, reading);
        }
    }
    let amount = inner.parsed("amount", LIMIT_HELP, reading, |text| {
        let limit = Limit::parse(text)?;
        if limit.measure == measure {
            Ok(limit.amount)
        } else {
            Err(format!("is not in {}", measure.as_str()))
        }
    });
    let until = instant::read(&inner, "until", TIME_HELP, reading);
    let reason = inner.parsed("reason", "say in a sentence why", reading, |text| match text.trim() {
        "" => Err("says nothing".to_owned()),
        long if long.len() > REASON_BYTES_MAX => Err(format!("has more than {REASON_BYTES_MAX} bytes")),
        reason => Ok(reason.to_owned()),
    });
    Some(Raise { amount: amount?, until: until?, reason: reason? })
}
