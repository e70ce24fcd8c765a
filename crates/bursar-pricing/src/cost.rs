//! What a usage costs: the bill.

use smallvec::SmallVec;

use bursar_core::{Multiplier, Rate, Usage, UsageClass, Usd};

use crate::class::RateClass;
use crate::compile::uplifted;
use crate::conditions::Conditions;
use crate::lines::{Line, Lines, total};
use crate::row::{Card, Place, PriceRow};

/// The list cost of one usage, line by line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cost {
    /// What was charged, in the order of classes.
    pub lines: Lines,
    /// The total, rounded up once to nano-USD.
    pub list: Usd,
    /// The total, exact, in pico-USD.
    pub list_pico: u128,
    /// The tier of prompt size, where the row has tiers.
    pub tier_index: Option<usize>,
    /// The prompt size that chose the tier: all prompt tokens.
    pub tier_context: u64,
    /// Which rates of the row were used: [`PriceRow::card`], [`PriceRow::service_tier`].
    pub place: Place,
    /// What was used and for which the row has no rate: charged at nothing, and to be shown.
    pub unpriced: SmallVec<[UsageClass; 2]>,
}

impl Cost {
    /// No cost: what a `free` policy gives an unknown model.
    #[must_use]
    pub fn zero() -> Self {
        Self::from_lines(Lines::new(), None, 0, Place::default())
    }
    /// List cost times a credential's multiplier, rounded up once to nano-USD.
    #[must_use]
    pub fn effective(&self, multiplier: Multiplier) -> Usd {
        rounded(multiplier.apply_pico(self.list_pico))
    }
    /// What the provider says it billed, where it said so and the deployment prefers that; else the list cost.
    #[must_use]
    pub fn list_or_billed(&self, billed_pico: Option<u128>, prefer_billed: bool) -> Usd {
        match billed_pico {
            Some(pico) if prefer_billed => rounded(pico),
            _ => self.list,
        }
    }
    /// What to adjust a record by that was booked at another price: negative when too much was booked.
    #[must_use]
    pub fn adjustment(&self, booked: Usd) -> Usd {
        self.list.saturating_sub(booked)
    }
    /// This cost and another of the same attempt, at another model's row; rounded up once over both.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self.unpriced.extend(other.unpriced);
        self.list_pico = self.list_pico.saturating_add(other.list_pico);
        self.list = rounded(self.list_pico);
        self
    }
    fn from_lines(lines: Lines, tier_index: Option<usize>, tier_context: u64, place: Place) -> Self {
        let list_pico = total(&lines);
        let unpriced = SmallVec::new();
        Self { lines, list: rounded(list_pico), list_pico, tier_index, tier_context, place, unpriced }
    }
}

/// Pico-USD rounded up to nano-USD, pinned at the largest amount.
pub(crate) fn rounded(pico: u128) -> Usd {
    Usd::from_pico_ceil(pico).unwrap_or(Usd::MAX)
}

/// The list cost of a usage at a row. The whole request is priced at the tier that all its prompt tokens fall in.
#[must_use]
pub fn cost(row: &PriceRow, usage: &Usage, conditions: &Conditions<'_>) -> Cost {
    let (period, service) = (row.period_at(conditions.at), row.service_named(conditions.service_tier));
    let tier_context = usage.prompt_tokens();
    let Some(plan) = row.plan(period, service) else {
        return Cost::zero();
    };
    let (tier_index, card) = plan.card(tier_context);
    let uplift = row.uplift(conditions.region);
    let mut lines = Lines::new();
    token_lines(usage, card, &mut |class, units| {
        lines.push(Line::new(class, units, uplifted(card.rate(class), uplift)));
    });
    let mut unpriced = SmallVec::new();
    if !card.states(UsageClass::Input) && usage.tokens() > 0 {
        unpriced.push(UsageClass::Input);
    }
    for (class, units) in fees(row, usage) {
        if !row.states_fee(card, class.into()) {
            unpriced.push(class);
            continue;
        }
        let free = units.min(conditions.free_uses(class));
        if free > 0 {
            lines.push(Line::new(class, free, Rate::ZERO));
        }
        if units > free {
            lines.push(Line::new(class, units - free, row.fee(card, class.into(), conditions)));
        }
    }
    if !conditions.failed {
        let rate = row.fee(card, RateClass::Request, conditions);
        if rate != Rate::ZERO {
            lines.push(Line::new(RateClass::Request, 1, rate));
        }
    }
    let place = Place::new(period, service, tier_index);
    Cost { unpriced, ..Cost::from_lines(lines, tier_index, tier_context, place) }
}

