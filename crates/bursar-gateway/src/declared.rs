//! Requests on surfaces without a meter, where an operator declares a price for each: held and charged at that price, and
//! passed on as they stand.

use crate::answer::{self, Answer, Told};
use crate::attending::see_through;
use crate::body::AnswerBody;
use crate::choose::{self, Chosen, NoneLeft};
use crate::collect::{Collected, collect};
use crate::exchange::Worker;
use crate::heartbeat::Heartbeat;
use crate::intake::Body;
use crate::request::{BuildError, towards};
use crate::sending::{Cause, Unanswered};
use crate::stream::GovernedStream;
use crate::upstream_body::UpstreamBody;
use crate::{Gateway, arrival, capture, refusal, sending};
use bursar_core::limits::REQUEST_BODY_BYTES_MAX;
use bursar_core::{ApiFormat, Code, Refusal, RequestId};
use bursar_govern::admit::{Admitted, Ask, NotAdmitted};
use bursar_govern::directory::Credential;
use bursar_govern::fit::Wish;
use bursar_govern::identify::{self, Caller};
use bursar_govern::kill::Cut;
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::route::Deployment;
use bursar_govern::story::{Status, Story};
use bursar_govern::surfaces;
use bursar_wire::route::{split_path_key, upstream_query};
use bursar_wire::{BodyKind, Meter, OutputFacts, Reading, Surface};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Request, Uri, response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers a request whose path leads to a surface without a meter: passes it where it is declared, refuses it else.
pub(crate) async fn answer(
    worker: Arc<Worker>,
    surface: Surface,
    format: ApiFormat,
    parts: Parts,
    body: Incoming,
) -> Answer {
    let gateway = &worker.gateway;
    if !surfaces::is_declared(&gateway.governor.directory(), surface, format.family()) {
        return refusal::without_story(gateway, format, Code::NoMeter, surface.message());
    }
    let refuse = |story, no| refusal::answer(gateway, format, story, no);
    let (mut story, caller) = arrival::begin(&worker, format, &parts);
    let caller = match caller {
        Ok(caller) => caller,
        Err(no) => return refuse(story, no),
    };
    let body = match arrival::take_in(&worker, &mut story, &parts, body, REQUEST_BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(no) => return refuse(story, no),
    };
    pass(worker, surface, story, caller, parts, body).await
}

/// Passes a request whose caller is known and whose body was read.
pub(crate) async fn pass(
    worker: Arc<Worker>,
    surface: Surface,
    mut story: Box<Story>,
    caller: Caller,
    parts: Parts,
    body: Body,
) -> Answer {
    let governor = Arc::clone(&worker.gateway.governor);
    let (request_id, format) = (story.request_id, story.api_format);
    let refuse = |story, no| refusal::answer(&worker.gateway, format, story, no);
    let word = surface.as_str();
    word.clone_into(&mut story.model_asked);
    let (_, path) = split_path_key(parts.uri.path());
    if !Surface::is_plain_path(path) {
        let message = format!("the path `{path}` is not passed on: it has empty, encoded or upward segments");
        return refuse(story, Refusal::new(Code::BadInput, request_id, message));
    }
    if let Err(no) = governor.not_killed(&caller, format, word, request_id) {
        return refuse(story, no);
    }
    if let Err(no) = identify::permit(&caller.key, format, word, request_id) {
        return refuse(story, no);
    }
    // What reads, or deletes, what another request paid for costs nothing.
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::DELETE);
    let asked = (surface, format.family());
    let deployment = match surfaces::deployment(&governor.directory(), &caller.key, asked, reads, request_id)
    {
        Ok(Some(deployment)) => deployment,
        Ok(None) => return refuse(story, Refusal::new(Code::NoMeter, request_id, surface.message())),
        Err(no) => return refuse(story, no),
    };
    let (story, place) = match arrival::enter(&worker, story, &caller, &parts, &body).await {
        Ok(entered) => entered,
        Err(answer) => return answer,
    };
    let (gone, tasks) = (CancellationToken::new(), worker.tasks().clone());
    let left = gone.clone().drop_guard();
    let errand = Errand { worker, caller, parts, body, deployment, format, request_id, gone };
    see_through(&tasks, left, place, async move { errand.run(story).await }).await
}

/// Everything that the one attempt of such a request needs.
struct Errand {
    worker: Arc<Worker>,
    caller: Caller,
    parts: Parts,
    body: Body,
    deployment: Deployment,
    format: ApiFormat,
    request_id: RequestId,
    gone: CancellationToken,
}

impl Errand {
    fn gateway(&self) -> &Gateway {
        &self.worker.gateway
    }

    /// One attempt: nobody else can be asked for what was declared here.
    async fn run(&self, story: Box<Story>) -> Answer {
        let governor = &self.gateway().governor;
        let wish = choose::Wish {
            request_id: self.request_id,
            stays_with: None,
            tried: &[],
            lenient: true,
            is_retry: false,
        };
        let chosen = choose::choose(governor, &self.deployment.provider, &wish);
        let Chosen { credential, permit } = match chosen {
            Ok(chosen) => chosen,
            Err(NoneLeft::Tried | NoneLeft::Stopped(_)) => {
                let message = "no credential of the provider can be used now".to_owned();
                return self.refuse(story, Code::NoDeployment, message);
            }
        };
        let upstream = match self.build(credential.as_deref()) {
            Ok(upstream) => upstream,
            Err(error @ BuildError::NoClientCredential) => {
                return self.refuse(story, Code::BadInput, error.to_string());
            }
            Err(error) => return self.refuse(story, Code::NoDeployment, error.to_string()),
        };
        let bound = surfaces::bound();
        let ask = Ask {
            deployment: &self.deployment,
            credential: credential.as_ref(),
            bound: &bound,
            output: OutputFacts::NONE,
            wish: Wish::Unsaid,
            has_alternative: false,
            permit: Some(permit),
        };
        match governor.admit(story, &self.caller, ask, &self.gone).await {
            Ok(admitted) => self.send(admitted, upstream).await,
            Err(NotAdmitted::Refused(story, no) | NotAdmitted::TryNext(story, no)) => {
                refusal::answer(self.gateway(), self.format, story, no)
            }
            Err(NotAdmitted::ClientLeft(story)) => {
                governor.end(story, Status::Cancelled);
                answer::abandoned()
            }
        }
    }

