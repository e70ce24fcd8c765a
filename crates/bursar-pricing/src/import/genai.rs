//! pydantic's genai-prices: providers with models, prices in USD per million with tiers, start dates and hours.

use std::collections::BTreeMap;

use bursar_core::{Rate, Timestamp, UsageClass};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::class::RateClass;
use crate::import::models_dev::without_zero_cache;
use crate::import::report::ImportReport;
use crate::import::{ImportError, ImportOptions, Imported, number};
use crate::rates::Rates;
use crate::spec::{Period, RowSpec, TierSpec};
use crate::vendor;

type Raw = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Provider {
    id: String,
    #[serde(default)]
    pricing_urls: Vec<String>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(rename = "match", default)]
    names: Names,
    #[serde(default)]
    context_window: Option<u64>,
    prices: Box<RawValue>,
}

/// The names that a model answers to. Only exact ones are taken over.
#[derive(Deserialize, Default)]
struct Names {
    #[serde(default)]
    equals: Option<String>,
    #[serde(default)]
    or: Vec<Names>,
    #[serde(flatten)]
    loose: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Conditional {
    #[serde(default)]
    constraint: Option<Constraint>,
    prices: Raw,
}

#[derive(Deserialize)]
struct Constraint {
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
}

pub(crate) fn read(text: &str, options: &ImportOptions) -> Result<Imported, ImportError> {
    let list: Vec<Provider> =
        serde_json::from_str(text).map_err(|error| ImportError::Malformed(error.to_string()))?;
    let mut imported = Imported::default();
    for provider in list {
        let seller = vendor::named(&provider.id).unwrap_or(&provider.id);
        for model in &provider.models {
            imported.report.models += 1;
            let mut spec = RowSpec::new(seller, &model.id);
            spec.aliases = names(&model.names, &mut imported.report);
            spec.aliases.retain(|name| *name != model.id);
            spec.source =
                Some(provider.pricing_urls.first().cloned().unwrap_or_else(|| options.source.clone()));
            spec.facts.context = model.context_window;
            spec.effective_from = options.effective_from;
            rows(spec, &model.prices, options, &mut imported);
        }
    }
    Ok(imported)
}

fn names(names: &Names, report: &mut ImportReport) -> Vec<String> {
    report.loose_names += names.loose.len();
    let mut exact: Vec<String> = names.equals.iter().cloned().collect();
    for inner in &names.or {
        exact.extend(self::names(inner, report));
    }
    exact
}

/// One row per start date; hours belong to the row before them.
fn rows(spec: RowSpec, prices: &RawValue, options: &ImportOptions, imported: &mut Imported) {
    let report = &mut imported.report;
    // Either one table of prices or a list of them with their conditions.
    let Ok(conditional) = serde_json::from_str::<Vec<Conditional>>(prices.get()) else {
        let prices = serde_json::from_str::<Raw>(prices.get()).unwrap_or_default();
        imported.rows.extend(priced(spec, &prices, report));
        return;
    };
    let mut dated: Vec<RowSpec> = Vec::new();
    let mut periods = Vec::new();
    for part in &conditional {
        let Some(row) = priced(spec.clone(), &part.prices, report) else { continue };
        match &part.constraint {
            None => dated.push(row),
            Some(Constraint { start_date: Some(date), .. }) => {
                let mut row = row;
                row.effective_from = Timestamp::parse(date).or(options.effective_from);
                dated.push(row);
            }
            Some(Constraint { start_time, end_time, .. }) => {
                let minutes =
                    start_time.as_deref().and_then(minute).zip(end_time.as_deref().and_then(minute));
                match minutes {
                    Some((from_minute, until_minute)) => {
                        periods.push(Period {
                            weekdays: 0b111_1111,
                            from_minute,
                            until_minute,
                            rates: row.rates,
                        });
                    }
                    None => report.unsupported("constraint", &format!("{}/{}", spec.provider, spec.model)),
                }
            }
        }
    }
    if let Some(last) = dated.last_mut()
        && !periods.is_empty()
    {
        last.periods = Some(periods);
    } else if let (None, Some(period)) = (dated.last(), periods.first()) {
        // Prices by the hour alone: the dearest stands where no hour applies.
        let mut row = spec;
        row.rates = period.rates.clone();
        row.periods = Some(periods);
        dated.push(row);
    }
    imported.rows.extend(dated);
}

/// `16:30:00Z` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let mut parts = text.trim_end_matches('Z').split(':');
    let (hour, minute) = (parts.next()?.parse::<u16>().ok()?, parts.next()?.parse::<u16>().ok()?);
    hour.checked_mul(60)?.checked_add(minute).filter(|minute| *minute < 1440)
}

