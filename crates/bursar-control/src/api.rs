//! The routes of `/admin/v1` and the OpenAPI document that is generated from them.

mod alert_secrets;
mod alerts;
mod audit;
mod backups;
mod balance;
mod blocking;
mod budgets;
mod calls;
mod checks;
mod contract;
mod credentials;
mod details;
mod export;
mod keys;
mod kill;
mod ledger;
mod overlay;
mod prices;
mod probe;
mod projects;
mod providers;
mod reload;
mod reprice;
mod requests;
mod reservations;
mod simulate;
mod throttle;
mod tokens;
mod usage;
mod usage_reports;
mod users;
mod watch;

pub(crate) use budgets::WouldHaveRefused;
pub use probe::{Probe, Probed};

use crate::state::State;
use crate::{access, health, idempotency, metrics};
use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(title = "Bursar admin API", description = "Projects, users, keys, budgets, requests and the ledger."),
    modifiers(&Bearer),
    security(("admin_token" = []))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("admin_token", SecurityScheme::Http(scheme));
    }
}

fn routes() -> OpenApiRouter<Arc<State>> {
    let v1 = OpenApiRouter::new()
        .merge(projects::routes())
        .merge(users::routes())
        .merge(keys::routes())
        .merge(budgets::routes())
        .merge(checks::routes())
        .merge(kill::routes())
        .merge(simulate::routes())
        .merge(requests::routes())
        .merge(watch::routes())
        .merge(details::routes())
        .merge(export::routes())
        .merge(usage::routes())
        .merge(reservations::routes())
        .merge(usage_reports::routes())
        .merge(ledger::routes())
        .merge(providers::routes())
        .merge(credentials::routes())
        .merge(probe::routes())
        .merge(prices::routes())
        .merge(overlay::routes())
        .merge(reprice::routes())
        .merge(throttle::routes())
        .merge(backups::routes())
        .merge(reload::routes())
        .merge(alerts::routes())
        .merge(alert_secrets::routes())
        .merge(audit::routes())
        .merge(tokens::routes());
    let mut all =
        OpenApiRouter::with_openapi(Document::openapi()).nest("/admin/v1", v1).merge(balance::routes());
    contract::complete(all.get_openapi_mut());
    all
}

/// Everything that the control plane serves.
pub fn router(state: Arc<State>) -> Router {
    let (api, document) = routes().split_for_parts();
    let text = document.to_pretty_json().unwrap_or_default();
    api.route("/admin/openapi.json", get(move || std::future::ready(json(text.clone()))))
        .route(balance::UNDER_KEY, get(balance::balance))
        .route("/livez", get(health::livez))
        .route("/health", get(health::readyz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::answer))
        .layer(map_response(contract::told_as_problem))
        .layer(from_fn_with_state(Arc::clone(&state), idempotency::repeat))
        .layer(from_fn_with_state(Arc::clone(&state), access::guard))
        .with_state(state)
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

fn json(text: String) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], text)
}
