//! One row of LiteLLM's price map, from its keys and their numbers.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::{Multiplier, Pattern, Rate, Timestamp, UsageClass};
use serde_json::value::RawValue;

use crate::class::RateClass;
use crate::import::litellm_keys::{self, Meaning, Place, Side};
use crate::import::number;
use crate::import::report::ImportReport;
use crate::rates::{Rates, Variant};
use crate::spec::{FreeUses, Period, RowSpec, ServiceTierSpec, TierSpec};

/// The keys of one row, with their values as text.
pub(crate) type Keys = BTreeMap<String, Box<RawValue>>;

/// Reads the prices and facts of a row. `name` is what the list calls the model, for the report.
pub(crate) fn read(spec: &mut RowSpec, name: &str, keys: &Keys, report: &mut ImportReport) {
    let mut row = Row { spec, name, keys, report, layers: BTreeMap::new(), uplifts: Vec::new() };
    for (key, value) in keys {
        row.key(key, value.get());
    }
    row.images();
    row.seconds();
    row.finish();
    row.facts();
}

struct Row<'a> {
    spec: &'a mut RowSpec,
    name: &'a str,
    keys: &'a Keys,
    report: &'a mut ImportReport,
    /// Rates by service tier, then by "above how many prompt tokens".
    layers: BTreeMap<Option<&'static str>, BTreeMap<u64, Rates>>,
    uplifts: Vec<(Pattern, Multiplier)>,
}

