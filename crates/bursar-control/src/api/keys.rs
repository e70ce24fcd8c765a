//! `/keys`: what clients present. A key's text is in one answer only: that of its creation or rotation.

mod balance;
mod parts;

use self::balance::keep_balance;
use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_core::{ApiFormat, Pattern, Timestamp};
use bursar_govern::assemble;
use bursar_govern::keys::{KEY_PREFIX, PlainSecret};
use bursar_store::PageRequest;
use bursar_store::settings::{self, KeyFilter, KeyHash, KeyId, KeyKind, KeyTotals};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// A key, without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id: also the value of the attribute `key`.
    id: String,
    /// The key itself: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The first characters, by which people know it again.
    prefix: String,
    /// What people call it.
    name: Option<String>,
    /// Who is billed.
    project: String,
    /// Whose it is.
    user: Option<String>,
    /// `member`, `service` or `standalone`.
    kind: String,
    /// Models it may ask for; empty: all.
    models: Vec<String>,
    /// Providers that may answer; empty: all.
    providers: Vec<String>,
    /// API formats it may use; empty: all.
    api_formats: Vec<String>,
    /// Attributes that its headers may fill.
    may_set: Vec<String>,
    /// Attributes that are fixed.
    attributes: BTreeMap<String, String>,
    /// Whether it consents to a lowered output limit where the asked one does not fit.
    fit: bool,
    /// How much per minute, hour or day, and at once.
    limits: Vec<String>,
    /// Where it may be used from; empty: everywhere.
    allowed_ips: Vec<String>,
    /// What a standalone key may spend in all, USD; null: unlimited.
    balance: Option<String>,
    /// RFC 3339; absent: never.
    expires_at: Option<String>,
    /// Whether it is blocked.
    blocked: bool,
    /// Requests so far.
    requests: u64,
    /// List cost so far, USD.
    list_cost: String,
    /// RFC 3339.
    last_used_at: Option<String>,
    /// `file` or `api`.
    managed_by: String,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
}

/// What makes or changes a key. Absent fields keep their value, or take the default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyInput {
    /// Who is billed; only when it is made.
    project: Option<String>,
    /// Whose it is. Made when there is no such user yet.
    user: Option<String>,
    /// `member`, `service` (default without a user) or `standalone`.
    kind: Option<String>,
    /// What people call it.
    name: Option<String>,
    /// Models it may ask for, with `*`.
    models: Option<Vec<String>>,
    /// Providers that may answer, with `*`.
    providers: Option<Vec<String>>,
    /// API formats it may use.
    api_formats: Option<Vec<String>>,
    /// `agent`, `run`, `session`, `user`, `tags`; default all but `user`.
    may_set: Option<Vec<String>>,
    /// Attributes that are fixed, such as `{"agent": "coder", "tag.team": "x"}`.
    attributes: Option<BTreeMap<String, String>>,
    /// Consent to a lowered output limit.
    fit: Option<bool>,
    /// `100 requests per minute`, `2M tokens per hour for gpt-*`, `5 USD per day`, `4 at once`; empty: unlimited.
    limits: Option<Vec<String>>,
    /// IP addresses and ranges that it may be used from; empty: everywhere.
    allowed_ips: Option<Vec<String>>,
    /// What a standalone key may spend in all, USD; an empty text: unlimited.
    balance: Option<String>,
    /// RFC 3339 or a date; an empty text: never.
    expires_at: Option<String>,
}

/// How a key is rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateInput {
    /// How long the old text still works, in seconds; default 0.
    overlap_s: Option<u32>,
}

/// Which keys.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyQuery {
    /// Of this project.
    project: Option<String>,
    /// Of this user.
    user: Option<String>,
    /// Rows of the page.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(block))
        .routes(routes!(unblock))
        .routes(routes!(rotate))
        .merge(balance::routes())
}

