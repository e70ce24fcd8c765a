//! The bytes of a record: whatever goes in comes back, within its bound, and no bytes make it panic.

use super::*;
use bursar_core::limits::RECORD_BYTES_MAX;
use bursar_core::refusal::Blocking;
use bursar_core::{Code, Measure, Multiplier, Rate, Scope, TraceId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text(max: usize) -> impl Strategy<Value = String> {
    vec(prop_oneof![Just('a'), Just('é'), Just('"'), Just('漢'), any::<char>()], 1..=max)
        .prop_map(move |chars| bytes::clip(&chars.into_iter().collect::<String>(), max).to_owned())
        .prop_filter("not empty", |text| !text.is_empty())
}

fn attribute_value() -> impl Strategy<Value = Value> {
    text(128).prop_filter_map("a value", |text| Value::new(&text).ok())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    (vec(option::of(attribute_value()), 12), vec((attribute_value(), attribute_value()), 0..=8)).prop_map(
        |(fixed, tags)| {
            let mut attributes = Attributes::new();
            for (attribute, value) in encode::FIXED.iter().zip(fixed) {
                if let Some(value) = value {
                    attributes.set(attribute, value);
                }
            }
            for (name, value) in tags {
                attributes.set(&Attribute::Tag(name), value);
            }
            attributes
        },
    )
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000i64).prop_map(Timestamp::from_micros)
}

fn charge() -> impl Strategy<Value = Charge> {
    (any::<i64>(), any::<i64>(), any::<i64>(), 0..2i64).prop_map(|(list, effective, tokens, requests)| {
        Charge { list: Usd::from_nanos(list), effective: Usd::from_nanos(effective), tokens, requests }
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    vec(option::of(any::<u64>()), UsageClass::COUNT).prop_map(|counts| {
        let mut usage = Usage::new();
        for (class, count) in UsageClass::ALL.into_iter().zip(counts) {
            if let Some(count) = count {
                usage.set(class, count);
            }
        }
        usage
    })
}

fn line() -> impl Strategy<Value = LineUsed> {
    (option::of(0..UsageClass::COUNT), any::<u64>(), any::<u64>(), option::of(any::<u128>())).prop_map(
        |(class, units, rate, amount)| {
            let rate = Rate::from_pico(rate);
            let class = class.map(|place| UsageClass::ALL[place]);
            LineUsed { class, units, rate, amount_pico: amount.unwrap_or(rate.times(units)) }
        },
    )
}

fn detail() -> impl Strategy<Value = PriceDetail> {
    (
        option::of(0..PriceSource::ALL.len()),
        option::of(text(128).prop_filter("absent", |text| !text.is_empty())),
        option::of(text(128).prop_filter("absent", |text| !text.is_empty())),
        vec(any::<bool>(), UsageClass::COUNT),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(source, rates, region, unpriced, failed, several_models, billed)| PriceDetail {
            source: source.map(|place| PriceSource::ALL[place]),
            rates,
            region,
            unpriced: UsageClass::ALL
                .into_iter()
                .zip(unpriced)
                .filter(|(_, is)| *is)
                .map(|(c, _)| c)
                .collect(),
            failed,
            several_models,
            billed,
        })
}

fn price() -> impl Strategy<Value = PriceUsed> {
    (
        detail(),
        text(128),
        option::of(any::<u32>()),
        any::<u64>(),
        option::of(text(128)),
        any::<u64>(),
        vec(line(), 0..=limits::LINES_MAX),
        option::of(any::<u128>()),
    )
        .prop_map(
            |(detail, id, tier_index, tier_context, service_tier, multiplier, lines, provider_cost_pico)| {
                PriceUsed {
                    detail,
                    id,
                    tier_index,
                    tier_context,
                    service_tier,
                    multiplier: Multiplier::from_millionths(multiplier),
                    lines,
                    provider_cost_pico,
                }
            },
        )
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Platform),
        (0..12usize, option::of(attribute_value()))
            .prop_map(|(place, value)| Scope::Attribute(encode::FIXED[place].clone(), value)),
        (attribute_value(), option::of(attribute_value()))
            .prop_map(|(name, value)| Scope::Attribute(Attribute::Tag(name), value)),
    ]
}

