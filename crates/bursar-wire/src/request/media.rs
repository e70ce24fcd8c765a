//! Media inside a body: what was seen of it, and how many tokens a model makes of it at most.

use super::Facts;
use super::base64::{Base64, decoded_max};
use super::image_size::image_size;
use super::image_tokens::{Detail, Image};
use super::limits::MEDIA_MAX;
use super::text::Text;

/// Tokens of a second of audio: 32 at Gemini, 10 at OpenAI, 12.5 at Mistral (their audio guides, read 2026-11).
const AUDIO_TOKENS_PER_SECOND: u64 = 32;
/// Bytes of a second of MP3 at its lowest rate, 8 kbit/s (ISO 13818-3).
const MP3_BYTES_PER_SECOND: u64 = 1000;

/// Takes an image given as a URL: `data:` with its bytes, or by reference.
pub(super) fn image_url(facts: &mut Facts, url: &Text<'_>, detail: Detail) {
    match DataUrl::of(url) {
        Some(data) => inline(facts, &data.media_type, data.base64, detail),
        None => {
            facts.needs.vision = true;
            facts.bound.by_reference = true;
        }
    }
}

/// Takes media given as base64 with its type, such as `image/png`.
pub(super) fn inline(facts: &mut Facts, media_type: &str, base64: &[u8], detail: Detail) {
    let media_type = media_type.to_ascii_lowercase();
    if media_type.starts_with("image/") {
        image(facts, base64, detail);
    } else if media_type.starts_with("audio/") {
        audio(facts, base64);
    } else if media_type.starts_with("text/") {
        facts.add_text(decoded_max(base64));
    } else {
        document(facts);
    }
}

/// Takes an image given as base64.
pub(super) fn image(facts: &mut Facts, base64: &[u8], detail: Detail) {
    facts.needs.vision = true;
    if facts.images.len() < MEDIA_MAX {
        facts.images.push(Image { size: image_size(Base64::new(base64)), detail });
    } else {
        facts.bound.by_reference = true;
    }
}

/// Takes audio given as base64. Only WAV and MP3 tell how long they can last; others may fill the context window.
pub(super) fn audio(facts: &mut Facts, base64: &[u8]) {
    facts.needs.audio = true;
    let bytes = decoded_max(base64);
    match bytes_per_second(Base64::new(base64)) {
        Some(rate) => {
            let tokens = (bytes / rate.max(1)).saturating_add(1).saturating_mul(AUDIO_TOKENS_PER_SECOND);
            facts.bound.audio_tokens = facts.bound.audio_tokens.saturating_add(tokens);
        }
        None => facts.bound.by_reference = true,
    }
}

/// Takes a document or video: its pages or frames are not counted from its bytes, so it may fill the context window.
pub(super) fn document(facts: &mut Facts) {
    facts.needs.documents = true;
    facts.bound.by_reference = true;
}

/// The least bytes of a second, where the header tells.
fn bytes_per_second(mut bytes: Base64<'_>) -> Option<u64> {
    let head: [u8; 36] = std::array::from_fn(|_| bytes.next().unwrap_or(0));
    match &head {
        // RIFF, WAVE and a first chunk `fmt ` of uncompressed samples; its byte rate stands at 28.
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            b'f',
            b'm',
            b't',
            b' ',
            _,
            _,
            _,
            _,
            1,
            0,
            ..,
        ] => {
            let [a, b, c, d] = [head.get(28)?, head.get(29)?, head.get(30)?, head.get(31)?];
            Some(u64::from(u32::from_le_bytes([*a, *b, *c, *d])).max(MP3_BYTES_PER_SECOND))
        }
        [b'I', b'D', b'3', ..] | [0xff, 0xe2..=0xff, ..] => Some(MP3_BYTES_PER_SECOND),
        _ => None,
    }
}

/// A `data:` URL as it stands in a JSON string.
struct DataUrl<'a> {
    media_type: String,
    base64: &'a [u8],
}

impl<'a> DataUrl<'a> {
    fn of(url: &Text<'a>) -> Option<Self> {
        let comma = memchr::memchr(b',', url.raw)?;
        let head = Text { raw: url.raw.get(..comma)?, start: url.start, saved: url.saved }.decode()?;
        let (scheme, head) = head.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case("data:") || !head.to_ascii_lowercase().ends_with(";base64") {
            return None;
        }
        let media_type = head.split(';').next()?.to_owned();
        Some(Self { media_type, base64: url.raw.get(comma + 1..)? })
    }
}
