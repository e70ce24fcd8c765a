//! Balances of standalone keys: an ordinary budget over the key, for ever, kept in step with the key's own row; and top-ups.

use super::{Key, modify, parts};
use crate::auth::Actor;
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_govern::assemble::{balance_budget, balance_name};
use bursar_store::settings::{self, BudgetRow, Change, ManagedBy};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is paid in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopUpInput {
    /// USD that the balance rises by.
    amount_usd: String,
    /// The balance that it rises from; where it is another by now, nothing is done (409). So a repeat pays in once.
    from_usd: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(top_up))
}

/// Makes, changes or ends the budget that is a key's balance.
pub(super) fn keep_balance(
    change: &mut Change<'_>,
    state: &State,
    key: &settings::Key,
) -> Result<(), ControlError> {
    let existing = state.settings.budget(&balance_name(&key.id.to_string())).ok();
    match (balance_budget(key), existing) {
        (Some((name, document)), existing) => {
            State::upsert_budget(change, existing, &name, &document, key.managed_by).map(drop)
        }
        (None, Some(row)) if row.active => {
            change.update_budget(&BudgetRow { active: false, ..row }).map(drop).map_err(ControlError::from)
        }
        (None, Some(_) | None) => Ok(()),
    }
}

#[utoipa::path(post, path = "/keys/{id}/top-up", tag = "keys", params(("id" = String, Path)),
    request_body = TopUpInput,
    responses((status = 200, body = Key), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn top_up(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Json(input): Json<TopUpInput>,
) -> Result<Json<Key>, Problem> {
    let amount = parts::usd("amount_usd", &input.amount_usd)?;
    if amount == bursar_core::Usd::ZERO {
        return Err(Problem::field("amount_usd", "is 0: nothing is paid in"));
    }
    let from = input.from_usd.as_deref().map(|text| parts::usd("from_usd", text)).transpose()?;
    modify(&actor, &state, &id, |row| {
        if row.managed_by == ManagedBy::File {
            let detail = "the configuration file declares this key: raise its `balance` there and reload";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let balance = row.balance.ok_or_else(|| {
            Problem::field(
                "balance",
                "is not set, so the key is unlimited, and a top-up would limit it: set one first",
            )
        })?;
        if from.is_some_and(|from| from != balance) {
            let detail = format!("the balance is {balance} USD by now: nothing was paid in");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let raised = balance.checked_add(amount);
        row.balance = Some(raised.ok_or_else(|| Problem::field("amount_usd", "is too large"))?);
        Ok(())
    })
}
