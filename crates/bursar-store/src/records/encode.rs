//! Writes a record as bytes. Version 1: fields in the order of [`Record`], each optional one behind a bit.

use bursar_core::limits::{RECORD_BYTES_MAX, TAGS_MAX, WINDOWS_PER_ATTEMPT_MAX};
use bursar_core::refusal::Blocking;
use bursar_core::{Attribute, Attributes, Charge, Measure, Scope, Timestamp, Usage, UsageClass};

use super::bytes::{Inline, PutText, clip, put_i64, put_len, put_text, put_u64, put_u128};
use super::limits::{ATTEMPTS_KEPT_MAX, ERROR_BYTES_MAX, ID_BYTES_MAX, LINES_MAX, NAME_BYTES_MAX, NOTES_MAX};
use super::record::{Attempt, LineUsed, PriceDetail, PriceSource, PriceUsed, Record, WindowUsed};
use super::would_move::WouldMove;

/// The version that [`Record::encode`] writes. A new one is a new number, and the old ones stay readable.
pub(super) const VERSION: u8 = 1;

/// The attributes that are not tags; their place is their bit. Only ever appended to.
pub(super) const FIXED: [Attribute; 12] = [
    Attribute::Run,
    Attribute::Session,
    Attribute::Agent,
    Attribute::Key,
    Attribute::User,
    Attribute::Model,
    Attribute::Provider,
    Attribute::Project,
    Attribute::Endpoint,
    Attribute::Credential,
    Attribute::ServedModel,
    Attribute::ApiFormat,
];

/// The bits of the first word: which optional fields follow, and the flags themselves.
pub(super) mod bit {
    pub(in super::super) const STREAM: u64 = 1;
    pub(in super::super) const ESTIMATED: u64 = 1 << 1;
    pub(in super::super) const SHORTENED: u64 = 1 << 2;
    pub(in super::super) const FINALIZED: u64 = 1 << 3;
    pub(in super::super) const IDEMPOTENCY_KEY: u64 = 1 << 4;
    pub(in super::super) const ANSWERED_MODEL: u64 = 1 << 5;
    pub(in super::super) const UPSTREAM_ID: u64 = 1 << 6;
    pub(in super::super) const PRICE: u64 = 1 << 7;
    pub(in super::super) const STATUS_CODE: u64 = 1 << 8;
    pub(in super::super) const CODE: u64 = 1 << 9;
    pub(in super::super) const FITS: u64 = 1 << 10;
    pub(in super::super) const ERROR: u64 = 1 << 11;
    pub(in super::super) const FIRST_BYTE: u64 = 1 << 12;
    pub(in super::super) const TOTAL: u64 = 1 << 13;
    pub(in super::super) const PRICE_DETAIL: u64 = 1 << 14;
    pub(in super::super) const TRACE: u64 = 1 << 15;
    pub(in super::super) const WOULD_MOVE: u64 = 1 << 16;
    pub(in super::super) const ALL: u64 = (1 << 17) - 1;
}

