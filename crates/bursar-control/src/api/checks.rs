//! `/check`: what a request would meet, without reserving anything.

use super::calls;
use super::requests::BlockedWindow;
use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use bursar_core::{Attribute, Code, Value};
use bursar_govern::outside::{Call, Mistake, Reservable};
use bursar_ledger::Warning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A request as it might come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckInput {
    /// Who and what it is about: `{"project": "alpha", "user": "ann"}`.
    attributes: BTreeMap<String, String>,
    /// The model's name.
    model: String,
    /// Who would serve it.
    provider: String,
    /// Prompt tokens at most.
    input_tokens: u64,
    /// Output tokens at most.
    output_tokens: u64,
    /// Whether the answer would be a stream, whose hold may grow with it; default false.
    #[serde(default)]
    stream: bool,
}

/// What it would meet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckAnswer {
    /// Whether it would be admitted now.
    allowed: bool,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The kill switch in the way, which is looked at before any price or budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    kill: Option<KillView>,
    /// Every window in the way.
    blocking: Vec<BlockedWindow>,
    /// Budgets near their limit, counting what is held and asked.
    warnings: Vec<WarningView>,
    /// What shadow budgets would have refused.
    shadow: Vec<BlockedWindow>,
    /// What it would hold at first, list cost in USD, by the policy of the budgets that count it.
    hold_usd: String,
    /// The same, effective cost.
    hold_effective_usd: String,
    /// What it may cost at most, list cost in USD: more than the hold where budgets hold less than the worst case.
    most_usd: String,
    /// How many windows it touches.
    windows: usize,
    /// What is left in the tightest hard window that counts money.
    remaining_usd: Option<String>,
}

/// A kill switch in the way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KillView {
    /// What it stops.
    scope: String,
    /// Why.
    reason: String,
}

/// A budget near its limit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningView {
    /// Its name.
    budget: String,
    /// Percent of its limit, one place.
    pct: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(check))
}

impl WarningView {
    pub(super) fn of(warning: &Warning) -> Self {
        let pct = warning.permille.map(|permille| format!("{}.{}", permille / 10, (permille % 10).abs()));
        Self { budget: warning.name.to_string(), pct }
    }
}

#[utoipa::path(post, path = "/check", tag = "check", request_body = CheckInput,
    responses((status = 200, body = CheckAnswer), (status = 422, body = Problem)))]
async fn check(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<CheckInput>,
) -> Result<Json<CheckAnswer>, Problem> {
    let now = state.now();
    let directory = state.governor.directory();
    if let Some(killed) = killed(&state, &input)? {
        return Ok(Json(killed));
    }
    let mistake = |mistake: Mistake| calls::problem(&mistake);
    let attributes = calls::attributes(&input.attributes).map_err(mistake)?;
    let call = Call::tentative(&directory, now, attributes, &input.provider, &input.model, None);
    let bound = Call::bound(input.input_tokens, input.output_tokens);
    let asked = Reservable::quoted(call.map_err(mistake)?, bound).map_err(mistake)?;
    let most = asked.hold;
    let charge = state.governor.held_at_first(&asked, input.stream).map_err(mistake)?;
    let attributes = asked.call.attributes;
    let decision = state
        .governor
        .ledger()
        .check(now, &attributes, &charge)
        .map_err(|error| Problem::unavailable(&error))?;
    let blocking = decision
        .denial
        .as_ref()
        .map(|denial| denial.blocking.iter().map(|blocked| BlockedWindow::of(&blocked.numbers)).collect());
    Ok(Json(CheckAnswer {
        allowed: decision.denial.is_none(),
        code: decision.denial.as_ref().map(|denial| denial.code.to_string()),
        kill: None,
        blocking: blocking.unwrap_or_default(),
        warnings: decision.warnings.iter().map(WarningView::of).collect(),
        shadow: decision.shadow_refusals.iter().map(|blocked| BlockedWindow::of(&blocked.numbers)).collect(),
        hold_usd: charge.list.to_string(),
        hold_effective_usd: charge.effective.to_string(),
        most_usd: most.list.to_string(),
        windows: decision.windows,
        remaining_usd: decision.tightest_usd.map(|usd| usd.to_string()),
    }))
}

/// What a kill switch says, also to what has no price.
fn killed(state: &State, input: &CheckInput) -> Result<Option<CheckAnswer>, Problem> {
    let attributes = calls::attributes(&input.attributes);
    let mut attributes = attributes.map_err(|mistake| calls::problem(&mistake))?;
    for (attribute, text) in [(Attribute::Provider, &input.provider), (Attribute::Model, &input.model)] {
        let value = Value::new(text).map_err(|error| Problem::field(&attribute.to_string(), error))?;
        attributes.set(&attribute, value);
    }
    let stop = state.governor.kills().stop(&attributes, state.now());
    Ok(stop.map(|stop| CheckAnswer {
        allowed: false,
        code: Some(Code::KillSwitch.to_string()),
        kill: Some(KillView { scope: stop.kill.scope.to_string(), reason: stop.kill.reason.to_string() }),
        blocking: Vec::new(),
        warnings: Vec::new(),
        shadow: Vec::new(),
        hold_usd: "0".to_owned(),
        hold_effective_usd: "0".to_owned(),
        most_usd: "0".to_owned(),
        windows: 0,
        remaining_usd: None,
    }))
}
