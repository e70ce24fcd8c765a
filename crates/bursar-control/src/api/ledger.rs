//! `/ledger`: what is in suspense, and the operator's corrections. Each says who and why, and is in the journal for good.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_core::{Charge, ReservationId, Usd};
use bursar_ledger::{Adjust, AdjustmentId, Audit, OpenReservation, Outcome, Settle, WindowId};
use bursar_store::ledger::Applied;
use bursar_store::settings::Stamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// An attempt that was sent and whose bill is unknown: charged at its hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Suspense {
    /// The reservation: request id and attempt.
    id: String,
    /// When it was reserved.
    reserved_at: String,
    /// What it is charged, list cost in USD.
    hold_usd: String,
    /// The same, effective cost.
    hold_effective_usd: String,
    /// Tokens held.
    hold_tokens: i64,
    /// How many windows it is charged to.
    windows: usize,
    /// When it settles at its estimate; null: never by itself.
    estimate_at: Option<String>,
}

/// Why a correction is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgiveInput {
    /// Why; kept in the journal.
    reason: String,
}

/// What an attempt in suspense really cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettleInput {
    /// List cost in USD.
    list_usd: String,
    /// Effective cost in USD; default: list cost.
    effective_usd: Option<String>,
    /// Tokens, every class once.
    tokens: i64,
}

/// A correction of one window.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdjustInput {
    /// The budget's name.
    budget: String,
    /// The value of its `per` attribute, where it has one; the window of this period is corrected.
    per: Option<String>,
    /// What is added to what was settled: a decimal in the budget's measure, negative to take away.
    amount: String,
    /// Why; kept in the journal.
    reason: String,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// In a word.
    result: &'static str,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(suspense))
        .routes(routes!(forgive))
        .routes(routes!(settle))
        .routes(routes!(adjust))
}

impl Suspense {
    fn of(open: &OpenReservation) -> Self {
        let hold = &open.reserved.hold;
        Self {
            id: open.reserved.id.to_string(),
            reserved_at: open.reserved.at.to_string(),
            hold_usd: hold.list.to_string(),
            hold_effective_usd: hold.effective.to_string(),
            hold_tokens: hold.tokens,
            windows: open.reserved.windows.len(),
            estimate_at: open.until.map(|at| at.to_string()),
        }
    }
}

#[utoipa::path(get, path = "/ledger/suspense", tag = "ledger",
    responses((status = 200, body = List<Suspense>), (status = 503, body = Problem)))]
async fn suspense(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<List<Suspense>>, Problem> {
    let open = state.governor.ledger().suspense().map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(List { items: open.iter().map(Suspense::of).collect(), next_cursor: None }))
}

#[utoipa::path(post, path = "/ledger/suspense/{id}/forgive", tag = "ledger", params(("id" = String, Path)),
    request_body = ForgiveInput,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn forgive(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<ForgiveInput>,
) -> Result<Json<Done>, Problem> {
    let audit = audit(&actor, &input.reason)?;
    let id = reservation(&id)?;
    let before = standing(&state, id)?;
    let applied = state.governor.ledger().forgive(state.now(), id, audit);
    let done = done(&state, applied, "forgiven").await?;
    let after = json!({ "state": "released", "reason": input.reason });
    note(&state, &actor, &format!("reservation {id}"), &before, &after)?;
    Ok(done)
}

#[utoipa::path(post, path = "/ledger/suspense/{id}/settle", tag = "ledger", params(("id" = String, Path)),
    request_body = SettleInput,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn settle(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<SettleInput>,
) -> Result<Json<Done>, Problem> {
    let id = reservation(&id)?;
    let open = state.governor.ledger().open_reservation(id).map_err(|error| Problem::unavailable(&error))?;
    let open =
        open.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("no open reservation `{id}`")))?;
    let money = |field: &str, text: &str| Usd::parse(text).map_err(|error| Problem::field(field, error));
    let list = money("list_usd", &input.list_usd)?;
    let effective = input.effective_usd.as_deref().map_or(Ok(list), |text| money("effective_usd", text))?;
    let charge = Charge { list, effective, tokens: input.tokens, requests: open.reserved.hold.requests };
    let settle = Settle { id, charge, estimated: false, record: Box::default() };
    let applied = state.governor.ledger().settle(state.now(), settle);
    let before = shown(&open);
    let done = done(&state, applied, "settled").await?;
    let after = json!({ "state": "settled", "list_usd": list.to_string(), "effective_usd": effective.to_string(),
        "tokens": input.tokens });
    note(&state, &actor, &format!("reservation {id}"), &before, &after)?;
    Ok(done)
}

