//! One attempt: send what was admitted, and pass the answer on or say what else may be done.

use crate::answer::{self, Answer, Told};
use crate::body::AnswerBody;
use crate::collect::{Collected, collect};
use crate::cut;
use crate::exchange::Worker;
use crate::finale::Finale;
use crate::health::{self, Outlook};
use crate::intake::Body;
use crate::refusal;
use crate::request::{self, BuildError};
use crate::stream::GovernedStream;
use crate::trace;
use crate::upstream::UpstreamError;
use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::admit::Admitted;
use bursar_govern::circuit::Went;
use bursar_govern::directory::Timeouts;
use bursar_govern::fit::Wish;
use bursar_govern::identify::Caller;
use bursar_govern::kill::{Cut, CutBy};
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::route::Deployment;
use bursar_govern::story::{AttemptEnd, Status, Story};
use bursar_wire::route::Framing;
use bursar_wire::{BodyKind, Facts, Meter, SpendRoute, UsageStripper};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Everything that the attempts of one request need.
pub struct Errand {
    pub(crate) worker: Arc<Worker>,
    pub(crate) route: SpendRoute,
    pub(crate) facts: Facts,
    pub(crate) caller: Caller,
    pub(crate) parts: Parts,
    pub(crate) body: Body,
    /// What the client allows where the request does not fit.
    pub(crate) wish: Wish,
    pub(crate) deployments: Vec<Deployment>,
    /// Cancelled when the client left.
    pub(crate) gone: CancellationToken,
}

/// What became of one attempt.
pub(crate) enum Tried {
    /// The client has its answer.
    Answered(Answer),
    /// Another deployment may do, or this one later; if not, this is the answer.
    Next(Box<Story>, Failure, Outlook),
}

/// What the client gets when no other deployment is left.
pub(crate) enum Failure {
    /// An answer of Bursar's own.
    Own(Refusal),
    /// The provider's own error, unchanged.
    Passed(Answer),
}

/// Sends what was admitted.
pub(crate) async fn send(
    errand: &Errand,
    deployment: &Deployment,
    credential: Option<&bursar_govern::directory::Credential>,
    admitted: Admitted,
) -> Tried {
    let Admitted { mut reservation, tightest_usd, warnings, output_limit, mut cut } = admitted;
    let request_id = reservation.id().map_or(RequestId::from_u128(0), |id| id.request);
    let body = errand.body.bytes.clone();
    let limit = output_limit.map(|lowered| lowered.limit);
    let upstream =
        request::build(&errand.route, &errand.facts, &errand.parts, body, deployment, credential, limit);
    let mut upstream = match upstream {
        Ok(upstream) => upstream,
        Err(error) => {
            let code = match error {
                BuildError::NoClientCredential => Code::BadInput,
                BuildError::Url(_) | BuildError::Credential(_) | BuildError::Splice(_) => Code::NoDeployment,
            };
            return next(
                reservation.release(error.to_string()),
                code,
                request_id,
                &error.to_string(),
                errand,
            );
        }
    };
    if let Some(story) = reservation.story() {
        trace::pass_on(story, upstream.headers_mut());
    }
    let told = Told {
        request_id,
        provider: deployment.provider.name.to_string(),
        model: deployment.upstream_model.as_deref().unwrap_or(&errand.facts.model).to_owned(),
        fallback: reservation.story().and_then(|story| fallback(story)),
        remaining: tightest_usd,
        output_limit,
        warnings,
        rate_limits: reservation
            .story()
            .map(|story| bursar_wire::rate_limit_headers(story.api_format, &story.rate_limits))
            .unwrap_or_default(),
        cost: None,
    };
    if errand.gone.is_cancelled() {
        drop(reservation);
        return Tried::Answered(answer::text(StatusCode::REQUEST_TIMEOUT, "the client left\n"));
    }
    let timeouts = deployment.provider.timeouts;
    let mut sent = reservation.sent();
    let answered = tokio::select! {
        answered = errand.worker.upstream.send(upstream, timeouts.connect, timeouts.first_byte) => answered,
        by = cut.cut() => {
            let story = sent.unknown(by.as_str().to_owned());
            return Tried::Answered(cut_off(errand, story, request_id, &by));
        }
    };
    match answered {
        Ok(response) => pass(errand, deployment, (sent, cut), response, told, timeouts).await,
        Err(UpstreamError::Connect(error)) => {
            tracing::warn!(provider = %deployment.provider.name, %error, "cannot connect");
            let message = format!("the provider {} cannot be reached: {error}", deployment.provider.name);
            next(
                sent.connect_failed(message.clone()),
                Code::UpstreamUnreachable,
                request_id,
                &message,
                errand,
            )
        }
        Err(UpstreamError::Broken(error)) => {
            tracing::warn!(provider = %deployment.provider.name, %error, "broke off before an answer");
            let message = format!("the provider {} broke off before an answer", deployment.provider.name);
            sent.went(Went::Badly);
            let story = sent.unknown(message.clone());
            silent(story, deployment, Code::UpstreamUnreachable, request_id, &message, errand)
        }
        Err(UpstreamError::Timeout(after)) => {
            let seconds = after.as_secs();
            let message =
                format!("the provider {} did not answer within {seconds} s", deployment.provider.name);
            sent.went(Went::Badly);
            let story = sent.unknown(message.clone());
            silent(story, deployment, Code::UpstreamTimeout, request_id, &message, errand)
        }
    }
}

