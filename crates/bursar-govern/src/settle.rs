//! Settle: from what was read off an answer to what an attempt is charged.

use crate::calibrate::Calibrations;
use crate::estimate::{Seen, estimate};
use crate::governor::Governor;
use crate::learn::Owner;
use crate::record;
use crate::reservation::{Attempt, BrokenBy};
use crate::story::{AttemptEnd, Status};
use bursar_core::{ApiFormat, Charge, Timestamp, Usage, UsageClass, Usd};
use bursar_pricing::{Conditions, Cost};
use bursar_wire::{Billed, Reading};

/// What an attempt is charged, and why.
pub(crate) struct Bill {
    pub(crate) usage: Usage,
    pub(crate) cost: Cost,
    pub(crate) charge: Charge,
    pub(crate) estimated: bool,
    /// What the estimate rests on, in words.
    pub(crate) basis: Option<String>,
    pub(crate) service_tier: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) several_models: bool,
    /// The provider's own figure was taken.
    pub(crate) as_billed: bool,
}

/// Settles `attempt` at what `reading` says, and tells its story.
pub(crate) fn settle(
    governor: &Governor,
    attempt: &mut Attempt,
    reading: &Reading,
    status: Option<u16>,
    broken: Option<BrokenBy>,
) {
    let sent_at = attempt.story.created_at;
    // What has no meter is charged what was declared for it, however its answer went on once it had begun.
    let unread = Reading::default();
    let reading = if attempt.deployment.declared { &unread } else { reading };
    let failed = status.is_some_and(|status| status >= 400) || reading.error.is_some();
    let bill = bill(&governor.calibrations, attempt, reading, sent_at, failed, broken.is_some());
    if !bill.estimated && !attempt.deployment.declared {
        governor.calibrations.learn(attempt, bill.usage.prompt_tokens());
        if !failed {
            let row = attempt.deployment.price.row.id();
            let output = bill.usage.get(UsageClass::Output) / u64::from(attempt.bound.choices.max(1));
            governor.learned.observe(&Owner::of(&attempt.story.attributes), row, output);
        }
    }
    let story = &mut attempt.story;
    story.usage = bill.usage;
    story.effective = bill.charge.effective;
    story.estimated = bill.estimated;
    story.billed_pico = reading.provider_cost_pico;
    story.model_answered = reading.model.as_deref().map(str::to_owned);
    story.service_tier = bill.service_tier;
    story.region = bill.region;
    story.charged_as_failed = failed;
    story.several_models = bill.several_models;
    story.charged_as_billed = bill.as_billed;
    story.upstream_request_id =
        reading.response_id.as_deref().map(str::to_owned).or(story.upstream_request_id.take());
    story.anomalies = reading.anomalies.iter().map(|anomaly| anomaly.as_str().to_owned()).collect();
    story.anomalies.extend(bill.basis);
    if attempt.quote.calibrated {
        story.anomalies.push("held at a learned prompt bound".to_owned());
    }
    story.price = Some(attempt.deployment.price.clone());
    story.cost = Some(bill.cost);
    if let Some(told) = story.attempt() {
        told.charge = bill.charge;
        told.end = Some(if bill.estimated { AttemptEnd::Estimated } else { AttemptEnd::Settled });
        told.status_code = status.or(told.status_code);
        told.error = told.error.take().or_else(|| broken.map(|by| by.as_str().to_owned()));
    }
    let ended = match broken {
        Some(BrokenBy::Client | BrokenBy::Us(_)) => Status::Cancelled,
        Some(BrokenBy::Upstream | BrokenBy::Idle) => Status::Failed,
        None if failed => Status::Failed,
        None => Status::Completed,
    };
    let now = governor.now();
    if let Some(told) = attempt.story.attempt() {
        told.ended_at = Some(now);
    }
    attempt.story.finish(ended, now);
    attempt.story.journalled = true;
    let record = record::encode(&attempt.story);
    attempt.story.unwritten =
        governor.settle(attempt.id, bill.charge, bill.estimated, record, &attempt.windows);
}