fn blocking() -> impl Strategy<Value = Blocking> {
    let measures = [Measure::Usd, Measure::Tokens, Measure::Requests];
    (
        0..Code::ALL.len(),
        text(128),
        0..3usize,
        scope(),
        option::of(moment()),
        option::of(moment()),
        [any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>()],
    )
        .prop_map(move |(code, budget, measure, scope, starts_at, ends_at, amounts)| {
            let [limit, settled, suspense, held, requested] = amounts;
            let (code, measure) = (Code::ALL[code], measures[measure]);
            Blocking {
                code,
                budget,
                measure,
                scope,
                per: Vec::new(),
                starts_at,
                ends_at,
                limit,
                settled,
                suspense,
                held,
                requested,
            }
        })
}

fn attempt() -> impl Strategy<Value = Attempt> {
    (
        0..AttemptOutcome::ALL.len(),
        text(128),
        text(128),
        option::of(text(128)),
        option::of(any::<u16>()),
        option::of(text(128)),
        option::of(any::<u32>()),
        charge(),
    )
        .prop_map(|(outcome, provider, model, credential, status_code, reason, total_ms, charge)| {
            Attempt {
                outcome: AttemptOutcome::ALL[outcome],
                provider,
                model,
                credential,
                status_code,
                reason,
                total_ms,
                charge,
            }
        })
}

fn window() -> impl Strategy<Value = WindowUsed> {
    (any::<u32>(), option::of(moment()), any::<i64>(), any::<i64>())
        .prop_map(|(budget, starts_at, held, charged)| WindowUsed { budget, starts_at, held, charged })
}

fn would_move() -> impl Strategy<Value = WouldMove> {
    (text(128), option::of(text(128)), option::of(text(128)), option::of(text(128)))
        .prop_map(|(provider, project, model, to)| WouldMove { provider, project, model, to })
}

