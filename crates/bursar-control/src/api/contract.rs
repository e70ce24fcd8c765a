//! What holds for every route: the document says that each error is a problem, and each error is one.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

/// The media type of problems (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// Bytes of a rejection's text that are told: it names a field and what is wrong with it.
const TEXT_BYTES_MAX: usize = 4_096;

/// Errors that any operation may end in.
const ANY: [(&str, &str); 4] = [
    ("400", "The query, path or body cannot be read"),
    ("401", "No token, or an unknown one"),
    ("403", "The token's role does not reach this"),
    ("503", "Busy, ending, or the store or ledger cannot be used"),
];
/// Errors of operations that take a body.
const WITH_BODY: [(&str, &str); 4] = [
    ("409", "The same idempotency key is in use"),
    ("413", "The body is too large"),
    ("415", "The body is not `application/json`"),
    ("422", "A field is wrong"),
];

/// Completes the document.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete_operation);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn complete_operation(operation: &mut Operation) {
    let bodied = operation.request_body.is_some();
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
    let more = WITH_BODY.iter().filter(|_| bodied);
    for (status, description) in ANY.iter().chain(more) {
        responses.entry((*status).to_owned()).or_insert_with(|| problem(description));
    }
}

fn problem(description: &str) -> RefOr<utoipa::openapi::Response> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    RefOr::T(ResponseBuilder::new().description(description).content(PROBLEM, content).build())
}

/// Makes a problem of an error that is plain text: what could not be read before a route saw it.
pub(super) async fn told_as_problem(response: Response) -> Response {
    let is_text =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_text || !response.status().is_client_error() {
        return response;
    }
    let status = response.status();
    let body: Body = response.into_body();
    let text = match body.collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= TEXT_BYTES_MAX).unwrap_or(text.len());
    Problem::new(status, text.get(..end).unwrap_or_default()).into_response()
}
