//! One request at the fake provider, from its first byte to the decision how it is answered.

use crate::answer::{Answer, Spend};
use crate::asked;
use crate::behaviour::Gzip;
use crate::body::{Broken, MockBody};
use crate::dialect;
use crate::draw::Draw;
use crate::io::Switch;
use crate::journal::{Journal, Received};
use crate::json::Out;
use crate::limits::REQUEST_BYTES_MAX;
use crate::produce::produce;
use crate::route::{Shape, Surface, route};
use crate::script::Facts;
use crate::server::Shared;
use crate::ticket::Ticket;
use crate::wishes::{accepts_gzip, behaviour, credential, recorded_prefix, tool_wanted};
use bursar_core::Family;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
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
    let mut how = match behaviour(&live, &facts, &parts.headers, recorded, draw) {
        Ok(how) => how,
        Err(mistake) => return Ok(error(family, 400, &format!("mock: {mistake}"))),
    };
    if how.gzip == Gzip::Asked && !accepts_gzip(&parts.headers) {
        how.gzip = Gzip::Never;
    }
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

/// An answer with a body.
pub(crate) fn head(status: u16, kind: &str, body: MockBody) -> Response<MockBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(kind) = HeaderValue::from_str(kind)
        && !kind.is_empty()
    {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
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
