//! `/requests`: the record of every request, refusals included.

use super::blocking::blocking;
use super::throttle::WouldMoveView;
use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_core::amount::PICO_PLACES;
use bursar_core::refusal::Blocking;
use bursar_core::{RequestId, decimal};
use bursar_store::PageRequest;
use bursar_store::records::{self, Record, RecordFilter, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The record of one request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestView {
    /// Its id.
    id: String,
    /// `pending`, `streaming`, `completed`, `failed`, `cancelled`, `denied`.
    status: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null while it runs.
    finalized_at: Option<String>,
    /// Project, user, key, agent, run, session, tags, model, provider, served model and the rest.
    attributes: BTreeMap<String, String>,
    /// The W3C trace that it belongs to, 32 hexadecimal digits; null where none was kept.
    trace_id: Option<String>,
    /// The client's own idempotency key.
    idempotency_key: Option<String>,
    /// The model that the provider says answered.
    answered_model: Option<String>,
    /// The provider's own id of the request.
    upstream_request_id: Option<String>,
    /// How often the client says it has tried before.
    client_retries: u32,
    /// Whether the client asked for a stream.
    stream: bool,
    /// Whether usage is estimated rather than reported.
    estimated: bool,
    /// What was used, by class.
    usage: BTreeMap<String, u64>,
    /// What was held, list cost in USD.
    hold_usd: String,
    /// List cost in USD.
    list_cost: String,
    /// Effective cost in USD.
    effective_cost: String,
    /// Tokens, every class once.
    tokens: i64,
    /// How the cost came about.
    price: Option<PriceView>,
    /// The windows that counted it.
    windows: Vec<WindowShare>,
    /// The status that the client was answered with.
    status_code: Option<u16>,
    /// The code of the refusal or gateway error.
    code: Option<String>,
    /// The windows that refused it.
    blocking: Vec<BlockedWindow>,
    /// The largest output limit that would have fitted.
    fits_max_output: Option<u64>,
    /// What shadow budgets would have refused.
    shadow: Vec<BlockedWindow>,
    /// What a dry run of the throttle would have done with it; null: nothing else.
    would_move: Option<WouldMoveView>,
    /// What went wrong, in words.
    error: Option<String>,
    /// Milliseconds to the first byte of the answer.
    first_byte_ms: Option<u32>,
    /// Milliseconds to the end.
    total_ms: Option<u32>,
    /// The tries in order, those skipped included.
    attempts: Vec<AttemptView>,
    /// Oddities: of the provider, of headers that were ignored.
    notes: Vec<String>,
}

/// Which price made the cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PriceView {
    /// The price row.
    id: String,
    /// The tier within it; null where it has none.
    tier_index: Option<u32>,
    /// The prompt tokens that chose the tier.
    tier_context: u64,
    /// The service tier that answered.
    service_tier: Option<String>,
    /// From list to effective cost.
    multiplier: String,
    /// The parts of the list cost.
    lines: Vec<LineView>,
    /// What the provider itself says it cost, USD.
    provider_cost: Option<String>,
    /// `book`, `deployment`, or what the policy for unknown models put in: `fallback_price`, `free`; null: not kept.
    price_source: Option<String>,
    /// Which rates of the row, as a path in a price file such as `tiers[1]` or `service_tiers.batch`; null: the base rates.
    rates: Option<String>,
    /// The region that answered.
    region: Option<String>,
    /// What was used and has no rate: charged at nothing.
    unpriced: Vec<String>,
    /// The attempt failed: its tokens were charged, the fee per request was not.
    failed: bool,
    /// One answer was billed at the rows of several models.
    several_models: bool,
    /// Charged at `provider_cost`, which the deployment prefers; the lines are what usage and price say.
    billed: bool,
}

/// One part of a list cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// What is priced.
    class: String,
    /// How many.
    units: u64,
    /// USD per unit.
    rate: String,
    /// USD, exact.
    amount: String,
}

