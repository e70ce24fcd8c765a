//! Requests on surfaces without a meter, where an operator declares a price for each: held and charged at that price, and
//! passed on as they stand.

use crate::answer::{self, Answer, Told};
use crate::body::AnswerBody;
use crate::choose::{self, Chosen, NoneLeft};
use crate::collect::{Collected, collect};
use crate::cut;
use crate::exchange::{Worker, intake_refusal, note_headers, recognise};
use crate::idempotency::{self, Repeat};
use crate::intake::Body;
use crate::refusal;
use crate::request::{BuildError, authorise, trust};
use crate::stream::GovernedStream;
use crate::upstream::UpstreamError;
use crate::{Gateway, health};
use bursar_core::limits::REQUEST_BODY_BYTES_MAX;
use bursar_core::{ApiFormat, Code, Refusal, RequestId};
use bursar_govern::admit::{Admitted, Ask, NotAdmitted};
use bursar_govern::circuit::Went;
use bursar_govern::directory::{Credential, Credentials};
use bursar_govern::fit::Wish;
use bursar_govern::idempotency::Place;
use bursar_govern::identify::{self, Caller};
use bursar_govern::kill::Cut;
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::route::Deployment;
use bursar_govern::story::{Status, Story};
use bursar_govern::surfaces;
use bursar_wire::route::{
    ClientCredentials, check_headers, split_path_key, upstream_headers, upstream_query,
};
use bursar_wire::{BodyKind, Meter, OutputFacts, Reading, Surface};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::sync::Arc;
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
    let request_id = gateway.governor.ports().request_id();
    let mut story = Story::begin(request_id, gateway.governor.now(), format);
    note_headers(&mut story, &parts.headers);
    let refuse = |story, no| refusal::answer(gateway, format, story, no);
    let caller = match recognise(&worker, &parts, request_id) {
        Ok(caller) => caller,
        Err(no) => return refuse(story, no),
    };
    story.attributes = caller.attributes.clone();
    story.caller = Some(caller.clone());
    let body = match worker.intake.read(&parts.headers, body, REQUEST_BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return refuse(story, intake_refusal(error, request_id)),
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
    if let Err(error) = check_headers(&parts.headers) {
        return refuse(story, error.refusal(request_id));
    }
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
    let place = match idempotency::begin(&worker, &story, &parts, &body.bytes).await {
        Repeat::First(place) => place,
        Repeat::Again(first, answer) => return idempotency::again(&worker, story, first, answer),
        Repeat::Refused(no) => return refuse(story, no),
    };
    story.reply = place.as_ref().map(Place::outcome);
    if let Err(no) = governor.enter(&mut story, &caller) {
        return refuse(story, no);
    }
    // As for what is metered: an answer is read to its end even when its client has left.
    let gone = CancellationToken::new();
    let left = gone.clone().drop_guard();
    let (tx, rx) = tokio::sync::oneshot::channel();
    let tasks = worker.tasks().clone();
    let errand = Errand { worker, caller, parts, body, deployment, format, request_id, gone };
    tasks.spawn(async move {
        let answer = idempotency::finish(place, errand.run(story).await);
        drop(tx.send(answer));
    });
    let answer = rx.await;
    left.disarm();
    answer.unwrap_or_else(|_| answer::abandoned())
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
        let mut request = Request::new(Full::new(self.body.bytes.clone()));
        *request.method_mut() = self.parts.method.clone();
        *request.uri_mut() = target(&provider.base_url, path, self.parts.uri.query())?;
        trust(&mut request, provider);
        let theirs = match provider.credentials {
            Credentials::Client => ClientCredentials::PassOn,
            Credentials::Own(_) | Credentials::None => ClientCredentials::TakeOff,
        };
        *request.headers_mut() = upstream_headers(&self.parts.headers, theirs);
        authorise(request.headers_mut(), provider, credential)?;
        Ok(request)
    }

    async fn send(&self, admitted: Admitted, upstream: Request<Full<Bytes>>) -> Answer {
        let Admitted { reservation, tightest_usd, warnings, mut cut, .. } = admitted;
        let mut told = Told::new(self.request_id, self.deployment.provider.name.as_str());
        self.deployment.price.row.model().clone_into(&mut told.model);
        (told.remaining, told.warnings) = (tightest_usd, warnings);
        let timeouts = self.deployment.provider.timeouts;
        let mut sent = reservation.sent();
        let answered = tokio::select! {
            answered = self.worker.upstream.send(upstream, timeouts.connect, timeouts.first_byte) => answered,
            by = cut.cut() => {
                let story = sent.unknown(by.as_str().to_owned());
                return cut::answer(self.gateway(), self.format, story, self.request_id, &by);
            }
        };
        let error = match answered {
            Ok(response) => return self.pass(sent, cut, response, told).await,
            Err(error) => error,
        };
        let message = format!("the provider {}: {error}", self.deployment.provider.name);
        let (story, code) = match error {
            UpstreamError::Connect(_) => (sent.connect_failed(message.clone()), Code::UpstreamUnreachable),
            UpstreamError::Broken(_) => {
                sent.went(Went::Badly);
                (sent.unknown(message.clone()), Code::UpstreamUnreachable)
            }
            UpstreamError::Timeout(_) => {
                sent.went(Went::Badly);
                (sent.unknown(message.clone()), Code::UpstreamTimeout)
            }
        };
        self.fail(story, code, message)
    }

    async fn pass(
        &self,
        mut sent: Sent,
        mut cut: Cut,
        response: Response<Incoming>,
        mut told: Told,
    ) -> Answer {
        let (head, mut incoming) = response.into_parts();
        let governor = &self.gateway().governor;
        let (provider, status) = (&self.deployment.provider, head.status);
        sent.went(health::went(provider, status, &head.headers));
        if let Some(story) = sent.story() {
            story.first_byte_at = Some(governor.now());
            story.status_code = Some(status.as_u16());
            story.upstream_request_id = answer::upstream_id(&head.headers);
            story.status = Status::Streaming;
            if let Some(attempt) = story.attempt() {
                attempt.status_code = Some(status.as_u16());
            }
        }
        let idle = provider.timeouts.idle;
        // A stream is passed on as it comes; anything else is settled before its head is sent, where it is short enough.
        let streams = status.is_success() && is_stream(&head.headers);
        let mut ahead = VecDeque::new();
        if !streams {
            match collect(&mut incoming, idle, Some(&mut cut)).await {
                Collected::All(bytes) => {
                    let story = if status.is_success() {
                        sent.complete(&Reading::default())
                    } else {
                        sent.rejected(status.as_u16(), &Reading::default())
                    };
                    if let Some(story) = story {
                        told.cost = story.cost.as_ref().map(|cost| cost.list);
                        governor
                            .end(story, if status.is_success() { Status::Completed } else { Status::Failed });
                    }
                    let mut answer = Response::new(AnswerBody::whole(bytes));
                    *answer.status_mut() = status;
                    answer::pass_head(&mut answer, &head.headers, &told, false);
                    return answer;
                }
                Collected::More(chunks) => ahead = chunks,
                Collected::Broken(_, by) => {
                    let story = sent.broken(&Reading::default(), by);
                    let message = format!("the provider {}'s answer broke off", provider.name);
                    return self.fail(story, Code::UpstreamUnreachable, message);
                }
                Collected::Cut(_, by) => {
                    let story = sent.broken(&Reading::default(), BrokenBy::Us(by.as_str()));
                    return cut::answer(self.gateway(), self.format, story, self.request_id, &by);
                }
            }
        }
        // The meter only counts bytes here: what it makes of them is not charged.
        let meter = Meter::new(self.format, &provider.prices, BodyKind::Json);
        let governor = Arc::clone(governor);
        let stream =
            GovernedStream::new(governor, incoming, ahead, sent, meter, None, idle).cut_by(cut, None);
        let mut answer = Response::new(AnswerBody::Governed(Box::new(stream)));
        *answer.status_mut() = status;
        answer::pass_head(&mut answer, &head.headers, &told, true);
        answer
    }

    fn refuse(&self, story: Box<Story>, code: Code, message: String) -> Answer {
        refusal::answer(self.gateway(), self.format, story, Refusal::new(code, self.request_id, message))
    }

    fn fail(&self, story: Option<Box<Story>>, code: Code, message: String) -> Answer {
        let no = Refusal::new(code, self.request_id, message.as_str());
        let made = bursar_wire::refuse(self.format, &no, self.gateway().refusal_status);
        if let Some(mut story) = story {
            story.error = Some(message);
            story.status_code = Some(made.status);
            self.gateway().governor.end(story, Status::Failed);
        }
        answer::from_wire(made)
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
