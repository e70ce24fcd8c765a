//! A price row as written: every field may be absent, so that one layer can override another field by field.

use std::collections::BTreeMap;

use bursar_core::{ApiFormat, Multiplier, Pattern, Rate, Timestamp, UsageClass};

use crate::class::RateClass;
use crate::rates::{Rates, Variant};
use crate::vendor::CacheFactors;

/// A price row as a file, an import or the admin API states it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RowSpec {
    /// Whose price it is, such as `anthropic`.
    pub provider: String,
    /// The model's name at that provider.
    pub model: String,
    /// Other exact names of the same model: dated snapshots, regional names.
    pub aliases: Vec<String>,
    /// Declared families: names with `*`, tried after all exact names, the longest first.
    pub patterns: Vec<Pattern>,
    /// From when it applies, inclusive; absent: always did.
    pub effective_from: Option<Timestamp>,
    /// Until when it applies, exclusive; absent: until a later row of the same model.
    pub effective_until: Option<Timestamp>,
    /// Where the figures were found.
    pub source: Option<String>,
    /// What a reader of the row should know, such as where sources disagree.
    pub note: Option<String>,
    /// The rates for every prompt size, or where a tier is silent.
    pub rates: Rates,
    /// Rates by variant; win over the plain rate of the same class.
    pub variants: Vec<Variant>,
    /// Rates by prompt size.
    pub tiers: Option<Vec<TierSpec>>,
    /// Rates by service tier, under the provider's word in lower case.
    pub service_tiers: BTreeMap<String, ServiceTierSpec>,
    /// Rates by time of day (UTC).
    pub periods: Option<Vec<Period>>,
    /// Factors on every token rate by region, in the provider's word or as a pattern.
    pub regions: Vec<(Pattern, Multiplier)>,
    /// What is free before a fee is due.
    pub free: BTreeMap<RateClass, FreeUses>,
    /// Documented factors from the input rate to absent cache rates.
    pub cache_factors: Option<CacheFactors>,
    /// Facts for routing and bounds.
    pub facts: Facts,
}

/// Rates for a range of prompt size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TierSpec {
    /// The largest prompt in it, inclusive; absent in the last.
    pub up_to: Option<u64>,
    /// Its rates.
    pub rates: Rates,
}

/// Rates of a service tier, with prompt sizes of its own where the vendor has them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServiceTierSpec {
    /// Its rates.
    pub rates: Rates,
    /// Its rates by prompt size; empty: the row's own tiers apply, scaled by what this service tier changes.
    pub tiers: Vec<TierSpec>,
}

/// Rates that apply at certain hours, in UTC. Inside, they win over tiers and service tiers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// On which days: bit 0 is Monday.
    pub weekdays: u8,
    /// First minute of the day, inclusive.
    pub from_minute: u16,
    /// Last minute of the day, exclusive, up to 1440; not after `from_minute`: runs over midnight.
    pub until_minute: u16,
    /// Its rates.
    pub rates: Rates,
}

/// Uses that cost nothing before a fee is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeUses {
    /// How many.
    pub count: u64,
    /// Per day (UTC) rather than per calendar month.
    pub daily: bool,
}

/// What routing and bounds need to know about a model.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Largest prompt in tokens.
    pub context: Option<u64>,
    /// Largest output in tokens of one choice, reasoning included.
    pub max_output: Option<u64>,
    /// Takes tools.
    pub tools: Option<bool>,
    /// Takes images.
    pub vision: Option<bool>,
    /// Takes a schema for its answer.
    pub structured_output: Option<bool>,
    /// Takes audio.
    pub audio: Option<bool>,
    /// Reasons before it answers.
    pub reasoning: Option<bool>,
    /// Formats it is served in; absent: whatever the endpoint speaks.
    pub formats: Option<Vec<ApiFormat>>,
    /// When the provider withdraws it.
    pub deprecated: Option<Timestamp>,
    /// Writes to the prompt cache on its own, at the five-minute rate.
    pub writes_cache: Option<bool>,
    /// Searches on every request, whether a tool is named or not.
    pub always_searches: Option<bool>,
    /// Searches as often as it likes, whether a tool is named or not: nothing that a request says caps it.
    pub researches: Option<bool>,
    /// Grounding is billed once per prompt, however many queries it takes.
    pub grounding_per_prompt: Option<bool>,
}

impl RowSpec {
    /// A row that states nothing but whose model it prices.
    #[must_use]
    pub fn new(provider: &str, model: &str) -> Self {
        Self { provider: provider.to_owned(), model: model.to_owned(), ..Self::default() }
    }
    /// With a rate stated: for building in one expression.
    #[must_use]
    pub fn with(mut self, class: impl Into<RateClass>, rate: Rate) -> Self {
        self.rates.set(class, rate);
        self
    }
    /// A model that costs nothing, such as a local one.
    #[must_use]
    pub fn free(provider: &str, model: &str) -> Self {
        Self::new(provider, model).with(UsageClass::Input, Rate::ZERO).with(UsageClass::Output, Rate::ZERO)
    }
    /// Whether it can price a request: it states the input rate, or prices only by the piece.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let by_piece = !self.rates.is_empty() || !self.variants.is_empty();
        let tokens = self.rates.iter().any(|(class, _)| class.is_token());
        self.rates.get(UsageClass::Input).is_some() || (by_piece && !tokens)
    }
    /// Every exact name: the model's own, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.model.as_str()].into_iter().chain(self.aliases.iter().map(String::as_str))
    }
}
