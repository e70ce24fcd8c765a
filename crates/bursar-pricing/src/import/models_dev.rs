//! models.dev's list: providers with models, each with `cost` in USD per million tokens, `limit` and `modalities`.

use std::collections::BTreeMap;

use bursar_core::{Rate, Timestamp, UsageClass};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::import::report::ImportReport;
use crate::import::{ImportError, ImportOptions, Imported, number};
use crate::rates::Rates;
use crate::spec::{RowSpec, TierSpec};
use crate::vendor;

type Raw = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Provider {
    #[serde(default)]
    doc: Option<String>,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    cost: Option<Raw>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    modalities: Modalities,
    #[serde(default)]
    release_date: Option<String>,
    #[serde(default)]
    tool_call: Option<bool>,
    #[serde(default)]
    reasoning: Option<bool>,
    #[serde(default)]
    structured_output: Option<bool>,
}

#[derive(Deserialize, Default)]
struct Limit {
    #[serde(default)]
    context: Option<u64>,
    #[serde(default)]
    output: Option<u64>,
}

#[derive(Deserialize, Default)]
struct Modalities {
    #[serde(default)]
    input: Vec<String>,
}

pub(crate) fn read(text: &str, options: &ImportOptions) -> Result<Imported, ImportError> {
    let list: BTreeMap<String, Provider> =
        serde_json::from_str(text).map_err(|error| ImportError::Malformed(error.to_string()))?;
    let mut imported = Imported::default();
    for (seller, provider) in list {
        for (name, model) in provider.models {
            imported.report.models += 1;
            let Some(cost) = &model.cost else {
                imported.report.unpriced += 1;
                continue;
            };
            let mut spec = RowSpec::new(provider_of(&seller), &name);
            price(&mut spec, cost, &mut imported.report);
            let released = model.release_date.as_deref().and_then(day);
            spec.effective_from =
                if options.own_dates { released.or(options.effective_from) } else { options.effective_from };
            spec.source = provider.doc.clone().or_else(|| Some(options.source.clone()));
            let takes = |kind: &str| Some(model.modalities.input.iter().any(|input| input == kind));
            spec.facts.context = model.limit.context.filter(|tokens| *tokens > 0);
            spec.facts.max_output = model.limit.output.filter(|tokens| *tokens > 0);
            spec.facts.tools = model.tool_call;
            spec.facts.reasoning = model.reasoning;
            spec.facts.structured_output = model.structured_output;
            spec.facts.vision = takes("image");
            spec.facts.audio = takes("audio");
            imported.rows.push(spec);
        }
    }
    Ok(imported)
}

/// The provider in Bursar's words; others keep theirs.
fn provider_of(seller: &str) -> &str {
    match seller {
        "google-vertex-anthropic" => "vertex",
        other => vendor::named(other).unwrap_or(other),
    }
}

/// `2026-06-30`, or a month: its first day.
fn day(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}-01")))
}

fn price(spec: &mut RowSpec, cost: &Raw, report: &mut ImportReport) {
    let name = format!("{}/{}", spec.provider, spec.model);
    spec.rates = rates(&name, cost, report);
    let Some(tiers) = cost.get("tiers") else { return };
    let mut above: Vec<(u64, Rates)> = Vec::new();
    for tier in serde_json::from_str::<Vec<Raw>>(tiers.get()).unwrap_or_default() {
        let size = tier.get("tier").and_then(|tier| serde_json::from_str::<Raw>(tier.get()).ok());
        match size.and_then(|size| number::count(size.get("size")?.get())) {
            Some(size) => above.push((size, rates(&name, &tier, report))),
            None => report.unsupported("tiers", &name),
        }
    }
    above.sort_by_key(|(size, _)| *size);
    let mut bounds = above.iter().map(|(size, _)| *size);
    if let Some(first) = bounds.next() {
        let mut tiers = vec![TierSpec { up_to: Some(first), rates: Rates::new() }];
        tiers.extend(above.iter().map(|(_, rates)| TierSpec { up_to: bounds.next(), rates: rates.clone() }));
        spec.tiers = Some(tiers);
    }
}

fn rates(name: &str, cost: &Raw, report: &mut ImportReport) -> Rates {
    let mut rates = Rates::new();
    for (key, value) in cost {
        let class = match key.as_str() {
            "input" => UsageClass::Input,
            "output" => UsageClass::Output,
            "cache_read" | "cached_input" | "cache_input" => UsageClass::CacheRead,
            "cache_write" | "cached_write" => UsageClass::CacheWrite5m,
            "reasoning" => UsageClass::Reasoning,
            "input_audio" => UsageClass::AudioInput,
            "output_audio" => UsageClass::AudioOutput,
            "tiers" | "tier" | "context_over_200k" => continue,
            other => {
                report.unsupported(other, name);
                continue;
            }
        };
        let Some(number) = number::rate(value.get(), 6) else {
            report.unsupported(key, name);
            continue;
        };
        report.rounded += usize::from(number.rounded);
        rates.set(class, number.rate);
    }
    without_zero_cache(&rates, report)
}

/// A cache rate of zero beside a priced input means that the list does not state one.
pub(crate) fn without_zero_cache(rates: &Rates, report: &mut ImportReport) -> Rates {
    let priced = rates.get(UsageClass::Input).is_some_and(|rate| rate != Rate::ZERO);
    let mut kept = Rates::new();
    for (class, rate) in rates.iter() {
        let cache =
            [UsageClass::CacheRead, UsageClass::CacheWrite5m, UsageClass::CacheWrite1h].map(Into::into);
        if priced && rate == Rate::ZERO && cache.contains(&class) {
            report.zero_cache_rates += 1;
        } else {
            kept.set(class, rate);
        }
    }
    kept
}
