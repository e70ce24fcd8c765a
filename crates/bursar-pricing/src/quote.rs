//! What a request may cost at most: the hold.

use smallvec::SmallVec;

use bursar_core::bound::CacheWrite;
use bursar_core::{Multiplier, Rate, RequestBound, UsageClass, Usd};

use crate::class::RateClass;
use crate::compile::uplifted;
use crate::conditions::Conditions;
use crate::cost::rounded;
use crate::exposure::{Exposure, exposure};
use crate::lines::{Line, Lines, total};
use crate::row::{Card, Place, PriceRow};
use crate::service_tier::{self, Named};

/// The worst list cost of a request, line by line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// The total, rounded up to nano-USD; at least one nano-USD unless the row is free.
    pub list: Usd,
    /// The total, exact, in pico-USD.
    pub list_pico: u128,
    /// All tokens: prompt and output.
    pub tokens: u64,
    /// Prompt tokens at most, over all passes of hosted tools.
    pub input_tokens: u64,
    /// Output tokens at most, over all choices.
    pub output_tokens: u64,
    /// The output limit of one choice that this rests on.
    pub output_limit: u64,
    /// What makes up the total.
    pub lines: Lines,
    /// The tier of prompt size that makes the worst case, where the row has tiers.
    pub tier_index: Option<usize>,
    /// Which rates of the row were used.
    pub place: Place,
    /// What has no bound: the figures rest on an assumption, and a `worst_case` budget must refuse.
    pub unbounded: Option<Unbounded>,
}

/// Why the cost of a request has no bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unbounded {
    /// A tool that the provider runs may be used any number of times.
    HostedTool,
    /// The model searches by itself, any number of times.
    Research,
    /// The prompt names something it does not contain, and the model's context window is not known.
    Context,
    /// Neither the request nor the model limits the output.
    Output,
    /// The row prices by the piece and has no rate for tokens.
    Rate,
}

impl Unbounded {
    /// A sentence for the refusal: what is missing and what would help.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostedTool => "a hosted tool has no cap on its uses; set the tool's own maximum",
            Self::Research => {
                "the model searches as often as it likes, and nothing that a request says caps it"
            }
            Self::Context => {
                "the prompt names content it does not hold, and the model's context window is not known"
            }
            Self::Rate => {
                "the price row has no rate for tokens; state its `input` rate, \"0\" if they are free"
            }
            Self::Output => "neither the request nor the price row limits the output; set an output limit",
        }
    }
}

impl Quote {
    /// List cost times a credential's multiplier, rounded up once to nano-USD.
    #[must_use]
    pub fn effective(&self, multiplier: Multiplier) -> Usd {
        let effective = rounded(multiplier.apply_pico(self.list_pico));
        if multiplier == Multiplier::ZERO || self.list == Usd::ZERO {
            effective
        } else {
            effective.max(Usd::ONE_NANO)
        }
    }
}

/// The worst cost of a request at a row: no usage that it can produce costs more.
#[must_use]
pub fn quote(row: &PriceRow, bound: &RequestBound, conditions: &Conditions<'_>) -> Quote {
    let exposure = exposure(row.facts(), bound);
    let output_tokens = exposure.output_limit.saturating_mul(exposure.choices);
    let mut worst: Option<(u128, Case)> = None;
    for case in cases(row, bound, conditions, &exposure) {
        let pico = case.fixed_pico().saturating_add(case.output_rate.times(output_tokens));
        if worst.as_ref().is_none_or(|(most, _)| pico > *most) {
            worst = Some((pico, case));
        }
    }
    let (list_pico, case) = worst.unwrap_or_default();
    let mut lines = case.lines;
    if output_tokens > 0 {
        lines.push(Line::new(case.output_class, output_tokens, case.output_rate));
    }
    let list = rounded(list_pico);
    Quote {
        list: if row.is_free() { list } else { list.max(Usd::ONE_NANO) },
        list_pico,
        tokens: exposure.input.saturating_add(output_tokens),
        input_tokens: exposure.input,
        output_tokens,
        output_limit: exposure.output_limit,
        lines,
        tier_index: case.place.tier_index(),
        place: case.place,
        unbounded: exposure.unbounded.or_else(|| no_rate(row, &exposure)),
    }
}

fn no_rate(row: &PriceRow, exposure: &Exposure) -> Option<Unbounded> {
    let tokens = exposure.input > 0 || exposure.choices > 0;
    let stated = row.spec().rates.get(UsageClass::Input).is_some();
    (tokens && !stated).then_some(Unbounded::Rate)
}

/// The worst that one card of the row can make of the request.
#[derive(Default)]
pub(crate) struct Case {
    place: Place,
    /// Everything but the output.
    lines: Lines,
    output_class: OutputClass,
    /// The dearest rate of an output token.
    pub(crate) output_rate: Rate,
}

#[derive(Clone, Copy)]
struct OutputClass(UsageClass);

impl Default for OutputClass {
    fn default() -> Self {
        Self(UsageClass::Output)
    }
}
impl From<OutputClass> for RateClass {
    fn from(class: OutputClass) -> Self {
        class.0.into()
    }
}

impl Case {
    pub(crate) fn fixed_pico(&self) -> u128 {
        total(&self.lines)
    }
}

