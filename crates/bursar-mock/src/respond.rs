//! One request at the fake provider, from its first byte to the decision how it is answered.

use crate::answer::{Answer, Spend};
use crate::asked::{self, Asked};
use crate::behaviour::{Behaviour, Billed, DirectiveError, Fault};
use crate::bill::Tally;
use crate::body::{Broken, MockBody, Next, Pieces, Source};
use crate::dialect;
use crate::draw::Draw;
use crate::io::Switch;
use crate::journal::{Journal, Received};
use crate::json::Out;
use crate::limits::{CREDENTIAL_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::recorded::Recording;
use crate::route::{Shape, Surface, route};
use crate::script::{Facts, Live};
use crate::server::Shared;
use crate::ticket::Ticket;
use bursar_core::Family;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::sync::Arc;

pub(crate) type Answered = Result<Response<MockBody>, Broken>;

/// Answers one request.
///
/// # Errors
/// The script has the connection break before an answer.
pub(crate) async fn respond(
    shared: Arc<Shared>,
    switch: Arc<Switch>,
    request: Request<Incoming>,
) -> Answered {
    let (parts, body) = request.into_parts();
    let (path, recorded) = recorded_prefix(parts.uri.path());
    let query = parts.uri.query();
    let surface = route(&parts.method, path, query, parts.headers.contains_key("anthropic-version"));
    let Ok(body) = Limited::new(body, REQUEST_BYTES_MAX).collect().await else {
        return Ok(error(Family::OpenAi, 413, "the body is too large or broke off"));
    };
    let body = body.to_bytes();
    if let Surface::Control(rest) = &surface {
        return Ok(crate::control::answer(&shared, &parts.method, rest, query, &body));
    }
    let live = shared.live.read().clone();
    // Of one width, so that equal answers are equally long.
    let id: Arc<str> = format!("{:08}", shared.number()).into();
    if live.script.journal == Journal::Bodies {
        shared.journal.lock().push(Received {
            id: id.clone(),
            method: parts.method.clone(),
            target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: parts.headers.clone(),
            body_bytes: body.len(),
            body: body.clone(),
        });
    }
    let credential = credential(&parts.headers, query);
    let family = match &surface {
        Surface::Spend { format, .. } => format.family(),
        Surface::Models(shape) | Surface::CountTokens(shape) => shape.family(),
        Surface::Root | Surface::Control(_) | Surface::Unknown => Family::OpenAi,
    };
    let known = &live.script.credentials;
    if !known.is_empty() && surface != Surface::Root && !known.iter().any(|one| one == credential) {
        return Ok(error(family, 401, "the credential is not known here"));
    }
    let mut out = Out::default();
    let (format, model, stream, array, batch) = match surface {
        Surface::Spend { format, model, stream, array, batch } => (format, model, stream, array, batch),
        Surface::Models(shape) => {
            dialect::models::list(shape, live.script.model_names(), &mut out);
            return Ok(whole(200, "application/json", out.take()));
        }
        Surface::CountTokens(shape) => {
            let Ok(asked) = asked::read(&body) else {
                return Ok(error(family, 400, "the body is no JSON object"));
            };
            dialect::models::count(shape, asked.input_tokens(), &mut out);
            return Ok(whole(200, "application/json", out.take()));
        }
        Surface::Root => return Ok(whole(200, "text/plain", Bytes::from_static(b"mock\n"))),
        Surface::Control(_) | Surface::Unknown => {
            return Ok(error(family, 404, "no such route on this fake provider"));
        }
    };
    let Ok(asked) = asked::read(&body) else {
        return Ok(error(family, 400, "the body is no JSON object"));
    };
    let model: Arc<str> = match model.as_deref().or(asked.model.as_deref()) {
        Some(model) => model.strip_prefix("models/").unwrap_or(model).into(),
        None => return Ok(error(family, 400, "the body names no model")),
    };
    let Some(price) = live.script.price_of(&model) else {
        return Ok(error(family, 404, &format!("the model `{model}` does not exist")));
    };
    let draw = Draw::new(live.script.seed, &body);
    let facts = Facts { model: &model, path, credential, body: &body };
    let how = match behaviour(&live, &facts, &parts.headers, recorded, draw) {
        Ok(how) => how,
        Err(mistake) => return Ok(error(family, 400, &format!("mock: {mistake}"))),
    };
    let spend = Spend {
        format,
        model,
        stream: stream.or(asked.stream).unwrap_or(family == Family::Ollama),
        array,
        batch,
        tool_wanted: tool_wanted(&asked, &body),
    };
    let answer = Answer::decide(id.clone(), spend, &asked, &how, draw);
    let ticket = Ticket::open(shared, &answer, credential.into(), price, how.after);
    drop(body);
    let mut response = produce(&live, answer, how, ticket, switch).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        // Anthropic's name and everyone else's.
        response.headers_mut().insert(HeaderName::from_static("request-id"), value.clone());
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    Ok(response)
}

/// Waits, fails, or answers, as the script has it.
async fn produce(
    live: &Live,
    answer: Answer,
    how: Behaviour,
    mut ticket: Ticket,
    switch: Arc<Switch>,
) -> Answered {
    if !how.latency.is_zero() {
        if !answer.stream {
            ticket.takes(how.latency);
        }
        tokio::time::sleep(how.latency).await;
    }
    let family = answer.format.family();
    let billed = |default: Billed| how.billed.unwrap_or(default);
    match &how.fault {
        Some(Fault::Reset) => {
            ticket.fail(billed(Billed::Full));
            switch.reset();
            return Err(Broken);
        }
        Some(Fault::Drop) => {
            ticket.fail(billed(Billed::Full));
            return Err(Broken);
        }
        Some(Fault::Stall) => {
            // Ends when the client or shutdown drops this request. All was generated, none of it comes.
            ticket.made(answer.tally.output);
            if let Some(billed) = how.billed {
                ticket.fail(billed);
            }
            return std::future::pending().await;
        }
        Some(Fault::Raw) => {
            ticket.fail(billed(Billed::Full));
            switch.raw(Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x28 this is no HTTP\r\n\r\n"));
            return Ok(whole(200, "application/json", Bytes::from_static(b"{}")));
        }
        Some(Fault::Status(status)) => {
            ticket.fail(billed(Billed::Nothing));
            let mut response = error(family, *status, "the script has this request fail");
            if let Some(seconds) = how.retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            return Ok(response);
        }
        Some(Fault::Error200) => return Ok(error_200(family, billed(Billed::Nothing), ticket)),
        Some(Fault::ErrorEvent(_)) if !answer.stream => {
            return Ok(error_200(family, billed(Billed::Nothing), ticket));
        }
        Some(Fault::Garbage) => {
            ticket.fail(billed(Billed::Full));
            return Ok(whole(200, "application/json", Bytes::from_static(b"<html>\xff\xfe not json {{{")));
        }
        Some(
            Fault::Cut(_)
            | Fault::ResetAt(_)
            | Fault::Truncate(_)
            | Fault::StallAt(_)
            | Fault::GarbageAt(_)
            | Fault::ErrorEvent(_)
            | Fault::LongLength
            | Fault::ShortLength,
        )
        | None => {}
    }
    let recording = match &how.recorded {
        Some(id) => match live.script.recorded.as_ref().and_then(|recorded| recorded.get(id)) {
            Some(recording) => Some(recording),
            None => {
                ticket.fail(Billed::Nothing);
                return Ok(error(family, 400, &format!("mock: no recording `{id}`")));
            }
        },
        None => None,
    };
    match recording {
        Some(recording) => Ok(replay(recording, &how, ticket, switch)),
        None if answer.stream => Ok(stream(answer, &how, ticket, switch)),
        None => {
            let mut out = Out::default();
            dialect::plain(&answer, &mut out);
            let body = out.take();
            if how.fault.is_none() && how.split == 0 {
                ticket.close();
                return Ok(whole(200, "application/json", body));
            }
            ticket.made(answer.tally.output);
            Ok(fixed(200, "application/json", body, &how, ticket, switch))
        }
    }
}

fn stream(answer: Answer, how: &Behaviour, mut ticket: Ticket, switch: Arc<Switch>) -> Response<MockBody> {
    let kind = dialect::content_type(&answer);
    if !how.chunk_delay.is_zero() {
        let chunks = answer.visible.div_ceil(how.chunk_tokens).saturating_add(1);
        ticket.takes(how.chunk_delay.saturating_mul(u32::try_from(chunks).unwrap_or(u32::MAX)));
    }
    let source = Source::Stream {
        answer: Box::new(answer),
        out: Out::default(),
        next: Next::Head,
        chunk: how.chunk_tokens,
    };
    pieces(200, kind, source, how, ticket, switch)
}

fn replay(
    recording: &Recording,
    how: &Behaviour,
    mut ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let (input, output) = recording.expected.unwrap_or_default();
    ticket.replace(Tally { input, output, ..Tally::default() });
    ticket.made(output);
    fixed(recording.status, &recording.content_type, recording.body.clone(), how, ticket, switch)
}

/// A body that stands already, in pieces, with its length in the header unless it is an event stream.
fn fixed(
    status: u16,
    kind: &str,
    body: Bytes,
    how: &Behaviour,
    ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let length = body.len();
    let length = match how.fault {
        Some(Fault::LongLength) => Some(length + 100),
        Some(Fault::ShortLength) => Some(length / 2),
        Some(Fault::Truncate(_)) => None,
        _ if kind.starts_with("application/json") => Some(length),
        _ => None,
    };
    let split = usize::try_from(how.split).unwrap_or(0);
    let mut response = pieces(status, kind, Source::Fixed { rest: body, split }, how, ticket, switch);
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

fn pieces(
    status: u16,
    kind: &str,
    source: Source,
    how: &Behaviour,
    ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let mut pieces = Pieces::new(source, ticket, switch);
    pieces.delay = how.chunk_delay;
    pieces.fault = how.fault.clone();
    pieces.billed = how.billed;
    head(status, kind, MockBody::Pieces(Box::new(pieces)))
}

fn error_200(family: Family, billed: Billed, mut ticket: Ticket) -> Response<MockBody> {
    ticket.fail(billed);
    let mut out = Out::default();
    dialect::error::body(family, 500, "the script has this request fail within status 200", &mut out);
    whole(200, "application/json", out.take())
}

/// An error in a family's own shape.
pub(crate) fn error(family: Family, status: u16, message: &str) -> Response<MockBody> {
    let mut out = Out::default();
    dialect::error::body(family, status, message, &mut out);
    whole(status, "application/json", out.take())
}

/// A whole answer.
pub(crate) fn whole(status: u16, kind: &str, body: Bytes) -> Response<MockBody> {
    head(status, kind, MockBody::Whole(Some(body)))
}

fn head(status: u16, kind: &str, body: MockBody) -> Response<MockBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(kind) = HeaderValue::from_str(kind)
        && !kind.is_empty()
    {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// The script's decision, and over it, where the script obeys requests, what the request itself asks.
fn behaviour(
    live: &Live,
    facts: &Facts<'_>,
    headers: &HeaderMap,
    recorded: Option<&str>,
    draw: Draw,
) -> Result<Behaviour, DirectiveError> {
    let mut how = live.decide(facts, draw)?;
    if live.script.obey_requests {
        how.apply_model(facts.model)?;
        if let Some(words) = marker(facts.body) {
            how.apply_words(words)?;
        }
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix("x-mock-") {
                how.apply(&key.replace('-', "_"), value.to_str().unwrap_or_default())?;
            }
        }
    }
    if let Some(id) = recorded {
        how.recorded = Some(id.into());
    }
    Ok(how)
}

/// The words of the last `[[mock …]]` in a body.
fn marker(body: &[u8]) -> Option<&str> {
    let at = memchr::memmem::rfind(body, b"[[mock ")?;
    let rest = body.get(at + 7..)?;
    let end = memchr::memmem::find(rest, b"]]")?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

/// `/recorded/<id>/…` answers with that recording, for clients that cannot say so otherwise.
fn recorded_prefix(path: &str) -> (&str, Option<&str>) {
    let Some(rest) = path.strip_prefix("/recorded/") else { return (path, None) };
    match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some((id, path)) => (path, Some(id)),
        None => (path, None),
    }
}

fn tool_wanted(asked: &Asked, body: &[u8]) -> bool {
    asked.tool.is_some()
        && !asked.tool_answered
        && (asked.tool_forced || memchr::memmem::find(body, b"call the tool").is_some())
}

/// The credential presented, wherever clients put it.
fn credential<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> &'a str {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = header("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    let in_query = || query?.split('&').find_map(|pair| pair.strip_prefix("key="));
    let found = bearer
        .or_else(|| header("x-api-key"))
        .or_else(|| header("x-goog-api-key"))
        .or_else(|| header("api-key"))
        .or_else(in_query)
        .unwrap_or_default();
    // A label on the bill, bounded like everything; a longer one is no credential of ours.
    if found.len() > CREDENTIAL_BYTES_MAX { "(too long)" } else { found }
}

impl Shape {
    const fn family(self) -> Family {
        match self {
            Self::OpenAi => Family::OpenAi,
            Self::Anthropic => Family::Anthropic,
            Self::Gemini => Family::Gemini,
            Self::OllamaTags | Self::OllamaVersion => Family::Ollama,
        }
    }
}
