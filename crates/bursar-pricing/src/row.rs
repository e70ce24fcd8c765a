//! A price row ready for use: every combination of time, service tier and prompt size resolved to a full rate card.

use std::fmt;
use std::sync::Arc;

use bursar_core::{Multiplier, Rate, Timestamp, UsageClass};

use crate::class::RateClass;
use crate::compile;
use crate::conditions::{Conditions, search_word};
use crate::service_tier::{self, Named};
use crate::spec::{Facts, Period, RowSpec};

/// One dated price of one model. Immutable; a record names it by its id.
pub struct PriceRow {
    id: Arc<str>,
    origin: Arc<str>,
    spec: RowSpec,
    /// `[0]` outside every period, then one entry per period; in each, `[0]` is the standard service tier.
    plans: Vec<Vec<Plan>>,
    free: bool,
}

/// The rates of one service tier at one time, by prompt size.
pub(crate) struct Plan {
    pub(crate) base: Card,
    pub(crate) tiers: Vec<TierCard>,
}

/// The rates of one range of prompt size.
pub(crate) struct TierCard {
    /// The largest prompt in it; the largest number in the last.
    pub(crate) up_to: u64,
    pub(crate) card: Card,
}

/// The rate of every class, none absent: what one attempt was priced with.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    pub(crate) rates: [Rate; RateClass::COUNT],
    /// Which classes have a rate that a source states, as bits.
    pub(crate) own: u32,
}

/// Which card of a row a cost or quote used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Place {
    /// The period, from 1; 0 outside all of them.
    pub(crate) period: u8,
    /// The service tier, from 1; 0 is standard.
    pub(crate) service: u8,
    /// The tier of prompt size, where the row has any.
    pub(crate) tier: Option<u8>,
}

impl Card {
    /// The rate of a class: stated, or what the order of fallbacks gives.
    #[must_use]
    pub fn rate(&self, class: impl Into<RateClass>) -> Rate {
        self.rates.get(class.into().index()).copied().unwrap_or(Rate::ZERO)
    }
    /// Whether a source states the rate of that class.
    #[must_use]
    pub fn states(&self, class: impl Into<RateClass>) -> bool {
        self.own & (1 << class.into().index()) != 0
    }
    /// The stated rates, in the order of [`RateClass::all`].
    pub fn iter(&self) -> impl Iterator<Item = (RateClass, Rate)> + '_ {
        RateClass::all().filter(|class| self.states(*class)).map(|class| (class, self.rate(class)))
    }
}

impl Plan {
    /// The card for a prompt of that size, and its tier's index where there are tiers.
    pub(crate) fn card(&self, context: u64) -> (Option<usize>, &Card) {
        let found = self.tiers.iter().position(|tier| context <= tier.up_to);
        let index = found.or_else(|| self.tiers.len().checked_sub(1));
        match index.and_then(|at| self.tiers.get(at)) {
            Some(tier) => (index, &tier.card),
            None => (None, &self.base),
        }
    }
}

