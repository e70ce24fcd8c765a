//! `/requests/{id}/body`: what a request said and was told, where its log level kept it.

use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bursar_core::RequestId;
use bursar_store::bodies::{Body, Detail, Headers};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What was kept of a request beside its record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestDetail {
    /// The request.
    id: String,
    /// What the client sent, secrets masked; null where it was not kept.
    request_headers: Option<Vec<HeaderView>>,
    /// What the client sent, redacted; null where it was not kept.
    request_body: Option<BodyView>,
    /// What the provider answered with, secrets masked; null where it was not kept or there was no answer.
    response_headers: Option<Vec<HeaderView>>,
    /// What the client was given, redacted; null where it was not kept or there was no answer.
    response_body: Option<BodyView>,
}

/// One header.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeaderView {
    name: String,
    value: String,
}

/// A body, whole or its first part.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BodyView {
    /// Bytes of the whole body.
    size: u64,
    /// Whether its end is missing.
    truncated: bool,
    /// Bytes that are missing at its end.
    cut: u64,
    /// `text`, or `base64` where the bytes are no UTF-8.
    encoding: &'static str,
    /// What was kept.
    content: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(detail))
}

impl RequestDetail {
    fn of(detail: Detail) -> Self {
        let headers = |headers: Headers| -> Vec<HeaderView> {
            headers.into_iter().map(|(name, value)| HeaderView { name, value }).collect()
        };
        Self {
            id: detail.id.to_string(),
            request_headers: detail.request_headers.map(headers),
            request_body: detail.request_body.map(BodyView::of),
            response_headers: detail.response_headers.map(headers),
            response_body: detail.response_body.map(BodyView::of),
        }
    }
}

impl BodyView {
    fn of(body: Body) -> Self {
        let Body { size, mut content, mut cut } = body;
        // A character that the cut went through is left out, and counted as cut.
        if let Err(error) = std::str::from_utf8(&content)
            && error.error_len().is_none()
            && cut > 0
        {
            let half = content.len().saturating_sub(error.valid_up_to());
            content.truncate(error.valid_up_to());
            cut = cut.saturating_add(u64::try_from(half).unwrap_or(0));
        }
        let (encoding, content) = match String::from_utf8(content) {
            Ok(text) => ("text", text),
            Err(bytes) => ("base64", STANDARD.encode(bytes.as_bytes())),
        };
        Self { size, truncated: cut > 0, cut, encoding, content }
    }
}

/// What a request said and was told, as far as `records.level` kept it. For admins alone.
#[utoipa::path(get, path = "/requests/{id}/body", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, body = RequestDetail), (status = 404, body = Problem)))]
async fn detail(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<RequestDetail>, Problem> {
    let missing = || {
        let about = "headers and bodies are kept from `records.level` on, as long as `[retention]` says";
        Problem::new(StatusCode::NOT_FOUND, format!("nothing is kept of what request `{id}` said: {about}"))
    };
    let known = RequestId::parse(&id).ok_or_else(missing)?;
    let detail =
        state.bodies.get(known).map_err(|error| Problem::unavailable(&error))?.ok_or_else(missing)?;
    Ok(Json(RequestDetail::of(detail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-22, V L06.
    #[test]
    fn a_cut_body_says_how_much_is_missing_and_splits_no_character() {
        let view = |size, text: &[u8], cut| BodyView::of(Body { size, content: text.to_vec(), cut });
        let shown = view(19, br#"{"a": "012"#, 9);
        assert_eq!((shown.size, shown.truncated, shown.cut), (19, true, 9));
        assert_eq!((shown.encoding, shown.content.as_str()), ("text", r#"{"a": "012"#));
        let euro = view(9, "ab\u{20ac}".as_bytes().get(..4).unwrap(), 5);
        assert_eq!((euro.content.as_str(), euro.cut), ("ab", 7));
        let bytes = view(2, &[0xff, 0xfe], 0);
        assert_eq!((bytes.encoding, bytes.content.as_str(), bytes.truncated), ("base64", "//4=", false));
    }
}
