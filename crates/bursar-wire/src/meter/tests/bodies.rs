//! Small bodies of every format, written here: what is counted, what is not, and what odd numbers come to.

use super::{chat, plain, read, stream, vector};
use crate::meter::{Anomaly, Billed, BodyKind, Meter, limits::COUNT_MAX, report};
use bursar_core::ApiFormat::{self, *};
use bursar_core::UsageClass;
use serde_json::json;

/// Rules: S4-14, S4-15, V P13, V P14.
#[test]
fn the_worked_examples_of_normalisation() {
    let gemini = r#"{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":50,"thoughtsTokenCount":150}"#;
    let claude = r#"{"input_tokens":10,"output_tokens":20,"cache_read_input_tokens":30,"cache_creation_input_tokens":99,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":39}}"#;
    let mut cases = vec![(gemini.to_owned(), claude.to_owned())];
    if let (Some(p13), Some(p14)) = (vector("P13"), vector("P14")) {
        cases.push((p13["given"]["upstream_usage"].to_string(), p14["given"]["upstream_usage"].to_string()));
    }
    for (gemini, claude) in cases {
        let usage = plain(GeminiGenerate, "", &format!(r#"{{"usageMetadata":{gemini}}}"#)).usage;
        assert_eq!(
            format!("{usage:?}"),
            r#"{"input": 600, "cache_read": 400, "output": 200, "reasoning": 150}"#
        );
        let usage = plain(AnthropicMessages, "", &format!(r#"{{"usage":{claude}}}"#)).usage;
        assert_eq!(
            format!("{usage:?}"),
            r#"{"input": 10, "cache_read": 30, "cache_write_5m": 60, "cache_write_1h": 39, "output": 20}"#
        );
    }
}

#[test]
fn every_word_that_was_generated_counts_as_text_and_nothing_else() {
    let cases: [(ApiFormat, BodyKind, &str, u64); 11] = [
        (
            OpenAiChat,
            BodyKind::Json,
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"12345","reasoning_content":"12","refusal":"1","tool_calls":[{"id":"x","type":"function","function":{"name":"abc","arguments":"{\"a\":1}"}}],"annotations":[{"url":"x"}]},"logprobs":{"content":[{"token":"no"}]}}]}"#,
            5 + 2 + 1 + 3 + 7,
        ),
        (
            OpenAiChat,
            BodyKind::Json,
            r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"12"}]},{"type":"text","text":"345"}]}}]}"#,
            5,
        ),
        (
            OpenAiChat,
            BodyKind::Sse,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"\"}}]}}],\"obfuscation\":\"no\"}\n\ndata: {\"choices\":[{\"delta\":{\"function_call\":{\"name\":\"ab\",\"arguments\":\"\\u00fc\"}}}]}\n\n",
            2 + 2 + 2,
        ),
        (OpenAiCompletions, BodyKind::Json, r#"{"choices":[{"text":"1234","index":0}]}"#, 4),
        (
            OpenAiResponses,
            BodyKind::Json,
            r#"{"instructions":"no","output":[{"type":"reasoning","encrypted_content":"no","summary":[{"text":"12"}]},{"type":"function_call","name":"ab","arguments":"{}"},{"type":"message","content":[{"type":"output_text","text":"123"}]}]}"#,
            2 + 2 + 2 + 3,
        ),
        (
            OpenAiResponses,
            BodyKind::Sse,
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\"123\",\"obfuscation\":\"no\"}\n\ndata: {\"type\":\"response.output_text.done\",\"text\":\"123\"}\n\ndata: {\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"content\":[{\"text\":\"123\"}]}]}}\n\n",
            3,
        ),
        (
            AnthropicMessages,
            BodyKind::Json,
            r#"{"content":[{"type":"thinking","thinking":"12","signature":"no"},{"type":"text","text":"345"},{"type":"tool_use","id":"no","name":"ab","input":{"a": [1]}},{"type":"web_search_tool_result","content":[{"url":"no","encrypted_content":"no"}]}]}"#,
            2 + 3 + 2 + 10,
        ),
        (
            AnthropicMessages,
            BodyKind::Sse,
            "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"id\":\"no\",\"name\":\"abc\",\"input\":{}}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"no\"}}\n\n",
            3 + 2 + 4,
        ),
        (
            GeminiGenerate,
            BodyKind::Json,
            r#"{"candidates":[{"content":{"parts":[{"text":"12","thought":true},{"functionCall":{"name":"ab","args":{"a":1}}},{"thoughtSignature":"no"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},"safetyRatings":[{"category":"no"}]}]}"#,
            2 + 2 + 7,
        ),
        (
            OllamaChat,
            BodyKind::JsonLines,
            "{\"message\":{\"content\":\"123\",\"thinking\":\"4\",\"tool_calls\":[{\"function\":{\"name\":\"ab\",\"arguments\":{\"x\":1}}}]}}\n{\"message\":{\"content\":\"5\"},\"done\":true}",
            3 + 1 + 2 + 7 + 1,
        ),
        (OllamaGenerate, BodyKind::Json, r#"{"response":"123","context":[1,2,3],"done":true}"#, 3),
    ];
    for (format, kind, body, bytes) in cases {
        let reading = read(format, "", kind, body.as_bytes());
        assert_eq!(reading.text_bytes, bytes, "{format} {body}");
        assert!(reading.anomalies.is_empty(), "{format} {body}: {:?}", reading.anomalies);
    }
}

