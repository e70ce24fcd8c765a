//! One layer over another: row by row, field by field.

use crate::spec::{Facts, RowSpec, ServiceTierSpec};

impl RowSpec {
    /// This row, and `base` where it says nothing. Name, dates and origin are this row's; tiers and periods are
    /// replaced as a whole, every other rate by class.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut merged = base.clone();
        merged.aliases.extend(self.aliases.iter().filter(|name| !base.aliases.contains(name)).cloned());
        merged.patterns.extend(self.patterns.iter().filter(|name| !base.patterns.contains(name)).cloned());
        merged.source = self.source.clone().or(merged.source);
        merged.note = self.note.clone().or(merged.note);
        merged.rates = self.rates.over(&base.rates);
        // A plain rate in this layer takes the place of the base's rates by variant, not only of its plain rate.
        merged.variants.retain(|variant| self.rates.get(variant.class).is_none());
        for variant in &self.variants {
            merged.variants.retain(|old| old.class != variant.class || old.name != variant.name);
            merged.variants.push(variant.clone());
        }
        merged.tiers = self.tiers.clone().or(merged.tiers);
        merged.periods = self.periods.clone().or(merged.periods);
        for (name, tier) in &self.service_tiers {
            let place = merged.service_tiers.entry(name.clone()).or_default();
            let tiers = if tier.tiers.is_empty() { &place.tiers } else { &tier.tiers };
            *place = ServiceTierSpec { rates: tier.rates.over(&place.rates), tiers: tiers.clone() };
        }
        for (region, factor) in &self.regions {
            merged.regions.retain(|(old, _)| old != region);
            merged.regions.push((region.clone(), *factor));
        }
        merged.free.extend(self.free.iter().map(|(class, free)| (*class, *free)));
        merged.cache_factors = self.cache_factors.or(merged.cache_factors);
        merged.facts = self.facts.over(&base.facts);
        merged
    }
}

impl Facts {
    /// These facts, and those of `base` where these say nothing.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        Self {
            context: self.context.or(base.context),
            max_output: self.max_output.or(base.max_output),
            tools: self.tools.or(base.tools),
            vision: self.vision.or(base.vision),
            structured_output: self.structured_output.or(base.structured_output),
            audio: self.audio.or(base.audio),
            reasoning: self.reasoning.or(base.reasoning),
            formats: self.formats.clone().or_else(|| base.formats.clone()),
            deprecated: self.deprecated.or(base.deprecated),
            writes_cache: self.writes_cache.or(base.writes_cache),
            always_searches: self.always_searches.or(base.always_searches),
            researches: self.researches.or(base.researches),
            grounding_per_prompt: self.grounding_per_prompt.or(base.grounding_per_prompt),
        }
    }
}