impl Key {
    fn of(row: &settings::Key, totals: &KeyTotals, key: Option<String>) -> Self {
        let texts = |patterns: &[Pattern]| patterns.iter().map(Pattern::to_string).collect();
        Self {
            id: row.id.to_string(),
            key,
            prefix: row.prefix.clone(),
            name: row.name.clone(),
            project: row.project.clone(),
            user: row.user.clone(),
            kind: row.kind.to_string(),
            models: texts(&row.models),
            providers: texts(&row.providers),
            api_formats: row.api_formats.iter().map(ApiFormat::to_string).collect(),
            may_set: assemble::may_set(&row.may_set).words().into_iter().map(str::to_owned).collect(),
            attributes: row
                .bound
                .iter()
                .map(|(attribute, value)| (attribute.to_string(), value.to_string()))
                .collect(),
            fit: row.fit,
            limits: assemble::limits(row).iter().map(ToString::to_string).collect(),
            allowed_ips: row.allowed_ips.iter().map(ToString::to_string).collect(),
            balance: row.balance.map(|balance| balance.to_string()),
            expires_at: row.expires_at.map(|at| at.to_string()),
            blocked: row.blocked,
            requests: totals.requests,
            list_cost: totals.list_cost.to_string(),
            last_used_at: totals.last_used_at.map(|at| at.to_string()),
            managed_by: row.managed_by.to_string(),
            version: row.revision.version,
            created_at: row.revision.created_at.to_string(),
        }
    }
}

impl KeyInput {
    fn apply(self, row: &mut settings::Key) -> Result<(), Problem> {
        let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect();
        row.user = self.user.or(row.user.take());
        row.name = self.name.or(row.name.take());
        row.fit = self.fit.unwrap_or(row.fit);
        if let Some(models) = self.models {
            row.models = patterns(models);
        }
        if let Some(providers) = self.providers {
            row.providers = patterns(providers);
        }
        if let Some(words) = self.api_formats {
            row.api_formats = words.iter().map(|word| parts::api_format(word)).collect::<Result<_, _>>()?;
        }
        if let Some(words) = self.may_set {
            row.may_set = words.iter().map(|word| parts::may_set(word)).collect::<Result<_, _>>()?;
        }
        if let Some(attributes) = self.attributes {
            row.bound = parts::bound(&attributes)?;
        }
        if let Some(texts) = self.limits {
            row.limits = parts::limits(&texts)?;
            (row.requests_per_minute, row.concurrency_max) = (None, None);
        }
        if let Some(texts) = self.allowed_ips {
            row.allowed_ips = parts::allowed_ips(&texts)?;
        }
        if let Some(text) = self.balance {
            row.balance = if text.is_empty() { None } else { Some(parts::usd("balance", &text)?) };
        }
        if let Some(text) = self.expires_at {
            let read = || {
                Timestamp::parse(&text).ok_or_else(|| {
                    Problem::field(
                        "expires_at",
                        format!("`{text}` is no RFC 3339 time or date such as 2026-12-31"),
                    )
                })
            };
            row.expires_at = if text.is_empty() { None } else { Some(read()?) };
        }
        Ok(())
    }
}

fn key_id(text: &str) -> Result<KeyId, Problem> {
    KeyId::parse(text)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("no key `{text}`: ids are UUIDs")))
}

fn secret(state: &State) -> PlainSecret {
    PlainSecret::random(KEY_PREFIX, &*state.governor.ports().random)
}

