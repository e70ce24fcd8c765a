//! Reads a usage from JSON: Bursar's flat object, or what a provider sends.

use crate::config::nearest;
use crate::exit::Failure;
use bursar_core::{ApiFormat, Usage, UsageClass};
use bursar_wire::{Anomaly, BodyKind, Meter};
use serde_json::{Map, Value, json};

/// Longest usage in bytes: real ones have under 1 kB, whole answers a few hundred.
pub(super) const USAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The usage that `text` states.
///
/// # Errors
/// When it is no JSON object, names an unknown class, or a count is no whole number.
pub(super) fn read(text: &str, format: Option<ApiFormat>, provider: &str) -> Result<Usage, Failure> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Failure::failed(format!("`--usage` is not JSON: {error}")))?;
    let Value::Object(map) = value else {
        return Err(Failure::failed("`--usage` is not a JSON object")
            .hint("write `{\"input\": 1200, \"output\": 80}`"));
    };
    match format {
        None => flat(&map),
        Some(format) => metered(map, format, provider),
    }
}

fn flat(map: &Map<String, Value>) -> Result<Usage, Failure> {
    let mut usage = Usage::new();
    for (name, value) in map {
        if name == "model" || value.is_null() {
            continue;
        }
        let Some(class) = UsageClass::parse(name) else {
            let words = || UsageClass::ALL.iter().map(|class| class.as_str());
            let hint = match nearest(name, words()) {
                Some(near) => {
                    format!("did you mean `{near}`? With `--api-format` the provider's own names are read")
                }
                None => format!("known: {}", words().collect::<Vec<_>>().join(", ")),
            };
            return Err(Failure::failed(format!("`{name}` is not a class of usage")).hint(hint));
        };
        let Some(count) = value.as_u64() else {
            return Err(Failure::failed(format!(
                "`{name}` is `{value}`, not a whole number of zero or more"
            )));
        };
        usage.set(class, count);
    }
    Ok(usage)
}

/// Reads it as the meter reads an answer: the object is put where the format has its usage, unless it is a whole answer.
fn metered(map: Map<String, Value>, format: ApiFormat, provider: &str) -> Result<Usage, Failure> {
    let place = match format {
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiResponses
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::AnthropicMessages => Some("usage"),
        ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed => Some("usageMetadata"),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => None,
    };
    let body = match place {
        Some(place) if !map.contains_key(place) => match format {
            ApiFormat::AnthropicMessages => json!({ "type": "message", "usage": map }),
            ApiFormat::OpenAiResponses => {
                json!({ "object": "response", "status": "completed", "usage": map })
            }
            _ => json!({ place: map }),
        },
        Some(_) | None => Value::Object(map),
    };
    let mut meter = Meter::new(format, provider, BodyKind::Json);
    meter.feed(body.to_string().as_bytes());
    let reading = meter.finish();
    if reading.anomalies.has(Anomaly::Malformed) || reading.anomalies.has(Anomaly::BadCount) {
        return Err(Failure::failed(format!("`--usage` is no usage of `{format}`")));
    }
    Ok(reading.usage)
}
