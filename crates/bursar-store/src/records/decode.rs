//! Reads a record from bytes. Whatever the bytes are, it answers and never panics.

use bursar_core::limits::{RECORD_BYTES_MAX, TAGS_MAX, WINDOWS_PER_ATTEMPT_MAX};
use bursar_core::refusal::Blocking;
use bursar_core::{
    Attribute, Attributes, Charge, Code, Measure, Multiplier, Rate, RequestId, Scope, Timestamp, TraceId,
    Usage, UsageClass, Usd, Value,
};

use super::RecordError;
use super::bytes::{Bytes, Inline, TakeText};
use super::encode::{FIXED, VERSION, bit};
use super::limits::{ATTEMPTS_KEPT_MAX, LINES_MAX, NOTES_MAX};
use super::record::{
    Attempt, AttemptOutcome, LineUsed, PriceDetail, PriceSource, PriceUsed, Record, WindowUsed,
};
use super::status::Status;
use super::would_move::WouldMove;

impl Record {
    /// Reads what [`Record::encode`] wrote: exactly all of `bytes`.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::Malformed("it is too long"));
        }
        Self::take(bytes, &mut Inline)
    }
    /// The state in what [`Record::encode`] wrote, without reading the rest; `None` where there is none.
    #[must_use]
    pub fn status_of(bytes: &[u8]) -> Option<Status> {
        let mut from = Bytes(bytes);
        let version = from.byte().ok()?;
        let _id: [u8; 16] = from.fixed().ok()?;
        (version == VERSION).then(|| Status::from_number(from.byte().ok()?)).flatten()
    }
    /// As [`Self::decode`], with shared texts taken from where they were put, and without the bound.
    pub(super) fn take(bytes: &[u8], texts: &mut impl TakeText) -> Result<Self, RecordError> {
        let mut from = Bytes(bytes);
        let from = &mut from;
        let version = from.byte()?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let id = RequestId::from_u128(u128::from_be_bytes(from.fixed()?));
        let status = Status::from_number(from.byte()?).ok_or(RecordError::Malformed("unknown status"))?;
        let bits = from.u64()?;
        if bits & !bit::ALL != 0 {
            return Err(RecordError::Malformed("unknown fields"));
        }
        let has = |bit: u64| bits & bit != 0;
        let created = from.i64()?;
        let at = |offset: i64| Timestamp::from_micros(created.saturating_add(offset));
        let record = Self {
            id,
            created_at: Timestamp::from_micros(created),
            progressed_at: at(from.i64()?),
            finalized_at: has(bit::FINALIZED).then(|| from.i64()).transpose()?.map(at),
            status,
            attributes: take_attributes(from, texts)?,
            idempotency_key: has(bit::IDEMPOTENCY_KEY).then(|| from.text()).transpose()?,
            answered_model: has(bit::ANSWERED_MODEL).then(|| texts.shared(from)).transpose()?,
            upstream_request_id: has(bit::UPSTREAM_ID).then(|| from.text()).transpose()?,
            client_retries: from.u32()?,
            stream: has(bit::STREAM),
            estimated: has(bit::ESTIMATED),
            usage: take_usage(from)?,
            hold: take_charge(from)?,
            charge: take_charge(from)?,
            price: has(bit::PRICE).then(|| take_price(from, texts, has(bit::PRICE_DETAIL))).transpose()?,
            windows: take_list(from, WINDOWS_PER_ATTEMPT_MAX, take_window)?,
            status_code: has(bit::STATUS_CODE).then(|| from.u16()).transpose()?,
            code: has(bit::CODE).then(|| take_code(from, texts)).transpose()?,
            fits_max_output: has(bit::FITS).then(|| from.u64()).transpose()?,
            blocking: take_list(from, WINDOWS_PER_ATTEMPT_MAX, |from| take_blocking(from, texts))?,
            shadow: take_list(from, WINDOWS_PER_ATTEMPT_MAX, |from| take_blocking(from, texts))?,
            error: has(bit::ERROR).then(|| from.text()).transpose()?,
            first_byte_ms: has(bit::FIRST_BYTE).then(|| from.u32()).transpose()?,
            total_ms: has(bit::TOTAL).then(|| from.u32()).transpose()?,
            attempts: take_list(from, ATTEMPTS_KEPT_MAX, |from| take_attempt(from, texts))?,
            notes: take_list(from, NOTES_MAX, |from| from.text())?,
            shortened: has(bit::SHORTENED),
            trace_id: has(bit::TRACE).then(|| take_trace(from)).transpose()?,
            would_move: has(bit::WOULD_MOVE).then(|| take_would_move(from, texts)).transpose()?,
        };
        if from.0.is_empty() { Ok(record) } else { Err(RecordError::Malformed("something follows it")) }
    }
}

