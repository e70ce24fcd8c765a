//! The count is the tokenizer's own within what is kept, in whatever parts the text comes; beyond it, by its density.

use super::Hearing;
use crate::meter::limits::KEPT_TEXT_BYTES_MAX;
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

/// What is kept of an answer's text.
const KEPT: usize = KEPT_TEXT_BYTES_MAX;
const PROSE: &str = "The quick brown fox doesn't jump over 12345 lazy dogs; it walks.\n\nNext paragraph. ";

#[test]
fn a_text_that_is_kept_whole_is_counted_exactly_in_whatever_parts() {
    for unit in [PROSE, "東京都は日本の首都です。", "a", "0123456789", "👩‍👩‍👧", " \n", "{\"a\":[1,2]},", "ß"]
    {
        let text = unit.repeat((KEPT - 1) / unit.len());
        for size in [1, 7, 5_000, 1_000_000] {
            assert_eq!(heard(&text, &mut text.as_bytes().chunks(size)), whole(&text), "{unit:?} in {size}");
        }
    }
}

/// More than is kept is known by its bytes: as dense as the beginning, and a quarter more.
#[test]
fn a_longer_text_is_between_its_count_and_a_quarter_more() {
    for unit in [PROSE, "東京都は日本の首都です。", "0123456789", "👩‍👩‍👧", " \n", "{\"a\":[1,2]},"]
    {
        let text = unit.repeat(200_000 / unit.len());
        let (counted, exact) = (heard(&text, &mut text.as_bytes().chunks(1_000)), whole(&text));
        assert!(
            counted >= exact && counted <= exact + exact.div_ceil(4) + 8,
            "{unit:?}: {counted} of {exact}"
        );
        assert_eq!(counted, heard(&text, &mut text.as_bytes().chunks(3)), "{unit:?} in other parts");
    }
}

/// Nothing is counted while an answer passes, and no more is kept of it than is said.
#[test]
fn an_answer_without_end_costs_no_more_than_its_beginning() {
    let mut hearing = Hearing::new(loaded());
    for _ in 0..100_000 {
        hearing.hear(0, b"one hundred bytes of text that nobody wants to count, for they are many, and one is as the other is ");
    }
    assert_eq!(hearing.kept.len(), KEPT);
    assert!(hearing.kept.capacity() <= KEPT, "{}", hearing.kept.capacity());
}

#[test]
fn choices_that_come_in_turns_are_as_dense_as_the_first() {
    let mut hearing = Hearing::new(loaded());
    for _ in 0..10 {
        hearing.hear(0, b" hello");
        hearing.hear(1, b" world");
    }
    // Ten of the first choice, ten of the other and a quarter of them.
    assert_eq!(hearing.finish(120).unwrap().tokens, 10 + 10 + 3);
}

/// What is said to be text and was in no string is one token a byte; nothing heard is nothing counted.
#[test]
fn what_was_never_heard_is_one_token_a_byte() {
    let mut hearing = Hearing::new(loaded());
    hearing.hear(0, b" hello");
    assert_eq!(hearing.finish(6 + 30).unwrap().tokens, 1 + 30);
    assert!(Hearing::new(loaded()).finish(30).is_none());
    assert_eq!(Hearing::new(loaded()).finish(0).unwrap().tokens, 0);
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
