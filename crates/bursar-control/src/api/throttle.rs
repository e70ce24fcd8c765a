//! `/throttle`: who is routed away from and why, a person's decisions, and what happened.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use crate::throttle::{Decision, House, Moved, NO_PROVIDER, RulesView, Subject, Subjected, subject_of};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_core::{Timestamp, Usd};
use bursar_store::PageRequest;
use bursar_store::records::{Dimension, NameFilter, WouldMove};
use bursar_store::settings::{Throttle, ThrottleEvent, ThrottleMoves};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Days whose spend tells which providers have no budget.
const UNBUDGETED_DAYS: i64 = 30;

/// Everything about throttles at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThrottleStatus {
    /// The rules in force.
    #[serde(flatten)]
    rules: RulesView,
    /// Whether nothing is re-routed whatever the projections say: the flag is off, or the rules say shadow.
    dry_run: bool,
    /// The last evaluation; null where none has worked.
    evaluated_at: Option<String>,
    /// When the next one is due, unless a settle crosses a line before.
    next_evaluation_at: Option<String>,
    /// Seconds since the last evaluation.
    age_s: Option<i64>,
    /// Evaluations missed since.
    missed: i64,
    /// Whether that is too many: states are those of before.
    stale: bool,
    /// Why the last evaluation failed; null where it did not.
    problem: Option<String>,
    /// Windows that are too many to watch.
    unwatched: usize,
    /// Every provider that a budget speaks of, also for a project or model.
    items: Vec<ThrottleView>,
    /// Providers with spend in the last 30 days that no budget speaks of.
    unbudgeted: Vec<Unbudgeted>,
}

/// One throttle.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThrottleView {
    /// The provider; `*`: a budget that names none, which is projected but cannot be routed away from.
    provider: String,
    /// For which project or projects; null: all.
    project: Option<String>,
    /// For which model or models; null: all.
    model: Option<String>,
    /// Whether requests are routed away now.
    throttled: bool,
    /// Whether its projection says so, also in a dry run.
    engaged: bool,
    /// A person's decision; null: none.
    forced: Option<bool>,
    /// Until when; null: until it is cleared.
    forced_until: Option<String>,
    /// Whose.
    forced_by: Option<String>,
    /// Since when it is so.
    since: String,
    /// Why it is so, in words.
    reason: String,
    /// What the dry run would have moved so far; null where it is none.
    would_have_moved: Option<Moved>,
    /// The windows that speak of it, the one that decides first.
    windows: Vec<Projected>,
}

/// What a window is on the way to. Amounts are decimal strings in its measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Projected {
    /// The budget.
    budget: String,
    /// `usd`, `tokens`, `requests`.
    measure: &'static str,
    /// Null for `total`.
    starts_at: Option<String>,
    /// Null for `total`.
    ends_at: Option<String>,
    /// Settled and in suspense.
    spent: String,
    /// Null: unlimited.
    limit: Option<String>,
    /// At the end of the period; four places. Null where nothing can be projected.
    projected: Option<String>,
    /// Projected over limit; four places.
    ratio: Option<String>,
    /// `over`, `held`, `released`, `within`, `budget_already_spent`, `zero_budget`, `insufficient_data`, `unlimited`.
    status: &'static str,
    /// Whether this window throttles.
    engaged: bool,
}

/// A provider that no budget speaks of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unbudgeted {
    /// The provider.
    provider: String,
    /// List cost of 30 days, USD.
    list_cost: String,
    /// Effective cost of 30 days, USD.
    effective_cost: String,
}

/// What a dry run would have done with one request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WouldMoveView {
    /// The throttle's provider, which served it.
    provider: String,
    /// The throttle's project or projects; null: all.
    project: Option<String>,
    /// The throttle's model or models; null: all.
    model: Option<String>,
    /// The provider that was next in line; null: none was, and it would have been refused.
    to: Option<String>,
}

/// A person's decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForceInput {
    /// Which provider.
    provider: String,
    /// For which project; absent: all.
    project: Option<String>,
    /// For which model; absent: all.
    model: Option<String>,
    /// True: route away; false: never route away. Default true.
    throttled: Option<bool>,
    /// Why; kept with the throttle and in the audit.
    reason: String,
    /// Until when; RFC 3339. Absent: until it is cleared.
    until: Option<String>,
}

