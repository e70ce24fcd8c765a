//! `/budgets`: limits, and where their windows stand.

use crate::auth::Actor;
use crate::page::{List, PageQuery};
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_govern::assemble;
use bursar_govern::budget::BudgetDocument;
use bursar_ledger::{Budget, Mode, Standing};
use bursar_store::settings::{BudgetRow, KeyId, ManagedBy, Settings, SettingsError, ShadowRefusals};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A budget: its name, its document, and where its windows of this period stand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetView {
    /// Its id.
    id: u32,
    /// Its name.
    name: String,
    /// What it is about, as scopes are written: `platform`, `project`, `run`, ….
    scope: String,
    /// What it counts: `usd`, `tokens`, `requests`.
    measure: String,
    /// Limit, period, match and all the rest, as in `bursar.toml`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    document: BudgetDocument,
    /// `file` or `api`.
    managed_by: String,
    /// Whether it counts and refuses.
    active: bool,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// What it would have refused so far, in all of its windows; only in mode `shadow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_have_refused: Option<WouldHaveRefused>,
    /// Its windows of this period, those in memory; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<Vec<WindowView>>,
}

/// What a shadow budget would have refused. Attempts count a fraction of a second after they were let through.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WouldHaveRefused {
    /// How many attempts.
    count: u64,
    /// What they asked to hold: a decimal string in the budget's measure.
    requested: String,
}

/// Where a window stands. Amounts are decimal strings in the budget's measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WindowView {
    /// The values of `per`; null where requests omit the attribute.
    per: BTreeMap<String, Option<String>>,
    /// Absent for `total`.
    starts_at: Option<String>,
    /// Absent for `total`.
    ends_at: Option<String>,
    /// Null: unlimited.
    limit: Option<String>,
    /// Settled.
    settled: String,
    /// Sent, and the bill is unknown: charged at its hold.
    suspense: String,
    /// Held by requests in flight.
    held: String,
    /// What is left; null: unlimited.
    remaining: Option<String>,
    /// What is above the limit.
    over_limit: String,
    /// What settled above its hold, so far.
    overage: String,
    /// Settled per day.
    burn_per_day: String,
    /// What will be settled at the end of the period at that pace.
    projection: Option<String>,
    /// Whole days until the end of the period.
    days_left: Option<i64>,
    /// When the next period begins.
    resets_at: Option<String>,
    /// What the budget would have refused in this window; only in mode `shadow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_have_refused: Option<WouldHaveRefused>,
}

/// What makes or changes a budget: its name beside the fields of `bursar.toml`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BudgetInput {
    /// Its name; only when it is made.
    pub(super) name: Option<String>,
    /// Whether it counts and refuses; default true.
    active: Option<bool>,
    /// Limit, period, match and all the rest, as in `bursar.toml`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(super) document: serde_json::Map<String, serde_json::Value>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(windows))
}

impl BudgetView {
    fn of(settings: &Settings, row: &BudgetRow, windows: Option<Vec<WindowView>>) -> Result<Self, Problem> {
        let budget = assemble::budget(row).map_err(ControlError::from)?;
        let refused = || settings.shadow_of_budget(row.id);
        let would_have_refused = WouldHaveRefused::of(&budget, refused)?;
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            scope: budget.scope(&Default::default()).kind(),
            measure: budget.measure.as_str().to_owned(),
            document: BudgetDocument::of(&budget),
            managed_by: row.managed_by.to_string(),
            active: row.active,
            version: row.revision.version,
            created_at: row.revision.created_at.to_string(),
            would_have_refused,
            windows,
        })
    }
}

