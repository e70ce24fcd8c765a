//! `/projects`: the units that own keys and are billed.

use crate::auth::Actor;
use crate::page::{List, PageQuery};
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_govern::assemble::default_user_budget;
use bursar_govern::budget::parse_limit;
use bursar_store::settings::{self, DefaultUserBudget, ManagedBy, UnknownModelPolicy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Project {
    /// Its name.
    name: String,
    /// The IANA time zone of its reports and default budgets.
    time_zone: String,
    /// Whether a request to which no budget applies is refused.
    require_budget: bool,
    /// `deny`, `fallback_price` or `free`.
    unknown_model_policy: String,
    /// The budget that every user of the project gets, such as `10 USD` a month.
    default_user_budget: Option<String>,
    /// `file` or `api`.
    managed_by: String,
    /// Whether its keys work.
    active: bool,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// What makes or changes a project. Absent fields keep their value, or take the default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectInput {
    /// Its name; only when it is made.
    name: Option<String>,
    /// The IANA time zone; default `UTC`.
    time_zone: Option<String>,
    /// Refuse requests to which no budget applies; default false.
    require_budget: Option<bool>,
    /// `deny` (default), `fallback_price` or `free`.
    unknown_model_policy: Option<String>,
    /// Such as `10 USD`, per user and month.
    default_user_budget: Option<String>,
    /// Whether its keys work; default true.
    active: Option<bool>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update))
}

impl Project {
    fn of(row: settings::Project) -> Self {
        let limit = row.default_user_budget.map(|budget| match budget.measure {
            bursar_core::Measure::Usd => format!("{} USD", budget.measure.format(budget.limit)),
            other => format!("{} {}", budget.limit, other.as_str()),
        });
        Self {
            name: row.name,
            time_zone: row.time_zone,
            require_budget: row.require_budget,
            unknown_model_policy: row.unknown_model_policy.to_string(),
            default_user_budget: limit,
            managed_by: row.managed_by.to_string(),
            active: row.active,
            version: row.revision.version,
            created_at: row.revision.created_at.to_string(),
            updated_at: row.revision.updated_at.to_string(),
        }
    }
}

impl ProjectInput {
    fn apply(self, row: &mut settings::Project) -> Result<(), Problem> {
        if let Some(zone) = self.time_zone {
            bursar_ledger::Zone::parse(&zone).map_err(|error| Problem::field("time_zone", error))?;
            row.time_zone = zone;
        }
        if let Some(word) = self.unknown_model_policy {
            row.unknown_model_policy = UnknownModelPolicy::parse(&word).ok_or_else(|| {
                Problem::field(
                    "unknown_model_policy",
                    format!("`{word}` is not one of deny, fallback_price, free"),
                )
            })?;
        }
        if let Some(text) = self.default_user_budget {
            let limit =
                parse_limit(&text).map_err(|error| Problem::field("default_user_budget", error.problem))?;
            row.default_user_budget = Some(DefaultUserBudget { measure: limit.measure, limit: limit.amount });
        }
        row.require_budget = self.require_budget.unwrap_or(row.require_budget);
        row.active = self.active.unwrap_or(row.active);
        Ok(())
    }
}

#[utoipa::path(get, path = "/projects", tag = "projects", params(PageQuery),
    responses((status = 200, body = List<Project>), (status = 401, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<Project>>, Problem> {
    Ok(Json(List::of(state.settings.projects(&page.request())?, Project::of)))
}

#[utoipa::path(post, path = "/projects", tag = "projects", request_body = ProjectInput,
    responses((status = 201, body = Project), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<ProjectInput>,
) -> Result<(StatusCode, Json<Project>), Problem> {
    let name = input.name.clone().ok_or_else(|| Problem::field("name", "is missing"))?;
    let mut row = settings::Project::new(&name, ManagedBy::Api);
    input.apply(&mut row)?;
    let row = state.change(&actor.name, |change| {
        let row = change.create_project(&row)?;
        if let Some((name, document)) = default_user_budget(&row) {
            State::upsert_budget(change, None, &name, &document, ManagedBy::Api)?;
        }
        Ok::<_, ControlError>(row)
    })?;
    Ok((StatusCode::CREATED, Json(Project::of(row))))
}

#[utoipa::path(get, path = "/projects/{name}", tag = "projects", params(("name" = String, Path)),
    responses((status = 200, body = Project), (status = 404, body = Problem)))]
async fn show(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<Project>, Problem> {
    Ok(Json(Project::of(state.settings.project(&name)?)))
}

#[utoipa::path(patch, path = "/projects/{name}", tag = "projects", params(("name" = String, Path)),
    request_body = ProjectInput,
    responses((status = 200, body = Project), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn update(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(input): Json<ProjectInput>,
) -> Result<Json<Project>, Problem> {
    if input.name.as_ref().is_some_and(|other| *other != name) {
        return Err(Problem::field("name", "cannot be changed: records and budgets speak of it"));
    }
    let mut row = state.settings.project(&name)?;
    input.apply(&mut row)?;
    let budget = default_user_budget(&row);
    let existing = budget.as_ref().and_then(|(name, _)| state.settings.budget(name).ok());
    let row = state.change(&actor.name, |change| {
        let row = change.update_project(&row)?;
        if let Some((name, document)) = budget {
            State::upsert_budget(change, existing, &name, &document, ManagedBy::Api)?;
        }
        Ok::<_, ControlError>(row)
    })?;
    Ok(Json(Project::of(row)))
}