/// Of which project and model.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearQuery {
    project: Option<String>,
    model: Option<String>,
    /// Why; default: `cleared`.
    reason: Option<String>,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    /// Of this provider.
    provider: Option<String>,
    /// Rows of the page.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Something that happened to a throttle.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThrottleEventView {
    /// Its number, in order of time.
    id: i64,
    /// RFC 3339.
    at: String,
    /// `engaged`, `released`, `would_engage`, `would_release`, `period_reset`, `forced_on`, `forced_off`, `cleared`,
    /// `force_expired`, `projected`, `projected_no_more`, `stale`, `fresh`, `rules_changed`.
    event: String,
    /// `*` where it is about no single one.
    provider: String,
    /// Null: all.
    project: Option<String>,
    /// Null: all.
    model: Option<String>,
    /// Whether nothing was re-routed.
    dry_run: bool,
    /// `throttle`, or a token's name.
    actor: String,
    /// In a word, or in a person's words.
    reason: String,
    /// One sentence with the figures.
    message: String,
    /// The figures.
    #[schema(value_type = Object)]
    figures: serde_json::Value,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(status, force)).routes(routes!(clear)).routes(routes!(history))
}

impl WouldMoveView {
    pub(super) fn of(would: &WouldMove) -> Self {
        let WouldMove { provider, project, model, to } = would.clone();
        Self { provider, project, model, to }
    }
}

impl ThrottleView {
    fn of(row: &Throttle, windows: Vec<Projected>, moves: &[ThrottleMoves]) -> Self {
        let is_dry = row.engaged && !row.acting && row.provider != NO_PROVIDER;
        Self {
            provider: row.provider.clone(),
            project: row.project.clone(),
            model: row.model.clone(),
            throttled: row.acting,
            engaged: row.engaged,
            forced: row.forced,
            forced_until: row.forced_until.map(|until| until.to_string()),
            forced_by: row.forced_by.clone(),
            since: row.since.to_string(),
            reason: row.reason.clone(),
            would_have_moved: is_dry.then(|| Moved::of(moves, &subject_of(row))),
            windows,
        }
    }
    fn of_subject(own: &Subjected, moves: &[ThrottleMoves]) -> Self {
        let projected = |(window, verdict): &(crate::throttle::Watched, crate::throttle::Verdict)| {
            let measure = window.budget.measure;
            Projected {
                budget: window.budget.name.to_string(),
                measure: measure.as_str(),
                starts_at: window.standing.starts_at.map(|at| at.to_string()),
                ends_at: window.standing.ends_at.map(|at| at.to_string()),
                spent: measure.format(window.spent()),
                limit: window.standing.limit.map(|limit| measure.format(limit)),
                projected: verdict.projected.map(|shown| shown.to_string()),
                ratio: verdict.ratio.map(|shown| shown.to_string()),
                status: verdict.status.as_str(),
                engaged: verdict.engaged,
            }
        };
        Self::of(&own.row, own.windows.iter().map(projected).collect(), moves)
    }
}

impl ThrottleEventView {
    fn of(event: ThrottleEvent) -> Self {
        Self {
            id: event.id,
            at: event.at.to_string(),
            event: event.kind.to_string(),
            provider: event.provider,
            project: event.project,
            model: event.model,
            dry_run: event.dry_run,
            actor: event.actor,
            reason: event.reason,
            message: event.message,
            figures: event.document,
        }
    }
}

#[utoipa::path(get, path = "/throttle", tag = "throttle",
    responses((status = 200, body = ThrottleStatus), (status = 503, body = Problem)))]
async fn status(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<ThrottleStatus>, Problem> {
    let now = state.now();
    let board = state.throttle.board();
    let age = state.throttle.age(now);
    let moves = state.settings.throttle_moves()?;
    let covered: Vec<&str> = board.subjects.iter().map(|own| own.subject.provider.as_str()).collect();
    Ok(Json(ThrottleStatus {
        rules: board.rules.view(),
        dry_run: !board.rules.acts(),
        evaluated_at: board.evaluated_at.map(|at| at.to_string()),
        next_evaluation_at: board.evaluated_at.map(|_| board.next_at.to_string()),
        age_s: age.map(|age| age.age_s),
        missed: age.map_or(0, |age| age.missed),
        stale: age.is_some_and(|age| age.stale),
        problem: board.problem.clone(),
        unwatched: board.unwatched,
        items: board.subjects.iter().map(|own| ThrottleView::of_subject(own, &moves)).collect(),
        unbudgeted: unbudgeted(&state, &covered, now)?,
    }))
}

#[utoipa::path(post, path = "/throttle", tag = "throttle", request_body = ForceInput,
    responses((status = 200, body = ThrottleView), (status = 422, body = Problem)))]
