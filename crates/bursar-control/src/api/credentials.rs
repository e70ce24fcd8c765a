//! `/providers/{name}/credentials`: secrets towards providers, given here, sealed at once and never shown again.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_govern::assemble::Installed;
use bursar_govern::directory::{self, Credentials};
use bursar_govern::stored::{CredentialDocument, StoredError, is_sendable, purpose};
use bursar_store::settings::{self, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A credential, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credential {
    /// Its name.
    name: String,
    /// Whose secret it is.
    provider: String,
    /// `file` or `api`.
    managed_by: String,
    /// Its share of the requests.
    weight: u32,
    /// Factor from list cost to effective cost.
    rate_multiplier: String,
    /// The factor of single API formats.
    rate_multipliers: BTreeMap<String, String>,
    /// Requests in flight at once.
    in_flight_max: Option<u32>,
    /// Requests within any 60 seconds.
    requests_per_minute: Option<u32>,
    /// Whether it is used.
    active: bool,
    /// Rises with each change; absent for one of the file.
    version: Option<u64>,
    /// RFC 3339.
    created_at: Option<String>,
    /// RFC 3339.
    updated_at: Option<String>,
}

/// What makes or changes a credential. Absent fields keep their value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialInput {
    /// Its name; only when it is made.
    name: Option<String>,
    /// The secret; only when it is made. See `rotate`.
    secret: Option<String>,
    /// Its share of the requests, 0 to 1000000; 0: not used.
    weight: Option<u32>,
    /// Factor from list cost to effective cost, a decimal.
    rate_multiplier: Option<String>,
    /// The factor of single API formats.
    rate_multipliers: Option<BTreeMap<String, String>>,
    /// Requests in flight at once; 0: no limit.
    in_flight_max: Option<u32>,
    /// Requests within any 60 seconds; 0: no limit.
    requests_per_minute: Option<u32>,
    /// Whether it is used; default true.
    active: Option<bool>,
}

/// A new secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretInput {
    /// The secret.
    secret: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(update, delete)).routes(routes!(rotate))
}

impl Credential {
    fn of(row: settings::Credential) -> Result<Self, Problem> {
        let document = CredentialDocument::parse(&row.document)?;
        Ok(Self {
            name: row.name,
            provider: row.provider,
            managed_by: "api".to_owned(),
            weight: document.weight.unwrap_or(1),
            rate_multiplier: document.rate_multiplier.unwrap_or_else(|| "1".to_owned()),
            rate_multipliers: document.rate_multipliers,
            in_flight_max: document.in_flight_max,
            requests_per_minute: document.requests_per_minute,
            active: row.active,
            version: Some(row.revision.version),
            created_at: Some(row.revision.created_at.to_string()),
            updated_at: Some(row.revision.updated_at.to_string()),
        })
    }
    fn of_file(provider: &directory::Provider, credential: &directory::Credential) -> Self {
        let by_format = &credential.multipliers.by_format;
        Self {
            name: credential.name.to_string(),
            provider: provider.name.to_string(),
            managed_by: "file".to_owned(),
            weight: credential.weight,
            rate_multiplier: credential.multipliers.default.to_string(),
            rate_multipliers: by_format.iter().map(|(f, m)| (f.to_string(), m.to_string())).collect(),
            in_flight_max: credential.limits.in_flight,
            requests_per_minute: credential.limits.per_minute,
            active: true,
            version: None,
            created_at: None,
            updated_at: None,
        }
    }
}

impl CredentialInput {
    fn apply(self, row: &mut settings::Credential) -> Result<(), Problem> {
        let mut document = CredentialDocument::parse(&row.document)?;
        if self.weight.is_some_and(|weight| weight > 1_000_000) {
            return Err(Problem::field("weight", "is above 1000000"));
        }
        let limit = |new: Option<u32>, old: Option<u32>| new.or(old).filter(|limit| *limit > 0);
        document.weight = self.weight.or(document.weight);
        document.rate_multiplier = self.rate_multiplier.or(document.rate_multiplier);
        document.rate_multipliers = self.rate_multipliers.unwrap_or(document.rate_multipliers);
        document.in_flight_max = limit(self.in_flight_max, document.in_flight_max);
        document.requests_per_minute = limit(self.requests_per_minute, document.requests_per_minute);
        document.multipliers()?;
        row.document = serde_json::to_value(&document)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
        row.active = self.active.unwrap_or(row.active);
        Ok(())
    }
}

impl From<StoredError> for Problem {
    fn from(error: StoredError) -> Self {
        match error {
            StoredError::Field { field, problem } => Self::field(&field, problem),
            StoredError::Secret => Self::field("secret", error),
            StoredError::NoSealer | StoredError::Seal(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

/// The provider as the configuration installed it.
fn provider<'a>(installed: &'a Installed, name: &str) -> Result<&'a directory::Provider, Problem> {
    let found = installed.providers.iter().find(|provider| provider.name.as_str() == name);
    found.map(|provider| &**provider).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("no provider `{name}`: providers stand in the configuration"),
        )
    })
}

