//! `GET /usage/…`: reports. Everything is read on a thread of its own, so that a long one keeps nobody waiting.

use crate::auth::Actor;
use crate::problem::Problem;
use crate::reports::query::UsageQuery;
use crate::reports::{
    ReportError, active, breakdown, budgets, cache, entity, heatmap, latency, rollups, summary, timeline,
    top, ttl,
};
use crate::state::State;
use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use bursar_ledger::Zone;
use bursar_store::records::RecordsError;
use bursar_store::settings::Stamp;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(summarise))
        .routes(routes!(report))
        .routes(routes!(rank))
        .routes(routes!(map))
        .routes(routes!(caching))
        .routes(routes!(keep))
        .routes(routes!(points))
        .routes(routes!(times))
        .routes(routes!(errors))
        .routes(routes!(stand))
        .routes(routes!(in_flight))
        .routes(routes!(check))
        .routes(routes!(rebuild))
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        let text = error.to_string();
        match error {
            ReportError::Input { field, .. } => Self {
                kind: bursar_core::Code::BadInput.to_string(),
                field: Some(field.to_owned()),
                ..Self::new(StatusCode::BAD_REQUEST, text)
            },
            ReportError::Records(RecordsError::TooManyRows(_)) => Self {
                kind: bursar_core::Code::BadInput.to_string(),
                ..Self::new(StatusCode::BAD_REQUEST, text)
            },
            ReportError::Records(_) | ReportError::Ledger(_) => Self::unavailable(&text),
            ReportError::Settings(error) => error.into(),
        }
    }
}

/// Runs a report where it may block.
async fn told<T: Send + 'static>(
    state: Arc<State>,
    query: UsageQuery,
    tell: impl FnOnce(&State, &UsageQuery) -> Result<T, ReportError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let told = tokio::task::spawn_blocking(move || tell(&state, &query)).await;
    match told {
        Ok(told) => Ok(Json(told?)),
        Err(_) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the report broke off")),
    }
}

/// In whose calendar: as asked, else the project's.
fn zone(state: &State, query: &UsageQuery) -> Result<Zone, ReportError> {
    let project = query.project.as_deref().and_then(|name| state.settings.project(name).ok());
    query.zone(project.as_ref().map(|project| project.time_zone.as_str()))
}

/// What was used in each period, by names. Takes time, names, `period`, `by`, `limit`, `cursor`.
#[utoipa::path(get, path = "/usage", tag = "usage", params(UsageQuery),
    responses((status = 200, body = summary::Summary), (status = 400, body = Problem)))]
async fn summarise(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<summary::Summary>, Problem> {
    told(state, query, |state, query| {
        summary::summary(&state.records, query, zone(state, query)?, state.now())
    })
    .await
}

/// The usage of one project, user, key, agent, run, session, provider, model or tag in one period, by model. Takes names,
/// `period` (also `total`), `at`, `time_zone`.
#[utoipa::path(get, path = "/usage/report", tag = "usage", params(UsageQuery),
    responses((status = 200, body = entity::UsageReport), (status = 400, body = Problem)))]
async fn report(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<entity::UsageReport>, Problem> {
    told(state, query, |state, query| entity::report(&state.records, query, zone(state, query)?, state.now()))
        .await
}

/// Who used most. Takes time, names, `by`, `order`, `limit`.
#[utoipa::path(get, path = "/usage/top", tag = "usage", params(UsageQuery),
    responses((status = 200, body = top::Top), (status = 400, body = Problem)))]
async fn rank(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<top::Top>, Problem> {
    told(state, query, |state, query| top::top(&state.records, query, zone(state, query)?, state.now())).await
}

/// Daily activity of a year. Takes names, `days`, `until`, `time_zone`, `order`.
#[utoipa::path(get, path = "/usage/heatmap", tag = "usage", params(UsageQuery),
    responses((status = 200, body = heatmap::Heatmap), (status = 400, body = Problem)))]
async fn map(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<heatmap::Heatmap>, Problem> {
    told(state, query, |state, query| {
        heatmap::heatmap(&state.records, query, zone(state, query)?, state.now())
    })
    .await
}

/// What prompt caching did. Takes time, names, `by`, `limit`.
#[utoipa::path(get, path = "/usage/cache", tag = "usage", params(UsageQuery),
    responses((status = 200, body = cache::CacheReport), (status = 400, body = Problem)))]
async fn caching(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<cache::CacheReport>, Problem> {
    told(state, query, |state, query| cache::cache(&state.records, query, zone(state, query)?, state.now()))
        .await
}

/// For how long prompt caches should be kept. Takes time, names, `by` (`user`, `key` or `session`), `limit`.
#[utoipa::path(get, path = "/usage/ttl", tag = "usage", params(UsageQuery),
    responses((status = 200, body = ttl::TtlReport), (status = 400, body = Problem)))]
async fn keep(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<ttl::TtlReport>, Problem> {
    told(state, query, |state, query| {
        let mut report = ttl::ttl(&state.records, query, zone(state, query)?, state.now())?;
        for row in report.items.iter_mut().filter(|_| report.by == "user") {
            if let Ok(user) = state.settings.user(&row.name) {
                (row.display_name, row.email) = (user.display_name, user.email);
            }
        }
        Ok(report)
    })
    .await
}

/// Gaps between requests as points over time. Takes time, names, `by` (`user`, `key` or `session`), `limit`.
#[utoipa::path(get, path = "/usage/timeline", tag = "usage", params(UsageQuery),
    responses((status = 200, body = timeline::Timeline), (status = 400, body = Problem)))]
