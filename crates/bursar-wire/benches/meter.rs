//! What metering costs: nanoseconds per chunk of a stream, megabytes a second of plain bodies.
//!
//! `cargo bench -p bursar-wire --bench meter`

use bursar_core::ApiFormat;
use bursar_wire::meter::{BodyKind, Meter};
use bursar_wire::strip::UsageStripper;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// The chunks of a usual stream, one event each, and its usage chunk.
fn chat_stream() -> Vec<Bytes> {
    let chunk = |delta: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-9HpbaAXyt0cAnlWvI8kUAFpZt5jyQ\",\"object\":\"chat.completion.chunk\",\"created\":1714036974,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_560af6e559\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{delta}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"uQ8X2\"}}\n\n"
        ))
    };
    let mut chunks: Vec<Bytes> = [" The", " answer", " is", " forty", "-two", "."].map(chunk).to_vec();
    chunks.push(Bytes::from_static(b"data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1714036974,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[],\"usage\":{\"prompt_tokens\":83,\"completion_tokens\":9,\"total_tokens\":92,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}}\n\n"));
    chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    chunks
}

fn anthropic_stream() -> Vec<Bytes> {
    ["Hello", ", ", "world", " of", " tokens"]
        .map(|text| Bytes::from(format!("event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n")))
        .to_vec()
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for (name, format, chunks) in [
        ("openai_chat", ApiFormat::OpenAiChat, chat_stream()),
        ("anthropic_messages", ApiFormat::AnthropicMessages, anthropic_stream()),
    ] {
        let bytes = chunks.iter().map(Bytes::len).sum::<usize>();
        group.throughput(Throughput::ElementsAndBytes {
            elements: u64::try_from(chunks.len()).unwrap_or(0),
            bytes: u64::try_from(bytes).unwrap_or(0),
        });
        group.bench_function(BenchmarkId::new("meter", name), |b| {
            let mut meter = Meter::new(format, "openai", BodyKind::Sse);
            b.iter(|| chunks.iter().for_each(|chunk| meter.feed(black_box(chunk))));
            black_box(meter.progress());
        });
        group.bench_function(BenchmarkId::new("meter and progress", name), |b| {
            let mut meter = Meter::new(format, "openai", BodyKind::Sse);
            b.iter(|| {
                chunks.iter().for_each(|chunk| {
                    meter.feed(black_box(chunk));
                    black_box(meter.progress());
                });
            });
        });
        group.bench_function(BenchmarkId::new("stripper", name), |b| {
            let mut stripper = UsageStripper::new();
            b.iter(|| chunks.iter().for_each(|chunk| drop(black_box(stripper.feed(black_box(chunk))))));
        });
    }
    group.finish();
}

fn plain(c: &mut Criterion) {
    let mut group = c.benchmark_group("plain");
    let floats = "-0.039718185,0.0070917504,".repeat(20_000);
    let embeddings = format!(
        r#"{{"data":[{{"embedding":[{floats}0]}}],"model":"m","usage":{{"prompt_tokens":9,"total_tokens":9}}}}"#
    );
    let base64 = embeddings.replace(&format!("[{floats}0]"), &format!("\"{}\"", "AbC/".repeat(120_000)));
    let text = "The quick brown fox, \\\"jumping\\\" over\\n the lazy dog. ".repeat(80);
    let chat = format!(
        r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":900,"total_tokens":910}}}}"#
    );
    for (name, format, body) in [
        ("embeddings 500 kB", ApiFormat::OpenAiEmbeddings, &embeddings),
        ("embeddings base64 480 kB", ApiFormat::OpenAiEmbeddings, &base64),
        ("chat 4 kB", ApiFormat::OpenAiChat, &chat),
    ] {
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap_or(0)));
        group.bench_function(BenchmarkId::new("meter", name), |b| {
            b.iter(|| {
                let mut meter = Meter::new(format, "openai", BodyKind::Json);
                body.as_bytes().chunks(16 * 1024).for_each(|piece| meter.feed(black_box(piece)));
                meter.finish()
            });
        });
        group.bench_function(BenchmarkId::new("serde_json to a tree", name), |b| {
            b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(body)).is_ok());
        });
        group.bench_function(BenchmarkId::new("serde_json skipping all", name), |b| {
            b.iter(|| serde_json::from_str::<serde::de::IgnoredAny>(black_box(body)).is_ok());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = streams, plain
}
criterion_main!(benches);
