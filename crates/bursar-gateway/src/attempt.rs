//! One attempt: send what was admitted, and pass the answer on or say what else may be done.

use crate::answer::{self, Answer, Told};
use crate::body::AnswerBody;
use crate::collect::{Collected, collect};
use crate::exchange::Worker;
use crate::finale::Finale;
use crate::health::{self, Outlook};
use crate::heartbeat::Heartbeat;
use crate::intake::Body;
use crate::request::{self, BuildError};
use crate::sending::{Cause, Unanswered};
use crate::stream::GovernedStream;
use crate::upstream::UpstreamError;
use crate::upstream_body::UpstreamBody;
use crate::{capture, counting, refusal, sending};
use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::admit::Admitted;
use bursar_govern::fit::Wish;
use bursar_govern::identify::Caller;
use bursar_govern::kill::Cut;
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::route::Deployment;
use bursar_govern::story::{AttemptEnd, Status, Story};
use bursar_wire::route::Framing;
use bursar_wire::{BodyKind, Facts, Meter, SpendRoute, UsageStripper};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{Response, StatusCode, response};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;
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
    let request_id = sending::request_id(&reservation);
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
            let message = error.to_string();
            return next(
                reservation.release(message.clone()),
                Refusal::new(code, request_id, message),
                errand,
            );
        }
    };
    let told = Told {
        model: deployment.upstream_model.as_deref().unwrap_or(&errand.facts.model).to_owned(),
        fallback: reservation.story().and_then(|story| fallback(story)),
        remaining: tightest_usd,
        output_limit,
        warnings,
        ..sending::told(&mut reservation, &deployment.provider)
    };
    if errand.gone.is_cancelled() {
        drop(reservation);
        return Tried::Answered(answer::text(StatusCode::REQUEST_TIMEOUT, "the client left\n"));
    }
    let answered = sending::send(&errand.worker, &deployment.provider, reservation, &mut cut, upstream).await;
    match answered {
        Ok((sent, head, upstream)) => pass(errand, deployment, (sent, cut), (head, upstream), told).await,
        Err(unanswered) => {
            let Unanswered { cause, story, refusal } = *unanswered;
            match cause {
                Cause::Unreached => next(story, refusal, errand),
                Cause::Silent => silent(story, deployment, refusal, errand),
                Cause::Cut => end(errand, story, refusal, Status::Cancelled),
            }
        }
    }
}

/// Passes an answer on.
async fn pass(
    errand: &Errand,
    deployment: &Deployment,
    (mut sent, mut cut): (Sent, Cut),
    (head, mut upstream): (response::Parts, UpstreamBody),
    told: Told,
) -> Tried {
    let timeouts = &deployment.provider.timeouts;
    let status = head.status;
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = BodyKind::of(content_type, errand.route.format, errand.facts.stream && status.is_success());
    let mut meter = Meter::new(errand.route.format, &deployment.provider.prices, kind);
    // Bursar asks for none, but a provider may encode all the same.
    let encoding = head.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if let Some(encoding) = encoding {
        meter = meter.with_encoding(encoding);
    }
    let asked = (&*told.model, errand.route.format);
    meter = counting::prepare(&errand.worker, deployment, asked, &errand.body.bytes, meter, &mut sent);
    let in_array = errand.facts.stream && errand.route.framing == Framing::JsonArray;
    let streams = status.is_success() && (kind != BodyKind::Json || in_array);
    let mut ahead = VecDeque::new();
    if !streams {
        let mut heartbeat = Heartbeat::new(timeouts);
        let came = || heartbeat.beat(Instant::now(), &mut sent);
        match collect(&mut upstream, timeouts.idle, Some(&mut cut), came).await {
            Collected::All(bytes) => {
                meter.feed(&bytes);
                capture::heard(&mut sent, [&bytes]);
                return whole(errand, deployment, sent, meter, &head, bytes, told).await;
            }
            Collected::More(chunks) => ahead = chunks,
            Collected::Broken(chunks, by) => {
                capture::heard(&mut sent, &chunks);
                chunks.iter().for_each(|chunk| meter.feed(chunk));
                let message = format!("the provider {}'s answer broke off", deployment.provider.name);
                let refusal = Refusal::new(Code::UpstreamUnreachable, told.request_id, message);
                note(&mut sent, &refusal, errand);
                return end(errand, sent.broken(&meter.finish(), by), refusal, Status::Failed);
            }
            Collected::Cut(chunks, by) => {
                capture::heard(&mut sent, &chunks);
                chunks.iter().for_each(|chunk| meter.feed(chunk));
                let refusal = by.refusal(told.request_id);
                note(&mut sent, &refusal, errand);
                let story = sent.broken(&meter.finish(), BrokenBy::Us(by.as_str()));
                return end(errand, story, refusal, Status::Cancelled);
            }
        }
    }
    let strips = streams && !errand.facts.asks_usage && encoding.is_none();
    let stripper = strips.then(UsageStripper::new);
    let finale = Finale::of(&errand.route, errand.facts.stream, kind, &head.headers);
    let governor = Arc::clone(&errand.worker.gateway.governor);
    let stream = GovernedStream::new(governor, upstream, ahead, sent, meter, stripper, timeouts)
        .cut_by(cut, finale)
        .read_on_in(errand.worker.tasks());
    let body = AnswerBody::Governed(Box::new(stream));
    Tried::Answered(sending::answer(body, &head, &told, !strips))
}

/// A complete answer in hand, and whether another try may do better.
async fn whole(
    errand: &Errand,
    deployment: &Deployment,
    sent: Sent,
    meter: Meter,
    head: &response::Parts,
    bytes: Bytes,
    told: Told,
) -> Tried {
    let (status, reading) = (head.status, meter.finish());
    let (mut story, answer) = sending::settle(sent, &reading, head, bytes, told);
    if let Some(story) = story.as_mut() {
        errand.worker.gateway.governor.hand_over(story).await;
    }
    let outlook = health::outlook(&deployment.provider, status, &head.headers, &reading);
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
    match collect(&mut incoming, timeouts.idle, None, || {}).await {
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

/// Nothing was billed: another deployment may do, and this one soon.
fn next(story: Option<Box<Story>>, refusal: Refusal, errand: &Errand) -> Tried {
    let soon = refusal.code == Code::UpstreamUnreachable;
    let outlook = Outlook { another_may_do: true, soon, after: None };
    match story {
        Some(story) => Tried::Next(story, Failure::Own(refusal), outlook),
        None => Tried::Answered(refusal::plain(&errand.worker.gateway, errand.route.format, &refusal)),
    }
}

/// Nothing came after the request was sent, and whether it is billed is unknown: the end of the request, unless the
/// operator wants another deployment asked all the same.
fn silent(story: Option<Box<Story>>, deployment: &Deployment, refusal: Refusal, errand: &Errand) -> Tried {
    match story {
        Some(story) if deployment.provider.next_after_silence => {
            let outlook = Outlook { another_may_do: true, soon: false, after: None };
            Tried::Next(story, Failure::Own(refusal), outlook)
        }
        story => end(errand, story, refusal, Status::Failed),
    }
}

/// The end of the request: another try might be billed beside this one.
fn end(errand: &Errand, story: Option<Box<Story>>, refusal: Refusal, status: Status) -> Tried {
    Tried::Answered(refusal::end(&errand.worker.gateway, errand.route.format, story, refusal, status))
}

fn note(sent: &mut Sent, refusal: &Refusal, errand: &Errand) {
    refusal::note(&errand.worker.gateway, errand.route.format, sent, refusal);
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
