//! `/audit`: who changed what, with before and after.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Query, State as Shared};
use bursar_core::Timestamp;
use bursar_store::PageRequest;
use bursar_store::settings::{self, AuditFilter, Object};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number, in order of time.
    id: i64,
    /// RFC 3339.
    at: String,
    /// Who.
    actor: String,
    /// `create`, `update`, `delete`, `rotate`, `revoke`, `turn_on`, `turn_off`, `retain`.
    action: String,
    /// To what kind of thing.
    object: String,
    /// To which.
    name: String,
    /// The row before, without secrets; null when it was made.
    #[schema(value_type = Option<Object>)]
    before: Option<serde_json::Value>,
    /// The row after, without secrets; null when it is gone.
    #[schema(value_type = Option<Object>)]
    after: Option<serde_json::Value>,
}

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Of this kind of thing.
    object: Option<String>,
    /// Of this one.
    name: Option<String>,
    /// By this actor.
    actor: Option<String>,
    /// At or after; RFC 3339.
    from: Option<String>,
    /// Before; RFC 3339.
    until: Option<String>,
    /// Rows of the page.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list))
}

impl AuditEntry {
    fn of(row: settings::AuditEntry) -> Self {
        Self {
            id: row.id,
            at: row.at.to_string(),
            actor: row.actor,
            action: row.action.to_string(),
            object: row.object.to_string(),
            name: row.name,
            before: row.before,
            after: row.after,
        }
    }
}

#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = List<AuditEntry>), (status = 400, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<List<AuditEntry>>, Problem> {
    let object = query.object.as_deref().map(|word| {
        Object::parse(word).ok_or_else(|| Problem::field("object", format!("`{word}` is no kind of thing")))
    });
    let filter = AuditFilter {
        object: object.transpose()?,
        name: query.name,
        actor: query.actor,
        from: query.from.as_deref().map(|text| time("from", text)).transpose()?,
        until: query.until.as_deref().map(|text| time("until", text)).transpose()?,
    };
    let page =
        PageRequest { cursor: query.cursor, limit: query.limit.unwrap_or(PageRequest::default().limit) };
    Ok(Json(List::of(state.settings.audit(&filter, &page)?, AuditEntry::of)))
}

/// Reads a time of a query.
pub(super) fn time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).ok_or_else(|| {
        Problem::field(field, format!("`{text}` is no RFC 3339 time or date such as 2026-12-31"))
    })
}
