//! Every format, plain and streaming: valid in its shape, and its usage equal to the bill.

use crate::support::{Desk, events, json, text};
use bursar_core::ApiFormat;
use bursar_mock::Script;
use bursar_mock::load::{Seen, Shot};
use serde_json::Value;

const OUT: &str = "[[mock in=100 out=57 cached=30 reasoning=7]]";

fn chat_body(stream: bool, more: &str) -> String {
    format!(
        r#"{{"model":"gpt-4o-mini","stream":{stream},"messages":[{{"role":"user","content":"{OUT}"}}]{more}}}"#
    )
}

fn joined(pieces: impl Iterator<Item = Value>) -> String {
    pieces.filter_map(|piece| piece.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn openai_chat() {
    let desk = Desk::plain().await;
    let plain = json(&desk.post("/v1/chat/completions", &chat_body(false, "")).await);
    let usage = &plain["usage"];
    assert_eq!((usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64()), (Some(100), Some(57)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 30);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 7);
    let whole = plain["choices"][0]["message"]["content"].as_str().unwrap().to_owned();

    let silent = events(&desk.post("/v1/chat/completions", &chat_body(true, "")).await);
    assert!(silent.iter().all(|event| event.get("usage").is_none()), "no usage unless asked");
    assert_eq!(joined(silent.iter().map(|event| event["choices"][0]["delta"]["content"].clone())), whole);

    let asked = r#","stream_options":{"include_usage":true}"#;
    let stream = desk.post("/v1/chat/completions", &chat_body(true, asked)).await;
    assert!(text(&stream).ends_with("data: [DONE]\n\n"));
    let stream = events(&stream);
    let last = stream.last().unwrap();
    assert_eq!(last["choices"].as_array().unwrap().len(), 0);
    assert_eq!(last["usage"], *usage);
    assert!(stream.iter().rev().skip(1).all(|event| event["usage"].is_null()));

    let two = json(&desk.post("/v1/chat/completions", &chat_body(false, r#","n":2"#)).await);
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_eq!(two["usage"]["completion_tokens"], 114);

    let bill = desk.close().await;
    assert_eq!((bill.requests(), bill.tally().output), (4, 57 * 5));
    assert_eq!((bill.tally().input, bill.tally().cache_read), (280, 120));
}

#[tokio::test]
async fn openai_tools_completions_and_limits() {
    let desk = Desk::plain().await;
    let tools = r#"{"model":"gpt-5","stream":STREAM,"messages":[{"role":"user","content":"call the tool"}],
        "tools":[{"type":"function","function":{"name":"get_weather","parameters":{}}}]}"#;
    let plain = json(&desk.post("/v1/chat/completions", &tools.replace("STREAM", "false")).await);
    let call = &plain["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(
        (call["name"].as_str(), plain["choices"][0]["finish_reason"].as_str()),
        (Some("get_weather"), Some("tool_calls"))
    );
    let stream = events(&desk.post("/v1/chat/completions", &tools.replace("STREAM", "true")).await);
    let arguments = joined(
        stream
            .iter()
            .map(|event| event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].clone()),
    );
    assert_eq!(arguments, call["arguments"].as_str().unwrap());
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap()["city"], "Zürich");

    let completion =
        json(&desk.post("/v1/completions", r#"{"model":"m","prompt":"12345678","max_tokens":5}"#).await);
    assert_eq!(
        (&completion["usage"]["prompt_tokens"], &completion["usage"]["completion_tokens"]),
        (&5.into(), &5.into())
    );
    assert_eq!(completion["choices"][0]["finish_reason"], "length");
    let best = r#"{"model":"m","prompt":"[[mock out=10]]","best_of":3,"stream":true,"stream_options":{"include_usage":true}}"#;
    let stream = events(&desk.post("/v1/completions", best).await);
    assert_eq!(stream.last().unwrap()["usage"]["completion_tokens"], 30);
    desk.close().await;
}

#[tokio::test]
async fn openai_responses() {
    let desk = Desk::plain().await;
    let body = |stream| format!(r#"{{"model":"gpt-5","stream":{stream},"input":"{OUT}"}}"#);
    let plain = json(&desk.post("/v1/responses", &body(false)).await);
    assert_eq!((plain["status"].as_str(), plain["object"].as_str()), (Some("completed"), Some("response")));
    let usage = &plain["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&100.into(), &57.into()));
    assert_eq!(usage["input_tokens_details"]["cached_tokens"], 30);

    let stream = events(&desk.post("/v1/responses", &body(true)).await);
    let last = stream.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"], *usage);
    let text = joined(
        stream.iter().filter(|e| e["type"] == "response.output_text.delta").map(|e| e["delta"].clone()),
    );
    assert_eq!(text, plain["output"][0]["content"][0]["text"].as_str().unwrap());
    let numbers: Vec<u64> = stream.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(desk.close().await.tally().output, 114);
}

#[tokio::test]
async fn anthropic_messages() {
    let desk = Desk::plain().await;
    let body = |stream| {
        format!(
            r#"{{"model":"claude-sonnet-4-5","max_tokens":64,"stream":{stream},
            "messages":[{{"role":"user","content":"[[mock in=100 out=57 cached=30 write_5m=10 write_1h=5]]"}}]}}"#
        )
    };
    let plain = json(&desk.post("/v1/messages", &body(false)).await);
    let usage = plain["usage"].clone();
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&55.into(), &57.into()));
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]),
        (&30.into(), &15.into())
    );
    assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 5);

    let stream = events(&desk.post("/v1/messages", &body(true)).await);
    assert_eq!(stream.first().unwrap()["type"], "message_start");
    assert_eq!(stream.first().unwrap()["message"]["usage"]["input_tokens"], 55);
    assert_eq!(stream.last().unwrap()["type"], "message_stop");
    let delta = stream.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!(delta["usage"], usage);
    let whole = joined(stream.iter().map(|event| event["delta"]["text"].clone()));
    assert_eq!(whole, plain["content"][0]["text"].as_str().unwrap());

    // 55 x 3 + 30 x 0.30 + 10 x 3.75 + 5 x 6 + 57 x 15 = 1,096.5 micro-USD, twice.
    assert_eq!(desk.close().await.total().to_string(), "0.002193");
}

