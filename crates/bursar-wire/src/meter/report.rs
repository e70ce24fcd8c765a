//! The flat object that `bursar meter` prints.

use super::reading::Anomaly;
use super::{BodyKind, Meter};
use bursar_core::ApiFormat;
use serde_json::{Map, Value};

/// Why a body was not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The body is not in the framing and JSON of its format, or ends in the middle.
    #[error("the body is not a whole answer in this API format")]
    Malformed,
}

/// Reads a whole body: `{model, input, cache_read, cache_write_5m, cache_write_1h, output, …}`. A class that the body
/// does not state is absent; a body without usage gives an empty object.
///
/// # Errors
/// [`ReportError::Malformed`] when the body cannot be read to its end.
pub fn report(
    format: ApiFormat,
    provider: &str,
    stream: bool,
    body: &[u8],
) -> Result<Map<String, Value>, ReportError> {
    let mut meter = Meter::new(format, provider, BodyKind::of(None, format, stream));
    meter.feed(body);
    let reading = meter.finish();
    if reading.anomalies.has(Anomaly::Malformed) {
        return Err(ReportError::Malformed);
    }
    let mut object = Map::new();
    if reading.usage.is_empty() {
        return Ok(object);
    }
    if let Some(model) = &reading.model {
        object.insert("model".to_owned(), Value::from(model.as_ref()));
    }
    for (class, count) in reading.usage.iter() {
        object.insert(class.as_str().to_owned(), Value::from(count));
    }
    Ok(object)
}
