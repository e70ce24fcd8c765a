//! Reading what programs tell of calls that they make themselves: attributes, usage, status, times. Every mistake names
//! its field and says what would be right.

use crate::problem::Problem;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bursar_core::{
    ApiFormat, Attribute, Attributes, Code, Refusal, Timestamp, Usage, UsageClass, Usd, Value,
};
use bursar_govern::outside::{Call, Mistake, NotBooked, Report};
use bursar_store::records::Status;
use bursar_wire::{Anomaly, BodyKind, Meter, RefusalStatus};
use serde::Deserialize;
use serde_json::{Map, Value as Node, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Tokens of one class that a report may state: a thousand times the largest context window there is.
const COUNT_MAX: i64 = 1_000_000_000;
/// Bytes of a text in a report: an error message of a paragraph.
const TEXT_BYTES_MAX: usize = 1024;
/// USD that one call may cost: far above the dearest request there is; more is a slip of the decimal point.
const COST_MAX_USD: i64 = 1_000_000;

/// How a call ended, or how far it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomeInput {
    /// `pending`, `streaming`, `completed` (default), `failed`, `cancelled`.
    pub status: Option<String>,
    /// Counts by class: `{"input": 1200, "cache_read": 300, "output": 80}`.
    #[schema(value_type = Object)]
    pub usage: Option<Map<String, Node>>,
    /// The provider's own usage object, or its whole answer, in the call's API format; instead of `usage`.
    #[schema(value_type = Object)]
    pub provider_usage: Option<Map<String, Node>>,
    /// What the provider says it cost, USD; it then counts instead of the price.
    pub cost_usd: Option<String>,
    /// Whether usage is estimated.
    pub estimated: Option<bool>,
    /// Whether it was a stream.
    pub stream: Option<bool>,
    /// The status of the provider's answer: 100 to 599.
    pub status_code: Option<i64>,
    /// Milliseconds to the first byte.
    pub first_byte_ms: Option<i64>,
    /// Milliseconds to the end.
    pub total_ms: Option<i64>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The provider's own id of the call.
    pub upstream_request_id: Option<String>,
    /// The model that the provider says answered.
    pub answered_model: Option<String>,
    /// The service tier in the provider's word.
    pub service_tier: Option<String>,
}

/// Names of the fields of [`OutcomeInput`].
pub(super) const OUTCOME_FIELDS: [&str; 13] = [
    "status",
    "usage",
    "provider_usage",
    "cost_usd",
    "estimated",
    "stream",
    "status_code",
    "first_byte_ms",
    "total_ms",
    "error",
    "upstream_request_id",
    "answered_model",
    "service_tier",
];

impl OutcomeInput {
    /// The report of a call.
    ///
    /// # Errors
    /// [`Mistake`].
    pub(super) fn report(self, call: Call) -> Result<Report, Mistake> {
        let usage = match (self.usage, self.provider_usage) {
            (Some(_), Some(_)) => {
                return Err(Mistake::new("provider_usage", "give this or `usage`, not both"));
            }
            (Some(counts), None) => flat(&counts)?,
            (None, Some(own)) => metered(own, call.format, &call.prices)?,
            (None, None) => Usage::new(),
        };
        let report = Report {
            status: status(self.status.as_deref())?,
            usage,
            stated: self.cost_usd.as_deref().map(|text| money("cost_usd", text)).transpose()?,
            estimated: self.estimated.unwrap_or(false),
            stream: self.stream.unwrap_or(false),
            status_code: self.status_code.map(status_code).transpose()?,
            first_byte_ms: self.first_byte_ms.map(|ms| millis("first_byte_ms", ms)).transpose()?,
            total_ms: self.total_ms.map(|ms| millis("total_ms", ms)).transpose()?,
            error: text("error", self.error)?.filter(|error| !error.is_empty()),
            upstream_request_id: text("upstream_request_id", self.upstream_request_id)?,
            answered_model: text("answered_model", self.answered_model)?,
            service_tier: text("service_tier", self.service_tier)?,
            call,
        };
        if report.status == Status::Completed && report.usage.is_empty() && report.stated.is_none() {
            return Err(Mistake::new("usage", "is missing: state what the call used, or `cost_usd`"));
        }
        report.charge()?;
        Ok(report)
    }
}

