//! `/reservations`: room set aside for calls that programs make themselves, then settled, released or extended. Answered
//! and refused as the gateway answers and refuses.

use super::calls::{self, OutcomeInput, Refused};
use super::checks::WarningView;
use super::requests::BlockedWindow;
use super::usage::{self, UsageAnswer};
use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use bursar_core::{Charge, RequestBound, RequestId, ReservationId};
use bursar_govern::outside::{self, Call, Mistake, NotBooked, Reservable};
use bursar_ledger::State as Standing;
use bursar_store::journal::Seq;
use bursar_store::records::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A call that asks for room before it is made: at most so many tokens, priced, or a stated amount.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReservationInput {
    /// The program's own id of the call: the same again is the same reservation.
    request_id: Option<String>,
    /// Who and what it is about: `{"project": "alpha", "user": "ann"}`, or `{"key": "<id>"}`.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// Who will answer.
    provider: String,
    /// The model's name.
    model: String,
    /// The wire protocol; default: the usual one of the provider.
    api_format: Option<String>,
    /// Prompt tokens at most.
    input_tokens: Option<i64>,
    /// Output tokens at most.
    output_tokens: Option<i64>,
    /// What it costs at most, USD, instead of tokens.
    hold_usd: Option<String>,
    /// Tokens at most, beside `hold_usd`; default 0.
    hold_tokens: Option<i64>,
}

/// What is set aside.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReservationView {
    /// Its id: for settle, release and extend.
    id: String,
    /// The program's own id.
    request_id: Option<String>,
    /// `held`, `suspense`, `settled`, `released`.
    state: &'static str,
    /// List cost held, USD.
    hold_usd: String,
    /// Effective cost held, USD.
    hold_effective_usd: String,
    /// Tokens held.
    hold_tokens: i64,
    /// When it expires without progress, and is charged at its hold from then on.
    expires_at: String,
    /// How many windows it touches.
    windows: usize,
    /// Budgets that come near their limit by it.
    warnings: Vec<WarningView>,
    /// What shadow budgets would have refused.
    shadow: Vec<BlockedWindow>,
    /// What is left in the tightest hard window that counts money.
    remaining_usd: Option<String>,
}

/// What more is needed: tokens, priced, or a stated amount; nothing: the deadline is renewed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendInput {
    /// More prompt tokens.
    input_tokens: Option<i64>,
    /// More output tokens.
    output_tokens: Option<i64>,
    /// More USD, instead of tokens.
    hold_usd: Option<String>,
    /// More tokens, beside `hold_usd`.
    hold_tokens: Option<i64>,
}

/// Why a reservation is not needed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseInput {
    /// Why, for the record.
    reason: Option<String>,
}

/// What became of a reservation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReservationDone {
    /// Its id.
    id: String,
    /// `extended`, `released`, `already_released`.
    result: &'static str,
    /// When it expires without progress, where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(settle))
        .routes(routes!(release))
        .routes(routes!(extend))
}

/// The part of an input that says how much.
struct Amount<'a> {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    hold_usd: Option<&'a str>,
    hold_tokens: Option<i64>,
}

/// What an amount comes to; `None` where nothing is named.
enum Asked {
    Bound(RequestBound),
    Stated(Charge),
}

impl Amount<'_> {
    fn read(&self) -> Result<Option<Asked>, Mistake> {
        let count = |field, given: Option<i64>| calls::count(field, given.unwrap_or(0));
        if let Some(text) = self.hold_usd {
            if self.input_tokens.is_some() || self.output_tokens.is_some() {
                return Err(Mistake::new("hold_usd", "give this, or tokens to be priced, not both"));
            }
            let usd = calls::money("hold_usd", text)?;
            let tokens = i64::try_from(count("hold_tokens", self.hold_tokens)?).unwrap_or(i64::MAX);
            return Ok(Some(Asked::Stated(Charge { list: usd, effective: usd, tokens, requests: 1 })));
        }
        if self.hold_tokens.is_some() {
            return Err(Mistake::new("hold_tokens", "goes with `hold_usd`"));
        }
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return Ok(None);
        }
        let (input, output) =
            (count("input_tokens", self.input_tokens)?, count("output_tokens", self.output_tokens)?);
        Ok(Some(Asked::Bound(Call::bound(input, output))))
    }
}

#[utoipa::path(post, path = "/reservations", tag = "reservations", request_body = ReservationInput,
    responses((status = 201, body = ReservationView), (status = 200, body = ReservationView),
        (status = 402, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem)))]
async fn reserve(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Json(input): Json<ReservationInput>,
) -> Result<(StatusCode, Json<ReservationView>), Refused> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let asked = read(&state, input, key).map_err(|mistake| Refused::mistake(&mistake))?;
    let known = usage::known(&state, asked.call.id)?;
    let (aside, seq) = state.governor.reserve_call(&asked, known.as_ref()).map_err(Refused::not_booked)?;
    durable(&state, seq).await?;
    let held = aside.held.as_ref();
    if held.is_some() {
        // Settling looks it up there, and must not have to wait for the drainer.
        put(&state, &aside.record)?;
    }
    let hold = &aside.record.hold;
    let view = ReservationView {
        id: asked.call.id.to_string(),
        request_id: asked.call.name.clone(),
        state: match aside.state {
            Standing::Live => "held",
            Standing::Suspense => "suspense",
            Standing::Settled => "settled",
            Standing::Released => "released",
        },
        hold_usd: hold.list.to_string(),
        hold_effective_usd: hold.effective.to_string(),
        hold_tokens: hold.tokens,
        expires_at: aside.expires_at.to_string(),
        windows: aside.record.windows.len(),
        warnings: held.map(|held| held.warnings.iter().map(WarningView::of).collect()).unwrap_or_default(),
        shadow: held
            .map(|held| {
                held.shadow_refusals.iter().map(|blocked| BlockedWindow::of(&blocked.numbers)).collect()
            })
            .unwrap_or_default(),
        remaining_usd: held.and_then(|held| held.tightest_usd).map(|usd| usd.to_string()),
    };
    Ok((if held.is_some() { StatusCode::CREATED } else { StatusCode::OK }, Json(view)))
}