/// Passes an answer on.
async fn pass(
    errand: &Errand,
    deployment: &Deployment,
    (mut sent, mut cut): (Sent, Cut),
    response: Response<Incoming>,
    mut told: Told,
    timeouts: Timeouts,
) -> Tried {
    let (head, mut upstream) = response.into_parts();
    let governor = &errand.worker.gateway.governor;
    let status = head.status;
    let now = governor.now();
    sent.went(health::went(&deployment.provider, status, &head.headers));
    if let Some(story) = sent.story() {
        story.first_byte_at = Some(now);
        story.status_code = Some(status.as_u16());
        story.upstream_request_id = answer::upstream_id(&head.headers);
        story.status = Status::Streaming;
        if let Some(attempt) = story.attempt() {
            attempt.status_code = Some(status.as_u16());
        }
    }
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = BodyKind::of(content_type, errand.route.format, errand.facts.stream && status.is_success());
    let mut meter = Meter::new(errand.route.format, &deployment.provider.prices, kind);
    // Bursar asks for none, but a provider may encode all the same.
    let encoding = head.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if let Some(encoding) = encoding {
        meter = meter.with_encoding(encoding);
    }
    let in_array = errand.facts.stream && errand.route.framing == Framing::JsonArray;
    let streams = status.is_success() && (kind != BodyKind::Json || in_array);
    let mut ahead = VecDeque::new();
    if !streams {
        match collect(&mut upstream, timeouts.idle, Some(&mut cut)).await {
            Collected::All(bytes) => {
                meter.feed(&bytes);
                return whole(errand, deployment, sent, meter, &head.headers, status, bytes, told);
            }
            Collected::More(chunks) => ahead = chunks,
            Collected::Broken(chunks, by) => {
                chunks.iter().for_each(|chunk| meter.feed(chunk));
                let message = format!("the provider {}'s answer broke off", deployment.provider.name);
                let refusal = Refusal::new(Code::UpstreamUnreachable, told.request_id, message);
                note(&mut sent, &refusal, errand);
                return fail(sent.broken(&meter.finish(), by), refusal, errand);
            }
            Collected::Cut(chunks, by) => {
                chunks.iter().for_each(|chunk| meter.feed(chunk));
                note(&mut sent, &by.refusal(told.request_id), errand);
                let story = sent.broken(&meter.finish(), BrokenBy::Us(by.as_str()));
                return Tried::Answered(cut_off(errand, story, told.request_id, &by));
            }
        }
    }
    told.cost = None;
    let strips = streams && !errand.facts.asks_usage && encoding.is_none();
    let stripper = strips.then(UsageStripper::new);
    let finale = Finale::of(&errand.route, errand.facts.stream, kind, &head.headers);
    let stream =
        GovernedStream::new(Arc::clone(governor), upstream, ahead, sent, meter, stripper, timeouts.idle)
            .cut_by(cut, finale)
            .read_on_in(errand.worker.tasks());
    let mut answer = Response::new(AnswerBody::Governed(Box::new(stream)));
    *answer.status_mut() = status;
    answer::pass_head(&mut answer, &head.headers, &told, !strips);
    Tried::Answered(answer)
}

