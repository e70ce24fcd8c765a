//! From what a row states to full rate cards: the order of fallbacks, in one place.
//!
//! A rate is taken from, in this order: the period's own; the service tier's own tier of prompt size; the service
//! tier and the row's tier together; the row's own; the vendor's documented factor of the matched input rate; else
//! the rate of the class it is a part of, in the end the input rate. Fees have no fallback.

use bursar_core::{Multiplier, Rate, UsageClass};

use crate::class::{RateClass, is_token};
use crate::rates::Rates;
use crate::row::{Card, Plan, TierCard};
use crate::spec::{RowSpec, ServiceTierSpec, TierSpec};
use crate::vendor::{self, CacheFactors};

/// Every plan of a row: by period (first none), then by service tier (first standard).
pub(crate) fn plans(spec: &RowSpec) -> Vec<Vec<Plan>> {
    let factors = spec.cache_factors.unwrap_or_default();
    let documented = vendor::cache_factors(&spec.provider, &spec.model);
    let factors = CacheFactors {
        read: factors.read.or(documented.read),
        write_5m: factors.write_5m.or(documented.write_5m),
        write_1h: factors.write_1h.or(documented.write_1h),
    };
    let periods = spec.periods.iter().flatten().map(|period| Some(&period.rates));
    [None]
        .into_iter()
        .chain(periods)
        .map(|period| {
            let services = spec.service_tiers.values().map(Some);
            [None].into_iter().chain(services).map(|service| plan(spec, period, service, factors)).collect()
        })
        .collect()
}

fn plan(
    spec: &RowSpec,
    period: Option<&Rates>,
    service: Option<&ServiceTierSpec>,
    factors: CacheFactors,
) -> Plan {
    let own_tiers = service.map(|service| service.tiers.as_slice()).unwrap_or_default();
    let row_tiers = spec.tiers.as_deref().unwrap_or_default();
    let bounds = if own_tiers.is_empty() { row_tiers } else { own_tiers };
    let layers = Layers {
        period,
        service: service.map(|service| &service.rates),
        own_tier: None,
        tier: None,
        base: &spec.rates,
    };
    let tiers = bounds
        .iter()
        .map(|bound| {
            let up_to = bound.up_to.unwrap_or(u64::MAX);
            let own_tier = if own_tiers.is_empty() { None } else { Some(&bound.rates) };
            let tier = tier_at(row_tiers, up_to).map(|tier| &tier.rates);
            TierCard { up_to, card: card(&Layers { own_tier, tier, ..layers }, factors) }
        })
        .collect();
    Plan { base: card(&layers, factors), tiers }
}

/// The tier that a prompt of that size falls in: the last, when it is beyond every bound.
fn tier_at(tiers: &[TierSpec], context: u64) -> Option<&TierSpec> {
    tiers.iter().find(|tier| context <= tier.up_to.unwrap_or(u64::MAX)).or_else(|| tiers.last())
}

#[derive(Clone, Copy)]
struct Layers<'a> {
    period: Option<&'a Rates>,
    service: Option<&'a Rates>,
    own_tier: Option<&'a Rates>,
    tier: Option<&'a Rates>,
    base: &'a Rates,
}

impl Layers<'_> {
    fn stated(&self, class: RateClass) -> Option<Rate> {
        let of = |rates: Option<&Rates>| rates.and_then(|rates| rates.get(class));
        let (service, tier, base) = (of(self.service), of(self.tier), self.base.get(class));
        of(self.period).or_else(|| of(self.own_tier)).or_else(|| match (service, tier) {
            // A service tier without sizes of its own changes each size's rate as it changes the base rate.
            (Some(service), Some(tier)) if self.own_tier.is_none() => Some(scale(tier, service, base)),
            (Some(service), _) => Some(service),
            (None, tier) => tier.or(base),
        })
    }
}

/// `tier * service / base`, rounded up; the dearer of the two where the base rate cannot tell a proportion.
fn scale(tier: Rate, service: Rate, base: Option<Rate>) -> Rate {
    let Some(base) = base.filter(|base| *base != Rate::ZERO) else {
        return tier.max(service);
    };
    let scaled = tier.times(service.pico()).div_ceil(u128::from(base.pico()));
    u64::try_from(scaled).map_or(tier.max(service), Rate::from_pico)
}

fn card(layers: &Layers<'_>, factors: CacheFactors) -> Card {
    let mut card = Card { rates: [Rate::ZERO; RateClass::COUNT], own: 0 };
    for class in RateClass::all() {
        if let Some(rate) = layers.stated(class) {
            put(&mut card, class, rate);
            card.own |= 1 << class.index();
        }
    }
    // In declaration order a class comes after the one it falls back to, save the parts of output, done last.
    for class in UsageClass::ALL.into_iter().filter(|class| is_token(*class)) {
        if !card.states(class) {
            let rate = fallback(&card, class, factors);
            put(&mut card, class.into(), rate);
        }
    }
    card
}

fn fallback(card: &Card, class: UsageClass, factors: CacheFactors) -> Rate {
    let input = card.rate(UsageClass::Input);
    let times = |factor: Option<Multiplier>| factor.map(|factor| uplifted(input, factor));
    match class {
        UsageClass::CacheRead => times(factors.read).unwrap_or(input),
        UsageClass::CacheWrite5m => times(factors.write_5m).unwrap_or(input),
        // A longer write never costs less than the shorter one that the row states.
        UsageClass::CacheWrite1h => {
            times(factors.write_1h).unwrap_or(input.max(card.rate(UsageClass::CacheWrite5m)))
        }
        UsageClass::AudioCacheRead | UsageClass::ImageCacheRead => card.rate(UsageClass::CacheRead),
        UsageClass::Reasoning | UsageClass::AudioOutput | UsageClass::ImageOutput => {
            card.rate(UsageClass::Output)
        }
        UsageClass::Input => Rate::ZERO,
        UsageClass::Output
        | UsageClass::AudioInput
        | UsageClass::ImageInput
        | UsageClass::VideoInput
        | UsageClass::ToolUseInput => input,
        UsageClass::WebSearch
        | UsageClass::WebFetch
        | UsageClass::CodeInterpreter
        | UsageClass::FileSearch
        | UsageClass::Grounding
        | UsageClass::MapsGrounding
        | UsageClass::Image
        | UsageClass::Second
        | UsageClass::Character
        | UsageClass::Page => Rate::ZERO,
    }
}

/// A rate times a factor, rounded up to whole pico-USD per unit.
pub(crate) fn uplifted(rate: Rate, factor: Multiplier) -> Rate {
    if factor == Multiplier::ONE {
        return rate;
    }
    let pico = factor.apply_pico(u128::from(rate.pico()));
    Rate::from_pico(u64::try_from(pico).unwrap_or(u64::MAX))
}

fn put(card: &mut Card, class: RateClass, rate: Rate) {
    if let Some(place) = card.rates.get_mut(class.index()) {
        *place = rate;
    }
}
