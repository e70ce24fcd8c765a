//! Usage objects of recorded answers, and what another program (genai-prices) reads off them.

use super::read;
use crate::meter::BodyKind;
use bursar_core::UsageClass::{self, *};
use bursar_core::{ApiFormat, Usage};
use serde_json::{Value, json};

/// Their word for a count, and ours.
fn ours(usage: &Usage) -> Vec<(&'static str, u64)> {
    let get = |class: UsageClass| usage.get(class);
    vec![
        ("input_tokens", usage.prompt_tokens()),
        ("cache_read_tokens", get(CacheRead)),
        ("cache_write_tokens", get(CacheWrite5m) + get(CacheWrite1h)),
        ("output_tokens", get(Output)),
        ("output_reasoning_tokens", get(Reasoning)),
        ("input_audio_tokens", get(AudioInput)),
        ("input_image_tokens", get(ImageInput)),
        ("input_video_tokens", get(VideoInput)),
        ("input_tool_tokens", get(ToolUseInput)),
        ("cache_audio_read_tokens", get(AudioCacheRead)),
        ("cache_image_read_tokens", get(ImageCacheRead)),
        ("output_image_tokens", get(ImageOutput)),
        ("web_searches", get(WebSearch)),
    ]
}

/// Which of Bursar's formats a reduced body is in, and whose extractor answers for it.
fn kind_of(body: &Value) -> Option<(ApiFormat, &'static str, &'static str)> {
    let model = body["model"].as_str().unwrap_or_default();
    // xAI's own answers leave reasoning out of the output; through OpenRouter it is inside.
    let from_xai = model.contains("grok") && !body["file"].as_str().unwrap().contains("openrouter");
    if body.get("usageMetadata").is_some() {
        return Some((ApiFormat::GeminiGenerate, "google", "default"));
    }
    let usage = body.get("usage")?;
    if usage.get("prompt_tokens").is_some() {
        return Some(match (usage.get("completion_tokens").is_some(), from_xai) {
            (false, _) => (ApiFormat::OpenAiEmbeddings, "openai", "embeddings"),
            (true, true) => (ApiFormat::OpenAiChat, "x-ai", "chat"),
            (true, false) => (ApiFormat::OpenAiChat, "openai", "chat"),
        });
    }
    usage.get("input_tokens")?;
    // Bedrock's and Cohere's own objects name tokens otherwise or nest them.
    Some(if model.contains("claude") || usage.get("cache_creation_input_tokens").is_some() {
        (ApiFormat::AnthropicMessages, "anthropic", "default")
    } else {
        (ApiFormat::OpenAiResponses, "openai", "responses")
    })
}

#[test]
fn usage_equals_what_genai_prices_reads() {
    let Some(oracle) = super::data_json("genai_prices_usage_oracle.json") else { return };
    let (mut compared, mut differences) = (0, Vec::new());
    for entry in oracle.as_array().unwrap() {
        let body = &entry["body"];
        let Some((format, provider, flavor)) = kind_of(body) else { continue };
        let extracted = entry["extracted"].as_array().unwrap();
        let Some(theirs) = extracted.iter().find(|extracted| {
            let extractors = extracted["extractors"].as_array().unwrap();
            extractors.iter().any(|e| e["provider_id"] == provider && e["api_flavor"] == flavor)
        }) else {
            continue;
        };
        compared += 1;
        let reading = read(format, provider, BodyKind::Json, body.to_string().as_bytes());
        for (name, count) in ours(&reading.usage) {
            let expected = theirs["usage"].get(name).unwrap_or(&json!(0)).as_u64().unwrap();
            if expected != count {
                differences.push(format!("{name}: theirs {expected}, ours {count}: {body}"));
            }
        }
    }
    assert_eq!(compared, 670, "the other 119 are in Bedrock's and Cohere's own formats");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
