//! Recorded request bodies: each is read, and its bound is not below what the provider counted. Prints how far above.

use super::*;
use crate::route::{Route, route};
use serde_json::Value;
use std::path::PathBuf;

/// A recorded request with the tokens that its provider counted.
struct Recorded {
    id: String,
    facts: Facts,
    input: Option<u64>,
    output: Option<u64>,
}

fn data() -> Option<PathBuf> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    #[expect(clippy::disallowed_methods, reason = "tests find recorded data by the environment")]
    let place = std::env::var("BURSAR_DATA").map_or(default, PathBuf::from).join("wire");
    place.join("manifest.json").is_file().then_some(place)
}

fn format_of(word: &str) -> Option<ApiFormat> {
    Some(match word {
        "openai.chat" => ApiFormat::OpenAiChat,
        "openai.completions" => ApiFormat::OpenAiCompletions,
        "openai.responses" => ApiFormat::OpenAiResponses,
        "openai.embeddings" => ApiFormat::OpenAiEmbeddings,
        "anthropic.messages" => ApiFormat::AnthropicMessages,
        "gemini.generateContent" | "gemini.streamGenerateContent" => ApiFormat::GeminiGenerate,
        "gemini.embed" => ApiFormat::GeminiEmbed,
        "ollama.chat" => ApiFormat::OllamaChat,
        "ollama.generate" => ApiFormat::OllamaGenerate,
        _ => return None,
    })
}

/// The recorded path's own route where it is one of ours; else (Azure, Vertex, routers) the format's.
fn route_of(path: &str, format: ApiFormat) -> SpendRoute {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let model = path.rsplit('/').next().and_then(|last| last.split(':').next());
    match route("POST", path, query) {
        Route::Spend(spend) if spend.format == format => spend,
        _ => SpendRoute::of(format, model.filter(|_| format.as_str().starts_with("gemini"))),
    }
}

fn recorded() -> Option<Vec<Recorded>> {
    let place = data()?;
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(place.join("manifest.json")).unwrap()).unwrap();
    let entries = manifest.as_array().or_else(|| manifest["entries"].as_array()).unwrap();
    let read = entries.iter().filter_map(|entry| {
        let format = format_of(entry["api_format"].as_str()?)?;
        let request = &entry["request"];
        let body = std::fs::read(place.join(request["body_file"].as_str()?)).unwrap();
        let id = entry["id"].as_str()?.to_owned();
        let facts = read_facts(&route_of(request["path"].as_str()?, format), &body)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        if let Some(model) = request["model"].as_str() {
            assert_eq!(&*facts.model, model, "{id}");
        }
        let parsed: Value = serde_json::from_slice(&body).unwrap();
        if let Some(stream) = parsed["stream"].as_bool() {
            assert_eq!(facts.stream, stream, "{id}");
        }
        let expected = &entry["expected"];
        Some(Recorded { id, facts, input: expected["input"].as_u64(), output: expected["output"].as_u64() })
    });
    Some(read.collect())
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Rules: S3-06.
#[test]
fn the_bound_holds_for_every_recorded_request_and_says_how_tight_it_is() {
    let Some(all) = recorded() else {
        eprintln!("SKIPPED: no recorded data; set BURSAR_DATA");
        return;
    };
    assert!(all.len() > 60, "{} requests", all.len());
    let mut hundredths = Vec::new();
    let mut too_low = Vec::new();
    for Recorded { id, facts, input, output } in &all {
        let bound = facts.bound.text_tokens + facts.bound.media_tokens;
        let Some(input) = input.filter(|input| *input > 0) else { continue };
        let referenced = facts.bound.by_reference;
        eprintln!(
            "{id} {:20} input {input:>6} bound {bound:>6} {}{}",
            facts.format,
            if referenced { "window " } else { "" },
            if facts.bound.hosted_tools.is_empty() { "" } else { "hosted" },
        );
        if !referenced {
            if bound < input {
                too_low.push(id.clone());
            }
            hundredths.push(bound * 100 / input);
        }
        if let (Some(limit), Some(output)) = (facts.bound.output_limit, output) {
            assert!(limit * u64::from(facts.bound.choices) >= *output, "{id}: {output} tokens out");
        }
    }
    hundredths.sort_unstable();
    eprintln!(
        "bound / actual over {} requests: p50 {}.{:02}, p99 {}.{:02}",
        hundredths.len(),
        percentile(&hundredths, 50) / 100,
        percentile(&hundredths, 50) % 100,
        percentile(&hundredths, 99) / 100,
        percentile(&hundredths, 99) % 100,
    );
    assert!(too_low.is_empty(), "below what was counted: {too_low:?}");
}
