//! `/prices`: the price book as it stands, built-in rows and overlays.

use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Query, State as Shared};
use bursar_core::Pattern;
use bursar_pricing::{PriceRow, file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// A price row. Rates are USD per million tokens or per unit, as decimal strings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    /// Names it in records.
    id: String,
    /// Whose price it is.
    provider: String,
    /// The model's name at that provider.
    model: String,
    /// RFC 3339; null: always did.
    effective_from: Option<String>,
    /// RFC 3339; null: until a later row.
    effective_until: Option<String>,
    /// Where the figures were found.
    source: Option<String>,
    /// `built-in`, or the overlay that changed it.
    origin: String,
    /// The stated base rates, USD per unit.
    rates: BTreeMap<String, String>,
    /// The model's context window in tokens.
    context: Option<u64>,
    /// The most output tokens of one answer.
    max_output: Option<u64>,
    /// The whole row, layers merged, in the fields of a price file: with tiers, service tiers, regions, hours.
    #[schema(value_type = Object)]
    row: serde_json::Value,
}

/// Which rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceQuery {
    /// Of this provider.
    provider: Option<String>,
    /// Of models meant by this name or pattern.
    model: Option<String>,
    /// In force at this time or date; RFC 3339. Absent: of every date.
    at: Option<String>,
    /// From this layer: `built-in`, `api`, or the name of a price file.
    origin: Option<String>,
    /// Rows of the page: 1 to 500.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list))
}

impl Price {
    fn of(row: &PriceRow) -> Self {
        Self {
            id: row.id().to_string(),
            provider: row.provider().to_owned(),
            model: row.model().to_owned(),
            effective_from: row.effective_from().map(|at| at.to_string()),
            effective_until: row.effective_until().map(|at| at.to_string()),
            source: row.source().map(str::to_owned),
            origin: row.origin().to_string(),
            rates: row
                .spec()
                .rates
                .iter()
                .map(|(class, rate)| (class.to_string(), rate.per_unit()))
                .collect(),
            context: row.facts().context,
            max_output: row.facts().max_output,
            row: file::row_to_json(row.spec()),
        }
    }
}

#[utoipa::path(get, path = "/prices", tag = "prices", params(PriceQuery),
    responses((status = 200, body = List<Price>), (status = 400, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<PriceQuery>,
) -> Result<Json<List<Price>>, Problem> {
    let directory = state.governor.directory();
    let model = query.model.as_deref().map(Pattern::new);
    let at = query.at.as_deref().map(|text| super::audit::time("at", text)).transpose()?;
    let in_force = |row: &PriceRow| {
        at.is_none_or(|at| {
            directory.prices.find(row.provider(), row.model(), at).is_some_and(|now| now.id() == row.id())
        })
    };
    let wanted = |row: &&&Arc<PriceRow>| {
        in_force(row)
            && query.origin.as_deref().is_none_or(|origin| origin == &**row.origin())
            && query.provider.as_deref().is_none_or(|provider| provider == row.provider())
            && model.as_ref().is_none_or(|pattern| pattern.matches(row.model()))
    };
    let skip: usize = match query.cursor.as_deref() {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_| Problem::field("cursor", "is not one that this list gave out"))?
        }
    };
    let limit = query.limit.unwrap_or(100).clamp(1, bursar_core::limits::PAGE_MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let rows = directory.prices.rows();
    let matching: Vec<_> = rows.iter().filter(wanted).skip(skip).take(limit + 1).collect();
    let more = matching.len() > limit;
    let items = matching.into_iter().take(limit).map(|row| Price::of(row)).collect();
    Ok(Json(List { items, next_cursor: more.then(|| (skip + limit).to_string()) }))
}
