//! `GET /v1/bursar/balance`: what a client may still spend, asked with its own key.

use super::calls::Refused;
use crate::problem::Problem;
use crate::state::State;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Uri};
use axum::{Extension, Json};
use bursar_core::{Attribute, Attributes, Charge, Value};
use bursar_govern::assemble::balance_name;
use bursar_govern::identify::{Claims, permit_address};
use bursar_ledger::{Mode, Touched};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What a key may still spend.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalanceView {
    /// The key's id.
    key: String,
    /// Who is billed.
    project: String,
    /// Whose key it is.
    user: Option<String>,
    /// `member`, `service` or `standalone`.
    kind: &'static str,
    /// The key's own balance; null: it has none, and only budgets bind it.
    balance: Option<BudgetStanding>,
    /// Every other budget that counts what this key spends, narrowest first.
    budgets: Vec<BudgetStanding>,
    /// What is left in the tightest hard window that counts money, USD; null: none binds it.
    remaining_usd: Option<String>,
    /// Whether a hard budget has nothing left.
    exhausted: bool,
    /// Its limits beside the budgets: `100 requests per minute`.
    limits: Vec<String>,
    /// When the key stops working; null: never.
    expires_at: Option<String>,
}

/// Where a budget's window of this period stands. Amounts are decimal strings in its measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetStanding {
    /// Its name.
    budget: String,
    /// `hard`, `soft` or `shadow`.
    mode: &'static str,
    /// `usd`, `tokens` or `requests`.
    measure: String,
    /// What it is about: `user=ann`.
    scope: String,
    /// The limit; null: unlimited.
    limit: Option<String>,
    /// Settled.
    settled: String,
    /// Sent, and the bill is unknown: charged at its hold.
    suspense: String,
    /// Held by requests in flight.
    held: String,
    /// What is left; null: unlimited.
    remaining: Option<String>,
    /// Whether settled, suspense and held reach the limit.
    exhausted: bool,
    /// Null for `total`.
    ends_at: Option<String>,
    /// When the next period begins.
    resets_at: Option<String>,
}

/// What a request would be about: budgets of one model or provider bind only it.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct BalanceQuery {
    /// A model's name.
    model: Option<String>,
    /// A provider's name.
    provider: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(balance))
}

impl BudgetStanding {
    fn of(touched: &Touched) -> Self {
        let (budget, standing) = (&touched.budget, &touched.standing);
        let show = |amount: i64| budget.measure.format(amount);
        Self {
            budget: budget.name.to_string(),
            mode: match budget.mode {
                Mode::Hard => "hard",
                Mode::Soft => "soft",
                Mode::Shadow => "shadow",
            },
            measure: budget.measure.as_str().to_owned(),
            scope: standing.scope.to_string(),
            limit: standing.limit.map(show),
            settled: show(standing.settled),
            suspense: show(standing.suspense),
            held: show(standing.held),
            remaining: standing.remaining.map(show),
            exhausted: standing.remaining.is_some_and(|left| left <= 0),
            ends_at: standing.ends_at.map(|at| at.to_string()),
            resets_at: standing.resets_at.map(|at| at.to_string()),
        }
    }
}

#[utoipa::path(get, path = "/v1/bursar/balance", tag = "self-service", params(BalanceQuery), security(),
    description = "Takes a client's own key wherever the provider routes take it.",
    responses((status = 200, body = BalanceView), (status = 401, body = Problem)))]
pub(super) async fn balance(
    Shared(state): Shared<Arc<State>>,
    address: Option<Extension<IpAddr>>,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<BalanceQuery>,
) -> Result<Json<BalanceView>, Refused> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let claims = Claims {
        agent: text("x-bursar-agent"),
        run: text("x-bursar-run"),
        session: text("x-bursar-session"),
        user: text("x-bursar-user"),
        tags: text("x-bursar-tags"),
    };
    let keys = bursar_wire::client_keys(&headers, uri.path(), uri.query());
    let presented = keys.first().map(|found| &*found.key);
    let request_id = state.governor.ports().request_id();
    let caller = state.governor.identify(request_id, presented, &claims);
    let refuse = |refusal| Refused::Refusal(Box::new(refusal));
    let caller = caller.map_err(refuse)?;
    permit_address(&caller.key, address.map(|Extension(address)| address), request_id).map_err(refuse)?;
    let mut attributes = caller.attributes.clone();
    for (attribute, name, given) in
        [(Attribute::Model, "model", &query.model), (Attribute::Provider, "provider", &query.provider)]
    {
        if let Some(given) = given {
            let value = Value::new(given).map_err(|error| Problem::field(name, error))?;
            attributes.set(&attribute, value);
        }
    }
    let (touched, remaining_usd) = windows(&state, &attributes)?;
    let key = &caller.key;
    let own = balance_name(key.id.as_str());
    let (balance, budgets): (Vec<_>, Vec<_>) =
        touched.iter().map(BudgetStanding::of).partition(|standing| standing.budget == own);
    let all = || balance.iter().chain(&budgets);
    Ok(Json(BalanceView {
        key: key.id.to_string(),
        project: key.project.name.to_string(),
        user: attributes.get(&Attribute::User).map(ToString::to_string),
        kind: key.kind.as_str(),
        exhausted: all().any(|standing| standing.exhausted && standing.mode == "hard"),
        remaining_usd,
        limits: key.limits.iter().map(ToString::to_string).collect(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        balance: balance.into_iter().next(),
        budgets,
    }))
}

/// The windows that a request with these attributes touches, and what is left in the tightest that counts money.
fn windows(state: &State, attributes: &Attributes) -> Result<(Vec<Touched>, Option<String>), Refused> {
    let (ledger, now) = (state.governor.ledger(), state.now());
    // Why is the operator's to know, not the client's.
    let down = |_error: bursar_store::ledger::LedgerDown| {
        Refused::not_booked(bursar_govern::outside::NotBooked::Down(
            "the ledger cannot be asked now".to_owned(),
        ))
    };
    // A dry run brings windows back that have left memory.
    let decision = ledger.check(now, attributes, &Charge::ZERO).map_err(down)?;
    let touched = ledger.windows_of(attributes, now).map_err(down)?;
    Ok((touched, decision.tightest_usd.map(|usd| usd.to_string())))
}

/// The same under `/k/<key>/`.
pub(super) const UNDER_KEY: &str = "/k/{key}/v1/bursar/balance";
