//! `/providers`: who answers, as the configuration installed them. Never a secret.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use bursar_govern::directory::{self, Credentials};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Provider {
    /// Its name.
    name: String,
    /// `openai`, `anthropic`, `gemini` or `ollama`.
    family: String,
    /// Its base URL.
    base_url: String,
    /// Whose rows of the price book apply.
    prices: String,
    /// The names of its credentials; `client` where the caller's own is forwarded.
    credentials: Vec<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list))
}

impl Provider {
    fn of(provider: &directory::Provider) -> Self {
        Self {
            name: provider.name.to_string(),
            family: provider.family.to_string(),
            base_url: provider.base_url.to_string(),
            prices: provider.prices.to_string(),
            credentials: match &provider.credentials {
                Credentials::Own(own) => own.iter().map(|credential| credential.name.to_string()).collect(),
                Credentials::Client => vec!["client".to_owned()],
                Credentials::None => Vec::new(),
            },
        }
    }
}

#[utoipa::path(get, path = "/providers", tag = "providers",
    responses((status = 200, body = List<Provider>), (status = 401, body = Problem)))]
async fn list(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<List<Provider>>, Problem> {
    let directory = state.governor.directory();
    let items = directory.providers.iter().map(|provider| Provider::of(provider)).collect();
    Ok(Json(List { items, next_cursor: None }))
}
