//! Where recorded bodies lie, and how a body is fed in pieces.

mod recorded;

use super::{BodyKind, Meter, Reading};
use bursar_core::ApiFormat;
use serde_json::Value;
use std::path::PathBuf;

/// The folder of recorded bodies, or `None` with a loud line.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BURSAR_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(file);
    if !path.exists() {
        eprintln!("SKIPPED: no {} (set BURSAR_DATA)", path.display());
        return None;
    }
    Some(path)
}

/// A JSON file of the recorded data.
pub(crate) fn data_json(file: &str) -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(data(file)?).unwrap()).unwrap())
}

/// Meters a whole body.
pub(crate) fn read(format: ApiFormat, provider: &str, kind: BodyKind, body: &[u8]) -> Reading {
    read_pieces(format, provider, kind, [body])
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
