//! Bodies in an encoding. `stream.*` is one stream, compressed by Node's zlib 1.1 (flushed after each event) and by zstd
//! 1.5 (one frame with a checksum); `bomb.br` is 64 MiB of one letter.

use super::Decoder;
use super::zstd::Zstd;
use crate::meter::{Anomaly, Billed, BodyKind, Meter, Reading};
use bursar_core::{ApiFormat::OpenAiChat, UsageClass};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const STREAM: &[u8] = include_bytes!("tests/stream.txt");
const BROTLI: &[u8] = include_bytes!("tests/stream.br");
const ZSTD: &[u8] = include_bytes!("tests/stream.zst");

fn read(encoding: &str, pieces: &mut dyn Iterator<Item = &[u8]>) -> Reading {
    let mut meter = Meter::new(OpenAiChat, "", BodyKind::Sse).with_encoding(encoding);
    pieces.for_each(|piece| meter.feed(piece));
    meter.finish()
}

/// What comes out of a body, or nothing where it cannot be decoded.
fn decoded(encoding: &str, body: &[u8], size: usize) -> Option<Vec<u8>> {
    let (mut decoder, mut out) = (Decoder::of(encoding), Vec::new());
    for piece in body.chunks(size) {
        decoder.feed(piece, |part| out.extend_from_slice(part)).ok()?;
    }
    (!decoder.holds_back()).then_some(out)
}

#[test]
fn brotli_and_zstandard_are_read_like_the_plain_body_in_any_pieces() {
    let plain = read("", &mut std::iter::once(STREAM));
    assert_eq!(plain.usage.get(UsageClass::Output), 24);
    for (encoding, body) in [("br", BROTLI), ("BR ", BROTLI), ("zstd", ZSTD)] {
        for size in [1, 2, 3, 7, 100, 1_000] {
            assert_eq!(
                decoded(encoding, body, size).as_deref(),
                Some(STREAM),
                "{encoding} in pieces of {size}"
            );
            assert_eq!(read(encoding, &mut body.chunks(size)), plain, "{encoding} in pieces of {size}");
        }
    }
}

/// Found by fuzzing: a body that breaks off, of which more was decoded than fits the buffer at once.
#[test]
fn what_was_decoded_of_a_cut_body_comes_out_whole() {
    let cut = include_bytes!("tests/cut.br");
    let length = |size: usize| {
        let (mut decoder, mut out) = (Decoder::of("br"), 0);
        cut.chunks(size).for_each(|piece| decoder.feed(piece, |part| out += part.len()).unwrap());
        out
    };
    assert_eq!([cut.len(), 60, 1].map(length), [62_192; 3]);
}

#[test]
fn a_brotli_stream_is_metered_as_its_events_come() {
    let mut meter = Meter::new(OpenAiChat, "", BodyKind::Sse).with_encoding("br");
    let mut seen = Vec::new();
    for byte in BROTLI {
        meter.feed(&[*byte]);
        seen.push(meter.progress().text_bytes);
    }
    let text = |event: u64| (0..=event).map(|n| if n < 10 { 7 } else { 8 }).sum::<u64>();
    assert!((0..12).all(|event| seen.contains(&text(event))), "a step for each event: {seen:?}");
}

/// A cut body has what was seen of it; one whose rest is held back by its encoding is not taken for what was seen.
#[test]
fn a_body_that_breaks_off_is_no_cheaper_for_its_encoding() {
    let cut = read("br", &mut std::iter::once(&BROTLI[..200]));
    assert!(!cut.complete && cut.text_bytes > 0 && cut.billed() == Billed::Unstated, "{cut:?}");
    let cut = read("zstd", &mut std::iter::once(&ZSTD[..150]));
    assert!(!cut.complete && cut.billed() == Billed::Unstated, "{cut:?}");
    assert!(cut.anomalies.has(Anomaly::Encoded));
}

#[test]
fn frames_of_zstandard_follow_each_other_and_some_are_skipped() {
    let skipped = [&0x184D_2A5Bu32.to_le_bytes()[..], &5u32.to_le_bytes(), b"12345"].concat();
    let empty = [&0x184D_2A50u32.to_le_bytes()[..], &0u32.to_le_bytes()].concat();
    let body = [&skipped, ZSTD, &empty, ZSTD, &skipped].concat();
    for size in [1, 5, 11, 10_000] {
        assert_eq!(decoded("zstd", &body, size), Some([STREAM, STREAM].concat()), "in pieces of {size}");
    }
    assert_eq!(decoded("zstd", b"", 1).as_deref(), Some(&b""[..]));
}

#[test]
fn a_large_body_goes_through_block_by_block() {
    // Long enough for several blocks and a window that slides.
    let body: Vec<u8> = (0..400_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for level in [CompressionLevel::Uncompressed, CompressionLevel::Fastest] {
        let packed = compress_to_vec(&body[..], level);
        for size in [1_000, 70_000] {
            assert!(decoded("zstd", &packed, size).as_deref() == Some(&body[..]), "in pieces of {size}");
        }
    }
}

#[test]
fn a_body_that_grows_without_end_is_given_up_and_charged_at_the_most() {
    let bomb = include_bytes!("tests/bomb.br");
    // A block of zeros is four bytes for 128 KiB.
    let mut zeros = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58];
    (0..512).for_each(|_| zeros.extend_from_slice(&[0x02, 0x00, 0x10, 0x00]));
    for (encoding, body) in [("br", &bomb[..]), ("zstd", &zeros[..])] {
        let (mut decoder, mut out) = (Decoder::of(encoding), 0);
        assert!(decoder.feed(body, |part| out += part.len()).is_err(), "{encoding}");
        assert!(out <= 4 * 1024 * 1024, "{encoding}: {out}");
        let reading = read(encoding, &mut std::iter::once(body));
        assert!(
            reading.anomalies.has(Anomaly::Encoded) && reading.billed() == Billed::Unstated,
            "{encoding}"
        );
    }
}

#[test]
fn a_window_that_no_body_over_http_may_ask_for_is_refused() {
    // 2^(10 + 14) bytes: 16 MiB.
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3, 0x01, 0x00, 0x00];
    assert!(Zstd::default().feed(&[&frame[..], &[0; 32]].concat(), |_| Ok(())).is_err());
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 13 << 3, 0x01, 0x00, 0x00];
    assert!(Zstd::default().feed(&frame, |_| Ok(())).is_ok());
}

proptest! {
    #[test]
    fn bytes_that_are_no_encoding_never_panic_and_are_never_free(
        start in 0usize..400, noise in prop::collection::vec(any::<u8>(), 0..64), which in 0usize..2, size in 1usize..64,
    ) {
        let (encoding, body) = [("br", BROTLI), ("zstd", ZSTD)][which];
        let mut body = body.to_vec();
        let start = start.min(body.len());
        body.splice(start..body.len().min(start + noise.len()), noise);
        let reading = read(encoding, &mut body.chunks(size));
        if reading.anomalies.has(Anomaly::Encoded) {
            prop_assert!(!reading.complete && reading.billed() != Billed::Nothing);
        }
    }
}