/// A complete answer in hand: settled before its head is sent, so that the head can say what it cost.
#[expect(clippy::too_many_arguments, reason = "an answer in its parts, each used once")]
fn whole(
    errand: &Errand,
    deployment: &Deployment,
    sent: Sent,
    meter: Meter,
    headers: &HeaderMap,
    status: StatusCode,
    bytes: Bytes,
    mut told: Told,
) -> Tried {
    let reading = meter.finish();
    let story =
        if status.is_success() { sent.complete(&reading) } else { sent.rejected(status.as_u16(), &reading) };
    told.cost = story.as_ref().and_then(|story| story.cost.as_ref()).map(|cost| cost.list);
    let mut answer = Response::new(AnswerBody::whole(bytes));
    *answer.status_mut() = status;
    answer::pass_head(&mut answer, headers, &told, false);
    let outlook = health::outlook(&deployment.provider, status, headers, &reading);
    match story {
        // Where the error was billed, another try would be billed beside it.
        Some(story) if !status.is_success() && outlook.another_may_do && is_unbilled(&story) => {
            Tried::Next(story, Failure::Passed(answer), outlook)
        }
        Some(story) => {
            let end = if status.is_success() { story.status } else { Status::Failed };
            errand.worker.gateway.governor.end(story, end);
            Tried::Answered(answer)
        }
        None => Tried::Answered(answer),
    }
}

/// Passes a free request (counting tokens) on, without a reservation.
pub async fn pass_free(
    worker: &Arc<Worker>,
    route: &SpendRoute,
    facts: &Facts,
    parts: &Parts,
    body: Body,
    deployment: &Deployment,
    request_id: RequestId,
) -> Answer {
    let gateway = &worker.gateway;
    let refuse = |code, message: String| {
        refusal::plain(gateway, route.format, &Refusal::new(code, request_id, message))
    };
    let credential = request::choose(&deployment.provider, request_id);
    let credential = credential.map(|credential| &**credential);
    let upstream = match request::build(route, facts, parts, body.bytes.clone(), deployment, credential, None)
    {
        Ok(upstream) => upstream,
        Err(error) => return refuse(Code::NoDeployment, error.to_string()),
    };
    let timeouts = deployment.provider.timeouts;
    let response = match worker.upstream.send(upstream, timeouts.connect, timeouts.first_byte).await {
        Ok(response) => response,
        Err(error @ (UpstreamError::Connect(_) | UpstreamError::Broken(_))) => {
            return refuse(Code::UpstreamUnreachable, error.to_string());
        }
        Err(error @ UpstreamError::Timeout(_)) => return refuse(Code::UpstreamTimeout, error.to_string()),
    };
    let (head, mut incoming) = response.into_parts();
    match collect(&mut incoming, timeouts.idle, None).await {
        Collected::All(bytes) => {
            let mut answer = Response::new(AnswerBody::whole(bytes));
            *answer.status_mut() = head.status;
            let mut told = Told::new(request_id, deployment.provider.name.as_str());
            deployment.upstream_model.as_deref().unwrap_or(&facts.model).clone_into(&mut told.model);
            answer::pass_head(&mut answer, &head.headers, &told, false);
            answer
        }
        Collected::More(_) => {
            refuse(Code::UpstreamUnreachable, "the provider's count is too large".to_owned())
        }
        Collected::Broken(..) | Collected::Cut(..) => {
            refuse(Code::UpstreamUnreachable, "the provider's answer broke off".to_owned())
        }
    }
}