fn take_list<T>(
    from: &mut Bytes<'_>,
    max: usize,
    mut take: impl FnMut(&mut Bytes<'_>) -> Result<T, RecordError>,
) -> Result<Vec<T>, RecordError> {
    let len = from.len(max)?;
    (0..len).map(|_| take(from)).collect()
}

fn take_trace(from: &mut Bytes<'_>) -> Result<TraceId, RecordError> {
    TraceId::from_u128(u128::from_be_bytes(from.fixed()?)).ok_or(RecordError::Malformed("a trace id is zero"))
}

fn take_value(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Value, RecordError> {
    Value::new(&texts.shared(from)?).map_err(|_| RecordError::Malformed("a value is none"))
}

fn take_attributes(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Attributes, RecordError> {
    let bits = from.u64()?;
    if bits >> FIXED.len() != 0 {
        return Err(RecordError::Malformed("unknown attributes"));
    }
    let mut attributes = Attributes::new();
    for (place, attribute) in FIXED.iter().enumerate() {
        if bits & (1 << place) != 0 {
            attributes.set(attribute, take_value(from, texts)?);
        }
    }
    for _ in 0..from.len(TAGS_MAX)? {
        let tag = Attribute::Tag(take_value(from, texts)?);
        attributes.set(&tag, take_value(from, texts)?);
    }
    Ok(attributes)
}

fn take_usage(from: &mut Bytes<'_>) -> Result<Usage, RecordError> {
    let bits = from.u64()?;
    if bits >> UsageClass::COUNT != 0 {
        return Err(RecordError::Malformed("unknown usage classes"));
    }
    let mut usage = Usage::new();
    for class in UsageClass::ALL {
        if bits & (1 << class.index()) != 0 {
            usage.set(class, from.u64()?);
        }
    }
    Ok(usage)
}

fn take_charge(from: &mut Bytes<'_>) -> Result<Charge, RecordError> {
    let (list, effective) = (Usd::from_nanos(from.i64()?), Usd::from_nanos(from.i64()?));
    Ok(Charge { list, effective, tokens: from.i64()?, requests: from.i64()? })
}

fn take_price(
    from: &mut Bytes<'_>,
    texts: &mut impl TakeText,
    detailed: bool,
) -> Result<PriceUsed, RecordError> {
    Ok(PriceUsed {
        id: texts.shared(from)?,
        tier_index: less_one(from.u64()?)?,
        tier_context: from.u64()?,
        service_tier: Some(texts.shared(from)?).filter(|tier| !tier.is_empty()),
        multiplier: Multiplier::from_millionths(from.u64()?),
        lines: take_list(from, LINES_MAX, take_line)?,
        provider_cost_pico: take_flag(from)?.then(|| from.u128()).transpose()?,
        detail: if detailed { take_price_detail(from, texts)? } else { PriceDetail::default() },
    })
}

fn take_price_detail(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<PriceDetail, RecordError> {
    let source = match from.byte()? {
        0 => None,
        number => Some(
            PriceSource::from_number(number).ok_or(RecordError::Malformed("unknown source of a price"))?,
        ),
    };
    let mut word = || Ok::<_, RecordError>(Some(texts.shared(from)?).filter(|text| !text.is_empty()));
    let (rates, region) = (word()?, word()?);
    let bits = from.u64()?;
    if bits >> UsageClass::COUNT != 0 {
        return Err(RecordError::Malformed("unknown usage classes"));
    }
    let unpriced = UsageClass::ALL.into_iter().filter(|class| bits & (1 << class.index()) != 0).collect();
    let failed = take_flag(from)?;
    let (several_models, billed) = match from.byte()? {
        flags @ 0..=3 => (flags & 1 != 0, flags & 2 != 0),
        4..=u8::MAX => return Err(RecordError::Malformed("unknown flags of a price")),
    };
    Ok(PriceDetail { source, rates, region, unpriced, failed, several_models, billed })
}

fn take_line(from: &mut Bytes<'_>) -> Result<LineUsed, RecordError> {
    let place = from.len(UsageClass::COUNT)?;
    let class = place.checked_sub(1).and_then(|place| UsageClass::ALL.get(place).copied());
    let (units, rate) = (from.u64()?, Rate::from_pico(from.u64()?));
    let amount_pico = if take_flag(from)? { from.u128()? } else { rate.times(units) };
    Ok(LineUsed { class, units, rate, amount_pico })
}

fn take_window(from: &mut Bytes<'_>) -> Result<WindowUsed, RecordError> {
    let (budget, starts_at) = (from.u32()?, take_time(from)?);
    Ok(WindowUsed { budget, starts_at, held: from.i64()?, charged: from.i64()? })
}

fn take_flag(from: &mut Bytes<'_>) -> Result<bool, RecordError> {
    match from.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        2..=u8::MAX => Err(RecordError::Malformed("a flag is neither 0 nor 1")),
    }
}

fn take_time(from: &mut Bytes<'_>) -> Result<Option<Timestamp>, RecordError> {
    Ok(take_flag(from)?.then(|| from.i64()).transpose()?.map(Timestamp::from_micros))
}

fn take_code(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Code, RecordError> {
    Code::parse(&texts.shared(from)?).ok_or(RecordError::Malformed("unknown code"))
}

fn take_blocking(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Blocking, RecordError> {
    Ok(Blocking {
        code: take_code(from, texts)?,
        budget: texts.shared(from)?,
        measure: match from.byte()? {
            0 => Measure::Usd,
            1 => Measure::Tokens,
            2 => Measure::Requests,
            3..=u8::MAX => return Err(RecordError::Malformed("unknown measure")),
        },
        scope: take_scope(from, texts)?,
        per: Vec::new(),
        starts_at: take_time(from)?,
        ends_at: take_time(from)?,
        limit: from.i64()?,
        settled: from.i64()?,
        suspense: from.i64()?,
        held: from.i64()?,
        requested: from.i64()?,
    })
}

fn take_scope(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Scope, RecordError> {
    let word = texts.shared(from)?;
    if word.is_empty() {
        return Ok(Scope::Platform);
    }
    let attribute = Attribute::parse(&word).ok_or(RecordError::Malformed("unknown attribute"))?;
    let value = texts.shared(from)?;
    let value = (!value.is_empty()).then(|| Value::new(&value)).transpose();
    value
        .map(|value| Scope::Attribute(attribute, value))
        .map_err(|_| RecordError::Malformed("a value is none"))
}

fn take_attempt(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<Attempt, RecordError> {
    let outcome =
        AttemptOutcome::from_number(from.byte()?).ok_or(RecordError::Malformed("unknown outcome"))?;
    Ok(Attempt {
        outcome,
        provider: texts.shared(from)?,
        model: texts.shared(from)?,
        credential: Some(texts.shared(from)?).filter(|name| !name.is_empty()),
        status_code: less_one(from.u64()?)?,
        reason: Some(from.text()?).filter(|reason| !reason.is_empty()),
        total_ms: less_one(from.u64()?)?,
        charge: take_charge(from)?,
    })
}

fn take_would_move(from: &mut Bytes<'_>, texts: &mut impl TakeText) -> Result<WouldMove, RecordError> {
    let provider = texts.shared(from)?;
    let mut name = || Ok::<_, RecordError>(Some(texts.shared(from)?).filter(|name| !name.is_empty()));
    Ok(WouldMove { provider, project: name()?, model: name()?, to: name()? })
}

/// An optional number that was written one larger.
fn less_one<T: TryFrom<u64>>(number: u64) -> Result<Option<T>, RecordError> {
    let number = number.checked_sub(1).map(T::try_from).transpose();
    number.map_err(|_| RecordError::Malformed("an integer is too large"))
}
