//! `/backups`: copies of the data directory, made on the server's disk while it serves.

use crate::auth::Actor;
use crate::backup::{self, MakeBackupError};
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Characters of a backup's name: enough for a date and a reason.
const NAME_CHARS_MAX: usize = 64;

/// What to call the copy.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupInput {
    /// Letters, digits, `-` and `_`; default: the time.
    name: Option<String>,
}

/// A finished copy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackupMade {
    /// Its name.
    name: String,
    /// Where it is on the server's disk: a data directory.
    folder: String,
    /// Its bytes.
    bytes: u64,
    /// The last entry of the journal in it.
    upto: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(make))
}

#[utoipa::path(post, path = "/backups", tag = "backups", request_body = BackupInput,
    responses((status = 200, body = BackupMade), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn make(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<BackupInput>,
) -> Result<Json<BackupMade>, Problem> {
    let name = input.name.unwrap_or_else(|| state.now().to_string().replace([':', '.'], "-"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_plain) {
        return Err(Problem::field("name", "has something else than 1 to 64 letters, digits, `-` and `_`"));
    }
    tracing::info!(actor = actor.name, name, "a backup is made");
    let work = {
        let (state, name) = (Arc::clone(&state), name.clone());
        tokio::task::spawn_blocking(move || backup::make(&state, &name))
    };
    let failed = |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    let made = work.await.map_err(|error| failed(error.to_string()))?;
    let made = made.map_err(|error| match error {
        MakeBackupError::Busy | MakeBackupError::Exists => {
            Problem::new(StatusCode::CONFLICT, error.to_string())
        }
        other => failed(other.to_string()),
    })?;
    let folder = made.folder.display().to_string();
    Ok(Json(BackupMade { name, folder, bytes: made.bytes, upto: made.upto.to_string() }))
}
