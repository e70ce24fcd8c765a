//! Recorded answers of real providers through a whole Bursar: the bytes that come out are the bytes that went in, however
//! they come in pieces.

use crate::families::{self, FORMATS};
use crate::house::House;
use bursar_mock::{Recorded, Recording, Script};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1000 USD\"\nperiod = \"day\"\n";

fn recordings() -> Option<Recorded> {
    let data = std::env::var_os("BURSAR_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = data.join("wire");
    if !folder.join("manifest.json").exists() {
        eprintln!("SKIPPED: no recorded bodies at {} (set BURSAR_DATA)", folder.display());
        return None;
    }
    Some(Recorded::load(&folder).expect("recorded bodies"))
}

/// Where such an answer is asked for, and how. What is in a format that Bursar does not speak comes back to a question in
/// another: its bytes pass all the same.
fn question(recording: &Recording, prompt: &str) -> (&'static str, Value) {
    let embeds = |body| ("/v1/embeddings", body);
    let name = match recording.api_format.as_str() {
        "openai.embeddings" => return embeds(json!({"model": "small", "input": prompt})),
        "gemini.embed" => {
            let body = json!({"content": {"parts": [{"text": prompt}]}});
            return ("/v1beta/models/gem:embedContent", body);
        }
        "openai.completions" => "openai_completions",
        "openai.responses" => "openai_responses",
        "anthropic.messages" => "anthropic_messages",
        "gemini.generateContent" | "gemini.streamGenerateContent" => "gemini_generate",
        "ollama.chat" => "ollama_chat",
        "ollama.generate" => "ollama_generate",
        _ => "openai_chat",
    };
    let format = FORMATS.iter().find(|format| format.name == name).expect("a format");
    let mut body = (format.body)(prompt, 1_000, recording.stream);
    if recording.stream && matches!(name, "openai_chat" | "openai_completions") {
        // Who asks for usage gets all that the provider says of it.
        body["stream_options"] = json!({"include_usage": true});
    }
    ((format.path)(recording.stream), body)
}

async fn passes(house: &House, recording: &Recording, split: usize) {
    let prompt = format!("hello [[mock recorded={} split={split}]]", recording.id);
    let (path, body) = question(recording, &prompt);
    let what = format!("{} in pieces of {split}", recording.id);
    let answer = house.post(path, &house.headers(), body.to_string()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(answer.status, recording.status, "{what}");
    assert_eq!(answer.header("content-type"), recording.content_type, "{what}");
    assert!(
        answer.body == recording.body,
        "{what}: {} bytes, not {}",
        answer.body.len(),
        recording.body.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_answer_passes_byte_for_byte_in_any_pieces() {
    let Some(recorded) = recordings() else { return };
    let recorded = Arc::new(recorded);
    let script = Script { recorded: Some(Arc::clone(&recorded)), ..Script::default() };
    let house = families::scripted(script, DAILY).await;
    let mut count = 0;
    for recording in recorded.iter() {
        // An error that another try may mend is asked for several times, with pauses: in one size of pieces alone.
        let again = matches!(recording.status, 429 | 500..);
        let sizes: &[usize] = match recording.body.len() {
            _ if again => &[0],
            ..4_000 => &[0, 1, 7, 1_021],
            _ => &[0, 13, 1_021],
        };
        for split in sizes {
            passes(&house, recording, *split).await;
        }
        count += 1;
    }
    assert_eq!(count, 93);
    house.mock.idle().await;
    let window = house.settled("daily").await;
    assert_eq!((&window["held"], &window["suspense"]), (&json!("0"), &json!("0")), "{window}");
}
