//! `/alerts/secrets`: addresses, tokens and passwords of channels, given here, sealed at once and never shown again.

use crate::alert::{SECRETS_HOLDER, secret_purpose};
use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_govern::stored::StoredError;
use bursar_store::settings::{Credential, Sealed};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Secrets at once: two for each of more channels than anybody has.
const SECRETS_MAX: usize = 1_000;
/// Bytes of a secret: several times the longest address of a workflow's webhook.
const SECRET_BYTES_MAX: usize = 2_048;

/// A secret of channels, without the secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertSecret {
    /// Its name: `{ sealed = "NAME" }` in the configuration.
    name: String,
    /// Channels whose configuration names it.
    used_by: Vec<String>,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// A secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertSecretInput {
    /// Its name.
    name: String,
    /// The address, token or password. One that is there already is replaced.
    secret: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, set)).routes(routes!(delete))
}

fn view(state: &State, row: Credential) -> AlertSecret {
    let channels = state.alerts.channels();
    let uses = channels.iter().filter(|channel| channel.sealed_names().contains(&row.name));
    AlertSecret {
        used_by: uses.map(|channel| channel.name.clone()).collect(),
        name: row.name,
        version: row.revision.version,
        created_at: row.revision.created_at.to_string(),
        updated_at: row.revision.updated_at.to_string(),
    }
}

fn seal(state: &State, name: &str, secret: &str) -> Result<Sealed, Problem> {
    let secret = secret.trim();
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX || secret.chars().any(char::is_control) {
        let problem = format!("is empty, longer than {SECRET_BYTES_MAX} bytes, or of several lines");
        return Err(Problem::field("secret", problem));
    }
    let installed = state.installed.load();
    let sealer = installed.sealer.as_ref().ok_or(StoredError::NoSealer)?;
    let sealed = sealer.seal(&secret_purpose(name), secret.as_bytes()).map_err(StoredError::Seal)?;
    Ok(Sealed(sealed))
}

#[utoipa::path(get, path = "/alerts/secrets", tag = "alerts", responses((status = 200, body = List<AlertSecret>)))]
async fn list(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<List<AlertSecret>>, Problem> {
    let rows = state.settings.credentials(SECRETS_HOLDER)?;
    let items = rows.into_iter().map(|row| view(&state, row)).collect();
    Ok(Json(List { items, next_cursor: None }))
}

#[utoipa::path(post, path = "/alerts/secrets", tag = "alerts", request_body = AlertSecretInput,
    description = "Sets a secret that channels name. It counts from the next message on.",
    responses((status = 200, body = AlertSecret), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn set(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<AlertSecretInput>,
) -> Result<Json<AlertSecret>, Problem> {
    let sealed = seal(&state, &input.name, &input.secret)?;
    let rows = state.settings.credentials(SECRETS_HOLDER)?;
    let known = rows.iter().find(|row| row.name == input.name).cloned();
    if known.is_none() && rows.len() >= SECRETS_MAX {
        let detail = format!("there are {SECRETS_MAX} secrets already: delete one that no channel uses");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let row = state.change(&actor.name, |change| {
        Ok::<_, ControlError>(match known {
            Some(row) => change.update_credential(&Credential { sealed, ..row })?,
            None => change.create_credential(&Credential::new(SECRETS_HOLDER, &input.name, sealed))?,
        })
    })?;
    Ok(Json(view(&state, row)))
}

#[utoipa::path(delete, path = "/alerts/secrets/{name}", tag = "alerts", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.change(&actor.name, |change| {
        change.delete_credential(SECRETS_HOLDER, &name)?;
        Ok::<_, ControlError>(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}
