//! `bursar meter` on what real providers answered: the usage that each recorded body states, as a person reads it.

use crate::common::Place;
use serde_json::Value;
use std::path::PathBuf;

/// The format of a recording in Bursar's words; those that Bursar does not speak have none.
fn format_of(recorded: &str) -> Option<&'static str> {
    Some(match recorded {
        "openai.chat" => "openai_chat",
        "openai.completions" => "openai_completions",
        "openai.responses" => "openai_responses",
        "openai.embeddings" => "openai_embeddings",
        "anthropic.messages" => "anthropic_messages",
        "gemini.generateContent" | "gemini.streamGenerateContent" => "gemini_generate",
        "gemini.embed" => "gemini_embed",
        "ollama.chat" => "ollama_chat",
        "ollama.generate" => "ollama_generate",
        _ => return None,
    })
}

fn recordings() -> Option<(PathBuf, Vec<Value>)> {
    let data = std::env::var_os("BURSAR_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = data.join("wire");
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.json")) else {
        eprintln!("SKIPPED: no recorded bodies at {} (set BURSAR_DATA)", folder.display());
        return None;
    };
    Some((folder, serde_json::from_str(&manifest).unwrap()))
}

/// Rules: S4-15.
#[test]
fn meter_says_of_each_recorded_body_what_it_states() {
    let Some((folder, manifest)) = recordings() else { return };
    let place = Place::new();
    let (mut read, mut wrong) = (0, Vec::new());
    for entry in manifest {
        let text = |name: &str| entry[name].as_str().unwrap();
        let Some(format) = format_of(text("api_format")).filter(|_| entry["ambiguous"] == false) else {
            continue;
        };
        let mut arguments = vec!["meter", "--api-format", format, "--provider", text("provider")];
        if entry["stream"] == true {
            arguments.push("--stream");
        }
        let body = std::fs::read_to_string(folder.join(text("file"))).unwrap();
        let output = place.output(&arguments, &body);
        // An error body may be no JSON at all.
        if entry["status"] != 200 && !output.status.success() {
            continue;
        }
        assert!(output.status.success(), "{}: {output:?}", text("file"));
        let usage: Value = serde_json::from_slice(&output.stdout).unwrap();
        let expected = &entry["expected"];
        for (name, class) in [
            ("input_uncached", "input"),
            ("output", "output"),
            ("cache_read", "cache_read"),
            ("reasoning", "reasoning"),
            ("audio_in", "audio_input"),
            ("audio_out", "audio_output"),
            ("tool_use_input", "tool_use_input"),
            ("cache_write_5m", "cache_write_5m"),
            ("cache_write_1h", "cache_write_1h"),
        ] {
            // Writes without a time are stated as one number, and count as the shorter.
            let only_whole = name.starts_with("cache_write_") && expected[name].is_null();
            if usage[class] != expected[name] && !only_whole {
                wrong.push(format!("{} {name}: {} for {}", text("id"), usage[class], expected[name]));
            }
        }
        read += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read >= 70, "{read} bodies were read");
}