/// One window's part in a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WindowShare {
    /// The budget's name; its id where it is gone.
    budget: String,
    /// The start of its period; null for `total`.
    starts_at: Option<String>,
    /// What was held, in the unit of its measure.
    held: String,
    /// What it was charged.
    charged: String,
}

/// A window in the way. Amounts are decimal strings in its measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockedWindow {
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

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// `pending`, `success`, `failed`, `skipped`.
    outcome: String,
    provider: String,
    model: String,
    credential: Option<String>,
    status_code: Option<u16>,
    reason: Option<String>,
    /// List cost in USD.
    list_cost: String,
}

/// Which requests, newest first.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestQuery {
    /// Created at or after; RFC 3339.
    from: Option<String>,
    /// Created before; RFC 3339.
    until: Option<String>,
    project: Option<String>,
    user: Option<String>,
    /// By its id.
    key: Option<String>,
    agent: Option<String>,
    run: Option<String>,
    session: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    /// `pending`, `streaming`, `completed`, `failed`, `cancelled`, `denied`.
    status: Option<String>,
    /// `name=value`.
    tag: Option<String>,
    /// What went wrong: a code such as `E-BUDGET-002`, else the status such as `503` of a failed request.
    code: Option<String>,
    /// Rows of the page.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

impl RequestView {
    pub(super) fn of(state: &State, record: &Record) -> Self {
        let text = |at: bursar_core::Timestamp| at.to_string();
        Self {
            id: record.id.to_string(),
            status: record.status.to_string(),
            created_at: text(record.created_at),
            finalized_at: record.finalized_at.map(text),
            attributes: record
                .attributes
                .iter()
                .map(|(a, value)| (a.to_string(), value.to_string()))
                .collect(),
            trace_id: record.trace_id.map(|id| id.to_string()),
            idempotency_key: record.idempotency_key.clone(),
            answered_model: record.answered_model.clone(),
            upstream_request_id: record.upstream_request_id.clone(),
            client_retries: record.client_retries,
            stream: record.stream,
            estimated: record.estimated,
            usage: record.usage.iter().map(|(class, count)| (class.to_string(), count)).collect(),
            hold_usd: record.hold.list.to_string(),
            list_cost: record.charge.list.to_string(),
            effective_cost: record.charge.effective.to_string(),
            tokens: record.charge.tokens,
            price: record.price.as_ref().map(PriceView::of),
            windows: record.windows.iter().map(|window| WindowShare::of(state, window)).collect(),
            status_code: record.status_code,
            code: record.code.map(|code| code.to_string()),
            blocking: record.blocking.iter().map(BlockedWindow::of).collect(),
            fits_max_output: record.fits_max_output,
            shadow: record.shadow.iter().map(BlockedWindow::of).collect(),
            would_move: record.would_move.as_ref().map(WouldMoveView::of),
            error: record.error.clone(),
            first_byte_ms: record.first_byte_ms,
            total_ms: record.total_ms,
            attempts: record.attempts.iter().map(AttemptView::of).collect(),
            notes: record.notes.clone(),
        }
    }
}

impl PriceView {
    fn of(price: &records::PriceUsed) -> Self {
        let pico = |pico: u128| decimal::format(i128::try_from(pico).unwrap_or(i128::MAX), PICO_PLACES);
        Self {
            id: price.id.clone(),
            tier_index: price.tier_index,
            tier_context: price.tier_context,
            service_tier: price.service_tier.clone(),
            multiplier: price.multiplier.to_string(),
            lines: price
                .lines
                .iter()
                .map(|line| LineView {
                    class: bursar_govern::record::class_word(line.class).to_owned(),
                    units: line.units,
                    rate: line.rate.per_unit(),
                    amount: pico(line.amount_pico),
                })
                .collect(),
            provider_cost: price.provider_cost_pico.map(pico),
            price_source: price.detail.source.map(|source| source.to_string()),
            rates: price.detail.rates.clone(),
            region: price.detail.region.clone(),
            unpriced: price.detail.unpriced.iter().map(|class| class.as_str().to_owned()).collect(),
            failed: price.detail.failed,
            several_models: price.detail.several_models,
            billed: price.detail.billed,
        }
    }
}