fn seal(installed: &Installed, provider: &str, name: &str, secret: &str) -> Result<Sealed, Problem> {
    let secret = secret.trim();
    if !is_sendable(secret) {
        return Err(StoredError::Secret.into());
    }
    let sealer = installed.sealer.as_ref().ok_or(StoredError::NoSealer)?;
    let sealed = sealer.seal(&purpose(provider, name), secret.as_bytes()).map_err(StoredError::Seal)?;
    Ok(Sealed(sealed))
}

fn stored(state: &State, provider: &str, name: &str) -> Result<settings::Credential, Problem> {
    let rows = state.settings.credentials(provider)?;
    rows.into_iter().find(|row| row.name == name).ok_or_else(|| {
        let detail =
            format!("no credential `{name}` of the provider `{provider}` was given through this API");
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

#[utoipa::path(get, path = "/providers/{name}/credentials", tag = "providers", params(("name" = String, Path)),
    responses((status = 200, body = List<Credential>), (status = 404, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<List<Credential>>, Problem> {
    let installed = state.installed.load();
    let provider = provider(&installed, &name)?;
    let mut items: Vec<Credential> = match &provider.credentials {
        Credentials::Own(own) => own.iter().map(|one| Credential::of_file(provider, one)).collect(),
        Credentials::Client | Credentials::None => Vec::new(),
    };
    for row in state.settings.credentials(&name)? {
        items.push(Credential::of(row)?);
    }
    Ok(Json(List { items, next_cursor: None }))
}

#[utoipa::path(post, path = "/providers/{name}/credentials", tag = "providers", params(("name" = String, Path)),
    request_body = CredentialInput,
    responses((status = 201, body = Credential), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(provider_name): Path<String>,
    Json(mut input): Json<CredentialInput>,
) -> Result<(StatusCode, Json<Credential>), Problem> {
    let installed = state.installed.load();
    let provider = provider(&installed, &provider_name)?;
    let name = input.name.take().ok_or_else(|| Problem::field("name", "is missing"))?;
    let secret = input.secret.take().ok_or_else(|| Problem::field("secret", "is missing"))?;
    match &provider.credentials {
        Credentials::Client => {
            let detail = format!("the provider `{provider_name}` forwards its callers' own credentials");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Credentials::Own(own) if own.iter().any(|one| one.name.as_str() == name) => {
            let detail =
                format!("the configuration names a credential `{name}` of `{provider_name}` already");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        Credentials::Own(_) | Credentials::None => {}
    }
    let sealed = seal(&installed, &provider_name, &name, &secret)?;
    let mut row = settings::Credential::new(&provider_name, &name, sealed);
    input.apply(&mut row)?;
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.create_credential(&row)?))?;
    Ok((StatusCode::CREATED, Json(Credential::of(row)?)))
}

#[utoipa::path(patch, path = "/providers/{name}/credentials/{credential}", tag = "providers",
    params(("name" = String, Path), ("credential" = String, Path)), request_body = CredentialInput,
    responses((status = 200, body = Credential), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn update(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path((provider_name, name)): Path<(String, String)>,
    Json(input): Json<CredentialInput>,
) -> Result<Json<Credential>, Problem> {
    if input.secret.is_some() {
        return Err(Problem::field("secret", "is changed by `rotate`"));
    }
    if input.name.as_ref().is_some_and(|other| *other != name) {
        return Err(Problem::field("name", "cannot be changed: budgets and records speak of it"));
    }
    let mut row = stored(&state, &provider_name, &name)?;
    input.apply(&mut row)?;
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.update_credential(&row)?))?;
    Ok(Json(Credential::of(row)?))
}

#[utoipa::path(post, path = "/providers/{name}/credentials/{credential}/rotate", tag = "providers",
    params(("name" = String, Path), ("credential" = String, Path)), request_body = SecretInput,
    responses((status = 200, body = Credential), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn rotate(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path((provider_name, name)): Path<(String, String)>,
    Json(input): Json<SecretInput>,
) -> Result<Json<Credential>, Problem> {
    let mut row = stored(&state, &provider_name, &name)?;
    row.sealed = seal(&state.installed.load(), &provider_name, &name, &input.secret)?;
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.update_credential(&row)?))?;
    Ok(Json(Credential::of(row)?))
}

#[utoipa::path(delete, path = "/providers/{name}/credentials/{credential}", tag = "providers",
    params(("name" = String, Path), ("credential" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path((provider_name, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    stored(&state, &provider_name, &name)?;
    state.change(&actor.name, |change| {
        change.delete_credential(&provider_name, &name)?;
        Ok::<_, ControlError>(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}
