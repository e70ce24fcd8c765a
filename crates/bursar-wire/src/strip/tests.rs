//! The usage chunk that Bursar asked for goes, and nothing else, in any split.

use super::{Pieces, UsageStripper};
use crate::meter::sse::tests::split;
use bursar_core::limits::EVENT_BYTES_MAX;
use bytes::Bytes;
use proptest::prelude::*;

fn stripped<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut stripper = UsageStripper::new();
    let mut out: Vec<Pieces> =
        pieces.into_iter().map(|piece| stripper.feed(&Bytes::copy_from_slice(piece))).collect();
    out.push(stripper.finish());
    out.into_iter().flatten().flatten().collect()
}

/// Events without their line ends, and whether they go.
const EVENTS: [(&str, bool); 16] = [
    (r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}"#, false),
    (r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#, true),
    (r#"data: {"usage":{"prompt_tokens":1},"choices":[  ]}"#, true),
    (r#"data: {"us\u0061ge":{"a":[1,{}]},"x":{"choices":[1]},"choices":[]}"#, true),
    // Azure's first chunk.
    (r#"data: {"choices":[],"created":0,"id":"","prompt_filter_results":[{"prompt_index":0}]}"#, false),
    (r#"data: {"choices":[],"usage":null}"#, false),
    // Usage beside a choice: DeepSeek, Mistral, OpenRouter.
    (r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#, false),
    (r#"data: {"usage":{"prompt_tokens":1}}"#, false),
    (r#"data: {"choices":[],"usage":{"prompt_tokens":1},"error":{"message":"x"}}"#, false),
    (r#"data: {"choices":[],"usage":{"prompt_tokens":1}"#, false),
    (r#"data: {"choices":null,"usage":{"prompt_tokens":1}}"#, false),
    ("data: [DONE]", false),
    (": keep-alive", false),
    ("event: error|data: {\"error\":{\"message\":\"no\"}}", false),
    ("id: 4|data: {\"choices\":[],|data: \"usage\":{}}", true),
    ("retry: 10", false),
];

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]
}

proptest! {
    #[test]
    fn takes_out_the_usage_chunk_and_nothing_else(
        events in prop::collection::vec(0..EVENTS.len(), 0..12),
        end in line_end(),
        comment in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (mut body, mut expected) = (String::new(), String::new());
        for (text, goes) in events.into_iter().map(|index| EVENTS[index]) {
            let event = format!("{}{end}{end}", text.replace('|', end));
            if comment {
                body += &format!(": heartbeat{end}");
                expected += &format!(": heartbeat{end}");
            }
            body += &event;
            if !goes {
                expected += &event;
            }
        }
        let out = stripped(split(body.as_bytes(), &cuts));
        prop_assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn passes_what_is_not_a_stream(
        body in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        prop_assert_eq!(stripped(split(&body, &cuts)), body);
    }
}

#[test]
fn a_piece_passes_undivided_and_uncopied() {
    let mut stripper = UsageStripper::new();
    let piece =
        Bytes::from_static(b"data: {\"choices\":[{\"delta\":{}}]}\n\ndata: {\"choices\":[{\"delta\":{\"con");
    let out = stripper.feed(&piece);
    assert_eq!(out.as_slice(), std::slice::from_ref(&piece), "a choice was seen: nothing is held");
    assert_eq!(out[0].as_ptr(), piece.as_ptr());
    assert!(!stripper.has_stripped());
}

#[test]
fn a_comment_is_not_held_back() {
    let mut stripper = UsageStripper::new();
    let out = stripper.feed(&Bytes::from_static(b": OPENROUTER PROCESSING\n"));
    assert_eq!(out.concat(), b": OPENROUTER PROCESSING\n");
}

#[test]
fn a_usage_chunk_without_its_blank_line_goes_too() {
    let body = b"data: {\"choices\":[{}]}\n\ndata: {\"choices\":[],\"usage\":{}}";
    assert_eq!(stripped([body.as_slice()]), b"data: {\"choices\":[{}]}\n\n");
}

#[test]
fn what_is_held_is_bounded() {
    let mut stripper = UsageStripper::new();
    let mut given = 0;
    let mut feed = |piece: &'static [u8]| {
        given += stripper.feed(&Bytes::from_static(piece)).iter().map(Bytes::len).sum::<usize>();
        given
    };
    static BLOCK: [u8; 65536] = [b' '; 65536];
    let mut fed = b"data: {\"choices\":[],\"pad\":\"".len();
    feed(b"data: {\"choices\":[],\"pad\":\"");
    while fed + BLOCK.len() <= EVENT_BYTES_MAX {
        assert_eq!(feed(&BLOCK), 0, "held");
        fed += BLOCK.len();
    }
    assert_eq!(feed(&BLOCK), fed + BLOCK.len(), "given up and passed on");
}
