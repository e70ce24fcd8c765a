//! `/prices/reprice`: past requests at the rows that are now known to have been in force, as explicit corrections.
//!
//! The journal keeps one adjustment per request, then the record and its roll-ups follow. An adjustment's id is made of
//! the record it corrects: a step that was cut off in between is finished by the next run and books nothing twice.

use crate::auth::Actor;
use crate::key_use;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use bursar_core::amount::CostBasis;
use bursar_core::limits::PAGE_MAX;
use bursar_core::{Attribute, Charge, Measure, ReservationId, Usd};
use bursar_govern::reprice::{self, Repriced, Repricing};
use bursar_ledger::{Adjust, AdjustmentId, Audit, Outcome, WindowId};
use bursar_store::PageRequest;
use bursar_store::records::{Record, RecordFilter};
use bursar_store::settings::{KeyId, KeyUse, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Which requests to price again, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepriceInput {
    /// Created at or after; RFC 3339.
    since: String,
    /// Created before; RFC 3339; default: now.
    until: Option<String>,
    /// Served by this provider.
    provider: Option<String>,
    /// That asked for this model.
    model: Option<String>,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
    /// Why; kept in the journal. Needed unless it is a dry run.
    reason: Option<String>,
    /// `next_cursor` of the step before. One step looks at no more than 500 records.
    cursor: Option<String>,
}

/// What one step did, or would do.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct RepriceStep {
    /// Nothing was changed.
    dry_run: bool,
    /// Records that were looked at.
    examined: u64,
    /// Of these: priced at another cost now.
    repriced: u64,
    /// Of these: not priced again, by reason: `open`, `unpriced`, `deployment_price`, `several_models`, `billed`,
    /// `no_row`.
    skipped: BTreeMap<&'static str, u64>,
    /// What changes, by provider, model and rows.
    models: Vec<RepricedModel>,
    /// What to ask for to go on; null after the last step.
    next_cursor: Option<String>,
}

/// What changes for one model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RepricedModel {
    /// Who served it.
    provider: String,
    /// What was asked for.
    model: String,
    /// The row that was booked.
    from_row: String,
    /// The row that was in force.
    to_row: String,
    /// How many requests.
    requests: u64,
    /// What is added to their list cost, USD.
    list_cost: String,
    /// What is added to their effective cost, USD.
    effective_cost: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(reprice))
}

