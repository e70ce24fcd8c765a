//! `/requests/watch`: requests as they end. A reader asks again and again with the cursor of the answer before; an answer
//! waits until there is something to say.

use super::requests::{RequestQuery, RequestView};
use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::{StatusCode, Uri};
use bursar_core::{Attribute, Value};
use bursar_store::records::{Record, RecordFilter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Longest wait: shorter than what proxies in between put up with, and than an admin request may take.
const WAIT_S_MAX: u64 = 20;
/// Requests of one answer.
const ROWS: usize = 500;

/// Requests that ended, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Watched {
    items: Vec<RequestView>,
    /// For the next question.
    next_cursor: String,
    /// Requests that ended and were forgotten before they were asked for: this reader is too slow.
    missed: u64,
    /// Whether the server was started again since the cursor was given. What ended in between is in `/requests`.
    restarted: bool,
}

/// How long to wait. What is wanted is said as in `/requests`; `cursor` is that of the answer before, and without one only
/// what ends from now on is told.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct WatchQuery {
    /// Seconds to wait where there is nothing yet, at most 20.
    wait_s: Option<u64>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(watch))
}

#[utoipa::path(get, path = "/requests/watch", tag = "requests", params(RequestQuery, WatchQuery),
    responses((status = 200, body = Watched), (status = 422, body = Problem)))]
async fn watch(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<WatchQuery>,
    uri: Uri,
) -> Result<Json<Watched>, Problem> {
    let Query(query) = rest_of(&uri)?;
    let wait_s = asked.wait_s.unwrap_or(0);
    let (cursor, limit) = (query.cursor.clone(), query.limit);
    let filter = query.filter()?;
    let most = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(ROWS).clamp(1, ROWS);
    let read = || state.feed.read(cursor.as_deref(), most, |record| matches(&filter, record));
    let until = tokio::time::Instant::now() + Duration::from_secs(wait_s.min(WAIT_S_MAX));
    let read = match state.feed.wait() {
        None => read(),
        Some(waiting) => loop {
            let rung = waiting.rung();
            let found = read();
            if !found.records.is_empty() || found.restarted || found.missed > 0 || waiting.is_over() {
                break found;
            }
            if cursor.is_none() || tokio::time::timeout_at(until, rung).await.is_err() {
                break found;
            }
        },
    };
    let view = |record: &Arc<Record>| {
        let mut record = Record::clone(record);
        actor.reach.hide(&mut record);
        RequestView::of(&state, &record)
    };
    let items = read.records.iter().map(view).collect();
    Ok(Json(Watched { items, next_cursor: read.cursor, missed: read.missed, restarted: read.restarted }))
}

/// The query without what is said here alone.
fn rest_of(uri: &Uri) -> Result<Query<RequestQuery>, Problem> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.starts_with("wait_s="));
    let bad = |error: &dyn std::fmt::Display| Problem::new(StatusCode::BAD_REQUEST, error.to_string());
    let rest =
        format!("/?{}", pairs.collect::<Vec<_>>().join("&")).parse::<Uri>().map_err(|error| bad(&error))?;
    Query::try_from_uri(&rest).map_err(|error| bad(&error))
}

/// Whether a record is what a filter asks for, as the record files judge it.
fn matches(filter: &RecordFilter, record: &Record) -> bool {
    let named = [
        (Attribute::Project, &filter.project),
        (Attribute::User, &filter.user),
        (Attribute::Key, &filter.key),
        (Attribute::Agent, &filter.agent),
        (Attribute::Run, &filter.run),
        (Attribute::Session, &filter.session),
        (Attribute::Model, &filter.model),
        (Attribute::Provider, &filter.provider),
    ];
    let own = |attribute: &Attribute| record.attributes.get(attribute).map_or("", Value::as_str);
    let tagged = |(name, value): &(String, String)| {
        Value::new(name).is_ok_and(|name| own(&Attribute::Tag(name)) == value.as_str())
    };
    named.iter().all(|(attribute, wanted)| wanted.as_deref().is_none_or(|wanted| own(attribute) == wanted))
        && filter.status.is_none_or(|status| record.status == status)
        && filter.tag.as_ref().is_none_or(tagged)
        && filter.code.as_ref().is_none_or(|code| record.went_wrong() == *code)
        && filter.from.is_none_or(|from| record.created_at >= from)
        && filter.until.is_none_or(|until| record.created_at < until)
}
