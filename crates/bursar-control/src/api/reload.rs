//! `/reload`: reads the configuration again, like SIGHUP.

use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::{self, State};
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is in force now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reloaded {
    /// Rises with each replacement of the directory.
    revision: u64,
    /// Fields that differ from what the process started with and count only from its next start on: `log.level`.
    needs_restart: Vec<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(reload))
}

#[utoipa::path(post, path = "/reload", tag = "reload",
    responses((status = 200, body = Reloaded), (status = 422, body = Problem)))]
async fn reload(actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<Reloaded>, Problem> {
    tracing::info!(actor = actor.name, "reloading the configuration");
    match state.reload() {
        Ok(state::Reloaded { revision, needs_restart }) => Ok(Json(Reloaded { revision, needs_restart })),
        Err(problem) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, problem)),
    }
}