#[utoipa::path(post, path = "/prices/reprice", tag = "prices", request_body = RepriceInput,
    responses((status = 200, body = RepriceStep), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn reprice(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<RepriceInput>,
) -> Result<Json<RepriceStep>, Problem> {
    let reason = input.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_none() && !input.dry_run {
        return Err(Problem::field("reason", "is missing: say why, or ask for a dry run"));
    }
    let audit = Audit { actor: actor.name.as_str().into(), reason: reason.unwrap_or("dry run").into() };
    let filter = RecordFilter {
        from: Some(super::audit::time("since", &input.since)?),
        until: input.until.as_deref().map(|text| super::audit::time("until", text)).transpose()?,
        provider: input.provider.clone(),
        model: input.model.clone(),
        ..RecordFilter::default()
    };
    let page = PageRequest { cursor: input.cursor.clone(), limit: PAGE_MAX };
    let page = state.records.list(&filter, &page)?;
    let mut step =
        RepriceStep { dry_run: input.dry_run, next_cursor: page.next_cursor, ..RepriceStep::default() };
    let directory = state.governor.directory();
    let mut changes: Vec<Repriced> = Vec::new();
    for record in &page.items {
        step.examined += 1;
        match reprice::reprice(&directory, record) {
            Repricing::Same => {}
            Repricing::Skipped(why) => *step.skipped.entry(why.as_str()).or_default() += 1,
            Repricing::Changed(changed) => changes.push(*changed),
        }
    }
    step.repriced = u64::try_from(changes.len()).unwrap_or(u64::MAX);
    step.models = by_model(&changes);
    if !input.dry_run {
        let (list, effective) = sums(&changes);
        book(&state, changes, &audit).await?;
        if step.repriced > 0 || step.next_cursor.is_none() {
            let before = json!({ "records": step.examined });
            let after = json!({ "repriced": step.repriced, "list_cost": list.to_string(),
                "effective_cost": effective.to_string(), "reason": &*audit.reason });
            let stamp = Stamp::new(&actor.name, state.now());
            let name = format!("prices since {}", input.since);
            state.settings.change(&stamp, |change| change.note_correction(&name, &before, &after))?;
        }
    }
    Ok(Json(step))
}

/// Books the differences in the ledger, waits until they last, and brings records and totals in line.
async fn book(state: &State, changes: Vec<Repriced>, audit: &Audit) -> Result<(), Problem> {
    let now = state.now();
    let mut last = None;
    let mut records = Vec::with_capacity(changes.len());
    let mut totals: BTreeMap<KeyId, KeyUse> = BTreeMap::new();
    for mut changed in changes {
        let parts = parts(state, &mut changed)?;
        if !parts.is_empty() {
            let adjust = Adjust {
                id: adjustment_id(&changed),
                reservation: Some(ReservationId { request: changed.record.id, attempt: 0 }),
                parts,
                audit: audit.clone(),
            };
            let applied =
                state.governor.ledger().adjust(now, adjust).map_err(|error| Problem::unavailable(&error))?;
            match applied.outcome {
                Outcome::Adjusted(_) | Outcome::Duplicate(_) => last = Some(applied.seq),
                other => {
                    let detail = format!("request {}: the ledger answered {other:?}", changed.record.id);
                    return Err(Problem::new(StatusCode::CONFLICT, detail));
                }
            }
        }
        count(&mut totals, &changed);
        let was = changed.record.charge.list.saturating_sub(changed.list);
        reprice::note(&mut changed.record, now, &audit.actor, &changed.old_row, was);
        records.push(changed.record);
    }
    if let Some(seq) = last {
        state.governor.ledger().durable(seq).await.map_err(|error| Problem::unavailable(&error))?;
    }
    state.records.put(&records).map_err(|error| Problem::unavailable(&error))?;
    let totals: Vec<KeyUse> = totals.into_values().collect();
    state.settings.correct_totals(&totals)?;
    Ok(())
}

/// What each window that counted the request is corrected by; the record's own account of them follows. No window falls
/// below nothing, and one that was let go for good is left out.
fn parts(state: &State, changed: &mut Repriced) -> Result<Vec<(WindowId, i64)>, Problem> {
    let record = &mut changed.record;
    if record.windows.is_empty() {
        return Ok(Vec::new());
    }
    let touched = state
        .governor
        .ledger()
        .windows_at(state.now(), &record.attributes, record.created_at)
        .map_err(|error| Problem::unavailable(&error))?;
    let mut parts = Vec::new();
    for used in &mut record.windows {
        let same = touched
            .iter()
            .find(|window| window.budget.id.0 == used.budget && window.standing.starts_at == used.starts_at);
        let Some((window, touched)) = same.and_then(|same| Some((same.window?, same))) else { continue };
        let difference = match (touched.budget.measure, touched.budget.cost_basis) {
            (Measure::Usd, CostBasis::List) => changed.list.nanos(),
            (Measure::Usd, CostBasis::Effective) => changed.effective.nanos(),
            (Measure::Tokens | Measure::Requests, _) => 0,
        };
        let difference = difference.max(touched.standing.settled.saturating_neg());
        if difference != 0 {
            parts.push((window, difference));
            used.charged = used.charged.saturating_add(difference);
        }
    }
    Ok(parts)
}

/// The same for the same correction of the same state of a record, and for nothing else.
fn adjustment_id(changed: &Repriced) -> AdjustmentId {
    let record = &changed.record;
    let row = record.price.as_ref().map_or("", |price| price.id.as_str());
    let texts = [&record.id.as_u128().to_be_bytes()[..], &record.progressed_at.micros().to_be_bytes()];
    let amounts = [changed.list.nanos().to_be_bytes(), changed.effective.nanos().to_be_bytes()];
    let bytes = texts.into_iter().flatten().chain(amounts.iter().flatten()).chain(row.as_bytes());
    // FNV-1a over 128 bits: the ids are our own, and only need to differ.
    let offset = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    let prime = 0x0000_0000_0100_0000_0000_0000_0000_013b_u128;
    AdjustmentId(bytes.fold(offset, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(prime)))
}

fn sums(changes: &[Repriced]) -> (Usd, Usd) {
    changes.iter().fold((Usd::ZERO, Usd::ZERO), |(list, effective), changed| {
        (list.saturating_add(changed.list), effective.saturating_add(changed.effective))
    })
}

fn by_model(changes: &[Repriced]) -> Vec<RepricedModel> {
    let mut models: BTreeMap<[String; 4], (u64, Charge)> = BTreeMap::new();
    for changed in changes {
        let name = |record: &Record, attribute| {
            record.attributes.get(&attribute).map(ToString::to_string).unwrap_or_default()
        };
        let key = [
            name(&changed.record, Attribute::Provider),
            name(&changed.record, Attribute::Model),
            changed.old_row.clone(),
            changed.record.price.as_ref().map(|price| price.id.clone()).unwrap_or_default(),
        ];
        let (requests, sum) = models.entry(key).or_insert((0, Charge::ZERO));
        *requests += 1;
        sum.list = sum.list.saturating_add(changed.list);
        sum.effective = sum.effective.saturating_add(changed.effective);
    }
    let shown = |([provider, model, from_row, to_row], (requests, sum)): ([String; 4], (u64, Charge))| {
        let (list_cost, effective_cost) = (sum.list.to_string(), sum.effective.to_string());
        RepricedModel { provider, model, from_row, to_row, requests, list_cost, effective_cost }
    };
    models.into_iter().map(shown).collect()
}

fn count(totals: &mut BTreeMap<KeyId, KeyUse>, changed: &Repriced) {
    let Some(sum) = key_use::of(totals, &changed.record) else { return };
    sum.list_cost = sum.list_cost.saturating_add(changed.list);
    sum.effective_cost = sum.effective_cost.saturating_add(changed.effective);
}
