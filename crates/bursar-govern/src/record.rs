//! From a story to the record that the settle entry carries.

use crate::story::{AttemptEnd, Status, Story};
use bursar_core::{Attribute, Charge, Rate, UsageClass};
use bursar_ledger::{HeldWindow, Record as Bytes};
use bursar_pricing::{Cost, PriceRow, RateClass};
use bursar_store::records::{
    self, Attempt, AttemptOutcome, LineUsed, PriceDetail, PriceSource, PriceUsed, Record, WindowUsed,
};

/// The record's bytes, in the store's own codec.
#[must_use]
pub fn encode(story: &Story) -> Bytes {
    let mut bytes = Vec::with_capacity(512);
    of(story).encode(&mut bytes);
    bytes.into_boxed_slice()
}

/// The record of a story as far as it is told.
#[must_use]
pub fn of(story: &Story) -> Record {
    let mut record = Record::new(story.request_id, story.created_at, story.attributes.clone());
    let ended = story.finalized_at.unwrap_or(story.created_at);
    record.progressed_at = ended;
    record.finalized_at = story.finalized_at;
    record.status = status(story.status);
    record.idempotency_key.clone_from(&story.idempotency_key);
    record.answered_model.clone_from(&story.model_answered);
    record.upstream_request_id.clone_from(&story.upstream_request_id);
    record.client_retries = story.client_retry_count.unwrap_or(0);
    record.stream = story.stream;
    record.trace_id = Some(story.trace.id);
    record.estimated = story.estimated;
    record.usage = story.usage;
    record.hold = story.hold();
    record.charge = story.attempts.iter().map(|attempt| attempt.charge).fold(Charge::ZERO, sum);
    record.price = price(story);
    record.windows = story.windows.iter().map(|window| window_used(window, story, &record.charge)).collect();
    record.status_code = story.status_code;
    record.first_byte_ms = story.first_byte_at.map(|at| millis(at.micros_since(story.created_at)));
    record.total_ms = story.finalized_at.map(|at| millis(at.micros_since(story.created_at)));
    record.error.clone_from(&story.error);
    if let Some(refusal) = &story.refusal {
        record.code = Some(refusal.code);
        record.blocking.clone_from(&refusal.blocking);
        record.fits_max_output = refusal.fits_max_output;
        record.error = record.error.or_else(|| Some(refusal.message.clone()));
    }
    record.shadow.clone_from(&story.shadow_refusals);
    let served_by = story.attempts.last().map(|told| &told.provider);
    record.would_move = story.would_move.clone().filter(|would| served_by == Some(&would.provider));
    let skipped = story.skipped.iter().map(|skipped| Attempt {
        outcome: AttemptOutcome::Skipped,
        provider: skipped.provider.clone(),
        model: skipped.model.clone(),
        credential: None,
        status_code: None,
        reason: Some(skipped.reason.to_owned()),
        total_ms: None,
        charge: Charge::ZERO,
    });
    let made = story.attempts.iter().map(|told| Attempt {
        outcome: match (&told.end, told.status_code) {
            (None, _) => AttemptOutcome::Pending,
            (Some(AttemptEnd::Settled | AttemptEnd::Estimated), status) if status.is_none_or(|s| s < 400) => {
                AttemptOutcome::Success
            }
            (Some(_), _) => AttemptOutcome::Failed,
        },
        provider: told.provider.clone(),
        model: told.served_model.clone(),
        credential: told.credential.clone(),
        status_code: told.status_code,
        reason: told.error.clone().or_else(|| told.end.as_ref().map(|end| end.as_str().to_owned())),
        total_ms: told.sent_at.zip(told.ended_at).map(|(sent, ended)| millis(ended.micros_since(sent))),
        charge: told.charge,
    });
    record.attempts = skipped.chain(made).collect();
    let ignored = story.caller.iter().flat_map(|caller| caller.ignored.iter().cloned());
    let lowered = story.output_limit.map(|limit| format!("output limit lowered to {limit}"));
    record.notes = lowered.into_iter().chain(story.anomalies.iter().cloned()).chain(ignored).collect();
    if let Some(model) = routed_elsewhere(story) {
        record.notes.push(format!("asked for {}, routed to its fallback {model}", story.model_asked));
    }
    if story.waited_us > 0 {
        record.notes.push(format!("waited {} ms for room", story.waited_us / 1000));
    }
    record
}

/// The model of the route where it is not the one that was asked for.
fn routed_elsewhere(story: &Story) -> Option<&str> {
    let model = story.attributes.get(&Attribute::Model)?.as_str();
    (!story.model_asked.is_empty() && model != story.model_asked).then_some(model)
}

