//! `/simulate`: what budgets would have done with the requests that there were. Changes nothing.

use super::budgets::{BudgetInput, WindowView, merged};
use crate::auth::Actor;
use crate::problem::Problem;
use crate::simulate::{Simulated, SimulatedWindow, Simulation};
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use bursar_core::Timestamp;
use bursar_ledger::{Budget, BudgetId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Budgets of one simulation: a file of a large house has a few dozen.
const BUDGETS_MAX: usize = 200;
/// Days back: a year shows every season.
const DAYS_MAX: i64 = 366;
/// Seconds that one simulation may take: clients of the admin API wait 30.
const SECONDS_MAX: i64 = 20;
/// Records between two looks at the clock.
const LOOK_EVERY: u64 = 1_000;
/// Windows shown of each budget: those with refusals first.
const WINDOWS_SHOWN: usize = 100;

/// One at a time: each reads the record files as fast as it can.
static RUNNING: Mutex<()> = Mutex::new(());

/// What is simulated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimulateInput {
    /// Budgets as they would be made, each with its name.
    budgets: Vec<BudgetInput>,
    /// From when on; RFC 3339.
    since: String,
    /// Until when; default: now.
    until: Option<String>,
}

/// What the budgets would have done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulateView {
    /// From when on; windows begin empty then.
    since: String,
    /// Until when; earlier than asked for where it was cut.
    until: String,
    /// Whether it was cut because it took too long.
    cut: bool,
    /// Requests that were asked for again.
    requests: u64,
    /// Requests that any of these budgets would have refused.
    refused: u64,
    /// Requests that were refused in truth, which are left out.
    denied_before: u64,
    /// Each budget.
    items: Vec<SimulatedView>,
}

/// What one budget would have done. Amounts are decimal strings in its measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulatedView {
    name: String,
    /// `usd`, `tokens`, `requests`.
    measure: &'static str,
    /// The limit of each window; null: unlimited.
    limit: Option<String>,
    /// Requests that it counted.
    admitted: u64,
    /// Requests that it would have refused.
    refused: u64,
    /// Of these, those that only requests in flight were in the way of: waiting might have helped.
    refused_held: u64,
    /// Of these, those that alone exceed the limit.
    refused_too_large: u64,
    /// What the refused ones cost in truth.
    refused_cost: String,
    /// When it would have refused first.
    first_refusal_at: Option<String>,
    /// Its windows, those with most refusals first.
    windows: Vec<SimulatedWindowView>,
}

/// How one window ends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulatedWindowView {
    /// Where it stands at the end.
    #[serde(flatten)]
    window: WindowView,
    /// The most that was held at once.
    held_max: String,
    /// Requests that it would have refused.
    refused: u64,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(simulate))
}

impl SimulatedView {
    fn of(done: &Simulated) -> Self {
        let budget = &done.budget;
        let show = |amount: i64| budget.measure.format(amount);
        let window = |window: &SimulatedWindow| SimulatedWindowView {
            window: WindowView::of(budget, &window.standing),
            held_max: show(window.held_max),
            refused: window.refused,
        };
        Self {
            name: budget.name.to_string(),
            measure: budget.measure.as_str(),
            limit: budget.limit.map(show),
            admitted: done.admitted,
            refused: done.refused,
            refused_held: done.refused_held,
            refused_too_large: done.refused_too_large,
            refused_cost: show(done.refused_cost),
            first_refusal_at: done.first_refusal_at.map(|at| at.to_string()),
            windows: done.windows.iter().map(window).collect(),
        }
    }
}

#[utoipa::path(post, path = "/simulate", tag = "budgets", request_body = SimulateInput,
    responses((status = 200, body = SimulateView), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn simulate(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<SimulateInput>,
) -> Result<Json<SimulateView>, Problem> {
    let now = state.now();
    let since = super::audit::time("since", &input.since)?;
    let until = input.until.as_deref().map_or(Ok(now), |text| super::audit::time("until", text))?.min(now);
    if since >= until {
        return Err(Problem::field("since", "is not before `until`"));
    }
    if until.micros_since(since) > DAYS_MAX * 86_400_000_000 {
        return Err(Problem::field("since", format!("is more than {DAYS_MAX} days before `until`")));
    }
    if input.budgets.is_empty() || input.budgets.len() > BUDGETS_MAX {
        return Err(Problem::field("budgets", format!("takes 1 to {BUDGETS_MAX} budgets")));
    }
    let budgets = (1..).zip(input.budgets).map(|(id, input)| budget(id, input, since));
    let budgets = budgets.collect::<Result<Vec<_>, _>>()?;
    let simulation = Simulation::new(budgets, since).map_err(|wrong| Problem::field("budgets", wrong))?;
    let working = tokio::task::spawn_blocking(move || run(&state, simulation, since, until));
    let failed = |error: &dyn std::fmt::Display| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the simulation ended early: {error}"))
    };
    working.await.map_err(|error| failed(&error))?.map(Json)
}

fn budget(id: u32, input: BudgetInput, since: Timestamp) -> Result<Budget, Problem> {
    let name = input.name.ok_or_else(|| Problem::field("budgets.name", "is missing"))?;
    let document = merged(None, input.document)?;
    Ok(document.to_budget(BudgetId(id), 1, &name, since, true)?)
}

/// Reads the records and asks for each. Blocks on the disk.
fn run(
    state: &State,
    mut simulation: Simulation,
    since: Timestamp,
    until: Timestamp,
) -> Result<SimulateView, Problem> {
    let Some(_alone) = RUNNING.try_lock() else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "another simulation runs; try again when it has ended",
        ));
    };
    let last = state.now().plus_seconds(SECONDS_MAX);
    let (mut count, mut reached) = (0u64, since);
    let complete = state.records.replay(since, until, |record| {
        count += 1;
        reached = record.created_at;
        simulation.ask(&record);
        if count.is_multiple_of(LOOK_EVERY) && state.now() >= last {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    let (requests, refused, denied_before) =
        (simulation.requests, simulation.refused, simulation.denied_before);
    let until = if complete { until } else { reached };
    let done = simulation.finish(until, WINDOWS_SHOWN);
    Ok(SimulateView {
        since: since.to_string(),
        until: until.to_string(),
        cut: !complete,
        requests,
        refused,
        denied_before,
        items: done.iter().map(SimulatedView::of).collect(),
    })
}
