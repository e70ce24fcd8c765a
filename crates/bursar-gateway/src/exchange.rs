//! One client request, from its head to the head of its answer: which path it takes, and what it is about.

use crate::answer::{self, Answer};
use crate::attempt::{self, Errand};
use crate::intake::Intake;
use crate::limits::{CONTROL_WAIT, body_bytes_max};
use crate::server::Door;
use crate::upstream::{TlsError, Upstream};
use crate::{Gateway, address, arrival, attending, chain, declared, models, refusal};
use bursar_core::limits::REQUEST_BODY_BYTES_MAX;
use bursar_core::{ApiFormat, Code, Refusal};
use bursar_govern::identify;
use bursar_wire::{Route, SpendRoute, read_facts, route};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One thread's share of the data plane.
pub struct Worker {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: Upstream,
    pub(crate) intake: Intake,
    tasks: TaskTracker,
    door: Door,
}

impl Worker {
    /// A worker with an empty pool.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(gateway: Arc<Gateway>, door: Door) -> Result<Self, TlsError> {
        let intake = gateway.intake.clone();
        let upstream = Upstream::new(gateway.proxies.clone())?;
        Ok(Self { gateway, upstream, intake, tasks: TaskTracker::new(), door })
    }
    /// What runs on although its client may have left.
    pub(crate) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
    /// Whether this listener answers the path: which of the two planes, where each has a listener of its own.
    fn answers(&self, path: &str, controls: bool) -> bool {
        match self.door {
            Door::Both => true,
            Door::Clients => !controls || matches!(path, "/livez" | "/readyz" | "/health"),
            Door::Admin => controls,
        }
    }
    /// Waits, briefly, for answers that are still read to their end although their clients left.
    pub async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "leaving requests in flight: they will be in suspense");
        }
    }
}

/// Answers one request.
///
/// # Errors
/// Never: what goes wrong is an answer too.
pub async fn handle(worker: Arc<Worker>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let controls = worker.gateway.control.serves(parts.uri.path());
    if !worker.answers(parts.uri.path(), controls) {
        let message = "nothing is served at this path here: `server.admin_listen` is a listener of its own\n";
        return Ok(answer::text(StatusCode::NOT_FOUND, message));
    }
    if controls {
        return Ok(Box::pin(control(&worker, parts, body)).await);
    }
    let found = route(parts.method.as_str(), parts.uri.path(), parts.uri.query());
    // Boxed: a connection keeps the room of its largest future for as long as it is open, and a stream is open for long after
    // its head went out.
    Ok(match found {
        Route::Spend(route) => Box::pin(spend(worker, route, parts, body)).await,
        Route::CountTokens(route) => Box::pin(count_tokens(&worker, &route, parts, body)).await,
        Route::Models(route) => models::answer(&worker.gateway, &route, &parts),
        Route::Root => {
            answer::text(StatusCode::OK, "Bursar is running. Point your client's base URL here.\n")
        }
        Route::Unmetered { surface } => {
            let format = format_of(&parts);
            Box::pin(declared::answer(worker, surface, format, parts, body)).await
        }
        Route::BadQuery(error) => {
            let message = error.to_string();
            refusal::without_story(&worker.gateway, format_of(&parts), Code::BadInput, message)
        }
        Route::WrongMethod { allowed } => answer::wrong_method(allowed),
        Route::Unknown => {
            let family = format_of(&parts).family();
            let message = format!("there is nothing at {}", parts.uri.path());
            let request_id = worker.gateway.governor.ports().request_id();
            answer::from_wire(bursar_wire::not_found(family, 404, request_id, &message))
        }
    })
}

