//! Answers made here, and the heads of answers that pass through.

use crate::body::AnswerBody;
use bursar_core::{RequestId, Usd};
use bursar_govern::fit::OutputLimit;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use std::sync::Arc;

/// What goes back to the client.
pub type Answer = Response<AnswerBody>;

/// What the head of a governed answer tells.
#[derive(Debug, Clone)]
pub struct Told {
    /// The request.
    pub request_id: RequestId,
    /// Who answered.
    pub provider: String,
    /// The upstream's name for the model.
    pub model: String,
    /// Providers that were passed over or failed before.
    pub fallback: Option<String>,
    /// What is left in the tightest hard window that counts money.
    pub remaining: Option<Usd>,
    /// The output limit that went upstream instead of the client's.
    pub output_limit: Option<OutputLimit>,
    /// Budgets near their limit, with tenths of a percent.
    pub warnings: Vec<(Arc<str>, Option<i64>)>,
    /// Where the limits of the key stand, as headers of the client's format.
    pub rate_limits: Vec<(&'static str, String)>,
    /// List cost, where it is known before the head is sent.
    pub cost: Option<Usd>,
}

impl Told {
    /// What every head tells; the rest is added.
    pub(crate) fn new(request_id: RequestId, provider: &str) -> Self {
        Self {
            request_id,
            provider: provider.to_owned(),
            model: String::new(),
            fallback: None,
            remaining: None,
            output_limit: None,
            warnings: Vec::new(),
            rate_limits: Vec::new(),
            cost: None,
        }
    }
}

/// A short plain text.
#[must_use]
pub fn text(status: StatusCode, text: &str) -> Answer {
    let mut response = Response::new(AnswerBody::whole(text.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What nobody waits for any more.
pub(crate) fn abandoned() -> Answer {
    text(StatusCode::INTERNAL_SERVER_ERROR, "the request was abandoned\n")
}

/// A known path with another method.
#[must_use]
pub fn wrong_method(allowed: &'static str) -> Answer {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("this path takes {allowed}\n"));
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// An answer that the wire crate made in the client's format.
#[must_use]
pub fn from_wire(made: bursar_wire::Response) -> Answer {
    let mut response = Response::new(AnswerBody::whole(made.body));
    *response.status_mut() = StatusCode::from_u16(made.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in made.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Passes an upstream's head on: its own headers but hop-by-hop ones, and ours beside them.
pub fn pass_head(response: &mut Answer, upstream: &HeaderMap, told: &Told, length_known: bool) {
    let headers = response.headers_mut();
    *headers = bursar_wire::route::downstream_headers(upstream, length_known);
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-bursar-request-id", told.request_id.to_string());
    put("x-bursar-provider", told.provider.clone());
    put("x-bursar-model", told.model.clone());
    // The client's own limit, where it has one, is what it can act on: it replaces what the provider says of the shared one.
    for (name, value) in &told.rate_limits {
        put(name, value.clone());
    }
    if let Some(fallback) = &told.fallback {
        put("x-bursar-fallback", fallback.clone());
    }
    if let Some(remaining) = told.remaining {
        put("x-bursar-remaining-usd", remaining.to_string());
    }
    if let Some(limit) = told.output_limit {
        put("x-bursar-output-limit", limit.to_string());
    }
    if let Some(cost) = told.cost {
        put("x-bursar-cost-usd", cost.to_string());
    }
    if !told.warnings.is_empty() {
        put("x-bursar-budget-warning", warnings(&told.warnings));
    }
}

/// The provider's own id of its answer.
pub(crate) fn upstream_id(headers: &HeaderMap) -> Option<String> {
    let names = ["x-request-id", "request-id", "x-goog-request-id", "apim-request-id"];
    let value = names.iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok().map(|id| id.chars().take(128).collect())
}

fn warnings(warnings: &[(Arc<str>, Option<i64>)]) -> String {
    let one = |(name, permille): &(Arc<str>, Option<i64>)| match permille {
        Some(permille) => format!("{name}; pct={}.{}", permille / 10, (permille % 10).abs()),
        None => name.to_string(),
    };
    warnings.iter().map(one).collect::<Vec<_>>().join(", ")
}
