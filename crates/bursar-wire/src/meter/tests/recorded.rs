//! Bodies that real providers sent: the usage read off equals what each states, for any split; bytes out = bytes in.

use crate::meter::{BodyKind, BytesPerToken, Meter, Reading, estimate};
use crate::strip::UsageStripper;
use bursar_core::{ApiFormat, Usage, UsageClass};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

/// One recorded body with what is expected of it.
pub(super) struct Recorded {
    pub(super) name: String,
    pub(super) format: ApiFormat,
    provider: String,
    pub(super) kind: BodyKind,
    status: u64,
    ambiguous: bool,
    expected: Value,
    pub(super) body: Vec<u8>,
    /// What was asked, where that was recorded.
    pub(super) request: Option<Bytes>,
}

/// The recorded formats that are Bursar's. Bedrock's, Cohere's own and transcriptions come later.
fn format_of(recorded: &str) -> Option<ApiFormat> {
    Some(match recorded {
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

pub(super) fn recorded() -> Vec<Recorded> {
    let Some(manifest) = super::data_json("wire/manifest.json") else { return vec![] };
    let entries = manifest.as_array().unwrap().iter();
    entries
        .filter_map(|entry| {
            let format = format_of(entry["api_format"].as_str().unwrap())?;
            let file = entry["file"].as_str().unwrap();
            let content_type = entry["content_type"].as_str();
            Some(Recorded {
                name: file.split('_').next().unwrap().to_owned(),
                format,
                provider: entry["provider"].as_str().unwrap().to_owned(),
                kind: BodyKind::of(content_type, format, entry["stream"].as_bool().unwrap()),
                status: entry["status"].as_u64().unwrap(),
                ambiguous: entry["ambiguous"].as_bool().unwrap(),
                expected: entry["expected"].clone(),
                body: std::fs::read(super::data(&format!("wire/{file}")).unwrap()).unwrap(),
                request: entry["request"]["body_file"]
                    .as_str()
                    .map(|file| std::fs::read(super::data(&format!("wire/{file}")).unwrap()).unwrap().into()),
            })
        })
        .collect()
}

/// The counts under the manifest's names.
fn counts(reading: &Reading) -> Vec<(&'static str, Option<u64>)> {
    let usage = &reading.usage;
    let write = match (usage.stated(UsageClass::CacheWrite5m), usage.stated(UsageClass::CacheWrite1h)) {
        (None, None) => None,
        (short, long) => Some(short.unwrap_or(0) + long.unwrap_or(0)),
    };
    vec![
        ("input", usage.stated(UsageClass::Input).map(|_| usage.prompt_tokens())),
        ("input_uncached", usage.stated(UsageClass::Input)),
        ("cache_read", usage.stated(UsageClass::CacheRead)),
        ("cache_write", write),
        ("output", usage.stated(UsageClass::Output)),
        ("reasoning", usage.stated(UsageClass::Reasoning)),
        ("audio_in", usage.stated(UsageClass::AudioInput)),
        ("audio_out", usage.stated(UsageClass::AudioOutput)),
        ("tool_use_input", usage.stated(UsageClass::ToolUseInput)),
    ]
}

fn differences(entry: &Recorded, reading: &Reading) -> Vec<String> {
    let expected = &entry.expected;
    let mut out = Vec::new();
    let mut check = |name: &str, ours: Value| {
        let theirs = expected.get(name).cloned().unwrap_or(Value::Null);
        if ours != theirs {
            out.push(format!("{} {name}: expected {theirs}, read {ours}", entry.name));
        }
    };
    for (name, count) in counts(reading) {
        check(name, count.map_or(Value::Null, Value::from));
    }
    check("usage_present", Value::from(!reading.usage.is_empty()));
    let word = |word: &Option<Box<str>>| word.as_deref().map_or(Value::Null, Value::from);
    if !expected["model"].is_null() {
        check("model", word(&reading.model));
    }
    if !expected["service_tier"].is_null() {
        check("service_tier", word(&reading.service_tier));
    }
    for (name, class) in [
        ("cache_write_5m", UsageClass::CacheWrite5m),
        ("cache_write_1h", UsageClass::CacheWrite1h),
        ("image_in", UsageClass::ImageInput),
        ("image_out", UsageClass::ImageOutput),
    ] {
        if !expected[name].is_null() {
            check(name, reading.usage.stated(class).map_or(Value::Null, Value::from));
        }
    }
    if let Some(cost) = expected["cost_reported_usd"].as_number() {
        let pico = reading
            .provider_cost_pico
            .map(|pico| bursar_core::decimal::format(i128::try_from(pico).unwrap(), 12));
        check("cost_reported_usd", pico.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()));
        assert!(cost.is_f64());
    }
    if let Some(ticks) = expected["cost_in_usd_ticks"].as_u64().filter(|ticks| *ticks > 0) {
        assert_eq!(reading.provider_cost_pico, Some(u128::from(ticks) * 100), "{}", entry.name);
    }
    for (tool, class) in
        [("web_search_requests", UsageClass::WebSearch), ("web_fetch_requests", UsageClass::WebFetch)]
    {
        if let Some(count) = expected["server_tools"][tool].as_u64() {
            assert_eq!(reading.usage.get(class), count, "{} {tool}", entry.name);
        }
    }
    out
}

/// Rules: S4-15.
#[test]
fn usage_equals_what_each_recorded_body_states() {
    let mut wrong = Vec::new();
    for entry in recorded().iter().filter(|entry| !entry.ambiguous) {
        let reading = super::read(entry.format, &entry.provider, entry.kind, &entry.body);
        wrong.extend(differences(entry, &reading));
        if entry.status >= 400 {
            assert!(reading.error.is_some(), "{}: {reading:?}", entry.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_reading_is_the_same_for_any_split(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        for entry in recorded() {
            let whole = super::read(entry.format, &entry.provider, entry.kind, &entry.body);
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(entry.body.len() + 1)).collect();
            places.sort_unstable();
            let mut meter = Meter::new(entry.format, &entry.provider, entry.kind);
            let mut from = 0;
            for place in places {
                meter.feed(&entry.body[from..place]);
                from = place;
            }
            meter.feed(&entry.body[from..]);
            prop_assert_eq!(meter.finish(), whole, "{}", entry.name);
        }
    }
}

/// What the stripper takes out of the recorded OpenAI streams: a usage-only chunk where there is one, else nothing.
#[test]
fn the_stripper_takes_the_usage_chunk_and_leaves_every_other_byte() {
    for entry in recorded().iter().filter(|entry| {
        matches!(entry.format, ApiFormat::OpenAiChat | ApiFormat::OpenAiCompletions)
            && entry.kind == BodyKind::Sse
    }) {
        let text = String::from_utf8(entry.body.clone()).unwrap();
        let kept: String = text
            .split_inclusive("\n\n")
            .filter(|event| {
                let chunk = event.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
                chunk.is_none_or(|chunk: Value| {
                    !(chunk["choices"].as_array().is_some_and(Vec::is_empty) && chunk["usage"].is_object())
                })
            })
            .collect();
        for size in [1, 7, 100, 1448, entry.body.len()] {
            let mut stripper = UsageStripper::new();
            let mut out = Vec::new();
            for piece in entry.body.chunks(size) {
                out.extend(stripper.feed(&Bytes::copy_from_slice(piece)).concat());
            }
            out.extend(stripper.finish().concat());
            assert_eq!(String::from_utf8(out).unwrap(), kept, "{} in pieces of {size}", entry.name);
        }
    }
}

/// Without a calibration the estimate is above the bill in sum, and for most answers. The rest are short answers and calls
/// of tools, whose framing is billed and shows in no text.
#[test]
fn an_uncalibrated_estimate_is_rarely_too_low() {
    let (mut stated, mut estimated, mut low, mut ratios) = (0, 0, 0, Vec::new());
    for entry in &recorded() {
        let reading = super::read(entry.format, &entry.provider, entry.kind, &entry.body);
        let visible = reading.usage.get(UsageClass::Output) - reading.usage.get(UsageClass::Reasoning);
        let Some(ratio) = BytesPerToken::of(&reading).filter(|_| visible >= 20) else { continue };
        let silent = Reading { usage: Usage::new(), ..reading };
        let estimate = estimate(&silent, 0, BytesPerToken::UNCALIBRATED);
        assert!(estimate.estimated);
        stated += visible;
        estimated += estimate.usage.get(UsageClass::Output);
        low += usize::from(estimate.usage.get(UsageClass::Output) < visible);
        ratios.push(ratio.thousandths());
    }
    ratios.sort_unstable();
    let Some(median) = ratios.get(ratios.len() / 2) else { return };
    assert_eq!((ratios.len(), *median), (42, 2_937));
    assert!(estimated > stated, "{estimated} for {stated}");
    assert!(low <= ratios.len() * 3 / 10, "{low} of {}", ratios.len());
}

/// Costs that providers stated themselves, to the pico.
#[test]
fn the_provider_s_own_cost_is_read_exactly() {
    let Some(oracle) = super::data_json("cost_oracles.json") else { return };
    let mut compared = 0;
    for entry in oracle.as_array().unwrap() {
        let Some(format) = format_of(entry["api_format"].as_str().unwrap()) else { continue };
        let body = serde_json::json!({ "usage": entry["usage"] }).to_string();
        let cost = super::read(format, "", BodyKind::Json, body.as_bytes()).provider_cost_pico;
        let usage = &entry["usage"];
        let stated = if let Some(ticks) = usage["cost_in_usd_ticks"].as_u64() {
            Some(u128::from(ticks) * 100)
        } else if usage["is_byok"] == true {
            crate::meter::number::pico(&usage["cost_details"]["upstream_inference_cost"].to_string())
        } else if usage.get("cost").is_some() {
            crate::meter::number::pico(&entry["cost_usd"].to_string())
        } else {
            // Figures of other programs are not the provider's.
            None
        };
        assert_eq!(cost, stated, "{entry}");
        compared += usize::from(cost.is_some());
    }
    assert_eq!(compared, 95);
}
