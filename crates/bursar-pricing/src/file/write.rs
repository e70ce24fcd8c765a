//! Writes rows as a price file, one field per line in a fixed order, so that two versions compare by `diff`.

use std::fmt::Write as _;

use bursar_core::{ApiFormat, Rate, Timestamp};

use crate::class::RateClass;
use crate::file::read::WEEKDAYS;
use crate::rates::Rates;
use crate::spec::{Facts, Period, RowSpec, TierSpec};

/// The rows as one price file.
#[must_use]
pub fn to_toml(rows: &[RowSpec]) -> String {
    rows.iter().map(row_to_toml).collect::<Vec<_>>().join("\n")
}

/// One row as a `[[price]]` table.
#[must_use]
pub fn row_to_toml(spec: &RowSpec) -> String {
    let mut out = String::from("[[price]]\n");
    let mut put = |field: &str, value: String| {
        // Writing to a String cannot fail.
        let _infallible = writeln!(out, "{field} = {value}");
    };
    put("provider", quoted(&spec.provider));
    put("model", quoted(&spec.model));
    if !spec.aliases.is_empty() {
        put("aliases", list(spec.aliases.iter().map(String::as_str)));
    }
    if !spec.patterns.is_empty() {
        put("patterns", list(spec.patterns.iter().map(|pattern| pattern.as_str())));
    }
    let dates = [
        ("effective_from", spec.effective_from),
        ("effective_until", spec.effective_until),
        ("deprecated", spec.facts.deprecated),
    ];
    for (field, at) in dates {
        if let Some(at) = at {
            put(field, instant(at));
        }
    }
    for (field, text) in [("source", &spec.source), ("note", &spec.note)] {
        if let Some(text) = text {
            put(field, quoted(text));
        }
    }
    for class in RateClass::all() {
        let variants: Vec<_> = spec.variants.iter().filter(|variant| variant.class == class).collect();
        if let Some(rate) = spec.rates.get(class)
            && variants.is_empty()
        {
            put(class.as_str(), rate_text(class, rate));
        }
        if !variants.is_empty() {
            let default = spec.rates.get(class).map(|rate| format!("default = {}", rate_text(class, rate)));
            let named = variants
                .iter()
                .map(|variant| format!("{} = {}", key(&variant.name), rate_text(class, variant.rate)));
            put(class.as_str(), braces(default.into_iter().chain(named)));
        }
    }
    facts(&spec.facts, &mut put);
    if let Some(tiers) = &spec.tiers {
        put("tiers", brackets(tiers.iter().map(tier)));
    }
    if !spec.service_tiers.is_empty() {
        let inner = spec.service_tiers.iter().map(|(name, service)| {
            let mut parts = rates(&service.rates);
            if !service.tiers.is_empty() {
                parts.push(format!("tiers = {}", brackets(service.tiers.iter().map(tier))));
            }
            format!("{} = {}", key(name), braces(parts))
        });
        put("service_tiers", braces(inner));
    }
    if let Some(periods) = &spec.periods {
        put("periods", brackets(periods.iter().map(period)));
    }
    if !spec.regions.is_empty() {
        let inner =
            spec.regions.iter().map(|(region, factor)| format!("{} = \"{factor}\"", key(region.as_str())));
        put("regions", braces(inner));
    }
    if !spec.free.is_empty() {
        let inner = spec.free.iter().map(|(class, free)| {
            let per = if free.daily { "per_day" } else { "per_month" };
            format!("{class} = {{ {per} = {} }}", free.count)
        });
        put("free", braces(inner));
    }
    if let Some(factors) = &spec.cache_factors {
        let all = [("read", factors.read), ("write_5m", factors.write_5m), ("write_1h", factors.write_1h)];
        let stated = all
            .into_iter()
            .filter_map(|(name, factor)| factor.map(|factor| format!("{name} = \"{factor}\"")));
        put("cache_factors", braces(stated));
    }
    out
}

fn facts(facts: &Facts, put: &mut impl FnMut(&str, String)) {
    for (field, count) in [("context", facts.context), ("max_output", facts.max_output)] {
        if let Some(count) = count {
            put(field, count.to_string());
        }
    }
    let flags = [
        ("tools", facts.tools),
        ("vision", facts.vision),
        ("structured_output", facts.structured_output),
        ("audio", facts.audio),
        ("reasons", facts.reasoning),
        ("writes_cache", facts.writes_cache),
        ("always_searches", facts.always_searches),
        ("researches", facts.researches),
        ("grounding_per_prompt", facts.grounding_per_prompt),
    ];
    for (field, flag) in flags {
        if let Some(flag) = flag {
            put(field, flag.to_string());
        }
    }
    if let Some(formats) = &facts.formats {
        put("formats", list(formats.iter().copied().map(ApiFormat::as_str)));
    }
}

fn tier(tier: &TierSpec) -> String {
    let bound = tier.up_to.map(|up_to| format!("up_to = {up_to}"));
    braces(bound.into_iter().chain(rates(&tier.rates)))
}

fn period(period: &Period) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut parts = vec![
        format!("from = \"{}\"", clock(period.from_minute)),
        format!("until = \"{}\"", clock(period.until_minute)),
    ];
    if period.weekdays & 0b111_1111 != 0b111_1111 {
        let days = WEEKDAYS.into_iter().zip(0..).filter(|(_, bit)| period.weekdays & (1u8 << bit) != 0);
        parts.push(format!("weekdays = {}", list(days.map(|(day, _)| day))));
    }
    parts.extend(rates(&period.rates));
    braces(parts)
}

fn rates(rates: &Rates) -> Vec<String> {
    rates.iter().map(|(class, rate)| format!("{class} = {}", rate_text(class, rate))).collect()
}

fn rate_text(class: RateClass, rate: Rate) -> String {
    let text = if class.is_token() { rate.per_million() } else { rate.per_unit() };
    format!("\"{text}\"")
}

fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix("T00:00:00Z").unwrap_or(&text).to_owned()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.replace('\n', " ")).to_string()
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { quoted(name) }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    brackets(items.map(quoted))
}

fn brackets(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn braces(items: impl IntoIterator<Item = String>) -> String {
    format!("{{ {} }}", items.into_iter().collect::<Vec<_>>().join(", "))
}