impl WouldHaveRefused {
    /// Of a shadow budget, by `refused`; nothing of others.
    pub(crate) fn of(
        budget: &Budget,
        refused: impl FnOnce() -> Result<ShadowRefusals, SettingsError>,
    ) -> Result<Option<Self>, SettingsError> {
        if budget.mode != Mode::Shadow {
            return Ok(None);
        }
        let ShadowRefusals { refusals, requested } = refused()?;
        Ok(Some(Self { count: refusals, requested: budget.measure.format(requested) }))
    }
    /// Of one window of a budget.
    pub(crate) fn in_window(
        settings: &Settings,
        budget: &Budget,
        standing: &Standing,
    ) -> Result<Option<Self>, SettingsError> {
        Self::of(budget, || match standing.window {
            Some(window) => settings.shadow_of_window(window.0),
            None => Ok(ShadowRefusals::default()),
        })
    }
}

impl WindowView {
    /// A window that is stored, with what the budget would have refused in it.
    fn stored(settings: &Settings, budget: &Budget, standing: &Standing) -> Result<Self, Problem> {
        let would_have_refused = WouldHaveRefused::in_window(settings, budget, standing)?;
        Ok(Self { would_have_refused, ..Self::of(budget, standing) })
    }
    pub(super) fn of(budget: &Budget, standing: &Standing) -> Self {
        let show = |amount: i64| budget.measure.format(amount);
        let per = budget.per.iter().zip(&standing.per);
        Self {
            would_have_refused: None,
            per: per
                .map(|(attribute, value)| (attribute.to_string(), value.as_ref().map(ToString::to_string)))
                .collect(),
            starts_at: standing.starts_at.map(|at| at.to_string()),
            ends_at: standing.ends_at.map(|at| at.to_string()),
            limit: standing.limit.map(show),
            settled: show(standing.settled),
            suspense: show(standing.suspense),
            held: show(standing.held),
            remaining: standing.remaining.map(show),
            over_limit: show(standing.over_limit),
            overage: show(standing.overage),
            burn_per_day: show(standing.burn_per_day),
            projection: standing.projection.map(show),
            days_left: standing.days_left,
            resets_at: standing.resets_at.map(|at| at.to_string()),
        }
    }
}