/// Attributes by their words.
pub(super) fn attributes(texts: &BTreeMap<String, String>) -> Result<Attributes, Mistake> {
    let mut attributes = Attributes::new();
    for (word, text) in texts {
        let attribute = Attribute::parse(word).ok_or_else(|| {
            let words = Attribute::words().join(", ");
            Mistake::new("attributes", format!("`{word}` is not one of {words}"))
        })?;
        let value =
            Value::new(text).map_err(|error| Mistake::new("attributes", format!("`{word}` {error}")))?;
        if !attributes.set(&attribute, value) {
            return Err(Mistake::new("attributes", "has too many tags"));
        }
    }
    Ok(attributes)
}

/// An API format by its word.
pub(super) fn api_format(word: &str) -> Result<ApiFormat, Mistake> {
    let words = || ApiFormat::ALL.iter().map(|format| format.as_str()).collect::<Vec<_>>().join(", ");
    ApiFormat::parse(word)
        .ok_or_else(|| Mistake::new("api_format", format!("`{word}` is not one of {}", words())))
}

/// USD, not negative, within reason.
pub(super) fn money(field: &'static str, text: &str) -> Result<Usd, Mistake> {
    let usd = Usd::parse(text).map_err(|error| Mistake::new(field, format!("`{text}` {error}")))?;
    let most = Usd::from_nanos(COST_MAX_USD.saturating_mul(1_000_000_000));
    if usd < Usd::ZERO {
        return Err(Mistake::new(field, format!("`{text}` is negative")));
    }
    if usd > most {
        return Err(Mistake::new(field, format!("`{text}` is above {COST_MAX_USD} USD")));
    }
    Ok(usd)
}

/// When a call was made: not long ago, not ahead of our clock.
pub(super) fn made_at(given: Option<&str>, now: Timestamp) -> Result<Timestamp, Mistake> {
    use bursar_govern::outside::{CALL_AGE_MAX_S, CLOCK_SKEW_MAX_S};
    let Some(text) = given else { return Ok(now) };
    let at = Timestamp::parse(text).ok_or_else(|| {
        Mistake::new("created_at", format!("`{text}` is no RFC 3339 time such as 2026-04-10T12:00:00Z"))
    })?;
    if at > now.plus_seconds(CLOCK_SKEW_MAX_S) {
        return Err(Mistake::new("created_at", format!("`{text}` is in the future: it is {now}")));
    }
    if at < now.plus_seconds(-CALL_AGE_MAX_S) {
        let days = CALL_AGE_MAX_S / 86_400;
        return Err(Mistake::new("created_at", format!("`{text}` is more than {days} days ago")));
    }
    Ok(at.min(now))
}

/// A count of tokens that is asked for.
pub(super) fn count(field: &'static str, given: i64) -> Result<u64, Mistake> {
    if given > COUNT_MAX {
        return Err(Mistake::new(field, format!("{given} is above {COUNT_MAX}")));
    }
    u64::try_from(given).map_err(|_| Mistake::new(field, format!("{given} is negative")))
}

fn status(word: Option<&str>) -> Result<Status, Mistake> {
    const WORDS: &str = "pending, streaming, completed, failed, cancelled";
    match word {
        None => Ok(Status::Completed),
        Some(word) => Status::parse(word)
            .filter(|status| *status != Status::Denied)
            .ok_or_else(|| Mistake::new("status", format!("`{word}` is not one of {WORDS}"))),
    }
}

fn status_code(code: i64) -> Result<u16, Mistake> {
    u16::try_from(code)
        .ok()
        .filter(|code| (100..=599).contains(code))
        .ok_or_else(|| Mistake::new("status_code", format!("{code} is not from 100 to 599")))
}

fn millis(field: &'static str, ms: i64) -> Result<u32, Mistake> {
    if ms < 0 {
        return Err(Mistake::new(field, format!("{ms} is negative")));
    }
    u32::try_from(ms).map_err(|_| Mistake::new(field, format!("{ms} ms is more than {} days", 49)))
}

fn text(field: &'static str, given: Option<String>) -> Result<Option<String>, Mistake> {
    match given {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            Err(Mistake::new(field, format!("is longer than {TEXT_BYTES_MAX} bytes")))
        }
        other => Ok(other),
    }
}

