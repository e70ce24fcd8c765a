//! `/users`: the people on whose behalf keys are used.

use crate::auth::Actor;
use crate::page::{List, PageQuery};
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_store::settings::{self, ManagedBy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// The name, which is also the attribute value.
    name: String,
    /// The name that people are shown.
    display_name: Option<String>,
    /// Where notices go.
    email: Option<String>,
    /// `file` or `api`.
    managed_by: String,
    /// Whether the user's keys work.
    active: bool,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// What makes or changes a user. Absent fields keep their value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserInput {
    /// The name; only when it is made.
    name: Option<String>,
    /// The name that people are shown.
    display_name: Option<String>,
    /// Where notices go.
    email: Option<String>,
    /// Whether the user's keys work; default true.
    active: Option<bool>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update))
}

impl User {
    fn of(row: settings::User) -> Self {
        Self {
            name: row.name,
            display_name: row.display_name,
            email: row.email,
            managed_by: row.managed_by.to_string(),
            active: row.active,
            version: row.revision.version,
            created_at: row.revision.created_at.to_string(),
            updated_at: row.revision.updated_at.to_string(),
        }
    }
}

impl UserInput {
    fn apply(self, row: &mut settings::User) {
        row.display_name = self.display_name.or(row.display_name.take());
        row.email = self.email.or(row.email.take());
        row.active = self.active.unwrap_or(row.active);
    }
}

#[utoipa::path(get, path = "/users", tag = "users", params(PageQuery),
    responses((status = 200, body = List<User>), (status = 401, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<User>>, Problem> {
    Ok(Json(List::of(state.settings.users(&page.request())?, User::of)))
}

#[utoipa::path(post, path = "/users", tag = "users", request_body = UserInput,
    responses((status = 201, body = User), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<UserInput>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let name = input.name.clone().ok_or_else(|| Problem::field("name", "is missing"))?;
    let mut row = settings::User::new(&name, ManagedBy::Api);
    input.apply(&mut row);
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.create_user(&row)?))?;
    Ok((StatusCode::CREATED, Json(User::of(row))))
}

#[utoipa::path(get, path = "/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = User), (status = 404, body = Problem)))]
async fn show(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<User>, Problem> {
    Ok(Json(User::of(state.settings.user(&name)?)))
}

#[utoipa::path(patch, path = "/users/{name}", tag = "users", params(("name" = String, Path)), request_body = UserInput,
    responses((status = 200, body = User), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn update(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(input): Json<UserInput>,
) -> Result<Json<User>, Problem> {
    if input.name.as_ref().is_some_and(|other| *other != name) {
        return Err(Problem::field("name", "cannot be changed: records and budgets speak of it"));
    }
    let mut row = state.settings.user(&name)?;
    input.apply(&mut row);
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.update_user(&row)?))?;
    Ok(Json(User::of(row)))
}
