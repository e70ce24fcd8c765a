//! Sending what was reserved, till the head of the answer is there, and settling an answer in hand: the same for an answer
//! with a meter and for one at a declared price.

use crate::answer::{self, Answer, Told};
use crate::body::AnswerBody;
use crate::exchange::Worker;
use crate::upstream::UpstreamError;
use crate::upstream_body::UpstreamBody;
use crate::{capture, health, trace};
use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::circuit::Went;
use bursar_govern::directory::Provider;
use bursar_govern::kill::Cut;
use bursar_govern::reservation::{Reservation, Sent};
use bursar_govern::story::{Status, Story};
use bursar_wire::Reading;
use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response};
use http_body_util::Full;

/// Why there is no answer, and with it what is known of the bill.
#[derive(Clone, Copy)]
pub(crate) enum Cause {
    /// Nothing was sent, so nothing is billed.
    Unreached,
    /// It was sent, and whether it is billed is unknown.
    Silent,
    /// It was cut here; what is billed is unknown.
    Cut,
}

/// No answer came.
pub(crate) struct Unanswered {
    pub(crate) cause: Cause,
    pub(crate) story: Option<Box<Story>>,
    /// What the client is told, if nobody else is asked.
    pub(crate) refusal: Refusal,
}

/// Sends a request as the attempt that was reserved, and waits for the head of the answer, which the story is told.
pub(crate) async fn send(
    worker: &Worker,
    provider: &Provider,
    mut reservation: Reservation,
    cut: &mut Cut,
    mut upstream: Request<Full<Bytes>>,
) -> Result<(Sent, Parts, UpstreamBody), Box<Unanswered>> {
    let request_id = request_id(&reservation);
    if let Some(story) = reservation.story() {
        trace::pass_on(story, upstream.headers_mut());
    }
    let timeouts = &provider.timeouts;
    let mut sent = reservation.sent();
    let answered = tokio::select! {
        answered = worker.upstream.send(upstream, timeouts.connect, timeouts.first_byte) => answered,
        by = cut.cut() => {
            let story = sent.unknown(by.as_str().to_owned());
            return Err(Box::new(Unanswered { cause: Cause::Cut, story, refusal: by.refusal(request_id) }));
        }
    };
    let error = match answered {
        Ok(response) => {
            let (head, body) = response.into_parts();
            note_head(worker, provider, &mut sent, &head);
            return Ok((sent, head, body));
        }
        Err(error) => error,
    };
    let name = &provider.name;
    let (cause, code, message) = match &error {
        UpstreamError::Connect(error) => {
            tracing::warn!(provider = %name, %error, "cannot connect");
            let message = format!("the provider {name} cannot be reached: {error}");
            (Cause::Unreached, Code::UpstreamUnreachable, message)
        }
        UpstreamError::Broken(error) => {
            tracing::warn!(provider = %name, %error, "broke off before an answer");
            let message = format!("the provider {name} broke off before an answer");
            (Cause::Silent, Code::UpstreamUnreachable, message)
        }
        UpstreamError::Timeout(after) => {
            let message = format!("the provider {name} did not answer within {} s", after.as_secs());
            (Cause::Silent, Code::UpstreamTimeout, message)
        }
    };
    let story = if let Cause::Unreached = cause {
        sent.connect_failed(message.clone())
    } else {
        sent.went(Went::Badly);
        sent.unknown(message.clone())
    };
    Err(Box::new(Unanswered { cause, story, refusal: Refusal::new(code, request_id, message) }))
}

/// The request that a reservation is for.
pub(crate) fn request_id(reservation: &Reservation) -> RequestId {
    reservation.id().map_or(RequestId::from_u128(0), |id| id.request)
}

/// What the head of an answer to this attempt will tell, as far as it is known before.
pub(crate) fn told(reservation: &mut Reservation, provider: &Provider) -> Told {
    let mut told = Told::new(request_id(reservation), provider.name.as_str());
    if let Some(story) = reservation.story() {
        told.rate_limits = bursar_wire::rate_limit_headers(story.api_format, &story.rate_limits);
    }
    told
}

/// Settles an answer that is complete and in hand, before its head is made, so that the head can say what it cost.
pub(crate) fn settle(
    sent: Sent,
    reading: &Reading,
    head: &Parts,
    bytes: Bytes,
    mut told: Told,
) -> (Option<Box<Story>>, Answer) {
    let status = head.status;
    let story =
        if status.is_success() { sent.complete(reading) } else { sent.rejected(status.as_u16(), reading) };
    told.cost = story.as_ref().and_then(|story| story.cost.as_ref()).map(|cost| cost.list);
    (story, answer(AnswerBody::whole(bytes), head, &told, false))
}

/// An answer of the provider's, on its way to the client.
pub(crate) fn answer(body: AnswerBody, head: &Parts, told: &Told, length_known: bool) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = head.status;
    answer::pass_head(&mut answer, &head.headers, told, length_known);
    answer
}

fn note_head(worker: &Worker, provider: &Provider, sent: &mut Sent, head: &Parts) {
    let status = head.status;
    sent.went(health::went(provider, status, &head.headers));
    let Some(story) = sent.story() else { return };
    story.first_byte_at = Some(worker.gateway.governor.now());
    story.status_code = Some(status.as_u16());
    story.upstream_request_id = answer::upstream_id(&head.headers);
    story.status = Status::Streaming;
    capture::answered(story, &head.headers);
    if let Some(attempt) = story.attempt() {
        attempt.status_code = Some(status.as_u16());
    }
}
