//! The attempts of one request: admit, send, and pass the answer on, or go on to the next deployment.

use crate::answer::{self, Answer, Told};
use crate::body::AnswerBody;
use crate::capture;
use crate::collect::{Collected, collect};
use crate::cut;
use crate::exchange::Worker;
use crate::finale::Finale;
use crate::intake::Body;
use crate::refusal;
use crate::request::{self, BuildError};
use crate::stream::GovernedStream;
use crate::upstream::UpstreamError;
use bursar_core::limits::ATTEMPTS_MAX;
use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::admit::{Admitted, Ask, NotAdmitted};
use bursar_govern::directory::Timeouts;
use bursar_govern::fit::Wish;
use bursar_govern::identify::Caller;
use bursar_govern::kill::{Cut, CutBy};
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::route::{Deployment, Skipped};
use bursar_govern::story::{Status, Story};
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
enum Tried {
    /// The client has its answer.
    Answered(Answer),
    /// Another deployment may do; if there is none, this is the answer.
    Next(Box<Story>, Failure),
}

/// What the client gets when no other deployment is left.
enum Failure {
    /// An answer of Bursar's own.
    Own(Refusal),
    /// The provider's own error, unchanged.
    Passed(Answer),
}

/// Tries the deployments in order.
pub async fn run(errand: Errand, mut story: Box<Story>) -> Answer {
    let format = errand.route.format;
    let gateway = Arc::clone(&errand.worker.gateway);
    let governor = &gateway.governor;
    let mut failure: Option<Failure> = None;
    let mut left = errand.deployments.len().min(usize::from(ATTEMPTS_MAX));
    for deployment in errand.deployments.iter().take(usize::from(ATTEMPTS_MAX)) {
        left = left.saturating_sub(1);
        let credential = request::choose(&deployment.provider, story.request_id);
        let served = deployment.upstream_model.as_deref().unwrap_or(&errand.facts.model);
        let bound = errand.facts.bound_for(served);
        let output = errand.facts.output();
        let has_alternative = left > 0;
        let ask = Ask { deployment, credential, bound: &bound, output, wish: errand.wish, has_alternative };
        let admitted = match governor.admit(story, &errand.caller, ask, &errand.gone).await {
            Ok(admitted) => admitted,
            Err(NotAdmitted::ClientLeft(story)) => {
                governor.end(story, Status::Cancelled);
                return answer::text(StatusCode::REQUEST_TIMEOUT, "the client left\n");
            }
            Err(NotAdmitted::Refused(story, no)) => return refusal::answer(&gateway, format, story, no),
            Err(NotAdmitted::TryNext(told, no)) => {
                story = told;
                failure = Some(Failure::Own(no));
                continue;
            }
        };
        match send(&errand, deployment, credential.map(|c| &**c), admitted).await {
            Tried::Answered(answer) => return answer,
            Tried::Next(told, why) => {
                story = told;
                failure = Some(why);
            }
        }
    }
    match failure {
        Some(Failure::Passed(answer)) => {
            story.status_code = Some(answer.status().as_u16());
            governor.end(story, Status::Failed);
            answer
        }
        Some(Failure::Own(no)) => refusal::answer(&gateway, format, story, no),
        None => {
            let no = Refusal::new(Code::NoDeployment, story.request_id, "no usable deployment is left");
            refusal::answer(&gateway, format, story, no)
        }
    }
}

async fn send(
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
    let upstream = match upstream {
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
    let sent = reservation.sent();
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
            let message = format!("the provider {} cannot be reached", deployment.provider.name);
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
            fail(sent.unknown(message.clone()), Code::UpstreamUnreachable, request_id, &message, errand)
        }
        Err(UpstreamError::Timeout(after)) => {
            let seconds = after.as_secs();
            let message =
                format!("the provider {} did not answer within {seconds} s", deployment.provider.name);
            fail(sent.unknown(message.clone()), Code::UpstreamTimeout, request_id, &message, errand)
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
    if let Some(story) = sent.story() {
        story.first_byte_at = Some(now);
        story.status_code = Some(status.as_u16());
        story.upstream_request_id = answer::upstream_id(&head.headers);
        story.status = Status::Streaming;
        capture::answered(story, &head.headers);
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
                capture::heard(&mut sent, [&bytes]);
                return whole(errand, sent, meter, &head.headers, status, bytes, told);
            }
            Collected::More(chunks) => ahead = chunks,
            Collected::Broken(chunks, by) => {
                capture::heard(&mut sent, &chunks);
                chunks.iter().for_each(|chunk| meter.feed(chunk));
                let message = format!("the provider {}'s answer broke off", deployment.provider.name);
                let story = sent.broken(&meter.finish(), by);
                return fail(story, Code::UpstreamUnreachable, told.request_id, &message, errand);
            }
            Collected::Cut(chunks, by) => {
                capture::heard(&mut sent, &chunks);
                chunks.iter().for_each(|chunk| meter.feed(chunk));
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
            .cut_by(cut, finale);
    let mut answer = Response::new(AnswerBody::Governed(Box::new(stream)));
    *answer.status_mut() = status;
    answer::pass_head(&mut answer, &head.headers, &told, !strips);
    Tried::Answered(answer)
}

/// A complete answer in hand: settled before its head is sent, so that the head can say what it cost.
fn whole(
    errand: &Errand,
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
    match story {
        Some(story) if !status.is_success() && another_may_do(status) => {
            Tried::Next(story, Failure::Passed(answer))
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
            let told = Told {
                request_id,
                provider: deployment.provider.name.to_string(),
                model: deployment.upstream_model.as_deref().unwrap_or(&facts.model).to_owned(),
                fallback: None,
                remaining: None,
                output_limit: None,
                warnings: Vec::new(),
                rate_limits: Vec::new(),
                cost: None,
            };
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

fn next(
    story: Option<Box<Story>>,
    code: Code,
    request_id: RequestId,
    message: &str,
    errand: &Errand,
) -> Tried {
    let refusal = Refusal::new(code, request_id, message);
    match story {
        Some(mut story) => {
            let provider = story.attempts.last().map(|attempt| attempt.provider.clone()).unwrap_or_default();
            story.skipped.push(Skipped { provider, reason: "unreachable" });
            Tried::Next(story, Failure::Own(refusal))
        }
        None => Tried::Answered(refusal::plain(&errand.worker.gateway, errand.route.format, &refusal)),
    }
}

/// The end of the request: another try might be billed beside this one.
fn fail(
    story: Option<Box<Story>>,
    code: Code,
    request_id: RequestId,
    message: &str,
    errand: &Errand,
) -> Tried {
    let refusal = Refusal::new(code, request_id, message);
    let made = bursar_wire::refuse(errand.route.format, &refusal, errand.worker.gateway.refusal_status);
    if let Some(mut story) = story {
        story.error = Some(message.to_owned());
        story.status_code = Some(made.status);
        errand.worker.gateway.governor.end(story, Status::Failed);
    }
    Tried::Answered(answer::from_wire(made))
}

fn fallback(story: &Story) -> Option<String> {
    let names: Vec<String> = story.skipped.iter().map(|s| format!("{}; {}", s.provider, s.reason)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Errors of a provider that another deployment may not have.
fn another_may_do(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}
