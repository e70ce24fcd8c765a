//! Who calls the admin API: a bearer token, looked up by its hash.

use crate::problem::Problem;
use crate::state::State;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use bursar_govern::keys::HashedSecret;
use bursar_store::settings::{KeyHash, Role};
use std::sync::Arc;

/// The bearer of a valid token: the actor of what is done.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The token's name, as the audit trail shows it.
    pub name: String,
}

impl FromRequestParts<Arc<State>> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let refuse = || {
            let detail = "send `Authorization: Bearer <admin token>`; the first one is in the file admin-token of the \
                          data directory";
            Problem::new(StatusCode::UNAUTHORIZED, detail)
        };
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presented = header.and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(refuse)?;
        let hash = HashedSecret::of(presented.trim());
        let now = state.now();
        let token = state.settings.token_of(KeyHash(*hash.as_bytes()))?;
        let token = token.filter(|token| token.expires_at.is_none_or(|at| now < at)).ok_or_else(refuse)?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        match token.role {
            Role::Admin => Ok(Self { name: token.name }),
            Role::Viewer if reads && token.project.is_none() => Ok(Self { name: token.name }),
            Role::Viewer | Role::ProjectAdmin | Role::Member => {
                let detail = format!("the token `{}` ({}) may not do this", token.name, token.role);
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }
}
