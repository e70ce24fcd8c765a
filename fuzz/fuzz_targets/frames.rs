//! A document means the same however it is framed: plain, as an event with any line end, as a line.

#![no_main]

use bursar_core::ApiFormat;
use bursar_wire::meter::{BodyKind, Reading};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [a, b, choice] = data.first_chunk().copied().unwrap_or_default();
    let document = data.get(3..).unwrap_or_default();
    // A document without line ends, and one that a stream cannot be taken for.
    if document.first() != Some(&b'{') || document.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return;
    }
    let end: &[u8] = [b"\n".as_slice(), b"\r\n", b"\r"][usize::from(choice % 3)];
    let comment: &[u8] = if choice & 4 == 0 { b"" } else { b": comment" };
    let event = [comment, end, b"event: x", end, b"data: ", document, end, end].concat();
    let line = [document, b"\n"].concat();
    let read = |kind, body: &[u8]| {
        bursar_fuzz::read(ApiFormat::OllamaChat, "", kind, bursar_fuzz::pieces(body, [a, b]))
    };
    let plain = read(BodyKind::Json, document);
    let same = |framed: Reading| {
        let framed = Reading { body_bytes: plain.body_bytes, ..framed };
        assert_eq!(framed, plain);
    };
    same(read(BodyKind::Sse, &event));
    same(read(BodyKind::JsonLines, &line));
});