impl Record {
    /// Appends the record to `out`: never more than [`RECORD_BYTES_MAX`] bytes. Texts are cut to their bounds; where that
    /// is not enough, windows that refused, attempts and notes are left out and the record says that it was shortened.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.put(out, &mut Inline);
        let fits = |out: &Vec<u8>| out.len().saturating_sub(start) <= RECORD_BYTES_MAX;
        for step in [Self::without_details, Self::without_attempts] {
            if fits(out) {
                return;
            }
            out.truncate(start);
            step(self).put(out, &mut Inline);
        }
    }
    fn without_details(&self) -> Self {
        let mut short = Self { shortened: true, shadow: Vec::new(), notes: Vec::new(), ..self.clone() };
        short.blocking.truncate(2);
        for attempt in &mut short.attempts {
            attempt.reason = attempt.reason.as_deref().map(|reason| clip(reason, 64).to_owned());
        }
        short
    }
    fn without_attempts(&self) -> Self {
        let mut short = self.without_details();
        short.attempts.clear();
        short.blocking.truncate(1);
        short
    }
    /// As [`Self::encode`], with shared texts put where `texts` wants them, and without the bound.
    pub(super) fn put(&self, out: &mut Vec<u8>, texts: &mut impl PutText) {
        out.push(VERSION);
        out.extend_from_slice(&self.id.as_u128().to_be_bytes());
        out.push(self.status.number());
        put_u64(out, self.bits());
        put_i64(out, self.created_at.micros());
        put_i64(out, self.progressed_at.micros_since(self.created_at));
        if let Some(at) = self.finalized_at {
            put_i64(out, at.micros_since(self.created_at));
        }
        put_attributes(out, &self.attributes, texts);
        put_option(out, self.idempotency_key.as_deref(), ID_BYTES_MAX);
        if let Some(model) = &self.answered_model {
            texts.shared(clip(model, NAME_BYTES_MAX), out);
        }
        put_option(out, self.upstream_request_id.as_deref(), ID_BYTES_MAX);
        put_u64(out, u64::from(self.client_retries));
        put_usage(out, &self.usage);
        put_charge(out, &self.hold);
        put_charge(out, &self.charge);
        if let Some(price) = &self.price {
            put_price(out, price, texts);
        }
        if let Some(detail) = self.price_detail() {
            put_price_detail(out, detail, texts);
        }
        put_list(out, &self.windows, WINDOWS_PER_ATTEMPT_MAX, put_window);
        if let Some(status) = self.status_code {
            put_u64(out, u64::from(status));
        }
        if let Some(code) = self.code {
            texts.shared(code.as_str(), out);
        }
        if let Some(fits) = self.fits_max_output {
            put_u64(out, fits);
        }
        for list in [&self.blocking, &self.shadow] {
            put_list(out, list, WINDOWS_PER_ATTEMPT_MAX, |out, blocking| put_blocking(out, blocking, texts));
        }
        put_option(out, self.error.as_deref(), ERROR_BYTES_MAX);
        for millis in [self.first_byte_ms, self.total_ms].into_iter().flatten() {
            put_u64(out, u64::from(millis));
        }
        put_list(out, &self.attempts, ATTEMPTS_KEPT_MAX, |out, attempt| put_attempt(out, attempt, texts));
        put_list(out, &self.notes, NOTES_MAX, |out, note| put_text(out, note, NAME_BYTES_MAX));
        if let Some(trace) = self.trace_id {
            out.extend_from_slice(&trace.as_u128().to_be_bytes());
        }
        if let Some(would) = &self.would_move {
            put_would_move(out, would, texts);
        }
    }
    /// What decided the rates, where there is anything to say.
    fn price_detail(&self) -> Option<&PriceDetail> {
        self.price.as_ref().map(|price| &price.detail).filter(|detail| **detail != PriceDetail::default())
    }
    fn bits(&self) -> u64 {
        let bits = [
            (self.stream, bit::STREAM),
            (self.estimated, bit::ESTIMATED),
            (self.shortened, bit::SHORTENED),
            (self.finalized_at.is_some(), bit::FINALIZED),
            (self.idempotency_key.is_some(), bit::IDEMPOTENCY_KEY),
            (self.answered_model.is_some(), bit::ANSWERED_MODEL),
            (self.upstream_request_id.is_some(), bit::UPSTREAM_ID),
            (self.price.is_some(), bit::PRICE),
            (self.status_code.is_some(), bit::STATUS_CODE),
            (self.code.is_some(), bit::CODE),
            (self.fits_max_output.is_some(), bit::FITS),
            (self.error.is_some(), bit::ERROR),
            (self.first_byte_ms.is_some(), bit::FIRST_BYTE),
            (self.total_ms.is_some(), bit::TOTAL),
            (self.price_detail().is_some(), bit::PRICE_DETAIL),
            (self.trace_id.is_some(), bit::TRACE),
            (self.would_move.is_some(), bit::WOULD_MOVE),
        ];
        bits.into_iter().filter(|(set, _)| *set).fold(0, |word, (_, bit)| word | bit)
    }
}

fn put_option(out: &mut Vec<u8>, text: Option<&str>, max: usize) {
    if let Some(text) = text {
        put_text(out, text, max);
    }
}

/// A list of at most `max`: what is beyond is left out.
fn put_list<T>(out: &mut Vec<u8>, list: &[T], max: usize, mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_len(out, list.len().min(max));
    for item in list.iter().take(max) {
        put(out, item);
    }
}

fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes, texts: &mut impl PutText) {
    let set = FIXED.iter().enumerate().filter(|(_, attribute)| attributes.get(attribute).is_some());
    put_u64(out, set.fold(0, |bits, (place, _)| bits | (1 << place)));
    for value in FIXED.iter().filter_map(|attribute| attributes.get(attribute)) {
        texts.shared(value.as_str(), out);
    }
    let tags: Vec<_> =
        attributes.iter().filter(|(attribute, _)| matches!(attribute, Attribute::Tag(_))).collect();
    put_list(out, &tags, TAGS_MAX, |out, (attribute, value)| {
        if let Attribute::Tag(name) = attribute {
            texts.shared(name.as_str(), out);
            texts.shared(value.as_str(), out);
        }
    });
}

fn put_usage(out: &mut Vec<u8>, usage: &Usage) {
    put_u64(out, usage.iter().fold(0, |bits, (class, _)| bits | (1 << class.index())));
    for (_, count) in usage.iter() {
        put_u64(out, count);
    }
}