fn flat(counts: &Map<String, Node>) -> Result<Usage, Mistake> {
    let mut usage = Usage::new();
    for (word, given) in counts {
        let class = UsageClass::parse(word).ok_or_else(|| {
            let words = UsageClass::ALL.map(UsageClass::as_str).join(", ");
            Mistake::new("usage", format!("`{word}` is not one of {words}"))
        })?;
        let units = match (given.as_i64(), given.as_u64()) {
            (Some(units), _) if units < 0 => {
                return Err(Mistake::new("usage", format!("`{word}` is {units}: negative")));
            }
            (Some(units), _) if units <= COUNT_MAX => units.unsigned_abs(),
            (Some(_), _) | (None, Some(_)) => {
                return Err(Mistake::new("usage", format!("`{word}` is {given}: above {COUNT_MAX}")));
            }
            (None, None) => {
                return Err(Mistake::new("usage", format!("`{word}` is {given}: not a whole number")));
            }
        };
        usage.set(class, units);
    }
    Ok(usage)
}

/// Reads a provider's own usage as the meter reads an answer.
fn metered(own: Map<String, Node>, format: ApiFormat, prices: &str) -> Result<Usage, Mistake> {
    let (place, around) = match format {
        ApiFormat::AnthropicMessages => ("usage", json!({ "type": "message" })),
        ApiFormat::OpenAiResponses => ("usage", json!({ "object": "response", "status": "completed" })),
        ApiFormat::OpenAiChat | ApiFormat::OpenAiCompletions | ApiFormat::OpenAiEmbeddings => {
            ("usage", json!({}))
        }
        ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed => ("usageMetadata", json!({})),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => ("", json!({})),
    };
    let body = if place.is_empty() || own.contains_key(place) {
        Node::Object(own)
    } else {
        let mut body = around;
        if let Some(fields) = body.as_object_mut() {
            fields.insert(place.to_owned(), Node::Object(own));
        }
        body
    };
    let mut meter = Meter::new(format, prices, BodyKind::Json);
    meter.feed(body.to_string().as_bytes());
    let reading = meter.finish();
    if reading.anomalies.has(Anomaly::Malformed) || reading.anomalies.has(Anomaly::BadCount) {
        return Err(Mistake::new("provider_usage", format!("is no usage of `{format}`")));
    }
    if reading.usage.iter().any(|(_, units)| i64::try_from(units).map_or(true, |units| units > COUNT_MAX)) {
        return Err(Mistake::new("provider_usage", format!("states a count above {COUNT_MAX}")));
    }
    Ok(reading.usage)
}

/// The problem of a mistake: 422, with its code as the type where it is not the input's form.
pub(super) fn problem(mistake: &Mistake) -> Problem {
    let mut problem = Problem::field(mistake.field, &mistake.problem);
    problem.kind = mistake.code.to_string();
    problem
}

/// A refusal as an answer of the admin API: the gateway's numbers, as a problem.
#[derive(Debug)]
pub(super) enum Refused {
    /// Something is wrong with the input.
    Problem(Problem),
    /// A deliberate no, with numbers.
    Refusal(Box<Refusal>),
}

impl Refused {
    /// A field that is wrong.
    pub(super) fn mistake(mistake: &Mistake) -> Self {
        Self::Problem(problem(mistake))
    }
    /// Why nothing was booked.
    pub(super) fn not_booked(no: NotBooked) -> Self {
        match no {
            NotBooked::Refused(refusal) => Self::Refusal(refusal),
            NotBooked::Conflict(detail) => {
                let mut problem = Problem::new(StatusCode::CONFLICT, detail);
                problem.kind = Code::SettleConflict.to_string();
                Self::Problem(problem)
            }
            NotBooked::Unknown => {
                Self::Problem(Problem::new(StatusCode::NOT_FOUND, "no call of this id is known here"))
            }
            NotBooked::Down(detail) => {
                let mut problem = Problem::unavailable(&detail);
                problem.kind = Code::LedgerUnavailable.to_string();
                Self::Problem(problem)
            }
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The numbers of a refusal, as the gateway writes them under `bursar`.
pub(super) fn numbers(refusal: &Refusal) -> Node {
    let made = bursar_wire::refuse(ApiFormat::OpenAiChat, refusal, RefusalStatus::Always402);
    let body: Node = serde_json::from_slice(&made.body).unwrap_or_default();
    body.get("bursar").cloned().unwrap_or_default()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Refusal(refusal) => refusal,
        };
        let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::PAYMENT_REQUIRED);
        let mut problem = Problem::new(status, refusal.message.clone());
        problem.kind = refusal.code.to_string();
        let mut body = serde_json::to_value(&problem).unwrap_or_default();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("bursar".to_owned(), numbers(&refusal));
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = refusal.retry_after_s.filter(|_| refusal.code.is_retryable()) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
