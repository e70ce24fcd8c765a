//! `/prices/overlay`: the operator's own price rows. They win over the built-in rows and the price file, row by row, field by
//! field, from their dates on. A row never changes: it is withdrawn, or followed by one with a later date.

use crate::auth::Actor;
use crate::overlay::{self, OverlayError};
use crate::page::List;
use crate::problem::Problem;
use crate::state::{ControlError, State};
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use bursar_pricing::{PriceRow, RowSpec, file};
use bursar_store::PageRequest;
use bursar_store::settings::{Document, DocumentKind, ManagedBy, SettingsError};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A price row that was given through this API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverlayRow {
    /// Names it here: `provider/model@date`, without a date where it has none.
    id: String,
    /// The row as given, in the fields of a price file: rates in USD per million tokens or per unit, as decimal strings.
    #[schema(value_type = Object)]
    row: serde_json::Value,
    /// Whether it is in force; false: withdrawn.
    active: bool,
    /// Rises with each change.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list, give)).routes(routes!(withdraw))
}

impl From<OverlayError> for Problem {
    fn from(error: OverlayError) -> Self {
        match error {
            OverlayError::Row(wrong) => Self::field(&wrong.field, wrong.problem),
            OverlayError::Book(error) => match error.wrong.first() {
                Some(wrong) => Self::field(&wrong.field, &wrong.problem),
                None => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            },
        }
    }
}

impl OverlayRow {
    fn of(document: Document) -> Self {
        Self {
            id: document.name,
            row: document.document,
            active: document.active,
            version: document.revision.version,
            created_at: document.revision.created_at.to_string(),
            updated_at: document.revision.updated_at.to_string(),
        }
    }
}

fn stored(state: &State) -> Result<Vec<Document>, Problem> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { cursor, limit: bursar_core::limits::PAGE_MAX };
        let page = state.settings.documents(DocumentKind::PriceOverlay, &page)?;
        rows.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

#[utoipa::path(get, path = "/prices/overlay", tag = "prices",
    responses((status = 200, body = List<OverlayRow>)))]
async fn list(_actor: Actor, Shared(state): Shared<Arc<State>>) -> Result<Json<List<OverlayRow>>, Problem> {
    let items = stored(&state)?.into_iter().map(OverlayRow::of).collect();
    Ok(Json(List { items, next_cursor: None }))
}

#[utoipa::path(post, path = "/prices/overlay", tag = "prices",
    request_body(content = Object, description = "A price row in the fields of a price file; what it does not state stays as it is below."),
    responses((status = 201, body = OverlayRow), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn give(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(row): Json<serde_json::Value>,
) -> Result<(StatusCode, Json<OverlayRow>), Problem> {
    let spec = file::row_from_json(&row).map_err(OverlayError::from)?;
    let name = PriceRow::new(spec.clone(), overlay::ORIGIN).id().to_string();
    let _giving = state.overlays.give();
    let known = stored(&state)?;
    let before = known.iter().find(|document| document.name == name).cloned();
    if before.as_ref().is_some_and(|document| document.active) {
        let detail = format!(
            "there is a row `{name}` already, and a row never changes: give one with a later effective_from, or withdraw it first"
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let mut rows: Vec<RowSpec> = overlay::specs(&known)?;
    rows.push(spec.clone());
    overlay::lay(&state.installed.load(), rows)?;
    let document = file::row_to_json(&spec);
    let stored = state.change(&actor.name, |change| {
        Ok::<_, ControlError>(match before {
            None => {
                let new = Document::new(DocumentKind::PriceOverlay, &name, document, ManagedBy::Api);
                change.create_document(&new)?
            }
            Some(withdrawn) => change.update_document(&Document { document, active: true, ..withdrawn })?,
        })
    })?;
    Ok((StatusCode::CREATED, Json(OverlayRow::of(stored))))
}

#[utoipa::path(delete, path = "/prices/overlay/{id}", tag = "prices", params(("id" = String, Path)),
    responses((status = 200, body = OverlayRow), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn withdraw(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<OverlayRow>, Problem> {
    let _giving = state.overlays.give();
    let mut known = stored(&state)?;
    let Some(row) = known.iter_mut().find(|row| row.name == id && row.active) else {
        let missing =
            SettingsError::NotFound { object: bursar_store::settings::Object::PriceOverlay, name: id };
        return Err(missing.into());
    };
    row.active = false;
    let withdrawn = row.clone();
    // What rests on it, such as a row that states a part only, would price nothing without it.
    overlay::lay(&state.installed.load(), overlay::specs(&known)?)?;
    let stored =
        state.change(&actor.name, |change| Ok::<_, ControlError>(change.update_document(&withdrawn)?))?;
    Ok(Json(OverlayRow::of(stored)))
}