impl PriceRow {
    /// Compiles a row as it stands. Does not check it: [`crate::file::check`] does, and every way into a
    /// [`crate::PriceBook`] calls that.
    #[must_use]
    pub fn new(spec: RowSpec, origin: &str) -> Self {
        let date = spec.effective_from.map(|at| at.to_string().chars().take(10).collect::<String>());
        let mut id = format!("{}/{}", spec.provider, spec.model);
        if let Some(date) = date {
            id.push('@');
            id.push_str(&date);
        }
        Self::with_id(spec, &id, origin)
    }
    pub(crate) fn with_id(spec: RowSpec, id: &str, origin: &str) -> Self {
        let plans = compile::plans(&spec);
        let nothing_due = |card: &Card| card.rates.iter().all(|rate| *rate == Rate::ZERO);
        let free = spec.variants.iter().all(|variant| variant.rate == Rate::ZERO)
            && plans
                .iter()
                .flatten()
                .all(|plan| nothing_due(&plan.base) && plan.tiers.iter().all(|tier| nothing_due(&tier.card)));
        Self { id: id.into(), origin: origin.into(), spec, plans, free }
    }
    /// Names it in records: `provider/model@date`, and the overlays that changed it, as `+name`.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }
    /// Which book it came from: `built-in`, or the name of a file or overlay.
    #[must_use]
    pub fn origin(&self) -> &Arc<str> {
        &self.origin
    }
    /// The row as written, layers merged.
    #[must_use]
    pub fn spec(&self) -> &RowSpec {
        &self.spec
    }
    /// Whose price it is.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.spec.provider
    }
    /// The model's name at that provider.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.spec.model
    }
    /// Where the figures were found.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.spec.source.as_deref()
    }
    /// From when it applies; absent: always did.
    #[must_use]
    pub fn effective_from(&self) -> Option<Timestamp> {
        self.spec.effective_from
    }
    /// Until when it applies; absent: until a later row.
    #[must_use]
    pub fn effective_until(&self) -> Option<Timestamp> {
        self.spec.effective_until
    }
    /// Facts for routing and bounds.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.spec.facts
    }
    /// Whether nothing ever costs anything: a local model.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.free
    }
    /// The rates that a cost or quote used.
    #[must_use]
    pub fn card(&self, place: Place) -> Option<&Card> {
        let plan = self.plans.get(usize::from(place.period))?.get(usize::from(place.service))?;
        match place.tier {
            Some(tier) => plan.tiers.get(usize::from(tier)).map(|tier| &tier.card),
            None => Some(&plan.base),
        }
    }
    /// The service tier that a cost or quote used, in the row's word; `None` is standard.
    #[must_use]
    pub fn service_tier(&self, place: Place) -> Option<&str> {
        let at = usize::from(place.service).checked_sub(1)?;
        self.spec.service_tiers.keys().nth(at).map(String::as_str)
    }
    /// Whether a service tier in the provider's word has rates of its own here; standard has the row's.
    #[must_use]
    pub fn has_service_tier(&self, word: &str) -> bool {
        matches!(service_tier::read(word), Named::Standard | Named::Auto)
            || self.service_named(Some(word)) > 0
    }
    /// Where a cost or quote found its rates, as a path in a price file, such as `service_tiers.batch.tiers[1]`; `None`:
    /// the base rates.
    #[must_use]
    pub fn path(&self, place: Place) -> Option<String> {
        let period = usize::from(place.period).checked_sub(1).map(|at| format!("periods[{at}]"));
        let service = self.service_tier(place).map(|name| format!("service_tiers.{name}"));
        let tier = place.tier.map(|at| format!("tiers[{at}]"));
        let parts: Vec<String> = [period, service, tier].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("."))
    }
    /// The largest prompt of each tier of the standard service tier; the last is unbounded.
    #[must_use]
    pub fn tier_bounds(&self) -> Vec<Option<u64>> {
        self.spec.tiers.iter().flatten().map(|tier| tier.up_to).collect()
    }

    pub(crate) fn period_at(&self, at: Timestamp) -> usize {
        let periods = self.spec.periods.iter().flatten();
        periods.zip(1..).find(|(period, _)| period.contains(at)).map_or(0, |(_, place)| place)
    }
    pub(crate) fn service_named(&self, word: Option<&str>) -> usize {
        let Some(Named::Other(word)) = word.map(service_tier::read) else {
            return 0;
        };
        let mut names = self.spec.service_tiers.keys().zip(1..);
        names.find(|(name, _)| name.eq_ignore_ascii_case(word)).map_or(0, |(_, place)| place)
    }
    pub(crate) fn plan(&self, period: usize, service: usize) -> Option<&Plan> {
        self.plans.get(period)?.get(service)
    }
    pub(crate) fn uplift(&self, region: Option<&str>) -> Multiplier {
        let Some(region) = region else {
            return Multiplier::ONE;
        };
        let found = self.spec.regions.iter().find(|(pattern, _)| pattern.matches(region));
        found.map_or(Multiplier::ONE, |(_, factor)| *factor)
    }
    /// The rate of something priced by the piece: its variant's, else the card's, else the dearest variant's.
    pub(crate) fn fee(&self, card: &Card, class: RateClass, conditions: &Conditions<'_>) -> Rate {
        if self.spec.variants.is_empty() {
            return card.rate(class);
        }
        let name = match class {
            RateClass::Request | RateClass::Usage(UsageClass::WebSearch) => {
                Some(search_word(conditions.search_context))
            }
            RateClass::Usage(_) => conditions.variant,
        };
        let of_class = || self.spec.variants.iter().filter(|variant| variant.class == class);
        let named = of_class().find(|variant| Some(&*variant.name) == name);
        match named {
            Some(variant) => variant.rate,
            None if card.states(class) => card.rate(class),
            None => of_class().map(|variant| variant.rate).max().unwrap_or(Rate::ZERO),
        }
    }
    /// Whether the row says what the class costs.
    pub(crate) fn states_fee(&self, card: &Card, class: RateClass) -> bool {
        card.states(class) || self.spec.variants.iter().any(|variant| variant.class == class)
    }
}

impl Place {
    pub(crate) fn new(period: usize, service: usize, tier: Option<usize>) -> Self {
        let small = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        Self { period: small(period), service: small(service), tier: tier.map(small) }
    }
    /// The index of the tier of prompt size, where the row has tiers.
    #[must_use]
    pub fn tier_index(self) -> Option<usize> {
        self.tier.map(usize::from)
    }
}

impl Period {
    /// Whether an instant lies inside, in UTC.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let minutes = at.seconds().div_euclid(60);
        let minute = minutes.rem_euclid(1440);
        // 1970-01-01 was a Thursday: day 3 of a week that begins on Monday.
        let day = (minutes.div_euclid(1440) + 3).rem_euclid(7);
        let (from, until) = (i64::from(self.from_minute), i64::from(self.until_minute));
        let on = |day: i64| self.weekdays & (1u8 << day.rem_euclid(7)) != 0;
        if from < until {
            on(day) && (from..until).contains(&minute)
        } else {
            // Over midnight: the late part belongs to the day before.
            (on(day) && minute >= from) || (on(day - 1) && minute < until)
        }
    }
}

impl fmt::Debug for PriceRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceRow").field("id", &self.id).field("origin", &self.origin).finish_non_exhaustive()
    }
}
impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(class, rate)| (class.as_str(), rate))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_may_run_over_midnight() {
        let night =
            Period { weekdays: 0b001_1111, from_minute: 990, until_minute: 30, rates: Default::default() };
        let at = |text| Timestamp::parse(text).unwrap();
        // 2026-03-13 is a Friday.
        assert!(night.contains(at("2026-03-13T16:30:00Z")));
        assert!(night.contains(at("2026-03-14T00:29:59Z")), "the end of Friday's night");
        assert!(!night.contains(at("2026-03-14T16:30:00Z")), "Saturday has none");
        assert!(!night.contains(at("2026-03-16T00:29:59Z")), "nor has Sunday's end");
        assert!(!night.contains(at("2026-03-13T16:29:59Z")));
        let always =
            Period { weekdays: 0b110_0000, from_minute: 0, until_minute: 1440, rates: Default::default() };
        assert!(always.contains(at("2026-03-14T23:59:59Z")) && !always.contains(at("2026-03-16T00:00:00Z")));
    }
}
