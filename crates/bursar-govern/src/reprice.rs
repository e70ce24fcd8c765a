//! Reprice: what a past request costs at the row that is now known to have been in force when it was sent.

use crate::directory::Directory;
use crate::record;
use bursar_core::{ApiFormat, Attribute, Timestamp, Usd};
use bursar_pricing::{Conditions, Cost, PriceRow};
use bursar_store::records::{AttemptOutcome, PriceSource, PriceUsed, Record};

/// What repricing a record comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repricing {
    /// It costs what was booked.
    Same,
    /// It cannot be priced again, and why.
    Skipped(Skip),
    /// It costs something else.
    Changed(Box<Repriced>),
}

/// Why a record is not priced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// It has not ended.
    Open,
    /// No price was used: it was refused, released, is in suspense, or its cost was stated by whoever reported it.
    Unpriced,
    /// The deployment's own price has no date.
    DeploymentPrice,
    /// One answer was billed at several models' rows, and the record has the sum of their usage.
    SeveralModels,
    /// It was charged at what the provider itself says it bills: no row made its cost.
    Billed,
    /// No row was in force.
    NoRow,
}

impl Skip {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unpriced => "unpriced",
            Self::DeploymentPrice => "deployment_price",
            Self::SeveralModels => "several_models",
            Self::Billed => "billed",
            Self::NoRow => "no_row",
        }
    }
}

/// A record that costs something else than was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repriced {
    /// The record with the new price, cost and lines; its windows are as they were.
    pub record: Record,
    /// The row that was booked.
    pub old_row: String,
    /// What is added to its list cost.
    pub list: Usd,
    /// What is added to its effective cost.
    pub effective: Usd,
}

/// Prices a record's usage again, at the row of the directory's book that was in force when it was sent.
///
/// The difference is to what its last attempt was booked at by line, so attempts before it, and an estimate that was cut
/// at its hold, keep what they were charged.
#[must_use]
pub fn reprice(directory: &Directory, record: &Record) -> Repricing {
    let Some(booked) = &record.price else { return Repricing::Skipped(Skip::Unpriced) };
    if !record.status.is_final() {
        return Repricing::Skipped(Skip::Open);
    }
    // Somebody stated the cost: nothing was multiplied, and nothing is to be.
    if booked.lines.is_empty() && record.charge.list != Usd::ZERO {
        return Repricing::Skipped(Skip::Unpriced);
    }
    if booked.detail.source == Some(PriceSource::Deployment) {
        return Repricing::Skipped(Skip::DeploymentPrice);
    }
    if booked.detail.billed {
        return Repricing::Skipped(Skip::Billed);
    }
    if booked.detail.several_models {
        return Repricing::Skipped(Skip::SeveralModels);
    }
    let text = |attribute| record.attributes.get(&attribute).map_or("", |value| value.as_str());
    let provider = text(Attribute::Provider);
    let prices = directory.provider(provider).map_or(provider, |known| &known.prices);
    let model = match text(Attribute::ServedModel) {
        "" => text(Attribute::Model),
        served => served,
    };
    let Some(row) = directory.prices.find(prices, model, record.created_at) else {
        return Repricing::Skipped(Skip::NoRow);
    };
    let conditions = Conditions {
        api_format: ApiFormat::parse(text(Attribute::ApiFormat)),
        service_tier: booked.service_tier.as_deref(),
        region: booked.detail.region.as_deref(),
        failed: booked.detail.failed,
        ..Conditions::at(record.created_at)
    };
    let cost = bursar_pricing::cost(row, &record.usage, &conditions);
    let booked_pico = booked.lines.iter().fold(0u128, |sum, line| sum.saturating_add(line.amount_pico));
    if cost.list_pico == booked_pico {
        return Repricing::Same;
    }
    let list = cost.adjustment(rounded(booked_pico));
    let effective =
        cost.effective(booked.multiplier).saturating_sub(rounded(booked.multiplier.apply_pico(booked_pico)));
    // No charge falls below nothing: an operator may have taken some of it away before.
    let list = list.max(negated(record.charge.list));
    let effective = effective.max(negated(record.charge.effective));
    let mut new = record.clone();
    new.charge.list = new.charge.list.saturating_add(list);
    new.charge.effective = new.charge.effective.saturating_add(effective);
    if let Some(attempt) =
        new.attempts.iter_mut().rev().find(|attempt| attempt.outcome == AttemptOutcome::Success)
    {
        attempt.charge.list = attempt.charge.list.saturating_add(list);
        attempt.charge.effective = attempt.charge.effective.saturating_add(effective);
    }
    new.price = Some(priced(row, &cost, booked));
    Repricing::Changed(Box::new(Repriced { record: new, old_row: booked.id.clone(), list, effective }))
}

fn priced(row: &PriceRow, cost: &Cost, booked: &PriceUsed) -> PriceUsed {
    let mut new = booked.clone();
    new.id = row.id().to_string();
    new.tier_index = cost.tier_index.and_then(|index| u32::try_from(index).ok());
    new.tier_context = cost.tier_context;
    new.lines = record::lines(row, cost);
    new.detail.source = Some(PriceSource::Book);
    new.detail.rates = row.path(cost.place);
    new.detail.unpriced = cost.unpriced.to_vec();
    new
}

/// Notes in the record who priced it again and what was booked before.
pub fn note(record: &mut Record, at: Timestamp, actor: &str, old_row: &str, old_list: Usd) {
    use bursar_store::records::limits::NOTES_MAX;
    record.progressed_at = record.progressed_at.max(at);
    record.notes.truncate(NOTES_MAX.saturating_sub(1));
    record.notes.push(format!("repriced by {actor}: was {old_list} USD at {old_row}"));
}

fn rounded(pico: u128) -> Usd {
    Usd::from_pico_ceil(pico).unwrap_or(Usd::MAX)
}

fn negated(amount: Usd) -> Usd {
    Usd::ZERO.saturating_sub(amount)
}
