//! How every governed request begins, with a meter or at a declared price: its story, who asks, its body, its place.

use crate::answer::Answer;
use crate::exchange::Worker;
use crate::idempotency::{self, Repeat};
use crate::intake::{Body, IntakeError};
use crate::{address, capture, default_key, refusal, trace};
use bursar_core::{ApiFormat, Code, Refusal, RequestId};
use bursar_govern::idempotency::Place;
use bursar_govern::identify::{self, Caller, Claims};
use bursar_govern::story::Story;
use bursar_wire::client_keys;
use bursar_wire::route::check_headers;
use http::HeaderMap;
use http::request::Parts;
use hyper::body::Incoming;

/// Begins the story of a request with what its head tells, and finds who asks.
pub(crate) fn begin(
    worker: &Worker,
    format: ApiFormat,
    parts: &Parts,
) -> (Box<Story>, Result<Caller, Refusal>) {
    let governor = &worker.gateway.governor;
    let request_id = governor.ports().request_id();
    let mut story = Story::begin(request_id, governor.now(), format);
    note_headers(&mut story, &parts.headers);
    trace::join(&mut story, &parts.headers, worker.gateway.sample_pct);
    story.in_flight = Some(governor.flights().enter());
    let caller = recognise(worker, parts, request_id).and_then(|caller| {
        story.attributes = caller.attributes.clone();
        story.caller = Some(caller.clone());
        capture::begin(governor, &mut story, &parts.headers);
        check_headers(&parts.headers).map_err(|error| error.refusal(request_id))?;
        Ok(caller)
    });
    (story, caller)
}

/// Reads the body, of so many bytes at the most.
pub(crate) async fn take_in(
    worker: &Worker,
    story: &mut Story,
    parts: &Parts,
    body: Incoming,
    bytes_max: usize,
) -> Result<Body, Refusal> {
    let governor = &worker.gateway.governor;
    let asked = governor.now();
    let body = worker.intake.read(&parts.headers, body, bytes_max).await;
    let body = body.map_err(|error| intake_refusal(error, story.request_id))?;
    story.intake_us = governor.now().micros_since(asked).max(0);
    capture::asked(story, &body.bytes);
    Ok(body)
}

/// Gives a request that may be sent its place under its idempotency key and in the limits of its key, or answers it.
pub(crate) async fn enter(
    worker: &Worker,
    mut story: Box<Story>,
    caller: &Caller,
    parts: &Parts,
    body: &Body,
) -> Result<(Box<Story>, Option<Place>), Answer> {
    let format = story.api_format;
    let refuse = |story, no| refusal::answer(&worker.gateway, format, story, no);
    let place = match idempotency::begin(worker, &story, parts, &body.bytes).await {
        Repeat::First(place) => place,
        Repeat::Again(first, answer) => return Err(idempotency::again(worker, story, first, answer)),
        Repeat::Refused(no) => return Err(refuse(story, no)),
    };
    story.reply = place.as_ref().map(Place::outcome);
    match worker.gateway.governor.enter(&mut story, caller) {
        Ok(()) => Ok((story, place)),
        Err(no) => Err(refuse(story, no)),
    }
}

/// Finds who asks.
pub(crate) fn recognise(worker: &Worker, parts: &Parts, request_id: RequestId) -> Result<Caller, Refusal> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let claims = Claims {
        agent: text("x-bursar-agent"),
        run: text("x-bursar-run"),
        session: text("x-bursar-session"),
        user: text("x-bursar-user"),
        tags: text("x-bursar-tags"),
    };
    let keys = client_keys(&parts.headers, parts.uri.path(), parts.uri.query());
    let trusted = &worker.gateway.trusted_proxies;
    let address = address::of_client(parts, trusted);
    let seen = (address::of_peer(parts), address);
    let default = || default_key::find(&worker.gateway.default_keys, &parts.headers, seen, trusted);
    let presented = keys.first().map(|found| &*found.key).or_else(default);
    let caller = worker.gateway.governor.identify(request_id, presented, &claims)?;
    identify::permit_address(&caller.key, address, request_id)?;
    Ok(caller)
}

fn note_headers(story: &mut Story, headers: &HeaderMap) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // The Vercel AI SDK (ai 6, 2026-11) retries every 429 and reads no `x-should-retry`; 402 it takes for final.
    story.retries_on_429 = text("user-agent").is_some_and(|agent| agent.contains("ai-sdk/"));
    story.client_retry_count = text("x-stainless-retry-count").and_then(|count| count.parse().ok());
    story.idempotency_key = text("idempotency-key").map(|key| key.chars().take(255).collect());
}

pub(crate) fn intake_refusal(error: IntakeError, request_id: RequestId) -> Refusal {
    let code = match error {
        IntakeError::TooLarge(_) => Code::BodyTooLarge,
        IntakeError::Busy => Code::ConcurrencyLimited,
        IntakeError::Slow(_) | IntakeError::Broken => Code::BadInput,
    };
    Refusal::new(code, request_id, error.to_string())
}
