//! What fuzz targets share. What every meter's target asserts about a body: the reading does not depend on how the body was cut into pieces, and
//! no class is above the one it is a part of.

use bursar_core::{ApiFormat, UsageClass};
use bursar_wire::meter::{BodyKind, Meter, Reading, limits::COUNT_MAX};

/// The kinds of body, by a byte.
#[must_use]
pub fn kind(byte: u8) -> BodyKind {
    [BodyKind::Sse, BodyKind::Json, BodyKind::JsonLines][usize::from(byte % 3)]
}

/// Cuts a body into pieces of the sizes that the seed says, round and round.
pub fn pieces(body: &[u8], seed: [u8; 2]) -> impl Iterator<Item = &[u8]> {
    let sizes = seed.map(|size| usize::from(size % 61) + 1);
    let (mut rest, mut round) = (body, 0);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(sizes[round % 2].min(rest.len()));
        rest = after;
        round += 1;
        Some(piece)
    })
}

/// Meters a body.
pub fn read<'a>(
    format: ApiFormat,
    provider: &str,
    kind: BodyKind,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Reading {
    let mut meter = Meter::new(format, provider, kind);
    let mut before = meter.progress();
    for piece in pieces {
        meter.feed(piece);
        let progress = meter.progress();
        assert!(progress.text_bytes >= before.text_bytes && progress.body_bytes >= before.body_bytes);
        before = progress;
    }
    meter.finish()
}

/// Reads the input's first three bytes as choices and meters the rest as one format or another.
pub fn meter(formats: &[ApiFormat], data: &[u8]) {
    let [choice, seeds @ .., _] = data.first_chunk::<4>().copied().unwrap_or_default();
    let body = data.get(4..).unwrap_or_default();
    let format = formats[usize::from(choice / 12) % formats.len()];
    let provider = ["openai", "xai", "gemini", "mistral"][usize::from(choice / 3) % 4];
    let whole = read(format, provider, kind(choice), std::iter::once(body));
    let cut = read(format, provider, kind(choice), pieces(body, seeds));
    assert_eq!(whole, cut);
    hold(&whole);
}

/// What holds for every reading.
pub fn hold(reading: &Reading) {
    let parts = reading.billed_by_model.iter().map(|(_, usage)| usage);
    for usage in std::iter::once(&reading.usage).chain(parts) {
        let get = |class| usage.get(class);
        assert!(get(UsageClass::AudioInput) <= usage.prompt_tokens());
        assert!(get(UsageClass::ImageInput) <= usage.prompt_tokens());
        assert!(get(UsageClass::AudioCacheRead) <= get(UsageClass::CacheRead));
        assert!(usage.iter().all(|(_, count)| count <= 1_000 * COUNT_MAX));
    }
    let usage = &reading.usage;
    assert!(usage.get(UsageClass::Reasoning) <= usage.get(UsageClass::Output));
    assert!(reading.text_bytes.saturating_add(reading.media_bytes) <= reading.body_bytes);
}

/// Puts the checksum of a journal block right: the CRC32C of all of it but its first four bytes stands there.
pub fn repair_block(file: &mut [u8], block: usize) {
    if let Some(bytes) = file.get_mut(block * 512..block * 512 + 512) {
        let crc = crc32c::crc32c(&bytes[4..]).to_le_bytes();
        bytes[..4].copy_from_slice(&crc);
    }
}