/// Parts of the uncached input, with the part of the cache read that holds the same kind.
const INPUT_PARTS: [(UsageClass, Option<UsageClass>); 4] = [
    (UsageClass::AudioInput, Some(UsageClass::AudioCacheRead)),
    (UsageClass::ImageInput, Some(UsageClass::ImageCacheRead)),
    (UsageClass::VideoInput, None),
    (UsageClass::ToolUseInput, None),
];
const OUTPUT_PARTS: [UsageClass; 3] =
    [UsageClass::AudioOutput, UsageClass::ImageOutput, UsageClass::Reasoning];

/// Calls `line` with every token once: a part at its own rate where the card states one, else within its whole.
/// Parts that claim more than their whole are cut to it.
fn token_lines(usage: &Usage, card: &Card, line: &mut impl FnMut(UsageClass, u64)) {
    let mut push = |class: UsageClass, units: u64| {
        if units > 0 {
            line(class, units);
        }
    };
    let (mut input, mut cached) = (usage.get(UsageClass::Input), usage.get(UsageClass::CacheRead));
    for (part, cached_part) in INPUT_PARTS {
        let all = usage.get(part);
        let stated = cached_part.map_or(0, |class| usage.get(class));
        if all == 0 && stated == 0 {
            continue;
        }
        let fresh = all.saturating_sub(stated).min(input);
        if card.states(part) {
            push(part, fresh);
            input -= fresh;
        }
        if let Some(class) = cached_part.filter(|class| card.states(*class)) {
            // What does not fit the uncached input was read from the cache, said so or not.
            let read = stated.max(all.saturating_sub(fresh)).min(cached);
            push(class, read);
            cached -= read;
        }
    }
    push(UsageClass::Input, input);
    push(UsageClass::CacheRead, cached);
    push(UsageClass::CacheWrite5m, usage.get(UsageClass::CacheWrite5m));
    push(UsageClass::CacheWrite1h, usage.get(UsageClass::CacheWrite1h));
    let mut output = usage.get(UsageClass::Output);
    for part in OUTPUT_PARTS {
        let units = usage.get(part).min(output);
        if card.states(part) {
            push(part, units);
            output -= units;
        }
    }
    push(UsageClass::Output, output);
}

/// What is priced by the piece, with how many are billed.
fn fees<'a>(row: &'a PriceRow, usage: &'a Usage) -> impl Iterator<Item = (UsageClass, u64)> + 'a {
    let per_prompt = row.facts().grounding_per_prompt == Some(true);
    FEES.into_iter().filter_map(move |class| {
        let units = usage.get(class);
        let grounded = matches!(class, UsageClass::Grounding | UsageClass::MapsGrounding);
        match units {
            0 => None,
            _ if per_prompt && grounded => Some((class, 1)),
            _ => Some((class, units)),
        }
    })
}

pub(crate) const FEES: [UsageClass; 10] = [
    UsageClass::WebSearch,
    UsageClass::WebFetch,
    UsageClass::CodeInterpreter,
    UsageClass::FileSearch,
    UsageClass::Grounding,
    UsageClass::MapsGrounding,
    UsageClass::Image,
    UsageClass::Second,
    UsageClass::Character,
    UsageClass::Page,
];