fn bill(
    calibrations: &Calibrations,
    attempt: &Attempt,
    reading: &Reading,
    sent_at: Timestamp,
    failed: bool,
    broken: bool,
) -> Bill {
    let row = &attempt.deployment.price.row;
    let broken = broken && !attempt.deployment.declared;
    let conditions = conditions(reading, attempt, attempt.story.api_format, sent_at, failed);
    let said = reading.billed();
    let stated = said == Billed::Stated && !broken;
    // An answer in which nothing was recognised costs nothing where it is an error, or its price was declared. Where it is
    // neither, it was not understood.
    let blank = said == Billed::Nothing && !broken;
    let (usage, basis) = if stated || blank && (failed || attempt.deployment.declared) {
        (reading.usage, None)
    } else {
        // Of an answer that broke off before its first byte nothing is malformed: complete it is not.
        let complete = reading.complete && !broken;
        let (usage, basis) = estimate(calibrations, attempt, reading, Seen { complete, blank });
        (usage, Some(basis))
    };
    let several_models = stated && !reading.billed_by_model.is_empty();
    let mut cost = if several_models {
        parts(reading, attempt, &conditions)
    } else {
        bursar_pricing::cost(row, &usage, &conditions)
    };
    // The lines stay what usage and price say; the total is what the provider says, where the deployment says so.
    let billed = reading.provider_cost_pico.filter(|_| stated && attempt.deployment.prefers_billed);
    let billed = billed.and_then(|pico| Some((pico, Usd::from_pico_ceil(pico)?)));
    let as_billed = billed.is_some();
    if let Some((pico, list)) = billed {
        cost.list_pico = pico;
        cost.list = list;
    }
    let mut charge = charge(&cost, &usage, attempt);
    let estimated = basis.is_some();
    if estimated {
        // An estimate never exceeds the most that the request can cost, which may be more than it holds.
        charge.list = charge.list.min(attempt.most.list);
        charge.effective = charge.effective.min(attempt.most.effective);
        charge.tokens = charge.tokens.min(attempt.most.tokens);
    }
    let word = |word: Option<&str>| word.map(str::to_owned);
    let (service_tier, region) = (word(conditions.service_tier), word(conditions.region));
    Bill { usage, cost, charge, estimated, basis, service_tier, region, several_models, as_billed }
}

fn conditions<'a>(
    reading: &'a Reading,
    attempt: &'a Attempt,
    format: ApiFormat,
    at: Timestamp,
    failed: bool,
) -> Conditions<'a> {
    let quoted = crate::quote::conditions(&attempt.bound, format, at);
    // A speed with a price of its own wins over the service tier: an answer states both.
    let speed = reading.speed.as_deref().filter(|speed| *speed != "standard");
    Conditions {
        service_tier: speed.or(reading.service_tier.as_deref()).or(quoted.service_tier),
        region: reading.region.as_deref().or(quoted.region),
        failed,
        ..quoted
    }
}

/// One answer billed in parts: each at the row of the model that was really billed.
fn parts(reading: &Reading, attempt: &Attempt, conditions: &Conditions<'_>) -> Cost {
    let own = &attempt.deployment.price.row;
    let prices = attempt.governor.directory();
    let mut total = Cost::zero();
    for (model, usage) in &reading.billed_by_model {
        let other = prices.prices.find(&attempt.deployment.provider.prices, model, conditions.at);
        // The model that was asked for is priced as the attempt is, also where the deployment has a price of its own.
        let is_own = model.is_empty() || other.is_some_and(|row| row.model() == own.model());
        let row = other.filter(|_| !is_own).unwrap_or(own);
        total = total.plus(bursar_pricing::cost(row, usage, conditions));
    }
    total
}

fn charge(cost: &Cost, usage: &Usage, attempt: &Attempt) -> Charge {
    Charge {
        list: cost.list,
        effective: cost.effective(attempt.quote.multiplier),
        tokens: i64::try_from(usage.tokens()).unwrap_or(i64::MAX),
        requests: attempt.hold.requests,
    }
}

impl BrokenBy {
    /// What the record says.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "the client left before the end of the answer",
            Self::Upstream => "the provider's answer broke off",
            Self::Idle => "the provider's answer stalled",
            Self::Us(why) => why,
        }
    }
}