#[tokio::test]
async fn gemini_generate() {
    let desk = Desk::plain().await;
    let body = format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{OUT}"}}]}}]}}"#);
    let model = "/v1beta/models/gemini-2.5-flash";
    let plain = json(&desk.post(&format!("{model}:generateContent"), &body).await);
    let usage = &plain["usageMetadata"];
    assert_eq!((&usage["promptTokenCount"], &usage["candidatesTokenCount"]), (&100.into(), &50.into()));
    assert_eq!((&usage["thoughtsTokenCount"], &usage["totalTokenCount"]), (&7.into(), &157.into()));

    let sse = events(&desk.post(&format!("{model}:streamGenerateContent?alt=sse"), &body).await);
    let array = json(&desk.post(&format!("{model}:streamGenerateContent"), &body).await);
    let array = array.as_array().unwrap();
    assert_eq!(sse.len(), array.len());
    assert_eq!(sse.last().unwrap()["usageMetadata"], *usage);
    let part = |event: &Value| event["candidates"][0]["content"]["parts"][0]["text"].clone();
    assert_eq!(joined(sse.iter().map(part)), part(&plain).as_str().unwrap());
    assert_eq!(joined(array.iter().map(part)), part(&plain).as_str().unwrap());
    // google-genai 3 uses this path.
    let other = json(&desk.post("/v1/models/gemini-2.5-flash:generateContent", &body).await);
    assert_eq!(other["usageMetadata"], *usage);
    let count = json(&desk.post(&format!("{model}:countTokens"), &body).await);
    assert!(count["totalTokens"].as_u64().unwrap() > 0);
    let bill = desk.close().await;
    assert_eq!((bill.requests(), bill.tally().output), (4, 57 * 4));
}

