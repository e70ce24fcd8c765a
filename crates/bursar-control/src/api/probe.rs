//! `/providers/{name}/test`: whether a provider answers and takes its credentials.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_govern::directory::Provider;
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Asks a provider, once with each of its credentials. The binary brings it: nothing here speaks HTTP.
pub type Probe =
    Box<dyn Fn(Arc<Provider>) -> Pin<Box<dyn Future<Output = Vec<Probed>> + Send>> + Send + Sync>;

/// How one credential was answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Probed {
    /// Which; absent where the provider takes none of Bursar's.
    pub credential: Option<String>,
    /// Whether it was answered with a success.
    pub ok: bool,
    /// The status of the answer.
    pub status_code: Option<u16>,
    /// Milliseconds to the answer.
    pub total_ms: u64,
    /// Why there is none.
    pub error: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(test))
}

#[utoipa::path(post, path = "/providers/{name}/test", tag = "providers", params(("name" = String, Path)),
    responses((status = 200, body = List<Probed>), (status = 404, body = Problem)))]
async fn test(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<List<Probed>>, Problem> {
    let directory = state.governor.directory();
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("no provider `{name}`"));
    let provider = directory.provider(&name).ok_or_else(missing)?;
    let unable = || Problem::new(StatusCode::NOT_IMPLEMENTED, "this process cannot ask providers");
    let probe = state.probe.get().ok_or_else(unable)?;
    Ok(Json(List { items: probe(Arc::clone(provider)).await, next_cursor: None }))
}