#[utoipa::path(get, path = "/keys", tag = "keys", params(KeyQuery),
    responses((status = 200, body = List<Key>), (status = 401, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<KeyQuery>,
) -> Result<Json<List<Key>>, Problem> {
    let filter = KeyFilter { project: query.project, user: query.user, ..KeyFilter::default() };
    let page =
        PageRequest { cursor: query.cursor, limit: query.limit.unwrap_or(PageRequest::default().limit) };
    Ok(Json(List::of(state.settings.keys(&filter, &page)?, |(row, totals)| Key::of(&row, &totals, None))))
}

#[utoipa::path(post, path = "/keys", tag = "keys", request_body = KeyInput,
    responses((status = 201, body = Key), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<KeyInput>,
) -> Result<(StatusCode, Json<Key>), Problem> {
    let project = input.project.clone().ok_or_else(|| Problem::field("project", "is missing"))?;
    let kind = match input.kind.as_deref() {
        None if input.user.is_some() => KeyKind::Member,
        None => KeyKind::Service,
        Some(word) => KeyKind::parse(word).ok_or_else(|| {
            Problem::field("kind", format!("`{word}` is not one of member, service, standalone"))
        })?,
    };
    let secret = secret(&state);
    let id = KeyId::from_u128(state.governor.ports().request_id().as_u128());
    let hash = KeyHash(*secret.hashed().as_bytes());
    let mut row = settings::Key::new(id, &secret.shown_prefix(), hash, &project, kind);
    row.may_set =
        ["agent", "run", "session", "tags"].into_iter().map(parts::may_set).collect::<Result<_, _>>()?;
    input.apply(&mut row)?;
    let new_user = row.user.clone().filter(|user| state.settings.user(user).is_err());
    let row = state.change(&actor.name, |change| {
        if let Some(user) = new_user {
            change.create_user(&settings::User::new(&user, settings::ManagedBy::Api))?;
        }
        let row = change.create_key(&row)?;
        keep_balance(change, &state, &row)?;
        Ok::<_, ControlError>(row)
    })?;
    let shown = Key::of(&row, &KeyTotals::default(), Some(secret.reveal().to_owned()));
    Ok((StatusCode::CREATED, Json(shown)))
}

#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = Key), (status = 404, body = Problem)))]
async fn show(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    let (row, totals) = state.settings.key(key_id(&id)?)?;
    Ok(Json(Key::of(&row, &totals, None)))
}

#[utoipa::path(patch, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)), request_body = KeyInput,
    responses((status = 200, body = Key), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn update(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<KeyInput>,
) -> Result<Json<Key>, Problem> {
    if input.project.is_some() || input.kind.is_some() {
        return Err(Problem::field("project", "and kind cannot be changed: make another key"));
    }
    modify(&actor, &state, &id, |row| input.apply(row))
}

#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = key_id(&id)?;
    state.change(&actor.name, |change| {
        let gone = change.delete_key(id)?;
        keep_balance(change, &state, &settings::Key { balance: None, ..gone })
    })?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/keys/{id}/block", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = Key), (status = 404, body = Problem)))]
async fn block(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    modify(&actor, &state, &id, |row| {
        row.blocked = true;
        Ok(())
    })
}

#[utoipa::path(post, path = "/keys/{id}/unblock", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = Key), (status = 404, body = Problem)))]
async fn unblock(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    modify(&actor, &state, &id, |row| {
        row.blocked = false;
        Ok(())
    })
}

#[utoipa::path(post, path = "/keys/{id}/rotate", tag = "keys", params(("id" = String, Path)),
    request_body = RotateInput,
    responses((status = 200, body = Key), (status = 404, body = Problem)))]
async fn rotate(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<RotateInput>,
) -> Result<Json<Key>, Problem> {
    let id = key_id(&id)?;
    let secret = secret(&state);
    let hash = KeyHash(*secret.hashed().as_bytes());
    let until = input.overlap_s.filter(|s| *s > 0).map(|s| state.now().plus_seconds(i64::from(s)));
    let row = state.change(&actor.name, |change| {
        Ok::<_, ControlError>(change.rotate_key(id, &secret.shown_prefix(), hash, until)?)
    })?;
    let (_, totals) = state.settings.key(id)?;
    Ok(Json(Key::of(&row, &totals, Some(secret.reveal().to_owned()))))
}

fn modify(
    actor: &Actor,
    state: &State,
    id: &str,
    edit: impl FnOnce(&mut settings::Key) -> Result<(), Problem>,
) -> Result<Json<Key>, Problem> {
    let (mut row, totals) = state.settings.key(key_id(id)?)?;
    edit(&mut row)?;
    let row = state.change(&actor.name, |change| {
        let row = change.update_key(&row)?;
        keep_balance(change, state, &row)?;
        Ok::<_, ControlError>(row)
    })?;
    Ok(Json(Key::of(&row, &totals, None)))
}