impl Row<'_> {
    fn key(&mut self, key: &str, value: &str) {
        match litellm_keys::read(key) {
            Meaning::Rate(place) => self.rate(key, place, value),
            Meaning::PerThousand(class) => {
                if let Some(number) = number::rate(value, 3) {
                    self.spec.rates.set(class, number.rate);
                }
            }
            Meaning::Variant(class, variant) => {
                if let Some(rate) = self.number(key, value) {
                    self.variant(class, variant, rate);
                }
            }
            Meaning::Pixel => self.pixel(key, value),
            Meaning::SearchContext => self.search_context(key, value),
            Meaning::Tiers => self.tiers(key, value),
            Meaning::OffPeak => self.off_peak(key, value),
            Meaning::ProviderSpecific => self.provider_specific(value),
            Meaning::Uplift(regions) => self.uplift(key, regions, value),
            Meaning::SearchUnit => {
                self.spec.facts.grounding_per_prompt = Some(value.trim_matches('"') != "per_query");
            }
            Meaning::FreeSearches => self.free_searches(key, value),
            Meaning::Redundant(reason) => self.report.redundant(key, reason),
            Meaning::Unsupported => {
                // A price of zero that cannot be expressed changes nothing.
                if number::rate(value, 0).is_none_or(|number| number.rate != Rate::ZERO) {
                    self.report.unsupported(key, self.name);
                }
            }
            // These are taken together, once all keys are known.
            Meaning::Image(_) | Meaning::Second(_) | Meaning::Other => {}
        }
    }

    fn number(&mut self, key: &str, value: &str) -> Option<Rate> {
        let Some(number) = number::rate(value, 0) else {
            self.report.unsupported(key, self.name);
            return None;
        };
        self.report.rounded += usize::from(number.rounded);
        Some(number.rate)
    }
    /// The number under a key, zero when it is absent.
    fn peek(&self, key: &str) -> Rate {
        let value = self.keys.get(key).and_then(|value| number::rate(value.get(), 0));
        value.map_or(Rate::ZERO, |number| number.rate)
    }
    fn rate(&mut self, key: &str, place: Place, value: &str) {
        let Some(rate) = self.number(key, value) else { return };
        let cache = matches!(
            place.class,
            RateClass::Usage(UsageClass::CacheRead | UsageClass::CacheWrite5m | UsageClass::CacheWrite1h)
        );
        if cache && rate == Rate::ZERO && self.peek("input_cost_per_token") != Rate::ZERO {
            self.report.zero_cache_rates += 1;
            return;
        }
        let layer =
            self.layers.entry(place.service).or_default().entry(place.above.unwrap_or(0)).or_default();
        if layer.get(place.class).is_none() || rate != Rate::ZERO {
            layer.set(place.class, rate);
        }
    }
    fn variant(&mut self, class: RateClass, name: &str, rate: Rate) {
        if rate != Rate::ZERO {
            self.spec.variants.push(Variant { class, name: name.into(), rate });
        }
    }
    fn pixel(&mut self, key: &str, value: &str) {
        if number::rate_of(value, 0, 1_000_000).is_some_and(|number| number.rate == Rate::ZERO) {
            return;
        }
        let size = self.name.split('/').find_map(|part| {
            let (width, height) = part.split_once("-x-")?;
            width.parse::<u64>().ok()?.checked_mul(height.parse::<u64>().ok()?)
        });
        match size.and_then(|pixels| number::rate_of(value, 0, pixels)) {
            Some(image) => {
                self.spec.rates.set(UsageClass::Image, image.rate);
                self.report.rounded += usize::from(image.rounded);
            }
            None => self.report.unsupported(key, self.name),
        }
    }
    fn search_context(&mut self, key: &str, value: &str) {
        let Ok(sizes) = serde_json::from_str::<Keys>(value) else {
            return self.report.unsupported(key, self.name);
        };
        let class = match self.spec.provider.as_str() {
            "gemini" | "vertex" if !self.spec.model.contains("claude") => UsageClass::Grounding.into(),
            // Sonar searches on every request and bills that by context size; deep research bills each search.
            "perplexity" if !self.spec.model.contains("deep-research") => RateClass::Request,
            _ => UsageClass::WebSearch.into(),
        };
        let mut found = Vec::new();
        for (size, value) in &sizes {
            let name = size.strip_prefix("search_context_size_").unwrap_or(size);
            if let Some(rate) = self.number(key, value.get()) {
                found.push((name.to_owned(), rate));
            }
        }
        let distinct: BTreeSet<Rate> = found.iter().map(|(_, rate)| *rate).collect();
        match distinct.first() {
            Some(rate) if distinct.len() == 1 => self.spec.rates.set(class, *rate),
            _ => found.iter().for_each(|(name, rate)| self.variant(class, name, *rate)),
        }
    }
    fn tiers(&mut self, key: &str, value: &str) {
        let rows = serde_json::from_str::<Vec<Keys>>(value).unwrap_or_default();
        for row in &rows {
            let range = row
                .get("range")
                .and_then(|range| serde_json::from_str::<Vec<Box<RawValue>>>(range.get()).ok());
            let Some(from) = range.and_then(|range| number::count(range.first()?.get())) else {
                return self.report.unsupported(key, self.name);
            };
            for (key, value) in row {
                if let Meaning::Rate(place) = litellm_keys::read(key) {
                    self.rate(key, Place { above: Some(from), ..place }, value.get());
                }
            }
        }
    }
    fn off_peak(&mut self, key: &str, value: &str) {
        let Ok(keys) = serde_json::from_str::<Keys>(value) else {
            return self.report.unsupported(key, self.name);
        };
        let mut rates = Rates::new();
        for (key, value) in &keys {
            if let (Meaning::Rate(place), Some(number)) =
                (litellm_keys::read(key), number::rate(value.get(), 0))
            {
                rates.set(place.class, number.rate);
            }
        }
        let windows =
            keys.get("windows").and_then(|value| serde_json::from_str::<Vec<Window>>(value.get()).ok());
        let periods = windows
            .unwrap_or_default()
            .iter()
            .map(|window| window.periods(&rates))
            .collect::<Option<Vec<_>>>();
        match periods.map(|periods| periods.concat()) {
            Some(periods) if !periods.is_empty() => self.spec.periods = Some(periods),
            _ => self.report.unsupported(key, self.name),
        }
    }
    fn provider_specific(&mut self, value: &str) {
        let Ok(entries) = serde_json::from_str::<Keys>(value) else { return };
        for (word, value) in &entries {
            let Ok(factor) = Multiplier::parse(value.get()) else { continue };
            match word.as_str() {
                "fast" => {
                    let base =
                        self.layers.get(&None).and_then(|layers| layers.get(&0)).cloned().unwrap_or_default();
                    let mut rates = Rates::new();
                    for (class, rate) in base.iter() {
                        rates.set(class, crate::compile::uplifted(rate, factor));
                    }
                    self.layers.entry(Some("fast")).or_default().insert(0, rates);
                }
                region if region.len() == 2 => {
                    self.uplifts.push((Pattern::new(&format!("{region}*")), factor));
                }
                _ => {}
            }
        }
    }
    fn uplift(&mut self, key: &str, regions: &[(&str, bool)], value: &str) {
        let Ok(factor) = Multiplier::parse(value) else {
            return self.report.unsupported(key, self.name);
        };
        for (region, lifted) in regions {
            let factor = if *lifted { factor } else { Multiplier::ONE };
            self.uplifts.push((Pattern::new(region), factor));
        }
    }
    fn free_searches(&mut self, key: &str, value: &str) {
        let parsed = serde_json::from_str::<Keys>(value).ok().and_then(|keys| {
            let count = number::count(keys.get("count")?.get())?;
            Some(FreeUses { count, daily: keys.get("period")?.get() == "\"day\"" })
        });
        match parsed {
            Some(free) => {
                self.spec.free.insert(UsageClass::Grounding.into(), free);
            }
            None => self.report.unsupported(key, self.name),
        }
    }

    /// A price per image is the token price in another unit where the row has one for image tokens.
    fn images(&mut self) {
        let by_token = self.peek("output_cost_per_image_token") != Rate::ZERO;
        let (input, output) = (self.peek("input_cost_per_image"), self.peek("output_cost_per_image"));
        let reason = "the row prices the tokens of the same images";
        for (key, rate) in [("input_cost_per_image", input), ("output_cost_per_image", output)] {
            if rate != Rate::ZERO && by_token {
                self.report.redundant(key, reason);
            }
        }
        if !by_token {
            self.sides(UsageClass::Image, input, output);
        }
    }
    fn seconds(&mut self) {
        let side = |side: Side| {
            let keys = self.keys.keys().filter(|key| litellm_keys::read(key) == Meaning::Second(side));
            keys.map(|key| self.peek(key)).max().unwrap_or(Rate::ZERO)
        };
        let (input, output) = (side(Side::Input), side(Side::Output));
        self.sides(UsageClass::Second, input, output);
    }
    /// One rate where the list states one, by variant where prompt and answer differ.
    fn sides(&mut self, class: UsageClass, input: Rate, output: Rate) {
        if input != Rate::ZERO && output != Rate::ZERO && input != output {
            self.variant(class.into(), "input", input);
            self.variant(class.into(), "output", output);
        } else if input.max(output) != Rate::ZERO {
            self.spec.rates.set(class, input.max(output));
        }
    }

    fn finish(&mut self) {
        let inclusive = self.spec.provider == "xai";
        let by_token = self.peek("input_cost_per_token") != Rate::ZERO;
        if by_token && self.spec.variants.iter().any(|variant| variant.class == UsageClass::Character.into())
        {
            self.spec.variants.retain(|variant| variant.class != UsageClass::Character.into());
            self.report.redundant("input_cost_per_character", "the row prices the tokens of the same text");
        }
        self.only_variants();
        for (service, mut layers) in std::mem::take(&mut self.layers) {
            let base = layers.remove(&0).unwrap_or_default();
            let tiers = tiers_above(&layers, inclusive);
            match service {
                None => {
                    self.spec.rates = base.over(&self.spec.rates);
                    self.spec.tiers = (!tiers.is_empty()).then_some(tiers);
                }
                Some(name) => {
                    self.spec.service_tiers.insert(name.to_owned(), ServiceTierSpec { rates: base, tiers });
                }
            }
        }
        // The first tier of a list of ranges is the base row.
        self.spec.regions = std::mem::take(&mut self.uplifts);
    }
    /// A single variant that is not a size is the rate itself.
    fn only_variants(&mut self) {
        for class in [UsageClass::Character, UsageClass::Second] {
            let own: Vec<_> =
                self.spec.variants.iter().filter(|variant| variant.class == class.into()).collect();
            let plain = self.spec.rates.get(class).is_none();
            if let [single] = own.as_slice()
                && plain
            {
                let rate = single.rate;
                self.spec.rates.set(class, rate);
                self.spec.variants.retain(|variant| variant.class != class.into());
            }
        }
    }
    fn facts(&mut self) {
        let count =
            |key: &str| self.keys.get(key).and_then(|value| number::count(value.get())).filter(|n| *n > 0);
        let flag = |key: &str| match self.keys.get(key).map(|value| value.get()) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let date = self.keys.get("deprecation_date").map(|value| value.get().trim_matches('"'));
        let facts = &mut self.spec.facts;
        facts.context = count("max_input_tokens").or_else(|| count("max_tokens"));
        facts.max_output = count("max_output_tokens");
        facts.tools = flag("supports_function_calling");
        facts.vision = flag("supports_vision");
        facts.structured_output = flag("supports_response_schema");
        facts.audio = flag("supports_audio_input");
        facts.reasoning = flag("supports_reasoning");
        facts.deprecated = date.and_then(Timestamp::parse);
    }
}