#[utoipa::path(post, path = "/ledger/adjust", tag = "ledger", request_body = AdjustInput,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn adjust(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<AdjustInput>,
) -> Result<Json<Done>, Problem> {
    let row = state.settings.budget(&input.budget)?;
    let budget = bursar_govern::assemble::budget(&row).map_err(crate::state::ControlError::from)?;
    let amount = match budget.measure {
        bursar_core::Measure::Usd => {
            Usd::parse(&input.amount).map(Usd::nanos).map_err(|error| error.to_string())
        }
        bursar_core::Measure::Tokens | bursar_core::Measure::Requests => {
            input.amount.parse().map_err(|_| "is no whole number".to_owned())
        }
    };
    let amount = amount.map_err(|error| Problem::field("amount", error))?;
    let per = per_values(input.per.as_deref().unwrap_or_default(), budget.per.len())?;
    let (ledger, now) = (state.governor.ledger(), state.now());
    let found = ledger
        .wake(budget.id, &per, now)
        .and_then(|()| ledger.standing_at(budget.id, &per, now))
        .map_err(|error| Problem::unavailable(&error))?;
    let settled = found.as_ref().map_or(0, |standing| standing.settled);
    let window: Option<WindowId> = found.and_then(|standing| standing.window);
    let window = window.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("budget `{}` has no such window in this period", input.budget),
        )
    })?;
    let adjust = Adjust {
        id: AdjustmentId(state.governor.ports().request_id().as_u128()),
        reservation: None,
        parts: vec![(window, amount)],
        audit: audit(&actor, &input.reason)?,
    };
    let applied = state.governor.ledger().adjust(state.now(), adjust);
    let done = done(&state, applied, "adjusted").await?;
    let show = |amount: i64| budget.measure.format(amount);
    let before = json!({ "settled": show(settled) });
    let after = json!({ "settled": show(settled.saturating_add(amount)), "reason": input.reason });
    note(&state, &actor, &format!("budget {} window {window}", input.budget), &before, &after)?;
    Ok(done)
}

/// The values of a budget's `per` as `a,b`; an empty one is the window of those who omit it.
fn per_values(text: &str, count: usize) -> Result<bursar_ledger::PerValues, Problem> {
    if count == 0 && text.is_empty() {
        return Ok(bursar_ledger::PerValues::new());
    }
    let value = |text: &str| match text {
        "" => Ok(None),
        text => bursar_core::Value::new(text).map(Some).map_err(|error| Problem::field("per", error)),
    };
    if count == 1 {
        return value(text).map(|value| std::iter::once(value).collect());
    }
    text.split(',').map(value).collect()
}

/// An open reservation as the audit trail shows it.
fn shown(open: &OpenReservation) -> Value {
    let hold = &open.reserved.hold;
    json!({ "state": "suspense", "list_usd": hold.list.to_string(), "effective_usd": hold.effective.to_string(),
        "tokens": hold.tokens })
}

fn standing(state: &State, id: ReservationId) -> Result<Value, Problem> {
    let open = state.governor.ledger().open_reservation(id).map_err(|error| Problem::unavailable(&error))?;
    Ok(open.as_ref().map_or(Value::Null, shown))
}

/// Notes a correction that the journal has already: both must be there before the operator is told that it is done.
fn note(state: &State, actor: &Actor, name: &str, before: &Value, after: &Value) -> Result<(), Problem> {
    let stamp = Stamp::new(&actor.name, state.now());
    state.settings.change(&stamp, |change| change.note_correction(name, before, after)).map_err(Problem::from)
}

fn reservation(text: &str) -> Result<ReservationId, Problem> {
    ReservationId::parse(text)
        .ok_or_else(|| Problem::field("id", "is no request id, or request id and attempt"))
}

fn audit(actor: &Actor, reason: &str) -> Result<Audit, Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::field("reason", "is empty: say why"));
    }
    Ok(Audit { actor: actor.name.as_str().into(), reason: reason.into() })
}

/// Answers once it is durable.
async fn done(
    state: &State,
    applied: Result<Applied, bursar_store::ledger::LedgerDown>,
    result: &'static str,
) -> Result<Json<Done>, Problem> {
    let applied = applied.map_err(|error| Problem::unavailable(&error))?;
    match applied.outcome {
        Outcome::Forgiven | Outcome::Adjusted(_) | Outcome::Settled(_) | Outcome::Duplicate(_) => {}
        Outcome::Unknown => return Err(Problem::new(StatusCode::NOT_FOUND, "no such open reservation")),
        Outcome::Conflict(_) => {
            let mut problem = Problem::new(StatusCode::CONFLICT, "it is settled already, at another amount");
            problem.kind = bursar_core::Code::SettleConflict.to_string();
            return Err(problem);
        }
        Outcome::Rejected(rejection) => {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, rejection.to_string()));
        }
        other => return Err(Problem::new(StatusCode::CONFLICT, format!("the ledger answered {other:?}"))),
    }
    state.governor.ledger().durable(applied.seq).await.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(Done { result }))
}
