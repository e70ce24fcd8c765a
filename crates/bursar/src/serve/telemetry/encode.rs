//! OTLP's messages (<https://github.com/open-telemetry/opentelemetry-proto>, 1.x, whose field numbers are stable).

use super::measure::{Measures, Series, Steps};
use super::names;
use super::protobuf::Message;
use super::told::{Told, Try};
use bursar_core::{Timestamp, UsageClass, Usd};
use bursar_govern::story::Status;

const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const ERROR: u64 = 2;
const CUMULATIVE: u64 = 2;
/// Decimals of a microsecond in seconds.
const MICRO_PLACES: u32 = 6;

/// A value of an attribute.
enum Any<'a> {
    Text(&'a str),
    Int(u64),
    Double(f64),
    Bool(bool),
}

/// The body of `/v1/traces`.
pub(super) fn traces(service: &str, told: &[Told]) -> Vec<u8> {
    let mut scope_spans = Message::default();
    scope_spans.message(1, &scope());
    for told in told {
        scope_spans.message(2, &request(told));
        for attempt in &told.attempts {
            scope_spans.message(2, &try_span(told, attempt));
        }
    }
    wrapped(service, &scope_spans)
}

/// The body of `/v1/metrics`.
pub(super) fn metrics(service: &str, measures: &Measures, since: Timestamp, now: Timestamp) -> Vec<u8> {
    let mut scope_metrics = Message::default();
    scope_metrics.message(1, &scope());
    let mut tokens = Message::default();
    let mut durations = Message::default();
    let mut costs = Message::default();
    for (series, measured) in &measures.0 {
        for (kind, steps) in [("input", &measured.input), ("output", &measured.output)] {
            if steps.count > 0 {
                let point = steps_point(series, Some(kind), steps, &names::TOKEN_STEPS, 0, since, now);
                tokens.message(1, &point);
            }
        }
        let ends = &names::DURATION_STEPS_US;
        durations.message(1, &steps_point(series, None, &measured.duration, ends, MICRO_PLACES, since, now));
        let mut cost = Message::default();
        cost.fixed64(2, nanos(since));
        cost.fixed64(3, nanos(now));
        cost.double(4, float(&Usd::from_nanos(measured.cost).to_string()));
        series_attributes(&mut cost, 7, series, None);
        costs.message(1, &cost);
    }
    tokens.varint(2, CUMULATIVE);
    durations.varint(2, CUMULATIVE);
    costs.varint(2, CUMULATIVE);
    costs.varint(3, 1);
    for (name, about, unit, kind, data) in [
        (names::TOKEN_USAGE, "Tokens of a request, by kind", "{token}", 9, tokens),
        (names::OPERATION_DURATION, "How long a provider took for a request", "s", 9, durations),
        (names::COST, "What requests cost at list price", "{USD}", 7, costs),
    ] {
        let mut metric = Message::default();
        metric.text(1, name);
        metric.text(2, about);
        metric.text(3, unit);
        metric.message(kind, &data);
        scope_metrics.message(2, &metric);
    }
    wrapped(service, &scope_metrics)
}

/// Resource and scope around spans or metrics, which have the same numbers in both.
fn wrapped(service: &str, inner: &Message) -> Vec<u8> {
    let mut resource = Message::default();
    attribute(&mut resource, 1, "service.name", &Any::Text(service));
    attribute(&mut resource, 1, "service.version", &Any::Text(env!("CARGO_PKG_VERSION")));
    let mut of_resource = Message::default();
    of_resource.message(1, &resource);
    of_resource.message(2, inner);
    let mut export = Message::default();
    export.message(1, &of_resource);
    export.into_bytes()
}

fn scope() -> Message {
    let mut scope = Message::default();
    scope.text(1, "bursar");
    scope.text(2, env!("CARGO_PKG_VERSION"));
    scope
}

/// The span of the whole request: who, how it went, what it cost.
fn request(told: &Told) -> Message {
    let parent = told.trace.parent.map(bursar_core::SpanId::as_u64);
    let name = format!("bursar {}", told.format.as_str());
    let mut span =
        span(told, told.trace.span.as_u64(), parent, &name, SERVER, (told.created_at, told.ended_at));
    let id = told.id.to_string();
    let put = |span: &mut Message, name: &str, value: Any<'_>| attribute(span, 9, name, &value);
    put(&mut span, names::REQUEST_ID, Any::Text(&id));
    put(&mut span, names::API_FORMAT, Any::Text(told.format.as_str()));
    put(&mut span, names::STATUS, Any::Text(told.status.as_str()));
    put(&mut span, names::STREAM, Any::Bool(told.stream));
    put(&mut span, names::ATTEMPTS, Any::Int(u64::try_from(told.attempts.len()).unwrap_or(u64::MAX)));
    put(&mut span, names::HOLD, Any::Double(float(&told.hold.to_string())));
    if let Some(project) = &told.project {
        put(&mut span, names::PROJECT, Any::Text(project));
    }
    if let Some(model) = &told.model {
        put(&mut span, names::REQUEST_MODEL, Any::Text(model));
    }
    if let Some(code) = told.code {
        put(&mut span, names::CODE, Any::Text(code));
    }
    if let Some(status) = told.status_code {
        put(&mut span, names::HTTP_STATUS, Any::Int(u64::from(status)));
    }
    if let Some(cost) = told.list_cost {
        put(&mut span, names::COST, Any::Double(float(&cost.to_string())));
        put(&mut span, names::EFFECTIVE_COST, Any::Double(float(&told.effective_cost.to_string())));
        put(&mut span, names::ESTIMATED, Any::Bool(told.estimated));
    }
    if let Some(added) = told.added_us.and_then(|added| u64::try_from(added).ok()) {
        put(&mut span, names::ADDED, Any::Int(added));
    }
    if let Some(at) = told.first_byte_at {
        let ms = u64::try_from(at.micros_since(told.created_at) / 1_000).unwrap_or(0);
        put(&mut span, names::FIRST_BYTE, Any::Int(ms));
    }
    // A refusal is an answer, not an error of this server; it is told by its code.
    if told.status == Status::Failed {
        failed(&mut span, told.code.unwrap_or("failed"));
    }
    span
}

