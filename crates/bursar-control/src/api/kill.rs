//! `/kill`: the kill switches that are on, turning one on, turning one off.

use crate::auth::Actor;
use crate::kill::KillOrder;
use crate::page::{List, PageQuery};
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_core::{Attribute, Scope, Timestamp};
use bursar_govern::kill::{Kill as On, KillSource};
use bursar_store::settings::KillSwitch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A kill switch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Kill {
    /// What it stops: `platform`, `project=alpha`, `tag.team=x`.
    scope: String,
    /// Why.
    reason: String,
    /// Whether it also ends what is in flight.
    cut: bool,
    /// Who turned it on, or last changed it.
    actor: String,
    /// Since when; RFC 3339.
    since: String,
    /// When it ends by itself; null: never.
    until: Option<String>,
    /// Where it was turned on and is turned off: `api`, `file`, `signal`.
    source: String,
    /// When it was turned off; null while it is on.
    lifted_at: Option<String>,
    /// Who turned it off.
    lifted_by: Option<String>,
    /// What is odd about it, such as a scope that nothing is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The kill switches that are on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KillStatus {
    /// Every switch that is known to be on.
    items: Vec<Kill>,
    /// Always null: they come in one page.
    next_cursor: Option<String>,
    /// Whether this is all. False: nobody could read the switches for 30 s, one may be on that is not here, and every
    /// priced request is refused until they can be read.
    known: bool,
}

/// What turns a kill switch on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KillInput {
    /// What to stop: `platform`, `project=alpha`, `user=ann`, `key=ID`, `agent=a`, `run=r`, `session=s`, `provider=openai`,
    /// `model=gpt-4o`, `tag.team=x`.
    scope: String,
    /// Why: clients are told.
    reason: String,
    /// Whether to end what is in flight, too; default false.
    #[serde(default)]
    cut: bool,
    /// When it ends by itself, RFC 3339; absent: never.
    until: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, turn_on)).routes(routes!(history)).routes(routes!(turn_off))
}

impl Kill {
    fn of(kill: On) -> Self {
        Self {
            scope: kill.scope.to_string(),
            reason: kill.reason.to_string(),
            cut: kill.cut,
            actor: kill.actor.to_string(),
            since: kill.since.to_string(),
            until: kill.until.map(|until| until.to_string()),
            source: kill.source.as_str().to_owned(),
            lifted_at: None,
            lifted_by: None,
            note: None,
        }
    }
    fn stored(row: KillSwitch) -> Self {
        Self {
            scope: row.scope.to_string(),
            reason: row.reason,
            cut: row.cut_streams,
            actor: row.actor,
            since: row.since.to_string(),
            until: row.until.map(|until| until.to_string()),
            source: KillSource::Api.as_str().to_owned(),
            lifted_at: row.lifted_at.map(|at| at.to_string()),
            lifted_by: row.lifted_by,
            note: None,
        }
    }
}

#[utoipa::path(get, path = "/kill", tag = "kill",
    responses((status = 200, body = KillStatus), (status = 401, body = Problem)))]
async fn list(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Json<KillStatus> {
    let (now, kills) = (state.now(), state.governor.kills());
    let items = kills.list(now).into_iter().map(Kill::of).collect();
    Json(KillStatus { items, next_cursor: None, known: !kills.is_unknown(now) })
}

#[utoipa::path(get, path = "/kill/history", tag = "kill", params(PageQuery),
    responses((status = 200, body = List<Kill>), (status = 401, body = Problem)))]
async fn history(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<Kill>>, Problem> {
    Ok(Json(List::of(state.settings.kill_switches(&page.request())?, Kill::stored)))
}

#[utoipa::path(post, path = "/kill", tag = "kill", request_body = KillInput,
    responses((status = 201, body = Kill), (status = 422, body = Problem)))]
async fn turn_on(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<KillInput>,
) -> Result<(StatusCode, Json<Kill>), Problem> {
    let scope = scope(&input.scope)?;
    if input.reason.trim().is_empty() {
        return Err(Problem::field("reason", "is empty: clients and the audit trail are told why"));
    }
    let until = match &input.until {
        None => None,
        Some(text) => {
            let at = Timestamp::parse(text).ok_or_else(|| {
                Problem::field("until", format!("`{text}` is no time such as `2026-12-31T12:00:00Z`"))
            })?;
            if at <= state.now() {
                return Err(Problem::field("until", format!("`{text}` has passed")));
            }
            Some(at)
        }
    };
    let note = nobody(&state, &scope);
    let order = KillOrder { scope, reason: input.reason, cut: input.cut, until };
    let kill = state.kill_on(&actor.name, &order)?;
    Ok((StatusCode::CREATED, Json(Kill { note, ..Kill::of(kill) })))
}

#[utoipa::path(delete, path = "/kill/{scope}", tag = "kill", params(("scope" = String, Path)),
    responses((status = 200, body = Kill), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn turn_off(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(text): Path<String>,
) -> Result<Json<Kill>, Problem> {
    let scope = scope(&text)?;
    let kept = |source: KillSource| match source {
        KillSource::Api => None,
        KillSource::File => Some("the file KILL in the data directory keeps it on: remove the file"),
        KillSource::Signal => Some("a signal turned it on: send SIGUSR2 to turn it off"),
    };
    let on = state.governor.kills().list(state.now());
    let here: Vec<&On> = on.iter().filter(|kill| kill.scope == scope).collect();
    let elsewhere = here.iter().find_map(|kill| kept(kill.source));
    match (here.iter().any(|kill| kill.source == KillSource::Api), elsewhere) {
        (false, Some(kept)) => Err(Problem::new(StatusCode::CONFLICT, kept)),
        (true | false, elsewhere) => {
            let off = state.kill_off(&actor.name, &scope).map_err(|error| match Problem::from(error) {
                none if none.status == StatusCode::NOT_FOUND.as_u16() => {
                    let detail = format!(
                        "no kill switch is on at `{scope}`: `bursar kill status` names those that are"
                    );
                    Problem { detail, ..none }
                }
                other => other,
            })?;
            let note = elsewhere.map(|kept| format!("still on: {kept}"));
            Ok(Json(Kill { note, ..Kill::stored(off) }))
        }
    }
}

fn scope(text: &str) -> Result<Scope, Problem> {
    Scope::parse(text).ok_or_else(|| {
        let words = Attribute::words().join(", ");
        Problem::field(
            "scope",
            format!("`{text}` is neither `platform` nor ATTRIBUTE=VALUE with one of {words}"),
        )
    })
}

/// What to say of a scope that nothing known is in: most likely a slip of the pen, and then nothing is stopped.
fn nobody(state: &State, scope: &Scope) -> Option<String> {
    let Scope::Attribute(attribute, Some(value)) = scope else { return None };
    let directory = state.governor.directory();
    let known = match attribute {
        Attribute::Project => directory.projects.contains_key(value),
        Attribute::Provider => directory.provider(value.as_str()).is_some(),
        Attribute::Key => directory.keys.values().any(|key| key.id == *value),
        Attribute::User
        | Attribute::Agent
        | Attribute::Run
        | Attribute::Session
        | Attribute::Model
        | Attribute::Endpoint
        | Attribute::Credential
        | Attribute::ServedModel
        | Attribute::ApiFormat
        | Attribute::Tag(_) => true,
    };
    (!known).then(|| format!("there is no {attribute} `{value}`: nothing is stopped by this now"))
}
