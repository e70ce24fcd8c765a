//! What an answer of the mock says it cost, read by Bursar's meter, is what stands on the mock's bill: two programs that
//! share no arithmetic.

use crate::support::Desk;
use bursar_core::{ApiFormat, UsageClass};
use bursar_mock::Tally;
use bursar_mock::load::{Seen, Shot};
use bursar_wire::{BodyKind, Meter, Reading};

/// Path and body of a request in each format, plain and streaming where there is a stream.
fn requests(prompt: &str) -> Vec<(ApiFormat, bool, &'static str, String)> {
    let chat = format!(r#""messages":[{{"role":"user","content":"{prompt}"}}]"#);
    let gemini = format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{prompt}"}}]}}]}}"#);
    let mut all = Vec::new();
    for stream in [false, true] {
        let openai = format!(
            r#"{{"model":"gpt-4o-mini","stream":{stream},"stream_options":{{"include_usage":true}},"#
        );
        let other = format!(r#"{{"model":"m","max_tokens":4096,"stream":{stream},"#);
        let gemini_path = match stream {
            false => "/v1beta/models/g:generateContent",
            true => "/v1beta/models/g:streamGenerateContent?alt=sse",
        };
        all.extend([
            (ApiFormat::OpenAiChat, stream, "/v1/chat/completions", format!("{openai}{chat}}}")),
            (
                ApiFormat::OpenAiCompletions,
                stream,
                "/v1/completions",
                format!(r#"{openai}"prompt":"{prompt}"}}"#),
            ),
            (ApiFormat::OpenAiResponses, stream, "/v1/responses", format!(r#"{other}"input":"{prompt}"}}"#)),
            (ApiFormat::AnthropicMessages, stream, "/v1/messages", format!("{other}{chat}}}")),
            (ApiFormat::GeminiGenerate, stream, gemini_path, gemini.clone()),
            (ApiFormat::OllamaChat, stream, "/api/chat", format!("{other}{chat}}}")),
            (ApiFormat::OllamaGenerate, stream, "/api/generate", format!(r#"{other}"prompt":"{prompt}"}}"#)),
        ]);
    }
    let embed = format!(r#"{{"model":"m","input":["{prompt}","and this"]}}"#);
    all.extend([
        (ApiFormat::GeminiGenerate, true, "/v1beta/models/g:streamGenerateContent", gemini),
        (ApiFormat::OpenAiEmbeddings, false, "/v1/embeddings", embed.clone()),
        (ApiFormat::OllamaEmbed, false, "/api/embed", embed),
        (
            ApiFormat::GeminiEmbed,
            false,
            "/v1beta/models/g:embedContent",
            format!(r#"{{"content":{{"parts":[{{"text":"{prompt}"}}]}}}}"#),
        ),
    ]);
    all
}

fn read(format: ApiFormat, stream: bool, seen: &Seen) -> Reading {
    let kind = seen.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let mut meter = Meter::new(format, "mock", BodyKind::of(kind, format, stream));
    for piece in seen.body.chunks(61) {
        meter.feed(piece);
    }
    meter.finish()
}

/// A reading in the bill's classes. Only Anthropic tells the two kinds of cache writes apart.
fn tally(reading: &Reading) -> Tally {
    let count = |class| reading.usage.get(class);
    Tally {
        input: count(UsageClass::Input),
        cache_read: count(UsageClass::CacheRead),
        cache_write_5m: count(UsageClass::CacheWrite5m),
        cache_write_1h: count(UsageClass::CacheWrite1h),
        output: count(UsageClass::Output),
    }
}

#[tokio::test]
async fn the_meter_reads_what_the_bill_says_in_every_format() {
    let desk = Desk::plain().await;
    for words in
        ["", "in=1000 out=57", "in=1000 out=57 cached=300 reasoning=20", "out=1", "out=5000 chunk_tokens=7"]
    {
        for (format, stream, path, body) in requests(&format!("please [[mock {words}]]")) {
            // Ollama has no field for caches, nor has an embedding.
            let embeds = matches!(
                format,
                ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed
            );
            if words.contains("cached") && (embeds || format.as_str().starts_with("ollama")) {
                continue;
            }
            let seen = desk.post(path, &body).await;
            assert_eq!((seen.status, seen.failure), (Some(200), None), "{format} {path}");
            let reading = read(format, stream, &seen);
            let bill = desk.bill().await;
            let line = bill.lines().last().unwrap();
            assert_eq!(line.api_format, format);
            assert_eq!(tally(&reading), line.tally, "{format} stream={stream} {words:?}");
            assert!(
                reading.complete && reading.anomalies.is_empty(),
                "{format} stream={stream}: {reading:?}"
            );
            assert!(
                embeds || reading.text_bytes >= line.tally.output.saturating_sub(20),
                "{format}: a token is at least a byte"
            );
        }
    }
    desk.close().await;
}

#[tokio::test]
async fn cache_writes_and_tools_are_read_as_billed() {
    let desk = Desk::plain().await;
    for stream in [false, true] {
        let body = format!(
            r#"{{"model":"claude-sonnet-4-5","max_tokens":99,"stream":{stream},
            "tools":[{{"name":"get_weather","input_schema":{{}}}}],"tool_choice":{{"type":"any"}},
            "messages":[{{"role":"user","content":"[[mock in=500 cached=200 write_5m=40 write_1h=60]]"}}]}}"#
        );
        let seen = desk.send(Shot::post("/v1/messages", body)).await;
        let reading = read(ApiFormat::AnthropicMessages, stream, &seen);
        let bill = desk.bill().await;
        assert_eq!(tally(&reading), bill.lines().last().unwrap().tally);
        assert_eq!(reading.finish.as_deref(), Some("tool_use"));
        assert!(reading.text_bytes > 0);
    }
    desk.close().await;
}

/// The prompt never costs more than the bound that Bursar holds for it.
#[tokio::test]
async fn no_prompt_costs_more_than_its_bound() {
    let desk = Desk::plain().await;
    for prompt in ["hi", "[[mock out=1]]", &"wörter ".repeat(400)] {
        for (format, _, path, body) in requests(prompt) {
            let (path_only, query) =
                path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            let bursar_wire::Route::Spend(route) = bursar_wire::route("POST", path_only, query) else {
                panic!("{path} is no priced route");
            };
            let facts = bursar_wire::read_facts(&route, body.as_bytes())
                .unwrap_or_else(|error| panic!("{path}: {error:?} {body}"));
            desk.post(path, &body).await;
            let bill = desk.bill().await;
            let line = bill.lines().last().unwrap();
            let bound = facts.bound.text_tokens + facts.bound.media_tokens;
            assert!(line.tally.prompt() <= bound, "{format}: {} > {bound}", line.tally.prompt());
            assert_eq!(line.api_format, format);
        }
    }
    desk.close().await;
}
