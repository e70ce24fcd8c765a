//! Reading a request's facts at 4 kB, 100 kB and 1 MB, beside a full parse and a skim of the same bytes by `serde_json`.
//!
//! `cargo bench -p bursar-wire --bench read_facts`

use bursar_core::ApiFormat;
use bursar_wire::{SpendRoute, read_facts};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::hint::black_box;

/// What coding agents send: a long system prompt, tools with schemas, turns of code and tool results.
fn agent(bytes: usize) -> Vec<u8> {
    let code = "    let total = items.iter().map(|item| item.price * item.count).sum::<u64>();\n";
    let tool = |n: usize| {
        json!({
            "name": format!("tool_{n}"),
            "description": "Reads a file from the working copy. ".repeat(8),
            "input_schema": {
                "type": "object",
                "properties": {"path": {"type": "string", "description": "Where it is"}, "limit": {"type": "integer"}},
                "required": ["path"],
            },
        })
    };
    let tools: Vec<Value> = (0..(bytes / 8000).min(20)).map(tool).collect();
    let mut messages = vec![json!({"role": "user", "content": "Find out why the test fails."})];
    while messages.len() * 1500 < bytes * 3 / 4 {
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": "I look at the next file: \"invoice\".\n"},
            {"type": "tool_use", "id": "toolu_01", "name": "tool_1", "input": {"path": "src/invoice.rs", "limit": 200}},
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01", "content": code.repeat(32)},
        ]}));
    }
    let body = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 32000,
        "stream": true,
        "system": [{"type": "text", "text": "You are a careful engineer.\n".repeat(bytes / 200), "cache_control": {"type": "ephemeral"}}],
        "tools": tools,
        "messages": messages,
        "metadata": {"user_id": "user_1"},
    });
    body.to_string().into_bytes()
}

/// One large inline image: a string without escapes.
fn image(bytes: usize) -> Vec<u8> {
    let url = format!("data:image/png;base64,{}", "iVBORw0KGgo/".repeat(bytes / 12));
    let body = json!({"model": "gpt-4o", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]},
    ]});
    body.to_string().into_bytes()
}

fn bench(c: &mut Criterion) {
    let messages = SpendRoute::of(ApiFormat::AnthropicMessages, None);
    let chat = SpendRoute::of(ApiFormat::OpenAiChat, None);
    for (name, route, body) in [
        ("4kB", &messages, agent(4_000)),
        ("100kB", &messages, agent(100_000)),
        ("1MB", &messages, agent(1_000_000)),
        ("1MB image", &chat, image(1_000_000)),
    ] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap_or(0)));
        group.bench_function("read_facts", |b| b.iter(|| read_facts(black_box(route), black_box(&body))));
        group.bench_function("serde_json skim", |b| {
            b.iter(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&body)));
        });
        group.bench_function("serde_json parse", |b| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(&body)));
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