async fn force(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<ForceInput>,
) -> Result<Json<ThrottleView>, Problem> {
    if input.reason.trim().is_empty() {
        return Err(Problem::field("reason", "is missing: say why, it is kept with the throttle"));
    }
    let until = input.until.as_deref().map(|text| super::audit::time("until", text)).transpose()?;
    if until.is_some_and(|until| until <= state.now()) {
        return Err(Problem::field("until", "is in the past"));
    }
    let directory = state.governor.directory();
    if directory.provider(&input.provider).is_none() {
        let problem = format!("no provider `{}`; `bursar provider list` names them", input.provider);
        return Err(Problem::field("provider", problem));
    }
    if let Some(project) = input.project.as_deref().filter(|name| !name.contains('*'))
        && !directory.projects.keys().any(|known| known.as_str() == project)
    {
        let problem = format!("no project `{project}`; `bursar project list` names them");
        return Err(Problem::field("project", problem));
    }
    let subject = Subject { provider: input.provider, project: input.project, model: input.model };
    let forced = Some(input.throttled.unwrap_or(true));
    let decision = Decision { subject, forced, until, actor: &actor.name, reason: input.reason.trim() };
    decide(&state, &decision)
}

#[utoipa::path(delete, path = "/throttle/{provider}", tag = "throttle", params(("provider" = String, Path), ClearQuery),
    responses((status = 200, body = ThrottleView), (status = 404, body = Problem)))]
async fn clear(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(provider): Path<String>,
    Query(query): Query<ClearQuery>,
) -> Result<Json<ThrottleView>, Problem> {
    let subject = Subject { provider, project: query.project, model: query.model };
    let reason = query.reason.as_deref().unwrap_or("cleared");
    let name = subject.provider.clone();
    let decision = Decision { subject, forced: None, until: None, actor: &actor.name, reason };
    decide(&state, &decision).map_err(|problem| {
        if problem.status != StatusCode::NOT_FOUND.as_u16() {
            return problem;
        }
        let detail =
            format!("nobody decided about `{name}` by hand: `bursar throttle status` shows what is forced");
        Problem { detail, ..problem }
    })
}

#[utoipa::path(get, path = "/throttle/history", tag = "throttle", params(HistoryQuery),
    responses((status = 200, body = List<ThrottleEventView>), (status = 400, body = Problem)))]
async fn history(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<List<ThrottleEventView>>, Problem> {
    let page =
        PageRequest { cursor: query.cursor, limit: query.limit.unwrap_or(PageRequest::default().limit) };
    let found = state.settings.throttle_events(query.provider.as_deref(), &page)?;
    Ok(Json(List::of(found, ThrottleEventView::of)))
}

fn decide(state: &State, decision: &Decision<'_>) -> Result<Json<ThrottleView>, Problem> {
    let house = House { settings: &state.settings, governor: &state.governor };
    let row = state.throttle.decide(house, decision, state.now())?;
    let board = state.throttle.board();
    let moves = state.settings.throttle_moves()?;
    let own = board.subjects.iter().find(|own| own.subject == decision.subject);
    let view = match own {
        Some(own) => ThrottleView::of_subject(own, &moves),
        None => ThrottleView::of(&row, Vec::new(), &moves),
    };
    Ok(Json(view))
}

/// Providers with spend that no budget speaks of, from the roll-ups.
fn unbudgeted(state: &State, covered: &[&str], now: Timestamp) -> Result<Vec<Unbudgeted>, Problem> {
    let from = now.plus_seconds(-UNBUDGETED_DAYS * 86_400);
    // Whole hours: the open ends would be counted record by record.
    let hour = |at: Timestamp| Timestamp::from_micros(at.micros() - at.micros().rem_euclid(3_600_000_000));
    let used = state.records.usage(
        hour(from),
        hour(now).plus_seconds(3_600),
        &[Dimension::Provider],
        &NameFilter::new(),
    )?;
    let mut sums: BTreeMap<String, (Usd, Usd)> = BTreeMap::new();
    for row in used {
        let Some(provider) = row.names.first().filter(|name| !name.is_empty()) else { continue };
        if !covered.contains(&&**provider) {
            let sum = sums.entry(provider.to_string()).or_default();
            sum.0 = sum.0.saturating_add(Usd::from_nanos(row.sums.list_cost));
            sum.1 = sum.1.saturating_add(Usd::from_nanos(row.sums.effective_cost));
        }
    }
    let spent = sums.into_iter().filter(|(_, (list, effective))| list.nanos() != 0 || effective.nanos() != 0);
    Ok(spent
        .map(|(provider, (list, effective))| Unbudgeted {
            provider,
            list_cost: list.to_string(),
            effective_cost: effective.to_string(),
        })
        .collect())
}