#[test]
fn the_text_of_each_choice_is_counted_apart() {
    let body = r#"{"choices":[{"message":{"content":"1"},"index":1},{"index":0,"message":{"content":"22"}},{"index":70000,"message":{"content":"333"}}]}"#;
    let reading = plain(OpenAiChat, "", body);
    assert_eq!(reading.text_bytes_by_choice.len(), 128);
    assert_eq!((reading.text_bytes_by_choice[0], reading.text_bytes_by_choice[1]), (2, 1));
    assert_eq!(reading.text_bytes_by_choice[127], 3);
    assert!(reading.anomalies.has(Anomaly::ListCut));
}

/// Rules: S4-02.
#[test]
fn odd_counts_never_become_money() {
    let read = |counts: &str| plain(OpenAiChat, "", &chat(counts));
    let negative = read(r#""prompt_tokens":-5,"completion_tokens":3"#);
    assert_eq!(format!("{:?}", negative.usage), r#"{"output": 3}"#);
    assert!(negative.anomalies.has(Anomaly::BadCount));
    let words = read(r#""prompt_tokens":"5","completion_tokens":true"#);
    assert!(words.usage.is_empty() && words.anomalies.has(Anomaly::BadCount));
    let absurd = read(r#""prompt_tokens":1e18,"completion_tokens":99999999999999999999999999999999"#);
    assert_eq!(absurd.usage.get(UsageClass::Input), COUNT_MAX);
    assert_eq!(absurd.usage.get(UsageClass::Output), COUNT_MAX);
    assert!(absurd.anomalies.has(Anomaly::AbsurdCount));
    let whole = read(r#""prompt_tokens":5.0,"completion_tokens":1.2e1"#);
    assert_eq!(format!("{:?}", whole.usage), r#"{"input": 5, "output": 12}"#);
    let shrinking = stream(
        OpenAiChat,
        "",
        "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":9}}\n\ndata: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
    );
    assert_eq!(shrinking.usage.get(UsageClass::Output), 2, "the last one wins");
    assert!(shrinking.anomalies.has(Anomaly::UsageShrank));
    assert!(read(r#""prompt_tokens":null"#).usage.is_empty());
}

#[test]
fn fees_of_hosted_tools_are_counted() {
    let xai = r#"{"status":"completed","usage":{"input_tokens":5689,"output_tokens":444,"total_tokens":6133,"server_side_tool_usage_details":{"web_search_calls":2,"x_search_calls":1,"code_interpreter_calls":0},"cost_in_usd_ticks":160708500}}"#;
    let reading = plain(OpenAiResponses, "xai", xai);
    assert_eq!(reading.usage.get(UsageClass::WebSearch), 3);
    assert_eq!(reading.provider_cost_pico, Some(16_070_850_000));
    // OpenAI's fees show as items of the output; opening a page is free.
    let items = r#"[{"type":"web_search_call","action":{"type":"search"}},{"action":{"type":"open_page"},"type":"web_search_call"},{"type":"web_search_call"},{"type":"file_search_call"},{"type":"code_interpreter_call","container_id":"a","code":""},{"type":"code_interpreter_call","container_id":"a","code":""},{"type":"code_interpreter_call","container_id":"b","code":""},{"type":"image_generation_call","result":"AAAA"}]"#;
    let plain_body = format!(
        r#"{{"status":"completed","output":{items},"usage":{{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}}"#
    );
    let streamed = format!("data: {{\"type\":\"response.completed\",\"response\":{plain_body}}}\n\n");
    let cut: String = serde_json::from_str::<Vec<serde_json::Value>>(items)
        .unwrap()
        .iter()
        .map(|item| format!("data: {{\"type\":\"response.output_item.added\",\"item\":{{\"type\":{}}}}}\n\ndata: {{\"item\":{item},\"type\":\"response.output_item.done\"}}\n\n", item["type"]))
        .collect();
    for reading in [
        plain(OpenAiResponses, "", &plain_body),
        stream(OpenAiResponses, "", &streamed),
        stream(OpenAiResponses, "", &cut),
    ] {
        let usage = reading.usage;
        let counts =
            [UsageClass::WebSearch, UsageClass::FileSearch, UsageClass::CodeInterpreter, UsageClass::Image];
        assert_eq!(counts.map(|class| usage.get(class)), [2, 1, 2, 1]);
    }
    let stated = plain(
        OpenAiResponses,
        "",
        &plain_body.replace("\"usage\"", "\"tool_usage\":{\"web_search\":{\"num_requests\":5}},\"usage\""),
    );
    assert_eq!(stated.usage.get(UsageClass::WebSearch), 5, "what is stated goes before what is counted");
    // Gemini bills grounding by the prompt up to 2.5 and by the query after.
    let grounded = |model: &str| {
        let body = format!(
            r#"{{"candidates":[{{"groundingMetadata":{{"webSearchQueries":["a","b"],"groundingChunks":[{{"web":{{}}}},{{"maps":{{"uri":"x"}}}}]}}}}],"modelVersion":"{model}","usageMetadata":{{"promptTokenCount":1}}}}"#
        );
        plain(GeminiGenerate, "", &body).usage
    };
    assert_eq!(grounded("gemini-2.5-flash").get(UsageClass::Grounding), 1);
    assert_eq!(grounded("gemini-3-pro").get(UsageClass::Grounding), 2);
    assert_eq!(grounded("gemini-3-pro").get(UsageClass::MapsGrounding), 1);
}

#[test]
fn embeddings_that_state_an_output_keep_it() {
    // Found by fuzzing: the output was set to zero below its own reasoning.
    let body = r#"{"usage":{"prompt_tokens":5,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2}}}"#;
    let usage = plain(OpenAiEmbeddings, "", body).usage;
    assert_eq!(format!("{usage:?}"), r#"{"input": 5, "output": 3, "reasoning": 2}"#);
}

#[test]
fn modalities_are_parts() {
    let gemini = r#"{"usageMetadata":{"promptTokenCount":328,"cachedContentTokenCount":220,"promptTokensDetails":[{"modality":"TEXT","tokenCount":20},{"modality":"DOCUMENT","tokenCount":258},{"modality":4,"tokenCount":50}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":47},{"tokenCount":173,"modality":"IMAGE"}],"candidatesTokenCount":39,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":30}],"totalTokenCount":367}}"#;
    assert_eq!(
        format!("{:?}", plain(GeminiGenerate, "", gemini).usage),
        r#"{"input": 108, "cache_read": 220, "output": 39, "audio_input": 50, "image_input": 258, "audio_cache_read": 47, "image_cache_read": 173, "image_output": 30}"#
    );
    let openai = chat(
        r#""prompt_tokens":53,"completion_tokens":123,"prompt_tokens_details":{"audio_tokens":37,"image_tokens":0},"completion_tokens_details":{"audio_tokens":100}"#,
    );
    assert_eq!(
        format!("{:?}", plain(OpenAiChat, "", &openai).usage),
        r#"{"input": 53, "output": 123, "audio_input": 37, "image_input": 0, "audio_output": 100}"#
    );
}

#[test]
fn progress_shows_what_was_generated_so_far() {
    let mut meter = Meter::new(AnthropicMessages, "anthropic", BodyKind::Sse);
    meter.feed(b"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n");
    assert_eq!(meter.progress().output_tokens, Some(1));
    meter.feed(b"data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel");
    assert_eq!(meter.progress().text_bytes, 3, "also in the middle of an event");
    let progress = meter.progress();
    assert!(!progress.ended && progress.body_bytes == 165, "{progress:?}");
    let reading = meter.finish();
    assert!(!reading.complete && reading.anomalies.has(Anomaly::Malformed));
    assert_eq!(reading.usage.get(UsageClass::Input), 9);
}

#[test]
fn a_cut_line_does_not_spoil_the_next_one() {
    let body = "{\"model\":\"m\",\"message\":{\"content\":\"cut\n\n{\"model\":\"m\",\"done\":true,\"eval_count\":4}\n";
    let reading = read(OllamaChat, "", BodyKind::JsonLines, body.as_bytes());
    assert_eq!(reading.usage.get(UsageClass::Output), 4);
    assert!(reading.anomalies.has(Anomaly::Malformed) && reading.complete);
    // An error over several lines is one document.
    let error = read(OllamaChat, "", BodyKind::JsonLines, b"{\n  \"error\": \"no\"\n}\n");
    assert!(error.anomalies.is_empty() && error.error.is_some());
}

#[test]
fn the_report_is_flat() {
    let body = chat(
        r#""prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}"#,
    );
    let object = report(OpenAiChat, "openai", false, body.as_bytes()).unwrap();
    assert_eq!(json!(object), json!({"model": "m", "input": 6, "cache_read": 4, "output": 2}));
    let sse = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"model\":\"m\"}\n\ndata: [DONE]";
    assert!(report(OpenAiChat, "openai", true, sse.as_bytes()).unwrap().is_empty());
    assert!(report(OpenAiChat, "openai", true, b"").unwrap().is_empty());
    assert!(report(OllamaChat, "", true, b"\n").unwrap().is_empty());
    let array = br#"[{"usageMetadata":{"promptTokenCount":3}},{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}]"#;
    assert_eq!(json!(report(GeminiGenerate, "", true, array).unwrap()), json!({"input": 3, "output": 4}));
    for (stream, malformed) in [
        (false, ""),
        (false, "<html>"),
        (false, "{\"usage\":{\"prompt_tokens\":1"),
        (false, "{} {}"),
        (false, sse),
        (true, "<html>\nBad gateway\n"),
        (true, "data: {\"usage\":\n\n"),
        (true, "data: {\"usage\":{}}\n\ndata: {\"cho"),
    ] {
        assert!(report(OpenAiChat, "openai", stream, malformed.as_bytes()).is_err(), "{malformed:?}");
    }
}

#[test]
fn the_kind_of_body_follows_the_content_type_then_the_request() {
    let of = BodyKind::of;
    assert_eq!(of(Some("text/event-stream; charset=utf-8"), OpenAiChat, false), BodyKind::Sse);
    assert_eq!(of(Some("application/json"), GeminiGenerate, true), BodyKind::Json);
    assert_eq!(of(Some("application/x-ndjson"), OllamaChat, true), BodyKind::JsonLines);
    assert_eq!(of(Some("application/octet-stream"), OpenAiChat, false), BodyKind::Json);
    assert_eq!(of(None, OpenAiChat, true), BodyKind::Sse);
    assert_eq!(of(None, OllamaChat, true), BodyKind::JsonLines);
}

/// A body compressed by gzip or zlib.
fn compressed(encoding: &str, body: &[u8]) -> Vec<u8> {
    use std::io::Write;
    if encoding == "gzip" {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    } else {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }
}

#[test]
fn a_compressed_body_is_decoded_on_the_side() {
    let body = chat(r#""prompt_tokens":10,"completion_tokens":2"#);
    let plain = read(OpenAiChat, "", BodyKind::Json, body.as_bytes());
    for encoding in ["gzip", "deflate"] {
        for size in [1, 10, 10_000] {
            let mut meter = Meter::new(OpenAiChat, "", BodyKind::Json).with_encoding(encoding);
            compressed(encoding, body.as_bytes()).chunks(size).for_each(|piece| meter.feed(piece));
            assert_eq!(meter.finish(), plain, "{encoding} in pieces of {size}");
        }
    }
    for (encoding, sent) in [
        ("br", body.clone().into_bytes()),
        ("zstd", body.clone().into_bytes()),
        ("gzip", body.into_bytes()),
        ("gzip, br", vec![]),
    ] {
        let mut meter = Meter::new(OpenAiChat, "", BodyKind::Json).with_encoding(encoding);
        meter.feed(&sent);
        let reading = meter.finish();
        assert!(reading.anomalies.has(Anomaly::Encoded) && reading.usage.is_empty(), "{encoding}");
        assert_eq!((reading.complete, reading.billed()), (false, Billed::Unstated), "{encoding}");
    }
}

#[test]
fn an_answer_of_a_hundred_megabytes_is_metered_in_constant_memory() {
    let mut meter = Meter::new(OpenAiEmbeddings, "openai", BodyKind::Json);
    meter.feed(br#"{"data":[{"embedding":["#);
    let piece = "-0.039718185,0.0070917504,".repeat(40_000);
    for _ in 0..100 {
        meter.feed(piece.as_bytes());
    }
    meter.feed(br#"0]}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}}"#);
    assert_eq!(meter.progress().body_bytes, 104_000_085);
    // What a meter keeps is itself and a few words.
    assert!(size_of::<Meter>() <= 1536, "{}", size_of::<Meter>());
    assert_eq!(meter.finish().usage.get(UsageClass::Input), 9);
}