fn price(story: &Story) -> Option<PriceUsed> {
    let priced = story.price.as_ref()?;
    let cost = story.cost.as_ref();
    let lines = cost.map(|cost| lines(&priced.row, cost));
    Some(PriceUsed {
        id: priced.row.id().to_string(),
        tier_index: cost.and_then(|cost| cost.tier_index).and_then(|index| u32::try_from(index).ok()),
        tier_context: cost.map_or(0, |cost| cost.tier_context),
        service_tier: story.service_tier.clone(),
        multiplier: story.multiplier,
        lines: lines.unwrap_or_default(),
        provider_cost_pico: story.billed_pico,
        detail: PriceDetail {
            source: Some(source(priced.source)),
            rates: cost.and_then(|cost| priced.row.path(cost.place)),
            region: story.region.clone(),
            unpriced: cost.map(|cost| cost.unpriced.to_vec()).unwrap_or_default(),
            failed: story.charged_as_failed,
            several_models: story.several_models,
            billed: story.charged_as_billed,
        },
    })
}

/// Where a price came from, as a record keeps it.
#[must_use]
pub const fn source(source: bursar_pricing::PriceSource) -> PriceSource {
    match source {
        bursar_pricing::PriceSource::Book => PriceSource::Book,
        bursar_pricing::PriceSource::Deployment => PriceSource::Deployment,
        bursar_pricing::PriceSource::FallbackPrice => PriceSource::FallbackPrice,
        bursar_pricing::PriceSource::Free => PriceSource::Free,
    }
}

/// The lines of a cost as a record keeps them.
#[must_use]
pub fn lines(row: &PriceRow, cost: &Cost) -> Vec<LineUsed> {
    let line = |line: &bursar_pricing::Line| LineUsed {
        class: match line.class {
            RateClass::Usage(class) => Some(class),
            RateClass::Request => None,
        },
        units: line.units,
        rate: line.rate,
        amount_pico: line.amount_pico,
    };
    let mut lines: Vec<LineUsed> = cost.lines.iter().map(line).collect();
    lines.extend(input_rate(row, cost, &lines));
    lines
}

/// At which rate cached tokens would have been input, where no line of input says it: a line of no units. Reports weigh
/// what caching saved by it.
fn input_rate(row: &PriceRow, cost: &Cost, lines: &[LineUsed]) -> Option<LineUsed> {
    const CACHED: [UsageClass; 3] =
        [UsageClass::CacheRead, UsageClass::CacheWrite5m, UsageClass::CacheWrite1h];
    if lines.iter().any(|line| line.class == Some(UsageClass::Input)) {
        return None;
    }
    let cached = lines.iter().find(|line| line.class.is_some_and(|class| CACHED.contains(&class)))?;
    let card = row.card(cost.place)?;
    let stated = u128::from(card.rate(cached.class?).pico()).max(1);
    // What a region adds to one rate it adds to the other.
    let scaled = u128::from(card.rate(UsageClass::Input).pico()) * u128::from(cached.rate.pico()) / stated;
    let rate = Rate::from_pico(u64::try_from(scaled).unwrap_or(u64::MAX));
    Some(LineUsed { class: Some(UsageClass::Input), units: 0, rate, amount_pico: 0 })
}

fn window_used(window: &HeldWindow, story: &Story, charge: &Charge) -> WindowUsed {
    WindowUsed {
        budget: window.budget.0,
        starts_at: window.starts_at,
        held: story.attempts.last().map_or(0, |told| told.hold.of(window.measure, window.cost_basis)),
        charged: charge.of(window.measure, window.cost_basis),
    }
}

const fn status(status: Status) -> records::Status {
    match status {
        Status::Pending => records::Status::Pending,
        Status::Streaming => records::Status::Streaming,
        Status::Completed => records::Status::Completed,
        Status::Failed => records::Status::Failed,
        Status::Cancelled => records::Status::Cancelled,
        Status::Denied => records::Status::Denied,
    }
}

fn sum(left: Charge, right: Charge) -> Charge {
    Charge {
        list: left.list.saturating_add(right.list),
        effective: left.effective.saturating_add(right.effective),
        tokens: left.tokens.saturating_add(right.tokens),
        requests: left.requests.saturating_add(right.requests),
    }
}

fn millis(micros: i64) -> u32 {
    u32::try_from(micros / 1000).unwrap_or(u32::MAX)
}

/// The class of a line's rate in words, for explanations.
#[must_use]
pub fn class_word(class: Option<UsageClass>) -> &'static str {
    class.map_or("request", UsageClass::as_str)
}