async fn points(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<timeline::Timeline>, Problem> {
    told(state, query, |state, query| {
        let mut timeline = timeline::timeline(&state.records, query, zone(state, query)?, state.now())?;
        if query.user.is_none() && timeline.by == "user" {
            for point in &timeline.items {
                if !timeline.users.contains_key(&point.name) {
                    let shown = state.settings.user(&point.name).ok().and_then(|user| user.display_name);
                    timeline.users.insert(point.name.clone(), shown.unwrap_or_else(|| point.name.clone()));
                }
            }
        }
        Ok(timeline)
    })
    .await
}

/// How long answers took. Takes time, names, `by` (`user`, `key`, `model` or `provider`), `limit`.
#[utoipa::path(get, path = "/usage/latency", tag = "usage", params(UsageQuery),
    responses((status = 200, body = latency::LatencyReport), (status = 400, body = Problem)))]
async fn times(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<latency::LatencyReport>, Problem> {
    told(state, query, |state, query| {
        latency::latency(&state.records, query, zone(state, query)?, state.now())
    })
    .await
}

/// What went wrong: refusals and failures by code. Takes time, names, `limit`.
#[utoipa::path(get, path = "/usage/errors", tag = "usage", params(UsageQuery),
    responses((status = 200, body = breakdown::Breakdown), (status = 400, body = Problem)))]
async fn errors(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<breakdown::Breakdown>, Problem> {
    told(state, query, |state, query| {
        breakdown::breakdown(&state.records, query, zone(state, query)?, state.now())
    })
    .await
}

/// Where budgets stand: those that a request with these names would touch, or all. Takes names, `limit`.
#[utoipa::path(get, path = "/usage/budgets", tag = "usage", params(UsageQuery),
    responses((status = 200, body = budgets::BudgetStatus), (status = 400, body = Problem)))]
async fn stand(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<budgets::BudgetStatus>, Problem> {
    told(state, query, |state, query| {
        budgets::budgets(&state.settings, state.governor.ledger(), query, state.now())
    })
    .await
}

/// Requests in flight with their age and what they hold. Takes names, `limit`.
#[utoipa::path(get, path = "/usage/active", tag = "usage", params(UsageQuery),
    responses((status = 200, body = active::Active), (status = 400, body = Problem)))]
async fn in_flight(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<active::Active>, Problem> {
    told(state, query, move |state, query| {
        let open = state.governor.ledger().open_reservations();
        let open = open.map_err(|error| ReportError::Ledger(error.to_string()))?;
        let installed = state.installed.load();
        let patience = |name: &str| {
            let provider = installed.providers.iter().find(|provider| provider.name.as_str() == name)?;
            Some(active::Patience::of(provider))
        };
        let whole = active::active(&state.records, open, query, state.now(), patience)?;
        Ok(if actor.reach.is_bound() { whole.within() } else { whole })
    })
    .await
}

/// Which roll-ups.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RollupQuery {
    /// A month in UTC as `YYYYMM`; absent: every month.
    month: Option<String>,
}

async fn over(
    state: Arc<State>,
    month: Option<String>,
    each: impl FnOnce(
        &bursar_store::records::Records,
        Option<bursar_store::records::Month>,
    ) -> Result<rollups::RollupCheck, ReportError>
    + Send
    + 'static,
) -> Result<Json<rollups::RollupCheck>, Problem> {
    told(state, UsageQuery::default(), move |state, _| {
        each(&state.records, month.as_deref().map(rollups::month).transpose()?)
    })
    .await
}

/// Counts records again and compares with the roll-ups.
#[utoipa::path(get, path = "/usage/rollups", tag = "usage", params(RollupQuery),
    responses((status = 200, body = rollups::RollupCheck), (status = 400, body = Problem)))]
async fn check(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<RollupQuery>,
) -> Result<Json<rollups::RollupCheck>, Problem> {
    over(state, query.month, rollups::check).await
}

/// Makes roll-ups anew from their records, and tells what was wrong before.
#[utoipa::path(post, path = "/usage/rollups/rebuild", tag = "usage", request_body = RollupQuery,
    responses((status = 200, body = rollups::RollupCheck), (status = 400, body = Problem)))]
async fn rebuild(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(query): Json<RollupQuery>,
) -> Result<Json<rollups::RollupCheck>, Problem> {
    let rebuilt = over(Arc::clone(&state), query.month, rollups::rebuild).await?;
    let differing: u64 = rebuilt.months.iter().map(|month| month.differing).sum();
    let months: Vec<&str> = rebuilt.months.iter().map(|month| month.month.as_str()).collect();
    let stamp = Stamp::new(&actor.name, state.now());
    let (before, after) = (json!({ "differing": differing }), json!({ "differing": 0 }));
    let name = format!("roll-ups {}", months.join(" "));
    state.settings.change(&stamp, |change| change.note_correction(&name, &before, &after))?;
    Ok(rebuilt)
}
