//! `/livez`, `/readyz`, `/health`: whether the process lives, and whether it can take priced requests.

use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    ledger: String,
    /// Rises with each replacement of the directory: tells whether a change has reached this node.
    revision: u64,
    providers: usize,
    budgets: usize,
}

pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

pub(crate) async fn readyz(Shared(state): Shared<Arc<State>>) -> (StatusCode, Json<Readiness>) {
    let ledger = state.governor.ledger();
    let down = ledger.down();
    let budgets = ledger.look(|engine| engine.budgets().count()).unwrap_or(0);
    let directory = state.governor.directory();
    let readiness = Readiness {
        ready: down.is_none(),
        ledger: down.as_ref().map_or_else(|| "writable".to_owned(), ToString::to_string),
        revision: directory.revision,
        providers: directory.providers.len(),
        budgets,
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