/// Cut before anything of an answer went to the client.
fn cut_off(errand: &Errand, story: Option<Box<Story>>, request_id: RequestId, by: &CutBy) -> Answer {
    cut::answer(&errand.worker.gateway, errand.route.format, story, request_id, by)
}

/// Nothing was billed: another deployment may do, and this one soon.
fn next(
    story: Option<Box<Story>>,
    code: Code,
    request_id: RequestId,
    message: &str,
    errand: &Errand,
) -> Tried {
    let refusal = Refusal::new(code, request_id, message);
    let outlook = Outlook { another_may_do: true, soon: code == Code::UpstreamUnreachable, after: None };
    match story {
        Some(story) => Tried::Next(story, Failure::Own(refusal), outlook),
        None => Tried::Answered(refusal::plain(&errand.worker.gateway, errand.route.format, &refusal)),
    }
}

/// Nothing came after the request was sent, and whether it is billed is unknown: the end of the request, unless the
/// operator wants another deployment asked all the same.
fn silent(
    story: Option<Box<Story>>,
    deployment: &Deployment,
    code: Code,
    request_id: RequestId,
    message: &str,
    errand: &Errand,
) -> Tried {
    match story {
        Some(story) if deployment.provider.next_after_silence => {
            let outlook = Outlook { another_may_do: true, soon: false, after: None };
            Tried::Next(story, Failure::Own(Refusal::new(code, request_id, message)), outlook)
        }
        story => fail(story, Refusal::new(code, request_id, message), errand),
    }
}

/// The end of the request: another try might be billed beside this one.
fn fail(story: Option<Box<Story>>, refusal: Refusal, errand: &Errand) -> Tried {
    let made = bursar_wire::refuse(errand.route.format, &refusal, errand.worker.gateway.refusal_status);
    if let Some(mut story) = story {
        story.error = Some(refusal.message.clone());
        story.status_code = Some(made.status);
        story.refusal = Some(refusal);
        errand.worker.gateway.governor.end(story, Status::Failed);
    }
    Tried::Answered(answer::from_wire(made))
}

/// Tells the record what the client will be told: it is written when the attempt settles, which is before that.
fn note(sent: &mut Sent, refusal: &Refusal, errand: &Errand) {
    let made = bursar_wire::refuse(errand.route.format, refusal, errand.worker.gateway.refusal_status);
    if let Some(story) = sent.story() {
        story.error = Some(refusal.message.clone());
        story.status_code = Some(made.status);
        story.refusal = Some(refusal.clone());
    }
}

/// Whether the last attempt cost nothing.
fn is_unbilled(story: &Story) -> bool {
    story.attempts.last().is_none_or(|told| told.end == Some(AttemptEnd::Released))
}

/// Who was passed over or failed before the attempt that runs, and why: `a; throttled, b; 503`.
fn fallback(story: &Story) -> Option<String> {
    let skipped = story.skipped.iter().map(|skipped| match skipped.provider.as_str() {
        "" => format!("{}; {}", skipped.model, skipped.reason),
        provider => format!("{provider}; {}", skipped.reason),
    });
    let before = story.attempts.len().saturating_sub(1);
    let failed = story.attempts.iter().take(before).map(|told| match (told.status_code, &told.end) {
        (Some(status), _) => format!("{}; {status}", told.provider),
        (None, Some(AttemptEnd::Suspense)) => format!("{}; no_answer", told.provider),
        (None, _) => format!("{}; unreachable", told.provider),
    });
    let mut names: Vec<String> = skipped.chain(failed).collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}