impl WindowShare {
    fn of(state: &State, window: &records::WindowUsed) -> Self {
        let row = state.settings.budget_by_id(window.budget).ok();
        let measure = row
            .as_ref()
            .and_then(|row| bursar_govern::assemble::budget(row).ok())
            .map_or(bursar_core::Measure::Requests, |budget| budget.measure);
        Self {
            budget: row.map_or_else(|| format!("#{}", window.budget), |row| row.name),
            starts_at: window.starts_at.map(|at| at.to_string()),
            held: measure.format(window.held),
            charged: measure.format(window.charged),
        }
    }
}

impl BlockedWindow {
    pub(super) fn of(window: &Blocking) -> Self {
        let show = |amount: i64| window.measure.format(amount);
        Self {
            code: window.code.to_string(),
            budget: window.budget.clone(),
            measure: window.measure.as_str().to_owned(),
            scope: window.scope.to_string(),
            limit: show(window.limit),
            settled: show(window.settled),
            suspense: show(window.suspense),
            held: show(window.held),
            requested: show(window.requested),
            resets_at: window.ends_at.map(|at| at.to_string()),
        }
    }
}

impl AttemptView {
    fn of(attempt: &records::Attempt) -> Self {
        Self {
            outcome: attempt.outcome.to_string(),
            provider: attempt.provider.clone(),
            model: attempt.model.clone(),
            credential: attempt.credential.clone(),
            status_code: attempt.status_code,
            reason: attempt.reason.clone(),
            list_cost: attempt.charge.list.to_string(),
        }
    }
}

impl RequestQuery {
    pub(super) fn filter(self) -> Result<RecordFilter, Problem> {
        let status = self.status.as_deref().map(|word| {
            let words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
            Status::parse(word).ok_or_else(|| {
                Problem::field("status", format!("`{word}` is not one of {}", words.join(", ")))
            })
        });
        let tag = self.tag.as_deref().map(|text| {
            let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| Problem::field("tag", "is not of the form name=value"))
        });
        let time =
            |field: &str, text: Option<&str>| text.map(|text| super::audit::time(field, text)).transpose();
        Ok(RecordFilter {
            from: time("from", self.from.as_deref())?,
            until: time("until", self.until.as_deref())?,
            project: self.project,
            user: self.user,
            key: self.key,
            agent: self.agent,
            run: self.run,
            session: self.session,
            model: self.model,
            provider: self.provider,
            status: status.transpose()?,
            tag: tag.transpose()?,
            code: self.code,
        })
    }
}

#[utoipa::path(get, path = "/requests", tag = "requests", params(RequestQuery),
    responses((status = 200, body = List<RequestView>), (status = 422, body = Problem)))]
async fn list(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<RequestQuery>,
) -> Result<Json<List<RequestView>>, Problem> {
    let page = PageRequest {
        cursor: query.cursor.clone(),
        limit: query.limit.unwrap_or(PageRequest::default().limit),
    };
    let (filter, records) = (query.filter()?, Arc::clone(&state.records));
    let page = blocking(move || Ok(records.list(&filter, &page)?)).await?;
    Ok(Json(List::of(page, |mut record| {
        actor.reach.hide(&mut record);
        RequestView::of(&state, &record)
    })))
}

#[utoipa::path(get, path = "/requests/{id}", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, body = RequestView), (status = 404, body = Problem)))]
async fn show(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<RequestView>, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("no request `{id}`"));
    let known = RequestId::parse(&id).ok_or_else(missing)?;
    let mut record =
        state.records.get(known).map_err(|error| Problem::unavailable(&error))?.ok_or_else(missing)?;
    actor.reach.hide(&mut record);
    Ok(Json(RequestView::of(&state, &record)))
}
