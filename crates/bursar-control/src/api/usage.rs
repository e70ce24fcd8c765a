//! `POST /usage`: calls that programs made themselves, one or a batch. Everything is checked before anything is booked;
//! the same request id again is the same call.

use super::calls::{self, OUTCOME_FIELDS, OutcomeInput, Refused};
use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bursar_core::{Attribute, Charge, RequestId};
use bursar_govern::outside::{self, Booked, Call, Mistake, NotBooked, Report};
use bursar_store::journal::Seq;
use bursar_store::records::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Reports of one batch: a few milliseconds under the ledger's lock in all, and a body of about a megabyte.
const BATCH_MAX: usize = 1_000;
/// Bytes of a request id that a program gives: a UUID with a prefix or two.
const NAME_BYTES_MAX: usize = 128;

/// A call that a program made to a provider itself.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UsageInput {
    /// The program's own id of the call: the same again is the same call. Without one every report is a new call.
    request_id: Option<String>,
    /// Who and what it is about: `{"project": "alpha", "user": "ann", "tag.team": "x"}`, or `{"key": "<id>"}`.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// Who answered.
    provider: String,
    /// The model's name.
    model: String,
    /// The wire protocol; default: the usual one of the provider.
    api_format: Option<String>,
    /// When it was made, RFC 3339: it counts in the windows of that moment. Default: now.
    created_at: Option<String>,
    #[serde(flatten)]
    outcome: OutcomeInput,
}

const OWN_FIELDS: [&str; 6] = ["request_id", "attributes", "provider", "model", "api_format", "created_at"];

/// What became of a report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageAnswer {
    /// Its id here.
    id: String,
    /// The program's own id.
    request_id: Option<String>,
    /// `settled`, `already_settled`, `progress`, `suspense`; in a batch also `conflict`, `refused`, `failed`.
    result: &'static str,
    /// List cost charged so far, USD.
    list_cost: String,
    /// Effective cost, USD.
    effective_cost: String,
    /// Tokens, every class once.
    tokens: i64,
    /// What stood in the way, in a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// What became of each report of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageAnswers {
    items: Vec<UsageAnswer>,
}

/// One report or several, for the document: each is read by itself, so that what is wrong is told of each.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document's shape of a body that is read by hand")]
pub(crate) enum UsageReports {
    /// One call.
    One(Box<UsageInput>),
    /// A batch.
    List(Vec<UsageInput>),
    /// A batch as lists are answered.
    Items(UsageBatch),
}

/// A batch of calls.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the document's shape of a body that is read by hand")]
pub(crate) struct UsageBatch {
    /// At most 1000.
    items: Vec<UsageInput>,
}

/// What one report, or a batch, is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum UsageTold {
    /// To one report.
    One(UsageAnswer),
    /// To a batch.
    Batch(UsageAnswers),
}

/// A report of a batch that is wrong.
#[derive(Debug, Serialize)]
struct ItemProblem {
    index: usize,
    code: String,
    field: &'static str,
    detail: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(report))
}

#[utoipa::path(post, path = "/usage", tag = "usage", request_body = UsageReports,
    description = "One report, an array of reports, or `{\"items\": […]}`. A batch is answered with `{items}`; when a \
        report of it is wrong, with 422 and `errors`, and nothing of it is booked.",
    responses((status = 200, body = UsageTold), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn report(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    let (items, is_batch) = items(body).map_err(Refused::Problem)?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let mut reports = Vec::new();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, item) in items.into_iter().enumerate() {
        let name = key.filter(|_| !is_batch);
        match read(&state, item, name) {
            Ok(report) if report.is_final() && !seen.insert(report.call.id) => {
                wrong.push((index, Mistake::new("request_id", "ends twice in this batch")));
            }
            Ok(report) => reports.push(report),
            Err(mistake) => wrong.push((index, mistake)),
        }
    }
    if !wrong.is_empty() {
        return Ok(refuse_all(&wrong, is_batch));
    }
    let mut answers = Vec::new();
    let mut last = Seq::NONE;
    for report in &reports {
        let known = known(&state, report.call.id)?;
        match state.governor.report(report, known.as_ref()) {
            Ok((booked, seq)) => {
                last = last.max(seq);
                answers.push(answer(&state, report, &booked)?);
            }
            Err(no) if !is_batch => return Err(Refused::not_booked(no)),
            Err(no) => answers.push(UsageAnswer::failed(report, no)),
        }
    }
    let durable = state.governor.ledger().durable(last).await;
    durable.map_err(|error| Refused::not_booked(NotBooked::Down(error.to_string())))?;
    if is_batch {
        return Ok(Json(UsageTold::Batch(UsageAnswers { items: answers })).into_response());
    }
    Ok(Json(answers.pop().map(UsageTold::One)).into_response())
}

fn items(body: Value) -> Result<(Vec<Value>, bool), Problem> {
    let batch = match body {
        Value::Array(items) => items,
        Value::Object(mut fields) if fields.len() == 1 && fields.contains_key("items") => {
            match fields.remove("items") {
                Some(Value::Array(items)) => items,
                Some(_) | None => return Err(Problem::field("items", "is not a list of reports")),
            }
        }
        one => return Ok((vec![one], false)),
    };
    if batch.len() > BATCH_MAX {
        let detail = format!("a batch has at most {BATCH_MAX} reports, this one has {}", batch.len());
        return Err(Problem::field("items", detail));
    }
    Ok((batch, true))
}

