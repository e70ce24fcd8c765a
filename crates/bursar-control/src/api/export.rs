//! `/export`: records as text for spreadsheets, warehouses and finance tools, chunk by chunk. A chunk is all that is in
//! memory, here and at the client, however long the export is.

use super::blocking::blocking;
use super::requests::RequestQuery;
use crate::access::Reach;
use crate::auth::Actor;
use crate::export::{self, Column};
use crate::problem::Problem;
use crate::state::State;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bursar_core::limits::PAGE_MAX;
use bursar_store::PageRequest;
use bursar_store::records::{Record, RecordFilter, Records};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Pages of records in one chunk: 5,000 records are 2 to 4 MB of text and a few hundredths of a second.
const PAGES_OF_A_CHUNK: usize = 10;
/// Says where to go on; absent on the last chunk.
const NEXT_CURSOR: &str = "x-bursar-next-cursor";

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
enum Format {
    /// One row per request.
    Csv,
    /// One object per request and line.
    Jsonl,
    /// One row per line of a cost, in the columns of FOCUS 1.2.
    Focus,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(chunk))
}

/// A chunk of an export, newest first: `csv` and `jsonl` have one row per request, `focus` is a CSV file with the columns of
/// FOCUS 1.2 and one row per line of a cost. The header `x-bursar-next-cursor` is the `cursor` of the next chunk; chunks one
/// after another are the file. `limit` is not used.
#[utoipa::path(get, path = "/export/{format}", tag = "requests",
    params(("format" = inline(Format), Path, description = "`csv`, `jsonl` or `focus`"), RequestQuery),
    responses((status = 200, description = "Rows as text", content((String = "text/csv"), (String = "application/x-ndjson")),
        headers(("x-bursar-next-cursor" = Option<String>, description = "The `cursor` of the next chunk"))),
        (status = 422, body = Problem)))]
async fn chunk(
    actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Path(format): Path<String>,
    Query(query): Query<RequestQuery>,
) -> Result<Response, Problem> {
    let format = match format.as_str() {
        "csv" => Format::Csv,
        "jsonl" => Format::Jsonl,
        "focus" => Format::Focus,
        other => return Err(Problem::field("format", format!("`{other}` is not one of csv, jsonl, focus"))),
    };
    let (cursor, filter) = (query.cursor.clone(), query.filter()?);
    let (records, reach) = (Arc::clone(&state.records), actor.reach);
    let (text, cursor) = blocking(move || read(&records, &reach, format, &filter, cursor)).await?;
    let kind = match format {
        Format::Csv | Format::Focus => "text/csv; charset=utf-8",
        Format::Jsonl => "application/x-ndjson",
    };
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response();
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(&cursor).ok()) {
        response.headers_mut().insert(HeaderName::from_static(NEXT_CURSOR), cursor);
    }
    Ok(response)
}

/// The text of a chunk, and where to go on.
fn read(
    records: &Records,
    reach: &Reach,
    format: Format,
    filter: &RecordFilter,
    mut cursor: Option<String>,
) -> Result<(String, Option<String>), Problem> {
    let mut text = String::new();
    if cursor.is_none() {
        match format {
            Format::Csv => export::csv_head(&export::records::COLUMNS, &mut text),
            Format::Focus => export::csv_head(&export::focus::COLUMNS, &mut text),
            Format::Jsonl => {}
        }
    }
    for _ in 0..PAGES_OF_A_CHUNK {
        let page = PageRequest { cursor: cursor.take(), limit: PAGE_MAX };
        let mut page = records.list(filter, &page)?;
        for record in &mut page.items {
            reach.hide(record);
            write(format, record, &mut text);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok((text, cursor))
}

fn write(format: Format, record: &Record, text: &mut String) {
    const COLUMNS: &[Column] = &export::records::COLUMNS;
    match format {
        Format::Csv => export::csv_row(&export::records::row(record), text),
        Format::Jsonl => export::json_row(COLUMNS, export::records::row(record), text),
        Format::Focus => export::focus::rows(record).iter().for_each(|row| export::csv_row(row, text)),
    }
}