/// A tier begins above each threshold; what it does not state is the tier's below.
fn tiers_above(layers: &BTreeMap<u64, Rates>, inclusive: bool) -> Vec<TierSpec> {
    let bound = |above: &u64| if inclusive { above.saturating_sub(1) } else { *above };
    let mut bounds = layers.keys().map(bound);
    let Some(first) = bounds.next() else { return Vec::new() };
    let mut tiers = vec![TierSpec { up_to: Some(first), rates: Rates::new() }];
    let mut below = Rates::new();
    for rates in layers.values() {
        below = rates.over(&below);
        tiers.push(TierSpec { up_to: bounds.next(), rates: below.clone() });
    }
    tiers
}

#[derive(serde::Deserialize)]
struct Window {
    hours_utc: OneOrMany,
    #[serde(default)]
    weekdays: Vec<u8>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Window {
    fn periods(&self, rates: &Rates) -> Option<Vec<Period>> {
        let weekdays = self.weekdays.iter().try_fold(0u8, |days, day| {
            let bit = day.checked_sub(1).filter(|bit| *bit < 7)?;
            Some(days | (1u8 << bit))
        })?;
        let weekdays = if self.weekdays.is_empty() { 0b111_1111 } else { weekdays };
        let hours = match &self.hours_utc {
            OneOrMany::One(hours) => std::slice::from_ref(hours),
            OneOrMany::Many(hours) => hours,
        };
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            hour.parse::<u16>().ok()?.checked_mul(60)?.checked_add(minute.parse::<u16>().ok()?)
        };
        let period = |text: &String| {
            let (from, until) = text.split_once('-')?;
            let (from_minute, until) = (minute(from)?, minute(until)?);
            let until_minute = if until == 0 { 1440 } else { until };
            Some(Period { weekdays, from_minute, until_minute, rates: rates.clone() })
        };
        hours.iter().map(period).collect()
    }
}
