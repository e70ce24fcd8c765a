//! Where recorded bodies lie, and how a body is read in a test.

mod bodies;
mod counted;
mod oracle;
mod realworld;
mod recorded;

use super::{BodyKind, Meter, Reading};
use bursar_core::ApiFormat;
use serde_json::Value;
use std::path::PathBuf;

/// The folder of recorded bodies, or `None` with a loud line.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    found("BURSAR_DATA", "../../../shared/data", file)
}

/// A JSON file of the recorded data.
pub(crate) fn data_json(file: &str) -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(data(file)?).unwrap()).unwrap())
}

/// A worked example of the specification.
pub(crate) fn vector(id: &str) -> Option<Value> {
    let path = found("BURSAR_SPEC", "../../../shared/spec", "vectors.json")?;
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    vectors.as_array().unwrap().iter().find(|vector| vector["id"] == id).cloned()
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the recorded data is")]
fn found(variable: &str, default: &str, file: &str) -> Option<PathBuf> {
    let folder = std::env::var(variable)
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(default), PathBuf::from);
    let path = folder.join(file);
    if !path.exists() {
        eprintln!("SKIPPED: no {} (set {variable})", path.display());
        return None;
    }
    Some(path)
}

/// Meters a body, whole and in pieces: the reading is the same.
pub(crate) fn read(format: ApiFormat, provider: &str, kind: BodyKind, body: &[u8]) -> Reading {
    let whole = read_pieces(format, provider, kind, [body]);
    for size in [1, 2, 7, 64] {
        let pieces = read_pieces(format, provider, kind, body.chunks(size));
        assert_eq!(pieces, whole, "in pieces of {size}");
    }
    whole
}

/// Meters a plain body.
pub(crate) fn plain(format: ApiFormat, provider: &str, body: &str) -> Reading {
    read(format, provider, BodyKind::of(Some("application/json"), format, false), body.as_bytes())
}

/// Meters a stream that nothing says the type of.
pub(crate) fn stream(format: ApiFormat, provider: &str, body: &str) -> Reading {
    read(format, provider, BodyKind::of(None, format, true), body.as_bytes())
}

/// A plain chat answer with this usage.
pub(crate) fn chat(usage: &str) -> String {
    format!(
        r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{{usage}}}}}"#
    )
}

/// Meters a body in pieces.
pub(crate) fn read_pieces<'a>(
    format: ApiFormat,
    provider: &str,
    kind: BodyKind,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Reading {
    let mut meter = Meter::new(format, provider, kind);
    for piece in pieces {
        meter.feed(piece);
    }
    meter.finish()
}