fn read(state: &State, input: ReservationInput, key: Option<&str>) -> Result<Reservable, Mistake> {
    let attributes = calls::attributes(&input.attributes)?;
    let format = input.api_format.as_deref().map(calls::api_format).transpose()?;
    let (directory, now) = (state.governor.directory(), state.now());
    let call = Call::new(&directory, now, &attributes, &input.provider, &input.model, format)?;
    let call = usage::named(state, call, input.request_id.or_else(|| key.map(str::to_owned)))?;
    let amount = Amount {
        input_tokens: input.input_tokens,
        output_tokens: input.output_tokens,
        hold_usd: input.hold_usd.as_deref(),
        hold_tokens: input.hold_tokens,
    };
    match amount.read()? {
        None => Err(Mistake::new(
            "input_tokens",
            "is missing: name what the call uses at most by `input_tokens` and `output_tokens`, or `hold_usd`",
        )),
        Some(Asked::Bound(bound)) => Reservable::quoted(call, bound),
        Some(Asked::Stated(hold)) => Ok(Reservable { call, hold, bound: None }),
    }
}

#[utoipa::path(post, path = "/reservations/{id}/settle", tag = "reservations", params(("id" = String, Path)),
    request_body = OutcomeInput,
    responses((status = 200, body = UsageAnswer), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn settle(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<OutcomeInput>,
) -> Result<Json<UsageAnswer>, Refused> {
    let (_, call, record) = found(&state, &id)?;
    let report = input.report(call).map_err(|mistake| Refused::mistake(&mistake))?;
    let (booked, seq) = state.governor.report(&report, Some(&record)).map_err(Refused::not_booked)?;
    durable(&state, seq).await?;
    Ok(Json(usage::answer(&state, &report, &booked)?))
}

#[utoipa::path(post, path = "/reservations/{id}/release", tag = "reservations", params(("id" = String, Path)),
    request_body = ReleaseInput,
    responses((status = 200, body = ReservationDone), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn release(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<ReleaseInput>,
) -> Result<Json<ReservationDone>, Refused> {
    let (id, _, record) = found(&state, &id)?;
    let released = state.governor.release_call(id, record, input.reason);
    let (is_new, seq) = released.map_err(Refused::not_booked)?;
    durable(&state, seq).await?;
    let result = if is_new { "released" } else { "already_released" };
    Ok(Json(ReservationDone { id: id.request.to_string(), result, expires_at: None }))
}

#[utoipa::path(post, path = "/reservations/{id}/extend", tag = "reservations", params(("id" = String, Path)),
    request_body = ExtendInput,
    responses((status = 200, body = ReservationDone), (status = 402, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn extend(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<ExtendInput>,
) -> Result<Json<ReservationDone>, Refused> {
    let (id, call, _) = found(&state, &id)?;
    let amount = Amount {
        input_tokens: input.input_tokens,
        output_tokens: input.output_tokens,
        hold_usd: input.hold_usd.as_deref(),
        hold_tokens: input.hold_tokens,
    };
    let more = match amount.read().map_err(|mistake| Refused::mistake(&mistake))? {
        None => Charge::ZERO,
        Some(Asked::Stated(more)) => Charge { requests: 0, ..more },
        Some(Asked::Bound(bound)) => {
            let quoted = Reservable::quoted(call.clone(), bound);
            Charge { requests: 0, ..quoted.map_err(|mistake| Refused::mistake(&mistake))?.hold }
        }
    };
    let (expires_at, seq) = state.governor.extend_call(id, more, &call).map_err(Refused::not_booked)?;
    durable(&state, seq).await?;
    let expires_at = Some(expires_at.to_string());
    Ok(Json(ReservationDone { id: id.request.to_string(), result: "extended", expires_at }))
}

/// The call of a reservation that was made here: the gateway's own are not anybody else's to end.
fn found(state: &State, text: &str) -> Result<(ReservationId, Call, Record), Refused> {
    let id = RequestId::parse(text).filter(|id| outside::is_outside(*id));
    let record = match id {
        None => None,
        Some(id) => usage::known(state, id)?,
    };
    let record = record.ok_or_else(|| {
        let detail = format!("there is no reservation `{text}` of a call made elsewhere");
        Refused::Problem(Problem::new(StatusCode::NOT_FOUND, detail))
    })?;
    let call = Call::of(&state.governor.directory(), &record);
    let call = call.map_err(|mistake| Refused::mistake(&mistake))?;
    Ok((ReservationId { request: record.id, attempt: 0 }, call, record))
}

async fn durable(state: &State, seq: Seq) -> Result<(), Refused> {
    let durable = state.governor.ledger().durable(seq).await;
    durable.map_err(|error| Refused::not_booked(NotBooked::Down(error.to_string())))
}

fn put(state: &State, record: &Record) -> Result<(), Refused> {
    let put = state.records.put(std::slice::from_ref(record));
    put.map(drop).map_err(|error| Refused::Problem(Problem::unavailable(&error)))
}