/// One case for every card that the request can be billed at: the service tier it names and the standard one, every
/// prompt size up to its largest.
pub(crate) fn cases(
    row: &PriceRow,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    exposure: &Exposure,
) -> SmallVec<[Case; 4]> {
    let period = row.period_at(conditions.at);
    let by_request = row.uplift(bound.region.as_deref());
    let uplift = by_request.max(row.uplift(conditions.region));
    let conditions = Conditions {
        search_context: exposure.search_context.unwrap_or(conditions.search_context),
        ..conditions.clone()
    };
    let mut cases = SmallVec::new();
    for service in reachable(row, bound, &conditions) {
        let Some(plan) = row.plan(period, service) else { continue };
        if plan.tiers.is_empty() {
            let place = Place::new(period, service, None);
            cases.push(case(row, &plan.base, place, u64::MAX, uplift, bound, &conditions, exposure));
        }
        let mut above = None;
        for (index, tier) in plan.tiers.iter().enumerate() {
            // A tier begins above the one before it; the request reaches it when its prompt can.
            if above.is_none_or(|above| above < exposure.input) {
                let place = Place::new(period, service, Some(index));
                cases.push(case(row, &tier.card, place, tier.up_to, uplift, bound, &conditions, exposure));
            }
            above = Some(tier.up_to);
        }
        // Beyond every bound the last tier applies, whatever its own bound says.
        if let Some((index, last)) = plan.tiers.iter().enumerate().next_back()
            && last.up_to < exposure.input
        {
            let place = Place::new(period, service, Some(index));
            cases.push(case(row, &last.card, place, u64::MAX, uplift, bound, &conditions, exposure));
        }
    }
    cases
}

/// The service tiers a request may be billed at: a named one may be answered by the standard one; where none is
/// named, what the account's settings give.
fn reachable(row: &PriceRow, bound: &RequestBound, conditions: &Conditions<'_>) -> SmallVec<[usize; 2]> {
    let named = match bound.service_tier.as_deref().map(service_tier::read) {
        Some(Named::Standard) => 0,
        Some(Named::Other(word)) => row.service_named(Some(word)),
        Some(Named::Auto) | None => row.service_named(conditions.service_tier),
    };
    let mut reached = SmallVec::from_slice(&[0]);
    if named != 0 {
        reached.push(named);
    }
    reached
}

#[expect(clippy::too_many_arguments, reason = "a private leaf: each is one fact of the same case")]
fn case(
    row: &PriceRow,
    card: &Card,
    place: Place,
    up_to: u64,
    uplift: Multiplier,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    exposure: &Exposure,
) -> Case {
    let text = dearest(card, &TEXT, prompt_writes(row, bound));
    let media = dearer(card, text, &MEDIA);
    let audio = dearer(card, text, &AUDIO);
    let any = if card.rate(audio) > card.rate(media) { audio } else { media };
    // The request's own tokens are of the kinds it shows, together no more than the window holds; and a small tier
    // holds only so much. Fill both with the dearest first.
    let mut kinds = [(audio, exposure.audio), (media, exposure.media), (text, exposure.text)];
    kinds.sort_by_key(|(class, _)| std::cmp::Reverse(card.rate(*class)));
    let mut lines = Lines::new();
    let mut push = |class, tokens| {
        if tokens > 0 {
            lines.push(Line::new(class, tokens, uplifted(card.rate(class), uplift)));
        }
    };
    let untold = exposure.any.min(up_to);
    push(any, untold);
    let mut room = exposure.told.min(up_to - untold);
    for (class, most) in kinds {
        let tokens = most.min(room);
        push(class, tokens);
        room -= tokens;
    }
    for (class, uses) in &exposure.fees {
        let rate = row.fee(card, (*class).into(), conditions);
        if *uses > 0 && rate != Rate::ZERO {
            lines.push(Line::new(*class, *uses, rate));
        }
    }
    let request = row.fee(card, RateClass::Request, conditions);
    if request != Rate::ZERO {
        lines.push(Line::new(RateClass::Request, 1, request));
    }
    let mut output = dearer(card, UsageClass::Output, &[UsageClass::Reasoning]);
    if bound.audio_output {
        output = dearer(card, output, &[UsageClass::AudioOutput]);
    }
    // A row has a rate of its own for them where its model makes images, and such a model makes them unasked, too.
    if bound.image_output || !bound.text_only {
        output = dearer(card, output, &[UsageClass::ImageOutput]);
    }
    let output_rate = uplifted(card.rate(output), uplift);
    Case { place, lines, output_class: OutputClass(output), output_rate }
}

const TEXT: [UsageClass; 3] = [UsageClass::Input, UsageClass::CacheRead, UsageClass::ToolUseInput];
const MEDIA: [UsageClass; 3] = [UsageClass::ImageInput, UsageClass::VideoInput, UsageClass::ImageCacheRead];
const AUDIO: [UsageClass; 2] = [UsageClass::AudioInput, UsageClass::AudioCacheRead];

/// The cache writes that this request at this model can cause.
fn prompt_writes(row: &PriceRow, bound: &RequestBound) -> &'static [UsageClass] {
    match bound.cache_write {
        CacheWrite::OneHour => &[UsageClass::CacheWrite5m, UsageClass::CacheWrite1h],
        CacheWrite::FiveMinutes => &[UsageClass::CacheWrite5m],
        CacheWrite::None if row.facts().writes_cache == Some(true) => &[UsageClass::CacheWrite5m],
        CacheWrite::None => &[],
    }
}

fn dearest(card: &Card, classes: &[UsageClass], more: &[UsageClass]) -> UsageClass {
    dearer(card, dearer(card, UsageClass::Input, classes), more)
}

fn dearer(card: &Card, class: UsageClass, others: &[UsageClass]) -> UsageClass {
    others.iter().fold(class, |most, other| if card.rate(*other) > card.rate(most) { *other } else { most })
}
