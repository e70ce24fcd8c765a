//! `/tokens`: who may use the admin API. A token's text is shown once and stored as a hash.

use crate::auth::Actor;
use crate::page::{List, PageQuery};
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use bursar_core::Timestamp;
use bursar_govern::keys::{PlainSecret, TOKEN_PREFIX};
use bursar_store::settings::{self, KeyHash, Role, TokenId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A token of the admin API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token {
    /// Its id.
    id: String,
    /// The token itself: shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Its name: the actor in the audit trail.
    name: String,
    /// Its first characters.
    prefix: String,
    /// `admin`, `project_admin`, `member` or `viewer`.
    role: String,
    /// Within which project; null: all.
    project: Option<String>,
    /// As which user; null: all.
    user: Option<String>,
    /// When it stops working; null: never.
    expires_at: Option<String>,
    /// When it was revoked.
    revoked_at: Option<String>,
    /// When it was last used, RFC 3339; null: never.
    last_used_at: Option<String>,
    /// RFC 3339.
    created_at: String,
}

/// What makes a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenInput {
    /// Its name: the actor in the audit trail.
    name: String,
    /// `admin`, `project_admin` (needs a project), `member` (needs a user) or `viewer`.
    role: String,
    /// Within which project.
    project: Option<String>,
    /// As which user.
    user: Option<String>,
    /// RFC 3339 or a date; absent: it does not expire.
    expires_at: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

impl Token {
    fn of(state: &State, row: settings::Token, token: Option<String>) -> Self {
        Self {
            id: row.id.to_string(),
            token,
            name: row.name,
            prefix: row.prefix,
            role: row.role.to_string(),
            project: row.project,
            user: row.user,
            expires_at: row.expires_at.map(|at| at.to_string()),
            revoked_at: row.revoked_at.map(|at| at.to_string()),
            last_used_at: state.token_use.last(row.id, row.last_used_at).map(|at| at.to_string()),
            created_at: row.revision.created_at.to_string(),
        }
    }
}

impl TokenInput {
    /// The role, where it has the bounds that it needs and no others.
    fn role(&self) -> Result<Role, Problem> {
        let role = Role::parse(&self.role).ok_or_else(|| {
            let words: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
            Problem::field("role", format!("`{}` is not one of {}", self.role, words.join(", ")))
        })?;
        let (project, user) = (self.project.is_some(), self.user.is_some());
        match role {
            Role::Admin if project => {
                Err(Problem::field("project", "an admin has none: make a project_admin"))
            }
            Role::Admin | Role::ProjectAdmin if user => {
                Err(Problem::field("user", format!("a token of the role {role} has none: make a member")))
            }
            Role::ProjectAdmin if !project => {
                Err(Problem::field("project", "is missing: a project_admin administers one"))
            }
            Role::Member if !user => Err(Problem::field("user", "is missing: a member is one")),
            Role::Viewer if user => {
                Err(Problem::field("user", "a viewer has none: make a member, who sees their own"))
            }
            Role::Admin | Role::ProjectAdmin | Role::Member | Role::Viewer => Ok(role),
        }
    }
    fn expires_at(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = &self.expires_at else { return Ok(None) };
        let wrong = |problem: &str| Problem::field("expires_at", format!("`{text}` {problem}"));
        let at =
            Timestamp::parse(text).ok_or_else(|| wrong("is no RFC 3339 time or date such as 2026-12-31"))?;
        if at <= now { Err(wrong("is past")) } else { Ok(Some(at)) }
    }
}

/// Tokens, revoked ones too.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(PageQuery),
    responses((status = 200, body = List<Token>), (status = 403, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<Token>>, Problem> {
    Ok(Json(List::of(state.settings.tokens(&page.request())?, |row| Token::of(&state, row, None))))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenInput,
    responses((status = 201, body = Token), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn create(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<TokenInput>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    let role = input.role()?;
    let expires_at = input.expires_at(state.now())?;
    let secret = PlainSecret::random(TOKEN_PREFIX, &*state.governor.ports().random);
    let id = TokenId::from_u128(state.governor.ports().request_id().as_u128());
    let hash = KeyHash(*secret.hashed().as_bytes());
    let row = settings::Token {
        project: input.project,
        user: input.user,
        expires_at,
        ..settings::Token::new(id, &input.name, &secret.shown_prefix(), hash, role)
    };
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.create_token(&row)?))?;
    Ok((StatusCode::CREATED, Json(Token::of(&state, row, Some(secret.reveal().to_owned())))))
}

/// Ends a token for good; the one that asks cannot end itself, so that somebody always can.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 200, body = Token), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn revoke(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<Token>, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("no token `{id}`: ids are UUIDs"));
    let known = TokenId::parse(&id).ok_or_else(missing)?;
    if actor.token == known {
        let detail = "a token cannot revoke itself: use another admin token, so that one is left";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let row = state.change(&actor.name, |change| Ok::<_, ControlError>(change.revoke_token(known)?))?;
    Ok(Json(Token::of(&state, row, None)))
}