/// The span of one attempt, as the conventions have calls of a model.
fn try_span(told: &Told, attempt: &Try) -> Message {
    let operation = names::operation(told.format);
    let name = format!("{operation} {}", attempt.served_model);
    let times = (attempt.sent_at, attempt.ended_at);
    let mut span = span(told, attempt.span.as_u64(), Some(told.trace.span.as_u64()), &name, CLIENT, times);
    let put = |span: &mut Message, name: &str, value: Any<'_>| attribute(span, 9, name, &value);
    let vendor = told.vendor.as_deref().filter(|_| attempt.counts).unwrap_or(&attempt.provider);
    put(&mut span, names::OPERATION, Any::Text(operation));
    put(&mut span, names::PROVIDER, Any::Text(names::vendor(vendor)));
    put(&mut span, names::REQUEST_MODEL, Any::Text(&attempt.served_model));
    put(&mut span, names::BURSAR_PROVIDER, Any::Text(&attempt.provider));
    if let Some(end) = attempt.end {
        put(&mut span, names::END, Any::Text(end));
    }
    if let Some(status) = attempt.status_code {
        put(&mut span, names::HTTP_STATUS, Any::Int(u64::from(status)));
    }
    if attempt.counts {
        let usage = &told.usage;
        put(&mut span, names::INPUT_TOKENS, Any::Int(told.input_tokens()));
        put(&mut span, names::OUTPUT_TOKENS, Any::Int(usage.get(UsageClass::Output)));
        let written = usage.get(UsageClass::CacheWrite5m).saturating_add(usage.get(UsageClass::CacheWrite1h));
        for (name, count) in [
            (names::CACHE_READ_TOKENS, usage.get(UsageClass::CacheRead)),
            (names::CACHE_CREATION_TOKENS, written),
        ] {
            if count > 0 {
                put(&mut span, name, Any::Int(count));
            }
        }
        for (name, text) in
            [(names::RESPONSE_MODEL, &told.answered_model), (names::RESPONSE_ID, &told.upstream_id)]
        {
            if let Some(text) = text {
                put(&mut span, name, Any::Text(text));
            }
        }
    }
    if attempt.failed {
        let kind = attempt.status_code.map_or_else(|| "no_answer".to_owned(), |status| status.to_string());
        failed(&mut span, &kind);
    }
    span
}

fn span(
    told: &Told,
    id: u64,
    parent: Option<u64>,
    name: &str,
    kind: u64,
    (from, until): (Timestamp, Timestamp),
) -> Message {
    let mut span = Message::default();
    span.bytes(1, &told.trace.id.as_u128().to_be_bytes());
    span.bytes(2, &id.to_be_bytes());
    if let Some(parent) = parent {
        span.bytes(4, &parent.to_be_bytes());
    }
    span.text(5, name);
    span.varint(6, kind);
    span.fixed64(7, nanos(from));
    span.fixed64(8, nanos(until.max(from)));
    span.fixed32(16, u32::from(told.trace.sampled));
    span
}

fn failed(span: &mut Message, kind: &str) {
    attribute(span, 9, names::ERROR_TYPE, &Any::Text(kind));
    let mut status = Message::default();
    status.varint(3, ERROR);
    span.message(15, &status);
}

fn attribute(to: &mut Message, field: u32, name: &str, value: &Any<'_>) {
    let mut any = Message::default();
    match value {
        Any::Text(text) => any.bytes(1, text.as_bytes()),
        Any::Bool(is) => any.varint(2, u64::from(*is)),
        Any::Int(number) => any.varint(3, *number),
        Any::Double(number) => any.double(4, *number),
    }
    let mut pair = Message::default();
    pair.text(1, name);
    pair.message(2, &any);
    to.message(field, &pair);
}

fn series_attributes(to: &mut Message, field: u32, series: &Series, kind: Option<&str>) {
    attribute(to, field, names::OPERATION, &Any::Text(series.operation));
    attribute(to, field, names::PROVIDER, &Any::Text(&series.vendor));
    attribute(to, field, names::REQUEST_MODEL, &Any::Text(&series.model));
    if let Some(kind) = kind {
        attribute(to, field, names::TOKEN_TYPE, &Any::Text(kind));
    }
}

/// A point of a histogram whose values have so many decimal places.
fn steps_point(
    series: &Series,
    kind: Option<&str>,
    steps: &Steps,
    ends: &[u64],
    places: u32,
    since: Timestamp,
    now: Timestamp,
) -> Message {
    let value = |value: u64| float(&bursar_core::decimal::format(i128::from(value), places));
    let mut point = Message::default();
    point.fixed64(2, nanos(since));
    point.fixed64(3, nanos(now));
    point.fixed64(4, steps.count);
    point.double(5, value(steps.sum));
    point.packed64(6, steps.counts.iter().copied());
    point.packed64(7, ends.iter().map(|end| value(*end).to_bits()));
    series_attributes(&mut point, 9, series, kind);
    point
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.micros()).unwrap_or(0).saturating_mul(1_000)
}

/// The nearest float of a decimal: for a chart, where no amount is computed with any more.
fn float(decimal: &str) -> f64 {
    decimal.parse().unwrap_or(0.0)
}
