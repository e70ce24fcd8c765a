//! `Idempotency-Key` on every POST of the admin API: a repeat gets the first answer, and does nothing.

use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bursar_core::Code;
use bursar_govern::idempotency::{Asked, Begun, KEY_BYTES_MAX, Kept, Place, fingerprint};
use bursar_govern::keys::HashedSecret;
use std::sync::Arc;

/// Bytes of an answer that is collected to be kept: the largest page of a list is well below.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a request: what the data plane takes from clients at most.
const REQUEST_BYTES_MAX: usize = bursar_core::limits::REQUEST_BODY_BYTES_MAX;

/// Answers a repeated POST as the first one was answered.
pub(crate) async fn repeat(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    // Reports and reservations are known by their key themselves, for longer than a day.
    let own = matches!(request.uri().path(), "/admin/v1/usage" | "/admin/v1/reservations");
    let has_key = !own && request.headers().contains_key("idempotency-key");
    let (Some(replies), true, &Method::POST) = (state.replies.get(), has_key, request.method()) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    if let Err(problem) = Actor::from_request_parts(&mut parts, &state).await {
        return problem.into_response();
    }
    let text = parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(key) = text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX) else {
        let detail = format!("Idempotency-Key: not 1 to {KEY_BYTES_MAX} characters of ASCII");
        return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
    };
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").into_response();
    };
    let bearer = parts.headers.get(header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    let who = HashedSecret::of(&String::from_utf8_lossy(bearer));
    let hex: String = who.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let asked = Asked {
        scope: format!("token:{hex}"),
        key: key.to_owned(),
        request_id: state.governor.ports().request_id(),
        fingerprint: fingerprint(&[parts.uri.to_string().as_bytes(), &body]),
    };
    match replies.begin(asked, state.now()).await {
        Ok(Begun::New(place)) => {
            let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
            kept(place, answer).await
        }
        Ok(Begun::Answered(_, kept)) => again(kept),
        Ok(Begun::InFlight(_)) => {
            let mut answer = conflict("the first request with this Idempotency-Key is still under way");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        }
        Ok(Begun::Done(..)) => conflict("this Idempotency-Key was used, and its answer is not kept"),
        Ok(Begun::Other(_)) => conflict("this Idempotency-Key was used for another request"),
        Err(error) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// Keeps a good answer; after any other a repeat is a new try.
async fn kept(place: Place, answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off").into_response();
    };
    if head.status.is_success() {
        let header =
            |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
        place.keep(head.status.as_u16(), head.headers.iter().map(header).collect(), body.clone());
    } else {
        place.forget();
    }
    Response::from_parts(head, Body::from(body))
}

fn again(kept: Kept) -> Response {
    let mut answer = Response::new(Body::from(kept.body));
    *answer.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    for (name, value) in kept.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer.headers_mut().insert("x-bursar-replayed", HeaderValue::from_static("true"));
    answer
}

fn conflict(detail: &str) -> Response {
    let problem = Problem::new(StatusCode::CONFLICT, detail);
    Problem { kind: Code::Idempotency.to_string(), ..problem }.into_response()
}