#[tokio::test]
async fn ollama() {
    let desk = Desk::plain().await;
    let lines = |seen: &Seen| -> Vec<Value> {
        text(seen).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let stream = lines(
        &desk
            .post(
                "/api/chat",
                &format!(r#"{{"model":"llama3.2","messages":[{{"role":"user","content":"{OUT}"}}]}}"#),
            )
            .await,
    );
    let last = stream.last().unwrap();
    assert_eq!(
        (last["done"].as_bool(), &last["prompt_eval_count"], &last["eval_count"]),
        (Some(true), &100.into(), &57.into())
    );
    let plain = json(
        &desk
            .post(
                "/api/generate",
                &format!(
                    r#"{{"model":"llama3.2","stream":false,"prompt":"{OUT}","options":{{"num_predict":20}}}}"#
                ),
            )
            .await,
    );
    assert_eq!((&plain["eval_count"], plain["done_reason"].as_str()), (&20.into(), Some("length")));
    assert_eq!(json(&desk.send(Shot::get("/api/tags")).await)["models"][0]["name"], "gpt-4o-mini");
    desk.close().await;
}

#[tokio::test]
async fn embeddings_of_three_families() {
    let desk = Desk::plain().await;
    let openai = json(
        &desk
            .post(
                "/v1/embeddings",
                r#"{"model":"text-embedding-3-small","input":["abcd","efgh"],"dimensions":4}"#,
            )
            .await,
    );
    assert_eq!(openai["data"].as_array().unwrap().len(), 2);
    assert_eq!(openai["data"][1]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(openai["usage"]["prompt_tokens"], 8);
    let packed = json(
        &desk
            .post(
                "/v1/embeddings",
                r#"{"model":"e","input":"abcd","dimensions":4,"encoding_format":"base64"}"#,
            )
            .await,
    );
    assert_eq!(packed["data"][0]["embedding"], "AACAPQAAAL0AAIA9AACAPQ==");
    let gemini =
        json(&desk.post("/v1beta/models/e:embedContent", r#"{"content":{"parts":[{"text":"abcd"}]}}"#).await);
    assert_eq!(gemini["embedding"]["values"].as_array().unwrap().len(), 8);
    let ollama = json(&desk.post("/api/embed", r#"{"model":"e","input":["a","b","c"]}"#).await);
    assert_eq!(ollama["embeddings"].as_array().unwrap().len(), 3);
    let bill = desk.close().await;
    assert_eq!(bill.tally().output, 0);
    assert!(bill.lines().iter().any(|line| line.api_format == ApiFormat::GeminiEmbed));
}

#[tokio::test]
async fn lists_of_models_and_the_root() {
    let desk = Desk::plain().await;
    let list = |shot: Shot| {
        let desk = &desk;
        async move { json(&desk.send(shot).await) }
    };
    assert_eq!(list(Shot::get("/v1/models")).await["data"][0]["id"], "gpt-4o-mini");
    let anthropic = list(Shot::get("/v1/models").header("anthropic-version", "2026-10-21")).await;
    assert_eq!(anthropic["data"][0]["type"], "model");
    assert_eq!(list(Shot::get("/v1beta/models")).await["models"][0]["name"], "models/gpt-4o-mini");
    let root = Shot { method: http::Method::HEAD, ..Shot::get("/") };
    assert_eq!(desk.send(root).await.status, Some(200));
    assert_eq!(desk.send(Shot::get("/nowhere")).await.status, Some(404));
    assert_eq!(desk.close().await.requests(), 0, "none of these is billed");
}

#[tokio::test]
async fn credentials_rules_and_the_books_of_other_processes() {
    let desk = Desk::open(
        Script::from_toml(
            r#"
            credentials = ["sk-up"]
            refuse_other_models = true
            [[models]]
            name = "m"
            input = "2"
            output = "8"
            [[rules]]
            path = "/v1/chat"
            then = { in = 10, out = 10 }
            "#,
        )
        .unwrap(),
    )
    .await;
    let ask =
        |model: &str| Shot::post("/v1/chat/completions", format!(r#"{{"model":"{model}","messages":[]}}"#));
    assert_eq!(desk.send(ask("m")).await.status, Some(401));
    assert_eq!(desk.send(ask("n").bearer("sk-up")).await.status, Some(404));
    for header in ["x-api-key", "api-key", "x-goog-api-key"] {
        assert_eq!(desk.send(ask("m").header(header, "sk-up")).await.status, Some(200));
    }
    let bill = json(&desk.send(Shot::get("/__mock/bill?lines")).await);
    // 10 x 2 + 10 x 8 micro-USD, three times.
    assert_eq!(
        (bill["total"].as_str(), bill["by_credential"]["sk-up"].as_str()),
        (Some("0.0003"), Some("0.0003"))
    );
    assert_eq!(bill["lines"].as_array().unwrap().len(), 3);
    let requests = json(&desk.send(Shot::get("/__mock/requests")).await);
    assert_eq!(requests["count"], 5);
    assert_eq!(requests["items"][4]["headers"]["x-goog-api-key"], "sk-up");
    assert_eq!(requests["items"][4]["body_sha256"].as_str().unwrap().len(), 64);

    let mistake = desk.post("/__mock/script", "[defaults]\noutt = 1").await;
    assert_eq!(mistake.status, Some(400));
    assert!(text(&mistake).contains("unknown directive `outt`"), "{}", text(&mistake));
    assert_eq!(desk.post("/__mock/script", "[defaults]\nout = 3").await.status, Some(200));
    assert_eq!(desk.post("/__mock/reset", "").await.status, Some(200));
    assert_eq!(json(&desk.send(ask("m")).await)["usage"]["completion_tokens"], 3);
    assert_eq!(desk.close().await.requests(), 1);
}
