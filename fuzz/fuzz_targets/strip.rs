//! The stripper gives the same bytes for any pieces; it takes whole events out and changes none.

#![no_main]

use bursar_wire::strip::UsageStripper;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let seed: [u8; 2] = data.first_chunk().copied().unwrap_or_default();
    let body = data.get(2..).unwrap_or_default();
    let strip = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut stripper = UsageStripper::new();
        let mut out: Vec<u8> = Vec::new();
        for piece in pieces {
            out.extend(stripper.feed(&Bytes::copy_from_slice(piece)).concat());
        }
        let stripped = stripper.has_stripped();
        let rest = stripper.finish().concat();
        (out.len() + rest.len() == body.len() || stripped || rest.is_empty(), [out, rest].concat())
    };
    let (sound, whole) = strip(&mut std::iter::once(body));
    let (_, cut) = strip(&mut bursar_fuzz::pieces(body, seed));
    assert_eq!(whole, cut);
    assert!(sound);
    // Nothing is added or reordered: what is left is a subsequence.
    let mut bytes = body.iter();
    assert!(whole.iter().all(|byte| bytes.any(|original| original == byte)));
    if !body.windows(5).any(|name| name == b"usage") && !body.contains(&b'\\') {
        assert_eq!(whole, body);
    }
});
