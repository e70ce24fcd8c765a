//! What an upstream's answer says about the upstream: whether it works, whether another may do better, and when it may
//! be asked again.

use bursar_govern::circuit::Went;
use bursar_govern::directory::{Credentials, Provider};
use bursar_wire::Reading;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// What may be done after an answer that is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Another deployment or credential may answer.
    pub another_may_do: bool,
    /// The same one may answer soon.
    pub soon: bool,
    /// When the provider wants to be asked again.
    pub after: Option<Duration>,
}

/// What the head of an answer says to the circuit of its endpoint. What is wrong with a caller's own credential is not
/// the endpoint's fault.
#[must_use]
pub fn went(provider: &Provider, status: StatusCode, headers: &HeaderMap) -> Went {
    let own = matches!(provider.credentials, Credentials::Own(_) | Credentials::None);
    match status {
        StatusCode::TOO_MANY_REQUESTS if own => {
            let seconds = after(headers).map(|after| after.as_millis().div_ceil(1_000));
            Went::Limited(seconds.and_then(|seconds| i64::try_from(seconds).ok()))
        }
        StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED if own => Went::Badly,
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => Went::Badly,
        _ => Went::Well,
    }
}

/// What may be done after an error answer in full.
#[must_use]
pub fn outlook(provider: &Provider, status: StatusCode, headers: &HeaderMap, reading: &Reading) -> Outlook {
    let own = matches!(provider.credentials, Credentials::Own(_) | Credentials::None);
    let limited = status == StatusCode::TOO_MANY_REQUESTS;
    let failing = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    let refused = own && matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED);
    // OpenAI's 429 for an account without money is not over soon.
    let broke =
        reading.error.as_ref().is_some_and(|error| error.kind.as_deref() == Some("insufficient_quota"));
    let final_word = headers.get("x-should-retry").is_some_and(|value| value.as_bytes() == b"false");
    Outlook {
        another_may_do: limited || failing || refused,
        soon: (limited || failing) && !broke && !final_word && status != StatusCode::NOT_IMPLEMENTED,
        after: after(headers),
    }
}

/// `Retry-After` in seconds, or OpenAI's `retry-after-ms`.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}
