//! Bodies in an encoding: the reading is the same for any pieces, whatever the bytes decode to, and none is taken for an
//! answer that cost nothing.

#![no_main]

use bursar_core::ApiFormat;
use bursar_wire::meter::{Anomaly, Billed, BodyKind, Meter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, seeds @ .., _] = data.first_chunk::<4>().copied().unwrap_or_default();
    let body = data.get(4..).unwrap_or_default();
    let encoding = ["gzip", "deflate", "br", "identity", "zstd"][usize::from(choice % 5)];
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut meter = Meter::new(ApiFormat::AnthropicMessages, "", BodyKind::Sse).with_encoding(encoding);
        pieces.for_each(|piece| meter.feed(piece));
        meter.finish()
    };
    let whole = read(&mut std::iter::once(body));
    let cut = read(&mut bursar_fuzz::pieces(body, seeds));
    bursar_fuzz::hold(&whole);
    // Where decoding fails depends on what was fed at once; what was read before is the same but for that.
    assert_eq!(whole.anomalies.has(Anomaly::Encoded), cut.anomalies.has(Anomaly::Encoded), "{encoding}");
    if whole.anomalies.has(Anomaly::Encoded) {
        assert!(whole.billed() != Billed::Nothing && cut.billed() != Billed::Nothing);
    } else {
        assert_eq!(whole, cut);
    }
});