/// Reads a document, with what is absent kept from `before`. A field set to null goes back to its default.
pub(super) fn merged(
    before: Option<&serde_json::Value>,
    input: serde_json::Map<String, serde_json::Value>,
) -> Result<BudgetDocument, Problem> {
    let mut fields = before.and_then(|json| json.as_object().cloned()).unwrap_or_default();
    for (name, value) in input {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
    serde_json::from_value(fields.into()).map_err(|error| Problem::field("budget", error))
}

fn checked(state: &State, name: &str, document: &BudgetDocument) -> Result<(), Problem> {
    let now = state.now();
    document.to_budget(bursar_ledger::BudgetId(0), 1, name, now, true)?;
    Ok(())
}

#[utoipa::path(get, path = "/budgets", tag = "budgets", params(PageQuery),
    responses((status = 200, body = List<BudgetView>), (status = 401, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<BudgetView>>, Problem> {
    let page = state.settings.budgets(&page.request())?;
    let items =
        page.items.iter().map(|row| BudgetView::of(&state.settings, row, None)).collect::<Result<_, _>>()?;
    Ok(Json(List { items, next_cursor: page.next_cursor }))
}

#[utoipa::path(post, path = "/budgets", tag = "budgets", request_body = BudgetInput,
    responses((status = 201, body = BudgetView), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<BudgetInput>,
) -> Result<(StatusCode, Json<BudgetView>), Problem> {
    let name = input.name.ok_or_else(|| Problem::field("name", "is missing"))?;
    let document = merged(None, input.document)?;
    checked(&state, &name, &document)?;
    let row = state
        .change(&actor.name, |change| State::upsert_budget(change, None, &name, &document, ManagedBy::Api))?;
    Ok((StatusCode::CREATED, Json(BudgetView::of(&state.settings, &row, Some(standing(&state, &row)?))?)))
}

#[utoipa::path(get, path = "/budgets/{name}", tag = "budgets", params(("name" = String, Path)),
    responses((status = 200, body = BudgetView), (status = 404, body = Problem)))]
async fn show(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<BudgetView>, Problem> {
    let row = state.settings.budget(&name)?;
    Ok(Json(BudgetView::of(&state.settings, &row, Some(standing(&state, &row)?))?))
}

#[utoipa::path(get, path = "/budgets/{name}/windows", tag = "budgets", params(("name" = String, Path), PageQuery),
    responses((status = 200, body = List<WindowView>), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn windows(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<WindowView>>, Problem> {
    let row = state.settings.budget(&name)?;
    let budget = assemble::budget(&row).map_err(ControlError::from)?;
    let after = page.cursor.as_deref().map(|text| text.parse().map(bursar_ledger::WindowId));
    let after =
        after.transpose().map_err(|_| Problem::field("cursor", "is not one that this list gave out"))?;
    let most = page.request().limit.clamp(1, bursar_core::limits::PAGE_MAX);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let standings = state
        .governor
        .ledger()
        .standings_after(budget.id, state.now(), after, most)
        .map_err(|error| Problem::unavailable(&error))?;
    let last = standings.last().filter(|_| standings.len() >= most).and_then(|standing| standing.window);
    let view = |standing| WindowView::stored(&state.settings, &budget, standing);
    let items = standings.iter().map(view).collect::<Result<_, _>>()?;
    Ok(Json(List { items, next_cursor: last.map(|window| window.0.to_string()) }))
}

#[utoipa::path(patch, path = "/budgets/{name}", tag = "budgets", params(("name" = String, Path)),
    request_body = BudgetInput,
    responses((status = 200, body = BudgetView), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn update(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(input): Json<BudgetInput>,
) -> Result<Json<BudgetView>, Problem> {
    let row = state.settings.budget(&name)?;
    not_a_balance(&state, &row)?;
    let document = merged(Some(&row.document), input.document)?;
    checked(&state, &name, &document)?;
    let json = serde_json::to_value(&document).map_err(|error| Problem::field("budget", error))?;
    let wanted = BudgetRow {
        name: input.name.unwrap_or_else(|| row.name.clone()),
        document: json,
        active: input.active.unwrap_or(row.active),
        ..row
    };
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.update_budget(&wanted)?))?;
    Ok(Json(BudgetView::of(&state.settings, &row, Some(standing(&state, &row)?))?))
}

#[utoipa::path(delete, path = "/budgets/{name}", tag = "budgets", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let row = state.settings.budget(&name)?;
    not_a_balance(&state, &row)?;
    state.change(&actor.name, |change| Ok::<_, ControlError>(change.delete_budget(row.id)?))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A budget that is a key's balance follows the key: changed by itself, it would say something else than the key does.
fn not_a_balance(state: &State, row: &BudgetRow) -> Result<(), Problem> {
    let Some(key) = assemble::balance_owner(&row.name).and_then(KeyId::parse) else { return Ok(()) };
    let is_kept = state.settings.key(key).is_ok_and(|(key, _)| key.balance.is_some());
    if !is_kept {
        return Ok(());
    }
    let detail =
        format!("this budget is the balance of the key {key}: change `balance` of the key, or top it up");
    Err(Problem::new(StatusCode::CONFLICT, detail))
}

/// The windows of this period, the fullest first, as many as a page holds.
fn standing(state: &State, row: &BudgetRow) -> Result<Vec<WindowView>, Problem> {
    let budget = assemble::budget(row).map_err(ControlError::from)?;
    let ledger = state.governor.ledger();
    let mut standings =
        ledger.standing(budget.id, state.now()).map_err(|error| Problem::unavailable(&error))?;
    standings.sort_by_key(|standing| std::cmp::Reverse(standing.settled + standing.suspense + standing.held));
    let most = usize::try_from(bursar_core::limits::PAGE_MAX).unwrap_or(usize::MAX);
    standings
        .iter()
        .take(most)
        .map(|standing| WindowView::stored(&state.settings, &budget, standing))
        .collect()
}
