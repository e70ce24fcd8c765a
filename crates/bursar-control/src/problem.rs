//! Problems as RFC 9457 says them: type, title, status, detail, and the field where there is one.

use crate::state::ControlError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bursar_govern::budget::DocumentError;
use bursar_store::records::RecordsError;
use bursar_store::settings::SettingsError;
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every error of the admin API, as `application/problem+json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`, or a code of Bursar such as `E-LEDGER-001`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong, where, and what would be right.
    pub detail: String,
    /// The field that is wrong, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem.
    #[must_use]
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
        }
    }
    /// A field that is wrong.
    #[must_use]
    pub(crate) fn field(field: &str, problem: impl std::fmt::Display) -> Self {
        let detail = format!("{field}: {problem}");
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }
    /// What the server keeps cannot be read or written. Its log says which file and why; who asks may not see that.
    #[must_use]
    pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "what the admin API was asked for cannot be read or written");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "what is kept cannot be read or written now: the server's log says why",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        let text = error.to_string();
        match error {
            SettingsError::Duplicate { .. } | SettingsError::Stale { .. } => {
                Self::new(StatusCode::CONFLICT, text)
            }
            SettingsError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, text),
            SettingsError::Invalid { field, .. } => {
                Self { field: Some(field.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, text) }
            }
            SettingsError::Cursor(_) => {
                Self { field: Some("cursor".to_owned()), ..Self::new(StatusCode::BAD_REQUEST, text) }
            }
            SettingsError::Corrupt(_) | SettingsError::Io(_) => Self::unavailable(&text),
        }
    }
}

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        let text = error.to_string();
        match error {
            RecordsError::Cursor(_) => Self::field("cursor", text),
            RecordsError::TooManyRows(_) => Self::new(StatusCode::BAD_REQUEST, text),
            RecordsError::Open(_)
            | RecordsError::Directory { .. }
            | RecordsError::Corrupt { .. }
            | RecordsError::Record { .. }
            | RecordsError::Io { .. }
            | RecordsError::TooManyMonths(_) => Self::unavailable(&text),
        }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Settings(error) => error.into(),
            ControlError::Assemble(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            ControlError::Overlay(error) => error.into(),
            ControlError::Ledger(error) => Self::unavailable(&error),
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        Self::field(&error.field, error.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S3-15.
    #[test]
    fn who_asks_is_not_told_of_files() {
        let path = std::path::PathBuf::from("/srv/bursar/records");
        let source = std::io::Error::other("no space left");
        let problem = Problem::from(RecordsError::Directory { path, source });
        assert_eq!(problem.status, 503);
        assert!(!problem.detail.contains("srv") && problem.detail.contains("log"), "{}", problem.detail);
    }
}
