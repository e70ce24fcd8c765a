//! `/livez`, `/readyz`, `/health`: whether the process lives, and whether it can take priced requests.

mod checks;

pub use checks::{Check, CheckState, MoreChecks};

use crate::state::State;
use axum::Json;
use axum::extract::{RawQuery, State as Shared};
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
    throttle: ThrottleAge,
    /// Each check by name, where `?verbose` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<Check>>,
}

/// How old the states of throttles are.
#[derive(Serialize)]
pub(crate) struct ThrottleAge {
    /// Seconds since the last evaluation; null where none was tried.
    age_s: Option<i64>,
    /// Evaluations missed since.
    missed: i64,
    /// Whether that is too many. Requests are served all the same.
    stale: bool,
}

pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

pub(crate) async fn readyz(
    Shared(state): Shared<Arc<State>>,
    RawQuery(query): RawQuery,
) -> (StatusCode, Json<Readiness>) {
    let asked = query.unwrap_or_default();
    let verbose = asked.split('&').any(|pair| matches!(pair, "verbose" | "verbose=true" | "verbose=1"));
    let ledger = state.governor.ledger();
    let down = ledger.down();
    let budgets = ledger.look(|engine| engine.budgets().count()).unwrap_or(0);
    let directory = state.governor.directory();
    let readiness = Readiness {
        ready: down.is_none() && !state.governor.kills().is_unknown(state.now()),
        ledger: down.as_ref().map_or_else(|| "writable".to_owned(), ToString::to_string),
        revision: directory.revision,
        providers: directory.providers.len(),
        budgets,
        throttle: throttle(&state),
        checks: verbose.then(|| checks::all(&state)),
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

fn throttle(state: &State) -> ThrottleAge {
    let age = state.throttle.age(state.now());
    ThrottleAge {
        age_s: age.map(|age| age.age_s),
        missed: age.map_or(0, |age| age.missed),
        stale: age.is_some_and(|age| age.stale),
    }
}
