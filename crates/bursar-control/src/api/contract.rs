//! What holds for every route: the document says that each error is a problem, and each error is one; every operation has a
//! name of its own, and what a body takes is said in one object.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, AllOf, Components, Object, Schema};
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
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            complete_operation(operation);
        }
    }
    if let Some(components) = &mut document.components {
        join_closed(components);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// `get_budgets_by_name_windows`: method and path, which together are an operation's and no other's.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/admin/v1").unwrap_or(path);
    let mut id = method.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        id.push_str(if name.is_some() { "_by_" } else { "_" });
        id.push_str(&name.unwrap_or(part).replace('-', "_"));
    }
    id
}

/// Makes one object of what takes the fields of several together. Said as `allOf`, nothing would fit where one of them takes
/// no fields but its own.
fn join_closed(components: &mut Components) {
    let joined: Vec<(String, Object)> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| match schema {
            RefOr::T(Schema::AllOf(all)) => Some((name.clone(), joined(all, components)?)),
            RefOr::T(_) | RefOr::Ref(_) => None,
        })
        .collect();
    for (name, object) in joined {
        components.schemas.insert(name, RefOr::T(Schema::Object(object)));
    }
}

/// All fields of the parts in one object, where one of them is closed.
fn joined(all: &AllOf, components: &Components) -> Option<Object> {
    let part = |item: &RefOr<Schema>| match item {
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(_) => None,
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next()?;
            match components.schemas.get(name)? {
                RefOr::T(Schema::Object(object)) => Some(object.clone()),
                RefOr::T(_) | RefOr::Ref(_) => None,
            }
        }
    };
    let parts: Vec<Object> = all.items.iter().map(part).collect::<Option<_>>()?;
    let is_closed = |part: &Object| {
        matches!(part.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(false)))
    };
    if !parts.iter().any(is_closed) {
        return None;
    }
    let mut whole = Object::new();
    whole.description.clone_from(&all.description);
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    for part in parts {
        whole.properties.extend(part.properties);
        whole.required.extend(part.required);
    }
    Some(whole)
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

#[cfg(test)]
mod tests {
    use super::operation_id;
    use crate::openapi;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        assert_eq!(operation_id("get", "/admin/v1/budgets/{name}/windows"), "get_budgets_by_name_windows");
        assert_eq!(operation_id("post", "/admin/v1/keys/{id}/top-up"), "post_keys_by_id_top_up");
        let document = serde_json::to_value(openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let named = paths.values().flat_map(|item| item.as_object().unwrap().values());
        let ids: Vec<&str> = named.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn a_body_that_takes_the_fields_of_two_says_so_in_one_object() {
        let document = serde_json::to_value(openapi()).unwrap();
        let usage = &document["components"]["schemas"]["UsageInput"];
        assert_eq!(usage["additionalProperties"], false, "{usage}");
        for field in ["provider", "request_id", "usage", "cost_usd"] {
            assert!(usage["properties"][field].is_object(), "{usage}");
        }
    }
}
