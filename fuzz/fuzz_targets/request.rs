//! Requests against a full JSON parser: a body whose facts are read is whole JSON, and both see the same model, stream and
//! output limit, before and after every splice. What differs would be smuggled past the meter.

#![no_main]

use bursar_core::ApiFormat;
use bursar_wire::{Facts, Splice, SpendRoute, read_facts, splice};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const WITHOUT_VALUE: [&str; 3] =
    ["number out of range", "lone leading surrogate in hex escape", "unexpected end of hex escape"];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let format = ApiFormat::ALL[usize::from(choice % 10)];
    let route = SpendRoute::of(format, Some("in-the-path"));
    let Ok(facts) = read_facts(&route, body) else { return };
    let document: Value = match serde_json::from_slice(body) {
        Ok(document) => document,
        // A number beyond a double and half of a surrogate pair are grammar, but have no value to compare.
        Err(refusal) if WITHOUT_VALUE.iter().any(|why| refusal.to_string().starts_with(why)) => return,
        Err(refusal) => panic!("facts were read off what is not JSON: {refusal}"),
    };
    agrees(&facts, &document);
    let mut splices = vec![];
    if document.get("model").is_some() {
        splices.push(Splice::Model("spliced".to_owned()));
    }
    if facts.stream && matches!(format, ApiFormat::OpenAiChat | ApiFormat::OpenAiCompletions) {
        splices.push(Splice::IncludeUsage);
    }
    let Ok(spliced) = splice(Bytes::copy_from_slice(body), &facts, &splices) else { return };
    let after: Value = serde_json::from_slice(&spliced).expect("a splice broke the body");
    let again = read_facts(&route, &spliced).expect("a spliced body is refused");
    agrees(&again, &after);
    if splices.contains(&Splice::IncludeUsage) {
        assert_eq!(after["stream_options"]["include_usage"], true);
    }
});

fn agrees(facts: &Facts, document: &Value) {
    if let Some(model) = document["model"].as_str() {
        assert!(*facts.model == *model || &*facts.model == "in-the-path", "{document}");
    }
    if let Some(stream) = document["stream"].as_bool() {
        let by_body = !matches!(facts.format, ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed);
        let streams = !matches!(facts.format, ApiFormat::OpenAiEmbeddings | ApiFormat::OllamaEmbed);
        assert!(!by_body || !streams || facts.stream == stream, "{document}");
    }
}