    /// The client's own request, but for key and credential.
    fn build(&self, credential: Option<&Credential>) -> Result<Request<Full<Bytes>>, BuildError> {
        let provider = &self.deployment.provider;
        let (_, path) = split_path_key(self.parts.uri.path());
        let uri = target(&provider.base_url, path, self.parts.uri.query())?;
        towards(provider, &self.parts, uri, self.body.bytes.clone(), credential)
    }

    async fn send(&self, admitted: Admitted, upstream: Request<Full<Bytes>>) -> Answer {
        let Admitted { mut reservation, tightest_usd, warnings, mut cut, .. } = admitted;
        let provider = &self.deployment.provider;
        let told = Told {
            model: self.deployment.price.row.model().to_owned(),
            remaining: tightest_usd,
            warnings,
            ..sending::told(&mut reservation, provider)
        };
        match sending::send(&self.worker, provider, reservation, &mut cut, upstream).await {
            Ok((sent, head, body)) => self.pass(sent, cut, head, body, told).await,
            Err(unanswered) => {
                let Unanswered { cause, story, refusal } = *unanswered;
                let status = match cause {
                    Cause::Unreached | Cause::Silent => Status::Failed,
                    Cause::Cut => Status::Cancelled,
                };
                self.end(story, refusal, status)
            }
        }
    }

    async fn pass(
        &self,
        mut sent: Sent,
        mut cut: Cut,
        head: response::Parts,
        mut incoming: UpstreamBody,
        told: Told,
    ) -> Answer {
        let governor = &self.gateway().governor;
        let (provider, status) = (&self.deployment.provider, head.status);
        let timeouts = &provider.timeouts;
        // A stream is passed on as it comes; anything else is settled before its head is sent, where it is short enough.
        let streams = status.is_success() && is_stream(&head.headers);
        let mut ahead = VecDeque::new();
        if !streams {
            let mut heartbeat = Heartbeat::new(timeouts);
            let came = || heartbeat.beat(Instant::now(), &mut sent);
            match collect(&mut incoming, timeouts.idle, Some(&mut cut), came).await {
                Collected::All(bytes) => {
                    capture::heard(&mut sent, [&bytes]);
                    let (story, answer) = sending::settle(sent, &Reading::default(), &head, bytes, told);
                    if let Some(mut story) = story {
                        governor.hand_over(&mut story).await;
                        let end = if status.is_success() { Status::Completed } else { Status::Failed };
                        governor.end(story, end);
                    }
                    return answer;
                }
                Collected::More(chunks) => ahead = chunks,
                Collected::Broken(chunks, by) => {
                    capture::heard(&mut sent, &chunks);
                    let message = format!("the provider {}'s answer broke off", provider.name);
                    let refusal = Refusal::new(Code::UpstreamUnreachable, self.request_id, message);
                    refusal::note(self.gateway(), self.format, &mut sent, &refusal);
                    return self.end(sent.broken(&Reading::default(), by), refusal, Status::Failed);
                }
                Collected::Cut(chunks, by) => {
                    capture::heard(&mut sent, &chunks);
                    let refusal = by.refusal(self.request_id);
                    refusal::note(self.gateway(), self.format, &mut sent, &refusal);
                    let story = sent.broken(&Reading::default(), BrokenBy::Us(by.as_str()));
                    return self.end(story, refusal, Status::Cancelled);
                }
            }
        }
        // The meter only counts bytes here: what it makes of them is not charged.
        let meter = Meter::new(self.format, &provider.prices, BodyKind::Json);
        let governor = Arc::clone(governor);
        let stream =
            GovernedStream::new(governor, incoming, ahead, sent, meter, None, timeouts).cut_by(cut, None);
        sending::answer(AnswerBody::Governed(Box::new(stream)), &head, &told, true)
    }

    fn refuse(&self, story: Box<Story>, code: Code, message: String) -> Answer {
        refusal::answer(self.gateway(), self.format, story, Refusal::new(code, self.request_id, message))
    }

    fn end(&self, story: Option<Box<Story>>, refusal: Refusal, status: Status) -> Answer {
        refusal::end(self.gateway(), self.format, story, refusal, status)
    }
}

/// The path below what stands before the version in a base URL: every one of these paths names its own version, or none.
fn target(base_url: &str, path: &str, query: Option<&str>) -> Result<Uri, BuildError> {
    let base = base_url.trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let query = upstream_query(query).map_or_else(String::new, |query| format!("?{query}"));
    format!("{base}{path}{query}").parse().map_err(BuildError::Url)
}

/// Whether an answer comes piece by piece: events, lines, sound.
fn is_stream(headers: &http::HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    ["text/event-stream", "application/x-ndjson", "audio/", "video/", "application/octet-stream"]
        .iter()
        .any(|stream| kind.starts_with(stream))
}