async fn spend(worker: Arc<Worker>, route: SpendRoute, parts: Parts, body: Incoming) -> Answer {
    let governor = Arc::clone(&worker.gateway.governor);
    let format = route.format;
    let refuse = |story, refusal| refusal::answer(&worker.gateway, format, story, refusal);
    let (mut story, caller) = arrival::begin(&worker, format, &parts);
    let request_id = story.request_id;
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refuse(story, refusal),
    };
    let wish = match crate::fit::wish(&parts.headers, request_id) {
        Ok(wish) => wish,
        Err(refusal) => return refuse(story, refusal),
    };
    let body = match arrival::take_in(&worker, &mut story, &parts, body, body_bytes_max(format)).await {
        Ok(body) => body,
        Err(refusal) => return refuse(story, refusal),
    };
    let facts = match read_facts(&route, &body.bytes) {
        Ok(facts) => facts,
        Err(error) => return refuse(story, error.refusal(request_id)),
    };
    story.model_asked = facts.model.to_string();
    story.stream = facts.stream;
    if let Err(refusal) = governor.not_killed(&caller, format, &facts.model, request_id) {
        return refuse(story, refusal);
    }
    if let Some(surface) = facts.unmetered {
        return declared::pass(worker, surface, story, caller, parts, body).await;
    }
    if let Err(refusal) = identify::permit(&caller.key, format, &facts.model, request_id) {
        return refuse(story, refusal);
    }
    let may_fall_back = match may_fall_back(&parts.headers) {
        Ok(may) => may,
        Err(message) => return refuse(story, Refusal::new(Code::BadInput, request_id, message)),
    };
    let (mut story, place) = match arrival::enter(&worker, story, &caller, &parts, &body).await {
        Ok(entered) => entered,
        Err(answer) => return answer,
    };
    let found = governor.route(&caller.key, &facts, may_fall_back, request_id, story.created_at);
    let found = match found {
        Ok(found) => found,
        Err(none) => {
            story.skipped = none.skipped;
            return refuse(story, none.refusal);
        }
    };
    story.skipped = found.skipped;
    let (gone, tasks) = (CancellationToken::new(), worker.tasks.clone());
    let left = gone.clone().drop_guard();
    let errand =
        Errand { worker, route, facts, caller, parts, body, wish, deployments: found.deployments, gone };
    attending::see_through(&tasks, left, place, chain::run(errand, story)).await
}

async fn count_tokens(worker: &Arc<Worker>, route: &SpendRoute, parts: Parts, body: Incoming) -> Answer {
    let governor = &worker.gateway.governor;
    let request_id = governor.ports().request_id();
    let format = route.format;
    let refuse = |refusal| refusal::plain(&worker.gateway, format, &refusal);
    let caller = match arrival::recognise(worker, &parts, request_id) {
        Ok(caller) => caller,
        Err(refusal) => return refuse(refusal),
    };
    let body = match worker.intake.read(&parts.headers, body, body_bytes_max(format)).await {
        Ok(body) => body,
        Err(error) => return refuse(arrival::intake_refusal(error, request_id)),
    };
    let facts = match read_facts(route, &body.bytes) {
        Ok(facts) => facts,
        Err(error) => return refuse(error.refusal(request_id)),
    };
    if let Err(refusal) = governor.not_killed(&caller, format, &facts.model, request_id) {
        return refuse(refusal);
    }
    let found = governor.route(&caller.key, &facts, true, request_id, governor.now());
    let chosen = found
        .map_err(|none| none.refusal)
        .and_then(|found| governor.first_not_killed(&caller, &facts.model, found.deployments, request_id));
    match chosen {
        Ok(Some(deployment)) => {
            attempt::pass_free(worker, route, &facts, &parts, body, &deployment, request_id).await
        }
        Ok(None) => {
            refuse(Refusal::new(Code::NoDeployment, request_id, "no provider counts tokens of this model"))
        }
        Err(refusal) => refuse(refusal),
    }
}

async fn control(worker: &Worker, mut parts: Parts, body: Incoming) -> Answer {
    if let Some(address) = address::of_client(&parts, &worker.gateway.trusted_proxies) {
        parts.extensions.insert(address);
    }
    let body = match worker.intake.read(&parts.headers, body, REQUEST_BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, &format!("{error}\n")),
    };
    let answering = worker.gateway.control.call(Request::from_parts(parts, body.bytes));
    match tokio::time::timeout(CONTROL_WAIT, answering).await {
        Ok(response) => response.map(crate::body::AnswerBody::whole),
        Err(_) => answer::text(StatusCode::GATEWAY_TIMEOUT, "the control plane did not answer in time\n"),
    }
}

/// What `x-bursar-allow-fallback` says.
fn may_fall_back(headers: &HeaderMap) -> Result<bool, &'static str> {
    match headers.get("x-bursar-allow-fallback").map(|value| value.as_bytes().trim_ascii()) {
        None => Ok(true),
        Some(word) if word.eq_ignore_ascii_case(b"true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case(b"false") => Ok(false),
        Some(_) => Err("the value of x-bursar-allow-fallback is neither `true` nor `false`"),
    }
}

/// The format whose error shape a client on this path most likely reads.
fn format_of(parts: &Parts) -> ApiFormat {
    let (_, path) = bursar_wire::split_path_key(parts.uri.path());
    // Some paths are two families' (`/v1/files`): Anthropic's clients all name a version.
    if path.starts_with("/v1/messages") || parts.headers.contains_key("anthropic-version") {
        ApiFormat::AnthropicMessages
    } else if ["/v1beta", "/v1alpha", "/upload"].iter().any(|own| path.starts_with(own)) {
        ApiFormat::GeminiGenerate
    } else if path.starts_with("/api/") {
        ApiFormat::OllamaChat
    } else {
        ApiFormat::OpenAiChat
    }
}
