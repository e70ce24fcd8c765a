//! `/check`: what a request would meet, without reserving anything.

use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use bursar_core::bound::RequestBound;
use bursar_core::{ApiFormat, Attribute, Attributes, Charge, Family, Value};
use bursar_govern::quote;
use bursar_govern::route::Deployment;
use bursar_ledger::{Blocked, Warning};
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
}

/// What it would meet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckAnswer {
    /// Whether it would be admitted now.
    allowed: bool,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Every window in the way.
    blocking: Vec<BlockingView>,
    /// Budgets near their limit, counting what is held and asked.
    warnings: Vec<WarningView>,
    /// What shadow budgets would have refused.
    shadow: Vec<BlockingView>,
    /// What it would hold, list cost in USD.
    hold_usd: String,
    /// The same, effective cost.
    hold_effective_usd: String,
    /// How many windows it touches.
    windows: usize,
    /// What is left in the tightest hard window that counts money.
    remaining_usd: Option<String>,
}

/// A window in the way. Amounts are decimal strings in its measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockingView {
    code: String,
    budget: String,
    measure: String,
    scope: String,
    limit: String,
    settled: String,
    suspense: String,
    held: String,
    requested: String,
    resets_at: Option<String>,
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

impl BlockingView {
    pub(super) fn of(blocked: &Blocked) -> Self {
        let numbers = &blocked.numbers;
        let show = |amount: i64| numbers.measure.format(amount);
        Self {
            code: numbers.code.to_string(),
            budget: numbers.budget.clone(),
            measure: numbers.measure.as_str().to_owned(),
            scope: numbers.scope.to_string(),
            limit: show(numbers.limit),
            settled: show(numbers.settled),
            suspense: show(numbers.suspense),
            held: show(numbers.held),
            requested: show(numbers.requested),
            resets_at: numbers.ends_at.map(|at| at.to_string()),
        }
    }
}

impl WarningView {
    fn of(warning: &Warning) -> Self {
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
    let provider = directory
        .provider(&input.provider)
        .ok_or_else(|| Problem::field("provider", format!("`{}` is not configured", input.provider)))?;
    let price = directory.unknown_model.price(&directory.prices, &provider.prices, &input.model, now);
    let price =
        price.ok_or_else(|| Problem::field("model", format!("no price is known for `{}`", input.model)))?;
    let deployment = Deployment::new(Arc::clone(provider), price);
    let bound = RequestBound {
        text_tokens: input.input_tokens,
        output_limit: Some(input.output_tokens),
        choices: 1,
        ..RequestBound::default()
    };
    let format = match provider.family {
        Family::OpenAi => ApiFormat::OpenAiChat,
        Family::Anthropic => ApiFormat::AnthropicMessages,
        Family::Gemini => ApiFormat::GeminiGenerate,
        Family::Ollama => ApiFormat::OllamaChat,
    };
    let quoted = quote::quote(&deployment, None, &bound, format, now);
    let mut attributes = attributes(&input.attributes)?;
    attributes.set(&Attribute::Provider, provider.name.clone());
    for (attribute, text) in
        [(Attribute::Model, input.model.as_str()), (Attribute::ApiFormat, format.as_str())]
    {
        let value = Value::new(text).map_err(|error| Problem::field("model", error))?;
        attributes.set(&attribute, value);
    }
    let charge = Charge { requests: 1, ..quoted.hold };
    let decision = state
        .governor
        .ledger()
        .check(now, &attributes, &charge)
        .map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let blocking =
        decision.denial.as_ref().map(|denial| denial.blocking.iter().map(BlockingView::of).collect());
    Ok(Json(CheckAnswer {
        allowed: decision.denial.is_none(),
        code: decision.denial.as_ref().map(|denial| denial.code.to_string()),
        blocking: blocking.unwrap_or_default(),
        warnings: decision.warnings.iter().map(WarningView::of).collect(),
        shadow: decision.shadow_refusals.iter().map(BlockingView::of).collect(),
        hold_usd: charge.list.to_string(),
        hold_effective_usd: charge.effective.to_string(),
        windows: decision.windows,
        remaining_usd: decision.tightest_usd.map(|usd| usd.to_string()),
    }))
}

fn attributes(texts: &BTreeMap<String, String>) -> Result<Attributes, Problem> {
    let mut attributes = Attributes::new();
    for (word, text) in texts {
        let attribute = Attribute::parse(word).ok_or_else(|| {
            Problem::field("attributes", format!("`{word}` is not one of {}", Attribute::words().join(", ")))
        })?;
        let value =
            Value::new(text).map_err(|error| Problem::field("attributes", format!("`{word}` {error}")))?;
        if !attributes.set(&attribute, value) {
            return Err(Problem::field("attributes", "has too many tags"));
        }
    }
    Ok(attributes)
}
