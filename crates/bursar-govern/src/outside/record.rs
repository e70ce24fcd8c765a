//! From a report to its record.

use super::call::Call;
use super::report::{Bill, Report};
use crate::record;
use bursar_core::{Attribute, Charge, Timestamp, Value};
use bursar_ledger::{Held, Record as Bytes};
use bursar_store::records::{Attempt, AttemptOutcome, PriceDetail, PriceUsed, Record, Status, WindowUsed};

/// What every record of a call made elsewhere notes.
const NOTE: &str = "made elsewhere, reported here";

/// The bytes of a record, in the store's own codec.
pub(super) fn encode(record: &Record) -> Bytes {
    let mut bytes = Vec::with_capacity(512);
    record.encode(&mut bytes);
    bytes.into_boxed_slice()
}

/// The record of a call that has begun.
pub(super) fn begun(call: &Call, hold: Charge) -> Record {
    let mut record = Record::new(call.id, call.created_at, call.attributes.clone());
    record.idempotency_key.clone_from(&call.name);
    record.hold = hold;
    record.notes = vec![NOTE.to_owned()];
    record
}

/// The record of a report; `charge` is zero until it is final.
pub(super) fn of(report: &Report, bill: &Bill, hold: Charge, now: Timestamp) -> Record {
    let mut record = begun(&report.call, hold);
    record.status = report.status;
    record.progressed_at = now;
    record.usage = report.usage;
    record.stream = report.stream;
    record.estimated = report.estimated;
    record.status_code = report.status_code;
    record.first_byte_ms = report.first_byte_ms;
    record.total_ms = report.total_ms;
    record.error.clone_from(&report.error);
    record.upstream_request_id.clone_from(&report.upstream_request_id);
    record.answered_model.clone_from(&report.answered_model);
    record.notes.extend(report.anomalies());
    if report.is_final() {
        record.finalized_at = Some(now);
        record.charge = bill.charge;
        record.price = price(report, bill);
        record.attempts = vec![attempt(report, bill)];
    }
    record
}

/// The windows of a reservation, with what each was charged.
pub(super) fn windows(held: &Held, hold: &Charge, charge: &Charge) -> Vec<WindowUsed> {
    let used = |window: &bursar_ledger::HeldWindow| WindowUsed {
        budget: window.budget.0,
        starts_at: window.starts_at,
        held: hold.of(window.measure, window.cost_basis),
        charged: charge.of(window.measure, window.cost_basis),
    };
    held.windows.iter().map(used).collect()
}

fn price(report: &Report, bill: &Bill) -> Option<PriceUsed> {
    let provider_cost_pico =
        report.stated.and_then(|usd| u128::try_from(usd.nanos()).ok()).map(|nanos| nanos * 1000);
    let id = match (&report.call.price, &bill.cost) {
        (Some(price), Some(_)) => price.row.id().to_string(),
        (Some(_) | None, None) if provider_cost_pico.is_some() => "stated".to_owned(),
        (Some(_) | None, _) => return None,
    };
    let cost = bill.cost.as_ref();
    let priced = report.call.price.as_ref().map(|price| &price.row).zip(cost);
    Some(PriceUsed {
        id,
        tier_index: cost.and_then(|cost| cost.tier_index).and_then(|index| u32::try_from(index).ok()),
        tier_context: cost.map_or(0, |cost| cost.tier_context),
        service_tier: report.service_tier.clone(),
        multiplier: report.call.multiplier,
        lines: priced.map(|(row, cost)| record::lines(row, cost)).unwrap_or_default(),
        provider_cost_pico,
        detail: PriceDetail {
            source: report.call.price.as_ref().map(|price| record::source(price.source)),
            rates: priced.and_then(|(row, cost)| row.path(cost.place)),
            region: None,
            unpriced: cost.map(|cost| cost.unpriced.to_vec()).unwrap_or_default(),
            failed: report.status == Status::Failed,
            several_models: false,
            billed: false,
        },
    })
}

fn attempt(report: &Report, bill: &Bill) -> Attempt {
    let text = |attribute: &Attribute| {
        report.call.attributes.get(attribute).map(Value::to_string).unwrap_or_default()
    };
    let credential = text(&Attribute::Credential);
    Attempt {
        outcome: match report.status {
            Status::Completed => AttemptOutcome::Success,
            Status::Pending | Status::Streaming => AttemptOutcome::Pending,
            Status::Failed | Status::Cancelled | Status::Denied => AttemptOutcome::Failed,
        },
        provider: text(&Attribute::Provider),
        model: text(&Attribute::ServedModel),
        credential: (!credential.is_empty()).then_some(credential),
        status_code: report.status_code,
        reason: report.error.clone(),
        total_ms: report.total_ms,
        charge: bill.charge,
    }
}
