//! The count is the tokenizer's own, in whatever parts the text comes, within what is kept.

use super::Hearing;
use crate::meter::{BodyKind, Meter, Reading};
use crate::tokens::Tokenizer;
use bursar_core::ApiFormat::{OpenAiChat, OpenAiResponses};
use proptest::prelude::*;
use serde_json::json;

fn loaded() -> Tokenizer {
    Tokenizer::O200k.load();
    Tokenizer::O200k
}

fn heard(text: &str, parts: &mut dyn Iterator<Item = &[u8]>) -> u64 {
    let mut hearing = Hearing::new(loaded());
    parts.for_each(|part| hearing.hear(0, part));
    hearing.finish(u64::try_from(text.len()).unwrap()).expect("something was counted").tokens
}

fn whole(text: &str) -> u64 {
    loaded().count(text).unwrap()
}

#[test]
fn words_are_counted_as_in_one_piece_however_long_the_text() {
    let prose = "The quick brown fox doesn't jump over 12345 lazy dogs; it walks.\n\nNext paragraph. ";
    for repeats in [1, 300, 1_000] {
        let text = prose.repeat(repeats);
        for size in [1, 7, 5_000, 1_000_000] {
            assert_eq!(
                heard(&text, &mut text.as_bytes().chunks(size)),
                whole(&text),
                "{repeats} x in {size}"
            );
        }
    }
}

#[test]
fn text_without_words_is_counted_within_two_tokens_at_each_cut() {
    for unit in ["東京都は日本の首都です。", "a", "0123456789", "👩‍👩‍👧", " \n", "{\"a\":[1,2]},", "ß"]
    {
        let text = unit.repeat(100_000 / unit.len());
        let cuts = u64::try_from(text.len() / (16 * 1024)).unwrap();
        let (counted, exact) = (heard(&text, &mut text.as_bytes().chunks(1_000)), whole(&text));
        assert!(counted.abs_diff(exact) <= 2 * cuts, "{unit:?}: {counted} of {exact} in {cuts} cuts");
    }
}

/// Nobody is made to wait by an answer that is made to be hard to count: after 256 KiB bytes are tokens.
#[test]
fn an_answer_without_end_is_counted_so_far_and_then_by_its_bytes() {
    let text = "x ".repeat(1_000_000);
    let counted = heard(&text, &mut text.as_bytes().chunks(10_000));
    let bytes = u64::try_from(text.len()).unwrap();
    assert!(counted > bytes - 256 * 1024 - 16 * 1024 && counted < bytes, "{counted}");
}

#[test]
fn choices_that_come_in_turns_are_counted_apart() {
    let mut hearing = Hearing::new(loaded());
    for _ in 0..10 {
        hearing.hear(0, b" hello");
        hearing.hear(1, b" world");
    }
    assert_eq!(hearing.finish(120).unwrap().tokens, 20);
}

fn read(format: bursar_core::ApiFormat, kind: BodyKind, body: &[u8], size: usize) -> Reading {
    let mut meter = Meter::new(format, "openai", kind).counting(loaded());
    body.chunks(size).for_each(|piece| meter.feed(piece));
    meter.finish()
}

fn tokens(reading: &Reading) -> Option<u64> {
    reading.counted.map(|counted| counted.tokens)
}

#[test]
fn the_text_of_a_stream_is_counted_where_it_states_nothing_and_only_there() {
    let text = "Grüße aus 東京 \"quoted\" and a \u{1F600}\nnew line";
    let deltas: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let event = |event: serde_json::Value| format!("data: {event}\n\n");
    let chat: String = deltas
        .iter()
        .map(|text| event(json!({"choices": [{"index": 0, "delta": {"content": text}}]})))
        .collect();
    let usage = event(json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}}));
    let done = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for size in [1, 3, 50, 10_000] {
        let silent =
            read(OpenAiChat, BodyKind::Sse, format!("{chat}{done}data: [DONE]\n\n").as_bytes(), size);
        assert_eq!((tokens(&silent), silent.complete), (Some(whole(text)), true), "in pieces of {size}");
        let cut = read(OpenAiChat, BodyKind::Sse, chat.as_bytes(), size);
        assert_eq!((tokens(&cut), cut.complete), (Some(whole(text)), false));
        let stated = read(OpenAiChat, BodyKind::Sse, format!("{chat}{done}{usage}").as_bytes(), size);
        assert_eq!(tokens(&stated), None);
    }
    // Responses repeat the whole text at the end.
    let typed: String = deltas
        .iter()
        .map(|text| event(json!({"type": "response.output_text.delta", "delta": text})))
        .collect();
    let output = json!([{"type": "message", "content": [{"type": "output_text", "text": text}]}]);
    let last = event(json!({"type": "response.completed", "response": {"output": output}}));
    for size in [1, 7, 10_000] {
        let silent = read(OpenAiResponses, BodyKind::Sse, format!("{typed}{last}").as_bytes(), size);
        assert_eq!(tokens(&silent), Some(whole(text)), "in pieces of {size}");
        let plain =
            read(OpenAiResponses, BodyKind::Json, json!({"output": output}).to_string().as_bytes(), size);
        assert_eq!(tokens(&plain), Some(whole(text)));
    }
}

#[test]
fn media_is_no_text_and_names_and_arguments_of_calls_are() {
    let message = json!({"content": null, "audio": {"data": "AAAA".repeat(100), "transcript": "hello world"},
        "tool_calls": [{"function": {"name": "get_weather", "arguments": "{\"city\":\"Zürich\"}"}}]});
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).to_string();
    let reading = read(OpenAiChat, BodyKind::Json, body.as_bytes(), 11);
    assert_eq!(reading.media_bytes, 400);
    let apart = whole("hello world") + whole("get_weather") + whole("{\"city\":\"Zürich\"}");
    assert!(tokens(&reading).unwrap().abs_diff(apart) <= 2, "{:?} of {apart}", reading.counted);
}

proptest! {
    #[test]
    fn any_text_in_any_parts_counts_the_same(text in "\\PC{1,200}", size in 1usize..50) {
        prop_assert_eq!(heard(&text, &mut text.as_bytes().chunks(size)), whole(&text));
    }
}