fn read(state: &State, item: Value, key: Option<&str>) -> Result<Report, Mistake> {
    let Value::Object(fields) = &item else { return Err(Mistake::new("items", "is not a report")) };
    check_names(fields)?;
    let input: UsageInput = serde_json::from_value(item).map_err(|error| Mistake::new("report", error))?;
    let now = state.now();
    let created_at = calls::made_at(input.created_at.as_deref(), now)?;
    let attributes = calls::attributes(&input.attributes)?;
    let format = input.api_format.as_deref().map(calls::api_format).transpose()?;
    let directory = state.governor.directory();
    let call = Call::new(&directory, created_at, &attributes, &input.provider, &input.model, format)?;
    let name = input.request_id.or_else(|| key.map(str::to_owned));
    let call = named(state, call, name)?;
    input.outcome.report(call)
}

/// Gives a call its id: that of its name, or a fresh one.
pub(super) fn named(state: &State, call: Call, name: Option<String>) -> Result<Call, Mistake> {
    let Some(name) = name else {
        let ports = state.governor.ports();
        return Ok(call.called(outside::fresh_id(ports.clock.now(), (ports.random)()), None));
    };
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let problem = format!("is empty, longer than {NAME_BYTES_MAX} bytes, or has control characters");
        return Err(Mistake::new("request_id", problem));
    }
    // What a reservation here was answered with names itself.
    if let Some(id) = RequestId::parse(&name).filter(|id| outside::is_outside(*id)) {
        return Ok(call.called(id, None));
    }
    let project = call.attributes.get(&Attribute::Project).map(ToString::to_string).unwrap_or_default();
    let id = outside::named_id(&project, &name);
    Ok(call.called(id, Some(name)))
}

/// Unknown names are mistakes: a misspelt count would be free.
fn check_names(fields: &Map<String, Value>) -> Result<(), Mistake> {
    let known =
        |name: &&String| OWN_FIELDS.contains(&name.as_str()) || OUTCOME_FIELDS.contains(&name.as_str());
    match fields.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let words = [&OWN_FIELDS[..], &OUTCOME_FIELDS[..]].concat().join(", ");
            Err(Mistake::new("report", format!("there is no field `{name}`; it has {words}")))
        }
    }
}

/// The record of a call, where there is one.
pub(super) fn known(state: &State, id: RequestId) -> Result<Option<Record>, Refused> {
    state.records.get(id).map_err(|error| Refused::Problem(Problem::unavailable(&error)))
}

/// Tells what was booked; progress is put on record at once, for no journal entry carries it.
pub(super) fn answer(state: &State, report: &Report, booked: &Booked) -> Result<UsageAnswer, Refused> {
    let (result, charge) = match booked {
        Booked::Settled(charge) => ("settled", *charge),
        Booked::AlreadySettled(charge) => ("already_settled", *charge),
        Booked::Suspense => ("suspense", Charge::ZERO),
        Booked::Progress(record) => {
            let put = state.records.put(std::slice::from_ref(&**record));
            put.map_err(|error| Refused::Problem(Problem::unavailable(&error)))?;
            ("progress", Charge::ZERO)
        }
    };
    Ok(UsageAnswer {
        id: report.call.id.to_string(),
        request_id: report.call.name.clone(),
        result,
        list_cost: charge.list.to_string(),
        effective_cost: charge.effective.to_string(),
        tokens: charge.tokens,
        problem: None,
    })
}

impl UsageAnswer {
    fn failed(report: &Report, no: NotBooked) -> Self {
        let (result, problem) = match no {
            NotBooked::Conflict(detail) => ("conflict", detail),
            NotBooked::Refused(refusal) => ("refused", format!("[{}] {}", refusal.code, refusal.message)),
            NotBooked::Unknown => ("failed", "no call of this id is known here".to_owned()),
            NotBooked::Down(detail) => ("failed", detail),
        };
        Self {
            id: report.call.id.to_string(),
            request_id: report.call.name.clone(),
            result,
            list_cost: "0".to_owned(),
            effective_cost: "0".to_owned(),
            tokens: 0,
            problem: Some(problem),
        }
    }
}

fn refuse_all(wrong: &[(usize, Mistake)], is_batch: bool) -> Response {
    let Some((_, first)) = wrong.first() else { return StatusCode::UNPROCESSABLE_ENTITY.into_response() };
    let mut problem = calls::problem(first);
    if !is_batch {
        return problem.into_response();
    }
    problem.field = None;
    problem.detail = format!("{} reports are wrong; nothing of the batch was booked", wrong.len());
    let errors: Vec<ItemProblem> = wrong
        .iter()
        .map(|(index, mistake)| ItemProblem {
            index: *index,
            code: mistake.code.to_string(),
            field: mistake.field,
            detail: mistake.to_string(),
        })
        .collect();
    let mut body = serde_json::to_value(&problem).unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("errors".to_owned(), json!(errors));
    }
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    let kind = axum::http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, kind);
    response
}
