//! The file of one day: its schema, and one row in and out.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use bursar_core::{RequestId, Timestamp};

use super::BODY_BYTES_MAX;
use super::detail::{Body, Detail, Headers};
use crate::sqlite::{Migration, OpenError, Schema, Synchronous, open_writer};

/// Marks a day's file in its header: "BurB".
const APPLICATION_ID: i32 = 0x4275_7242;

static SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    migrations: &[Migration { name: "details", sql: include_str!("sql/001_details.sql") }],
};

const PUT: &str =
    "INSERT INTO details(id, request_headers, response_headers, request_size, request_cut, request_body,
    response_size, response_cut, response_body, compressed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)
  ON CONFLICT(id) DO UPDATE SET
    request_headers = coalesce(excluded.request_headers, request_headers),
    response_headers = coalesce(excluded.response_headers, response_headers),
    request_size = coalesce(excluded.request_size, request_size),
    request_cut = coalesce(excluded.request_cut, request_cut),
    request_body = coalesce(excluded.request_body, request_body),
    response_size = coalesce(excluded.response_size, response_size),
    response_cut = coalesce(excluded.response_cut, response_cut),
    response_body = coalesce(excluded.response_body, response_body)
  WHERE compressed = 0";
const GET: &str =
    "SELECT request_headers, response_headers, request_size, request_cut, request_body, response_size,
    response_cut, response_body, compressed FROM details WHERE id = ?1";

/// Opens or makes a file.
pub(super) fn open(path: &Path, now: Timestamp) -> Result<Connection, OpenError> {
    open_writer(path, &SCHEMA, Synchronous::Normal, now)
}

/// Makes a folder that only its owner may enter.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a row. What the row has already and is absent here stays.
pub(super) fn put(db: &Connection, detail: &Detail) -> rusqlite::Result<()> {
    let headers = |headers: &Option<Headers>| {
        headers.as_ref().map(|headers| serde_json::to_string(headers).unwrap_or_default())
    };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (request, response) = (detail.request_body.as_ref(), detail.response_body.as_ref());
    db.prepare_cached(PUT)?
        .execute((
            key(detail.id),
            headers(&detail.request_headers),
            headers(&detail.response_headers),
            request.map(|body| number(body.size)),
            request.map(|body| number(body.cut)),
            request.map(|body| body.content.as_slice()),
            response.map(|body| number(body.size)),
            response.map(|body| number(body.cut)),
            response.map(|body| body.content.as_slice()),
        ))
        .map(drop)
}

/// Reads a row.
pub(super) fn get(db: &Connection, id: RequestId) -> rusqlite::Result<Option<Detail>> {
    db.query_row(GET, [key(id)], |row| {
        let compressed: bool = row.get(8)?;
        Ok(Detail {
            id,
            request_headers: headers(row, 0)?,
            response_headers: headers(row, 1)?,
            request_body: body(row, 2, compressed)?,
            response_body: body(row, 5, compressed)?,
        })
    })
    .optional()
}

fn headers(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Headers>> {
    let text: Option<String> = row.get(at)?;
    let read = |text: String| {
        serde_json::from_str(&text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
    };
    text.map(read).transpose()
}

/// The body whose size, cut and content stand from column `at` on.
fn body(row: &Row<'_>, at: usize, compressed: bool) -> rusqlite::Result<Option<Body>> {
    let content: Option<Vec<u8>> = row.get(at + 2)?;
    let Some(content) = content else { return Ok(None) };
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let content = if compressed {
        expand(&content)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Blob, Box::new(error)))?
    } else {
        content
    };
    Ok(Some(Body { size: number(row.get(at)?), cut: number(row.get(at + 1)?), content }))
}

/// The name of a request's row.
pub(super) fn key(id: RequestId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

/// As gzip.
pub(super) fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

fn expand(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    GzDecoder::new(content).take(BODY_BYTES_MAX).read_to_end(&mut whole)?;
    Ok(whole)
}
