//! Error bodies as each family writes them.

use super::numbers::Numbers;
use bursar_core::{ApiFormat, Code, Family, Refusal};
use serde::Serialize;
use serde_json::{Value, json};

/// An error body of one family, with Bursar's numbers beside the error object.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Body {
    OpenAi(OpenAi),
    Anthropic(Anthropic),
    Gemini(Gemini),
    Ollama(Ollama),
}

/// `{"error": {message, type, param, code}}`
#[derive(Serialize)]
pub(super) struct OpenAi {
    pub(super) error: OpenAiError,
    pub(super) bursar: Numbers,
}

#[derive(Serialize, Clone)]
pub(super) struct OpenAiError {
    pub(super) message: String,
    pub(super) r#type: &'static str,
    param: Option<String>,
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<i64>,
}

/// `{"type": "error", "error": {type, message}, "request_id"}`
#[derive(Serialize)]
pub(super) struct Anthropic {
    r#type: &'static str,
    error: AnthropicError,
    request_id: String,
    bursar: Numbers,
}

#[derive(Serialize)]
struct AnthropicError {
    r#type: &'static str,
    message: String,
}

/// `{"error": {code, message, status, details}}`, after google.rpc.Status
#[derive(Serialize)]
pub(super) struct Gemini {
    error: GeminiError,
    bursar: Numbers,
}

#[derive(Serialize)]
struct GeminiError {
    code: u16,
    message: String,
    status: &'static str,
    details: Vec<Detail>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo { reason: &'static str, domain: &'static str },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
}

/// `{"error": "…"}`
#[derive(Serialize)]
pub(super) struct Ollama {
    error: String,
    bursar: Numbers,
}

/// The error body that says `refusal` with `status` to a client of `format`.
pub(super) fn body(format: ApiFormat, refusal: &Refusal, status: u16) -> Body {
    let numbers = Numbers::of(refusal);
    let message = format!("[{}] {}", refusal.code, refusal.message);
    match format.family() {
        Family::OpenAi => {
            Body::OpenAi(OpenAi { error: openai_error(format, refusal, status), bursar: numbers })
        }
        Family::Anthropic => Body::Anthropic(Anthropic {
            r#type: "error",
            error: AnthropicError { r#type: anthropic_type(status), message },
            request_id: refusal.request_id.to_string(),
            bursar: numbers,
        }),
        Family::Gemini => Body::Gemini(Gemini {
            error: GeminiError {
                code: status,
                message,
                status: gemini_status(refusal.code, status),
                details: gemini_details(refusal),
            },
            bursar: numbers,
        }),
        Family::Ollama => Body::Ollama(Ollama { error: message, bursar: numbers }),
    }
}

/// The error body that says that nothing is there.
pub(super) fn absent(family: Family, status: u16, message: &str) -> Value {
    match family {
        Family::OpenAi => json!({"error": {
            "message": message, "type": "invalid_request_error", "param": null, "code": "not_found",
        }}),
        Family::Anthropic => {
            json!({"type": "error", "error": {"type": "not_found_error", "message": message}})
        }
        Family::Gemini => json!({"error": {"code": status, "message": message, "status": "NOT_FOUND"}}),
        Family::Ollama => json!({"error": message}),
    }
}

/// OpenAI's error object. Clients know `insufficient_quota` and, on Responses, `usage_limit_reached` with `resets_at`
/// as final; everything else that Bursar says carries its own code.
pub(super) fn openai_error(format: ApiFormat, refusal: &Refusal, status: u16) -> OpenAiError {
    let responses = format == ApiFormat::OpenAiResponses;
    let spent = refusal.code.is_spent_budget();
    let (kind, code) = match status {
        _ if spent && responses => ("usage_limit_reached", "usage_limit_reached"),
        _ if spent => ("insufficient_quota", "insufficient_quota"),
        401 => ("invalid_request_error", "invalid_api_key"),
        429 => ("requests", "rate_limit_exceeded"),
        500.. => ("server_error", refusal.code.as_str()),
        _ => ("invalid_request_error", refusal.code.as_str()),
    };
    let first = refusal.blocking.first();
    OpenAiError {
        message: format!("[{}] {}", refusal.code, refusal.message),
        r#type: kind,
        param: None,
        code,
        resets_at: first
            .and_then(|window| window.ends_at)
            .filter(|_| spent && responses)
            .map(|at| at.seconds()),
    }
}

const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

/// The canonical codes of google.rpc.
const fn gemini_status(code: Code, status: u16) -> &'static str {
    if code.is_spent_budget() {
        return "RESOURCE_EXHAUSTED";
    }
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        409 => "ABORTED",
        422 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

/// Gemini's command-line tool retries every 429 but one whose `retryDelay` is above 300 s, which it reports as final
/// with our message (`googleQuotaErrors.ts`, read 2026-11). A window's own reset says more where it is further away; a
/// window that never resets says a year.
fn gemini_details(refusal: &Refusal) -> Vec<Detail> {
    const FINAL_S: i64 = 301;
    const NEVER_S: i64 = 365 * 86_400;
    let mut details = vec![Detail::ErrorInfo { reason: refusal.code.as_str(), domain: "bursar" }];
    let delay = if refusal.code.is_spent_budget() {
        let asked_at_s = i64::try_from(refusal.request_id.as_u128() >> 80).unwrap_or(0) / 1000;
        let reset = refusal
            .blocking
            .first()
            .map(|window| window.ends_at.map_or(NEVER_S, |at| at.seconds().saturating_sub(asked_at_s)));
        Some(reset.unwrap_or(NEVER_S).clamp(FINAL_S, NEVER_S).to_string())
    } else if refusal.code.is_retryable() {
        refusal.retry_after_s.map(|seconds| seconds.to_string())
    } else {
        None
    };
    details.extend(delay.map(|seconds| Detail::RetryInfo { retry_delay: format!("{seconds}s") }));
    details
}