fn put_charge(out: &mut Vec<u8>, charge: &Charge) {
    for amount in [charge.list.nanos(), charge.effective.nanos(), charge.tokens, charge.requests] {
        put_i64(out, amount);
    }
}

fn put_price(out: &mut Vec<u8>, price: &PriceUsed, texts: &mut impl PutText) {
    texts.shared(clip(&price.id, NAME_BYTES_MAX), out);
    // Optional numbers are one larger than they are, 0 is absent.
    put_u64(out, price.tier_index.map_or(0, |tier| u64::from(tier) + 1));
    put_u64(out, price.tier_context);
    texts.shared(price.service_tier.as_deref().map_or("", |tier| clip(tier, NAME_BYTES_MAX)), out);
    put_u64(out, price.multiplier.millionths());
    put_list(out, &price.lines, LINES_MAX, put_line);
    out.push(u8::from(price.provider_cost_pico.is_some()));
    if let Some(pico) = price.provider_cost_pico {
        put_u128(out, pico);
    }
}

fn put_price_detail(out: &mut Vec<u8>, detail: &PriceDetail, texts: &mut impl PutText) {
    out.push(detail.source.map_or(0, PriceSource::number));
    for text in [&detail.rates, &detail.region] {
        texts.shared(text.as_deref().map_or("", |text| clip(text, NAME_BYTES_MAX)), out);
    }
    put_u64(out, detail.unpriced.iter().fold(0, |bits, class| bits | (1 << class.index())));
    out.push(u8::from(detail.failed));
    // Two flags: records from before the second have it unset.
    out.push(u8::from(detail.several_models) | (u8::from(detail.billed) << 1));
}

fn put_line(out: &mut Vec<u8>, line: &LineUsed) {
    put_len(out, line.class.map_or(0, |class| UsageClass::index(class) + 1));
    put_u64(out, line.units);
    put_u64(out, line.rate.pico());
    let exact = line.rate.times(line.units) == line.amount_pico;
    out.push(u8::from(!exact));
    if !exact {
        put_u128(out, line.amount_pico);
    }
}

fn put_window(out: &mut Vec<u8>, window: &WindowUsed) {
    put_u64(out, u64::from(window.budget));
    put_time(out, window.starts_at);
    put_i64(out, window.held);
    put_i64(out, window.charged);
}

fn put_time(out: &mut Vec<u8>, at: Option<Timestamp>) {
    out.push(u8::from(at.is_some()));
    if let Some(at) = at {
        put_i64(out, at.micros());
    }
}

fn put_blocking(out: &mut Vec<u8>, blocking: &Blocking, texts: &mut impl PutText) {
    texts.shared(blocking.code.as_str(), out);
    texts.shared(clip(&blocking.budget, NAME_BYTES_MAX), out);
    out.push(match blocking.measure {
        Measure::Usd => 0,
        Measure::Tokens => 1,
        Measure::Requests => 2,
    });
    match &blocking.scope {
        Scope::Platform => texts.shared("", out),
        Scope::Attribute(attribute, value) => {
            texts.shared(&attribute.to_string(), out);
            texts.shared(value.as_ref().map_or("", |value| value.as_str()), out);
        }
    }
    put_time(out, blocking.starts_at);
    put_time(out, blocking.ends_at);
    let amounts = [blocking.limit, blocking.settled, blocking.suspense, blocking.held, blocking.requested];
    for amount in amounts {
        put_i64(out, amount);
    }
}

fn put_attempt(out: &mut Vec<u8>, attempt: &Attempt, texts: &mut impl PutText) {
    out.push(attempt.outcome.number());
    for name in [&attempt.provider, &attempt.model] {
        texts.shared(clip(name, NAME_BYTES_MAX), out);
    }
    texts.shared(attempt.credential.as_deref().map_or("", |name| clip(name, NAME_BYTES_MAX)), out);
    put_u64(out, attempt.status_code.map_or(0, |status| u64::from(status) + 1));
    put_text(out, attempt.reason.as_deref().unwrap_or_default(), NAME_BYTES_MAX);
    put_u64(out, attempt.total_ms.map_or(0, |millis| u64::from(millis) + 1));
    put_charge(out, &attempt.charge);
}

/// What is absent is an empty text.
fn put_would_move(out: &mut Vec<u8>, would: &WouldMove, texts: &mut impl PutText) {
    let WouldMove { provider, project, model, to } = would;
    for name in [Some(provider), project.as_ref(), model.as_ref(), to.as_ref()] {
        texts.shared(name.map_or("", |name| clip(name, NAME_BYTES_MAX)), out);
    }
}
