//! Who calls the admin API: a bearer token, looked up by its hash.

use crate::access::Reach;
use crate::problem::Problem;
use crate::state::State;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bursar_govern::keys::HashedSecret;
use bursar_store::settings::{KeyHash, Token, TokenId};
use std::sync::Arc;

/// The bearer of a token that may ask this: the actor of what is done.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The token's name, as the audit trail shows it.
    pub name: String,
    /// The token's id.
    pub token: TokenId,
    /// How far it reaches. What a path or query names was checked before; what else is shown is up to the route.
    pub reach: Reach,
}

/// Finds the token that a request presents.
///
/// # Errors
/// 401 where there is none that works.
pub(crate) fn authenticate(state: &State, headers: &HeaderMap) -> Result<Token, Problem> {
    let refuse = || {
        let detail = "send `Authorization: Bearer <admin token>`; the first one is in the file admin-token of the \
                      data directory";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    };
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = header.and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(refuse)?;
    let hash = HashedSecret::of(presented.trim());
    let now = state.now();
    let token = state.settings.token_of(KeyHash(*hash.as_bytes()))?;
    let token = token.filter(|token| token.expires_at.is_none_or(|at| now < at)).ok_or_else(refuse)?;
    state.token_use.note(token.id, now);
    Ok(token)
}

impl FromRequestParts<Arc<State>> for Actor {
    type Rejection = Problem;

    /// The one that the guard let in. A route that it does not guard has none.
    async fn from_request_parts(parts: &mut Parts, _: &Arc<State>) -> Result<Self, Problem> {
        let actor = parts.extensions.get::<Self>().cloned();
        actor.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "this route is open to nobody"))
    }
}
