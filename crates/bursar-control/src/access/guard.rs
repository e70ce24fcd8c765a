//! Stands before every route of the admin API: whoever calls is known, allowed, and kept within their bounds.

use super::reach::is_hidden;
use super::{About, BASE, Reach, Rule, rule};
use crate::auth::{Actor, authenticate};
use crate::problem::Problem;
use crate::state::State;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Query, RawPathParams, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bursar_core::{Attribute, RequestId};
use bursar_govern::assemble;
use bursar_store::settings::{KeyId, Role, Token};
use std::sync::Arc;

/// Bytes of a body that is read to see whom it names.
const BODY_BYTES_MAX: usize = bursar_core::limits::REQUEST_BODY_BYTES_MAX;

/// Serves a request only if its token may ask it, and narrows it to the token's bounds.
pub(crate) async fn guard(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(path) = matched.filter(|path| path.starts_with(BASE)) else {
        return next.run(request).await;
    };
    match narrow(&state, &path, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn narrow(state: &Arc<State>, path: &str, request: Request) -> Result<Request, Problem> {
    let (mut parts, mut body) = request.into_parts();
    let token = authenticate(state, &parts.headers)?;
    let forbidden = |why: &str| {
        let detail = format!("the token `{}` ({}) may not do this{why}", token.name, token.role);
        Problem::new(StatusCode::FORBIDDEN, detail)
    };
    let rule = rule(&parts.method, path).ok_or_else(|| forbidden(""))?;
    if token.role != Role::Admin && !rule.roles.contains(&token.role) {
        return Err(forbidden(""));
    }
    let reach = Reach::of(&token).ok_or_else(|| forbidden(": its role needs a project or user"))?;
    if reach.is_bound() {
        match rule.about {
            About::Nobody => {}
            About::Platform => return Err(forbidden(": it is about the whole platform")),
            About::Filter => force(&mut parts, &reach, &token)?,
            About::Body => {
                let bytes = to_bytes(body, BODY_BYTES_MAX)
                    .await
                    .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))?;
                let named = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
                let project = named.as_ref().and_then(|body| body.get("project")?.as_str());
                if !reach.holds(project, None) {
                    return Err(forbidden(" in another project"));
                }
                body = Body::from(bytes);
            }
            About::Project | About::User | About::Key | About::Request | About::Budget => {
                let name = named(&mut parts, state).await?;
                if !is_within(state, rule, &reach, &name)? {
                    // The same words whether it is somebody else's or nobody's.
                    let what =
                        format!("nothing called `{name}` is within reach of the token `{}`", token.name);
                    return Err(Problem::new(StatusCode::NOT_FOUND, what));
                }
            }
        }
    }
    parts.extensions.insert(Actor { name: token.name, token: token.id, reach });
    Ok(Request::from_parts(parts, body))
}

/// The first parameter of the path, decoded.
async fn named(parts: &mut Parts, state: &Arc<State>) -> Result<String, Problem> {
    let found = RawPathParams::from_request_parts(parts, state).await;
    let first = found.ok().and_then(|found| found.iter().next().map(|(_, value)| value.to_owned()));
    first.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "the path cannot be read"))
}

fn is_within(state: &State, rule: &Rule, reach: &Reach, name: &str) -> Result<bool, Problem> {
    Ok(match rule.about {
        About::Nobody => true,
        About::Platform | About::Filter | About::Body => false,
        About::Project => match &reach.project {
            Some(project) => project == name,
            // A user who is bound to no project: the project is not theirs alone.
            None => false,
        },
        About::User => reach.user.as_deref() == Some(name),
        About::Key => KeyId::parse(name)
            .and_then(|id| state.settings.key(id).ok())
            .is_some_and(|(key, _)| reach.holds(Some(&key.project), key.user.as_deref())),
        About::Request => {
            let Some(id) = RequestId::parse(name) else { return Ok(false) };
            state.records.get(id)?.is_some_and(|record| reach.holds_request(&record.attributes))
        }
        About::Budget => {
            let row = state.settings.budget(name).ok();
            let budget = row.and_then(|row| assemble::budget(&row).ok());
            budget.is_some_and(|budget| {
                let hidden = budget.per.iter().chain(budget.matches.iter().map(|(attribute, _)| attribute));
                let own = budget.matches.iter().any(|(attribute, patterns)| {
                    let exact = |project: &str| {
                        patterns.iter().all(|pattern| pattern.to_string() == project)
                            && !project.contains('*')
                    };
                    *attribute == Attribute::Project
                        && !patterns.is_empty()
                        && reach.project.as_deref().is_some_and(exact)
                });
                own && reach.user.is_none() && !hidden.into_iter().any(is_hidden)
            })
        }
    })
}

/// Puts the token's bounds into the query; another project or user there is refused, not replaced without a word.
fn force(parts: &mut Parts, reach: &Reach, token: &Token) -> Result<(), Problem> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let Query(pairs) = pairs.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let mut query = parts.uri.query().unwrap_or_default().to_owned();
    for (name, bound) in [("project", &reach.project), ("user", &reach.user)] {
        let Some(bound) = bound else { continue };
        let given: Vec<&String> =
            pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect();
        if given.iter().any(|value| *value != bound) {
            let detail = format!("the token `{}` sees only the {name} `{bound}`", token.name);
            let problem = Problem::new(StatusCode::FORBIDDEN, detail);
            return Err(Problem { field: Some(name.to_owned()), ..problem });
        }
        if given.is_empty() {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&format!("{name}={}", encoded(bound)));
        }
    }
    let uri = format!("{}?{query}", parts.uri.path()).parse::<Uri>();
    parts.uri = uri.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(())
}

/// A value as a query has it: everything but letters, digits and `-._~` as `%xx`.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
