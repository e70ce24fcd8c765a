//! `bursar meter`: reads the usage of a provider's answer from standard input. No server needed.

use super::cost::api_format;
use crate::context::Context;
use crate::exit::Failure;
use bursar_core::{ApiFormat, Family, Usage};
use bursar_wire::{Anomaly, BodyKind, Meter, Reading};
use serde_json::{Map, Value};

/// Arguments of `bursar meter`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The API format of the answer, such as `openai_chat`
    #[arg(long, value_name = "FORMAT", value_parser = api_format)]
    api_format: ApiFormat,
    /// Who answered, where vendors differ in what the same fields mean
    #[arg(long, default_value = "")]
    provider: String,
    /// The answer is a stream
    #[arg(long)]
    stream: bool,
}

/// Bytes read at a time: what a socket gives.
const PIECE_BYTES: usize = 16 * 1024;
/// Bytes that are kept to say what a body looks like that cannot be read.
const BEGINNING_BYTES: usize = 16;

/// Meters the answer as it comes and writes a flat usage object as JSON.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let kind = BodyKind::of(None, args.api_format, args.stream);
    let mut meter = Meter::new(args.api_format, &args.provider, kind);
    let mut piece = vec![0; PIECE_BYTES];
    let mut beginning = Vec::new();
    loop {
        let read = context.console.input.read(&mut piece).map_err(anyhow::Error::from)?;
        if read == 0 {
            break;
        }
        let bytes = piece.get(..read).unwrap_or_default();
        beginning.extend(bytes.iter().take(BEGINNING_BYTES.saturating_sub(beginning.len())));
        meter.feed(bytes);
    }
    let reading = meter.finish();
    if reading.anomalies.has(Anomaly::Malformed) {
        let hint = hint(args, &beginning);
        return Err(Failure::failed(format!("standard input is no answer in `{}`{hint}", args.api_format)));
    }
    for anomaly in reading.anomalies.iter() {
        context.console.warn(&format!("{}: the figures were corrected or may be wrong", anomaly.as_str()));
    }
    context.console.json(&flat(&reading))
}

/// What the beginning of a body that could not be read looks like.
fn hint(args: &Args, beginning: &[u8]) -> &'static str {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let is = |words: &[&[u8]]| words.iter().any(|word| text.starts_with(word));
    if beginning.is_empty() {
        "; it is empty"
    } else if !args.stream && is(&[b"data:", b"event:", b"id:", b"retry:", b":"]) {
        "; it looks like a stream: give `--stream`"
    } else if !args.stream && args.api_format.family() == Family::Ollama && is(&[b"{"]) {
        "; a stream of lines needs `--stream`"
    } else if is(&[b"\x1f\x8b", b"\x28\xb5\x2f\xfd"]) {
        "; it is compressed"
    } else if is(&[b"HTTP/"]) {
        "; it begins with the head of an HTTP message: give the body alone"
    } else {
        ""
    }
}

fn flat(reading: &Reading) -> Value {
    let mut map = Map::new();
    if reading.usage.is_empty() && reading.billed_by_model.is_empty() {
        return Value::Object(map);
    }
    if let Some(model) = &reading.model {
        map.insert("model".to_owned(), Value::from(model.as_ref()));
    }
    put(&mut map, &reading.usage);
    if !reading.billed_by_model.is_empty() {
        let part = |(model, usage): &(String, Usage)| {
            let mut part = Map::new();
            part.insert("model".to_owned(), Value::from(model.as_str()));
            put(&mut part, usage);
            Value::Object(part)
        };
        map.insert("billed_by_model".to_owned(), reading.billed_by_model.iter().map(part).collect());
    }
    Value::Object(map)
}

fn put(map: &mut Map<String, Value>, usage: &Usage) {
    map.extend(usage.iter().map(|(class, count)| (class.to_string(), Value::from(count))));
}