#[derive(Deserialize)]
struct Tiered {
    base: Box<RawValue>,
    tiers: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    start: u64,
    price: Box<RawValue>,
}

fn priced(mut spec: RowSpec, prices: &Raw, report: &mut ImportReport) -> Option<RowSpec> {
    let name = format!("{}/{}", spec.provider, spec.model);
    let mut base = Rates::new();
    let mut above: BTreeMap<u64, Rates> = BTreeMap::new();
    for (key, value) in prices {
        let Some((class, per)) = class_of(key, &spec.provider) else {
            report.unsupported(key, &name);
            continue;
        };
        let mut put = |rates: &mut Rates, text: &str| match number::rate(text, per) {
            Some(number) => {
                report.rounded += usize::from(number.rounded);
                rates.set(class, number.rate);
            }
            None => report.unsupported(key, &name),
        };
        match serde_json::from_str::<Tiered>(value.get()) {
            Ok(tiered) => {
                put(&mut base, tiered.base.get());
                for step in &tiered.tiers {
                    put(above.entry(step.start).or_default(), step.price.get());
                }
            }
            Err(_) => put(&mut base, value.get()),
        }
    }
    if base.is_empty() {
        report.unpriced += 1;
        return None;
    }
    spec.rates = without_zero_cache(&base, report);
    if !spec.is_complete() {
        spec.rates.set(UsageClass::Input, Rate::ZERO);
    }
    let mut bounds = above.keys().copied();
    if let Some(first) = bounds.next() {
        let mut tiers = vec![TierSpec { up_to: Some(first), rates: Rates::new() }];
        let mut below = Rates::new();
        for rates in above.values() {
            below = rates.over(&below);
            tiers.push(TierSpec { up_to: bounds.next(), rates: below.clone() });
        }
        spec.tiers = Some(tiers);
    }
    Some(spec)
}

/// The class of a price key and the power of ten of its unit.
fn class_of(key: &str, provider: &str) -> Option<(RateClass, u32)> {
    let class = match key {
        "input_mtok" => UsageClass::Input,
        "output_mtok" => UsageClass::Output,
        "cache_read_mtok" => UsageClass::CacheRead,
        "cache_write_mtok" | "cache_write_5m_mtok" => UsageClass::CacheWrite5m,
        "cache_write_1h_mtok" => UsageClass::CacheWrite1h,
        "input_audio_mtok" => UsageClass::AudioInput,
        "output_audio_mtok" => UsageClass::AudioOutput,
        "cache_audio_read_mtok" => UsageClass::AudioCacheRead,
        "input_image_mtok" => UsageClass::ImageInput,
        "output_image_mtok" => UsageClass::ImageOutput,
        "cache_image_read_mtok" => UsageClass::ImageCacheRead,
        "input_video_mtok" => UsageClass::VideoInput,
        "output_reasoning_mtok" => UsageClass::Reasoning,
        "web_searches_kcount" if provider == "gemini" => return Some((UsageClass::Grounding.into(), 3)),
        "web_searches_kcount" => return Some((UsageClass::WebSearch.into(), 3)),
        "requests_kcount" => return Some((RateClass::Request, 3)),
        _ => return None,
    };
    Some((class.into(), 6))
}