prop_compose! {
    /// Any record; lists as long as their bounds.
    fn record()(
        (id, created_at, status, attributes) in (any::<u128>(), moment(), 0..Status::ALL.len(), attributes()),
        (progressed_at, finalized_at) in (moment(), option::of(moment())),
        (idempotency_key, answered_model) in (option::of(text(128)), option::of(text(128))),
        (upstream_request_id, error) in (option::of(text(128)), option::of(text(512))),
        (client_retries, stream, estimated) in (any::<u32>(), any::<bool>(), any::<bool>()),
        (usage, hold, charge, price) in (usage(), charge(), charge(), option::of(price())),
        (windows, attempts) in (vec(window(), 0..=16), vec(attempt(), 0..=16)),
        (blocking, shadow) in (vec(blocking(), 0..=16), vec(blocking(), 0..=16)),
        (status_code, code) in (option::of(any::<u16>()), option::of(0..Code::ALL.len())),
        (fits_max_output, notes) in (option::of(any::<u64>()), vec(text(128), 0..=8)),
        (first_byte_ms, total_ms) in (option::of(any::<u32>()), option::of(any::<u32>())),
        (trace_id, would_move) in (option::of(1..u128::MAX), option::of(would_move())),
    ) -> Record {
        Record {
            id: RequestId::from_u128(id), created_at, progressed_at, finalized_at, status: Status::ALL[status],
            attributes, idempotency_key, answered_model, upstream_request_id, client_retries, stream, estimated,
            usage, hold, charge, price, windows, status_code, code: code.map(|code| Code::ALL[code]), blocking,
            fits_max_output, shadow, error, first_byte_ms, total_ms, attempts, notes, shortened: false,
            trace_id: trace_id.and_then(TraceId::from_u128), would_move,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rules: S1-18, S4-01.
    #[test]
    fn a_record_comes_back_from_its_bytes(record in record()) {
        let mut out = vec![7];
        record.encode(&mut out);
        prop_assert!(out.len() <= 1 + RECORD_BYTES_MAX, "{} bytes", out.len());
        let back = Record::decode(&out[1..]).unwrap();
        if back.shortened {
            // What cannot be left out is all there.
            let kept = Record { attempts: record.attempts.clone(), blocking: record.blocking.clone(),
                shadow: record.shadow.clone(), notes: record.notes.clone(), shortened: false, ..back };
            prop_assert_eq!(kept, record);
        } else {
            prop_assert_eq!(back, record);
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic(record in record(), flip in any::<(usize, u8)>(), cut in any::<usize>()) {
        let mut out = Vec::new();
        record.encode(&mut out);
        let cut = cut % out.len();
        prop_assert!(Record::decode(&out[..cut]).is_err(), "cut short");
        let place = flip.0 % out.len();
        out[place] ^= flip.1;
        let _read_or_refused = Record::decode(&out);
        out.push(0);
        let _read_or_refused = Record::decode(&out);
    }

    #[test]
    fn any_bytes_are_refused_or_read_but_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _read_or_refused = Record::decode(&bytes);
    }
}

#[test]
fn too_long_texts_and_lists_are_cut_and_the_rest_is_kept() {
    let mut record = completed(1, "2026-03-01T12:00:00Z");
    record.error = Some("é".repeat(600));
    record.notes = vec!["note".to_owned(); 20];
    let mut out = Vec::new();
    record.encode(&mut out);
    let back = Record::decode(&out).unwrap();
    assert_eq!(back.error.unwrap(), "é".repeat(256));
    assert_eq!(back.notes.len(), limits::NOTES_MAX);
    assert!(!back.shortened);
}

#[test]
fn the_bytes_of_version_1_stay_readable() {
    let mut record = with(completed(1, "2026-03-01T12:00:00Z"), "tag.team", "x");
    record.price = Some(PriceUsed { id: "openai/gpt-4o-mini@2024-07-18".to_owned(), ..PriceUsed::default() });
    let mut out = Vec::new();
    record.encode(&mut out);
    let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!("record_version_1", hex);
    assert_eq!(Record::decode(&out), Ok(record));
    out[0] = 2;
    assert_eq!(Record::decode(&out), Err(RecordError::Version(2)));
}

/// What decided the rates rides behind a bit of its own: a record without it has the bytes it always had.
/// Rules: S4-19, S4-66.
#[test]
fn what_decided_the_rates_is_kept() {
    let mut record = completed(1, "2026-03-01T12:00:00Z");
    let detail = PriceDetail {
        source: Some(PriceSource::FallbackPrice),
        rates: Some("service_tiers.batch".to_owned()),
        region: None,
        unpriced: vec![UsageClass::WebSearch],
        failed: true,
        several_models: false,
        billed: true,
    };
    record.price = Some(PriceUsed { detail, ..PriceUsed::default() });
    let mut out = Vec::new();
    record.encode(&mut out);
    assert_eq!(Record::decode(&out), Ok(record));
}

#[test]
fn a_usual_record_is_a_few_hundred_bytes() {
    let mut out = Vec::new();
    completed(1, "2026-03-01T12:00:00Z").encode(&mut out);
    assert!(out.len() < 150, "{} bytes", out.len());
}

/// The trace rides behind a bit of its own, at the end: a record without it has the bytes it always had.
#[test]
fn the_trace_is_kept_and_records_without_one_stay_as_they_were() {
    let mut record = completed(1, "2026-03-01T12:00:00Z");
    let mut before = Vec::new();
    record.encode(&mut before);
    record.trace_id = TraceId::from_u128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    let mut out = Vec::new();
    record.encode(&mut out);
    assert_eq!(out.len(), before.len() + 17, "sixteen bytes, and one more for the sixteenth bit");
    assert!(out.ends_with(&record.trace_id.unwrap().as_u128().to_be_bytes()));
    assert_eq!(Record::decode(&before).unwrap().trace_id, None);
    assert_eq!(Record::decode(&out), Ok(record));
}
