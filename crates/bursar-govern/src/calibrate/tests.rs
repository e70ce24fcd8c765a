//! What is learned of tokens and bytes, and how often a learned bound misses on recorded requests.

use super::*;
use bursar_core::ApiFormat;
use bursar_wire::{SpendRoute, read_facts};
use serde_json::Value;
use std::path::PathBuf;

fn text(bytes: u64) -> RequestBound {
    RequestBound { text_tokens: bytes, choices: 1, ..RequestBound::default() }
}

#[test]
fn one_token_a_byte_counts_until_enough_was_seen() {
    let learned = Calibrations::default();
    let row: Arc<str> = "openai/gpt".into();
    for n in 0..20 {
        assert_eq!(learned.estimate(&row, 4096), 4096, "after {n}");
        learned.observe(&row, &text(4096), 1000);
    }
    assert_eq!(learned.estimate(&row, 4096), 1024, "rounded up to a 64th");
    assert_eq!(learned.bound(&row, &text(4096)), None, "a hold needs to have seen more");
    for _ in 0..1000 {
        learned.observe(&row, &text(4096), 1000);
    }
    assert_eq!(learned.bound(&row, &text(4096)), Some(text(1024)));
}

#[test]
fn prompts_that_are_not_all_text_teach_nothing_and_are_not_tightened() {
    let learned = Calibrations::default();
    let row: Arc<str> = "m".into();
    let media = RequestBound { media_tokens: 100, ..text(4096) };
    let reference = RequestBound { by_reference: true, ..text(4096) };
    for bound in [&media, &reference, &text(100)] {
        (0..2000).for_each(|_| learned.observe(&row, bound, 50));
    }
    assert_eq!(learned.estimate(&row, 4096), 4096);
    (0..2000).for_each(|_| learned.observe(&row, &text(4096), 1000));
    assert_eq!(learned.bound(&row, &media), None);
    assert_eq!(learned.bound(&row, &reference), None);
}

/// Recorded requests of text alone, with the prompt tokens that their providers counted, by family.
fn recorded() -> Option<Vec<(&'static str, u64, u64)>> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    #[expect(clippy::disallowed_methods, reason = "tests find recorded data by the environment")]
    let place = std::env::var("BURSAR_DATA").map_or(default, PathBuf::from).join("wire");
    let manifest: Value = serde_json::from_slice(&std::fs::read(place.join("manifest.json")).ok()?).unwrap();
    let formats = [
        ("openai.chat", ApiFormat::OpenAiChat),
        ("openai.responses", ApiFormat::OpenAiResponses),
        ("anthropic.messages", ApiFormat::AnthropicMessages),
        ("gemini.generateContent", ApiFormat::GeminiGenerate),
        ("gemini.streamGenerateContent", ApiFormat::GeminiGenerate),
    ];
    let read = manifest.as_array().unwrap().iter().filter_map(|entry| {
        let (_, format) = formats.iter().find(|(word, _)| entry["api_format"] == *word)?;
        let body = std::fs::read(place.join(entry["request"]["body_file"].as_str()?)).unwrap();
        let gemini = format.as_str().starts_with("gemini").then_some("gemini");
        let facts = read_facts(&SpendRoute::of(*format, gemini), &body).ok()?;
        let input = entry["expected"]["input"].as_u64().filter(|input| *input > 0)?;
        let usable = is_text(&facts.bound) && facts.bound.text_tokens >= TEXT_BYTES_MIN;
        usable.then(|| (format.family().as_str(), facts.bound.text_tokens, input))
    });
    Some(read.collect())
}

/// Each recorded request is held at what all the others of its family taught. The one with the most tokens a byte has none
/// like it and misses, once in each family; nothing else may.
#[test]
fn of_recorded_requests_only_the_extreme_of_each_family_misses() {
    let Some(all) = recorded() else {
        eprintln!("SKIPPED: no recorded data; set BURSAR_DATA");
        return;
    };
    let (mut missed, mut saved, mut bound) = (0usize, 0, 0);
    for (place, (family, bytes, tokens)) in all.iter().enumerate() {
        let learned = Calibrations::default();
        let row: Arc<str> = "row".into();
        let others = || all.iter().enumerate().filter(|(other, one)| *other != place && one.0 == *family);
        for _ in 0..1000usize.div_ceil(others().count().max(1)) {
            others().for_each(|(_, (_, bytes, tokens))| learned.observe(&row, &text(*bytes), *tokens));
        }
        let Some(held) = learned.bound(&row, &text(*bytes)) else { continue };
        missed += usize::from(*tokens > held.text_tokens);
        saved += bytes - held.text_tokens;
        bound += bytes;
    }
    eprintln!(
        "{missed} of {} held at a learned bound missed; {saved} of {bound} tokens less held",
        all.len()
    );
    assert!(all.len() >= 20, "{} requests", all.len());
    let families: std::collections::BTreeSet<&str> = all.iter().map(|(family, ..)| *family).collect();
    assert!(missed <= families.len(), "{missed} of {} missed", all.len());
    assert!(saved * 2 > bound, "what is held is less than half");
}
