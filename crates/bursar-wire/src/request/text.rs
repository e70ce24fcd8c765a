//! A JSON string as it stands in the body: compared and measured without decoding, decoded only where needed.

use super::scan::Span;

/// A string of the body, borrowed, between its quotes. The scanner has checked its escapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// What stands between the quotes.
    pub(crate) raw: &'a [u8],
    /// The byte of the opening quote.
    pub(crate) start: usize,
    /// Whether there is a backslash in it.
    pub(crate) escaped: bool,
}

impl Text<'_> {
    /// The text, decoded. `None` when an escaped surrogate stands alone: it has no text.
    pub(crate) fn decode(&self) -> Option<String> {
        let raw = std::str::from_utf8(self.raw).ok()?;
        let mut text = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((plain, tail)) = rest.split_once('\\') {
            text.push_str(plain);
            let mut chars = tail.chars();
            match chars.next()? {
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let (char, left) = unicode(chars.as_str())?;
                    text.push(char);
                    rest = left;
                    continue;
                }
                same => text.push(same),
            }
            rest = chars.as_str();
        }
        text.push_str(rest);
        Some(text)
    }
    /// Bytes of the decoded text, at least.
    pub(crate) fn decoded_len(&self) -> u64 {
        let raw = u64::try_from(self.raw.len()).unwrap_or(u64::MAX);
        if !self.escaped {
            return raw;
        }
        let mut saved = 0u64;
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let tail = rest.get(at..).unwrap_or_default();
            // `\u0041` is at most three bytes of UTF-8, half of a pair counts two; the others are one byte.
            let (length, bytes) = match tail.get(1) {
                Some(b'u') => (6, if tail.get(2..4).is_some_and(|high| high == b"00") { 2 } else { 3 }),
                _ => (2, 1),
            };
            saved += length - bytes;
            rest = rest.get(at + usize::try_from(length).unwrap_or(2)..).unwrap_or_default();
        }
        raw - saved
    }
    /// Where it stands, quotes included.
    pub(crate) const fn span(&self) -> Span {
        Span { start: self.start, end: self.start + self.raw.len() + 2 }
    }
    /// As it can stand in the path of an error: cut short.
    pub(crate) fn lossy(&self) -> String {
        String::from_utf8_lossy(self.raw.get(..64).unwrap_or(self.raw)).into_owned()
    }
    /// Whether it is `name`, byte for byte, without escapes.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.raw == name.as_bytes()
    }
}

/// Reads the digits after `\u`, and the second half of a pair where one must follow.
fn unicode(hex: &str) -> Option<(char, &str)> {
    let unit = |hex: &str| u32::from_str_radix(hex.get(..4)?, 16).ok();
    let first = unit(hex)?;
    let rest = hex.get(4..)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let second = rest.strip_prefix("\\u")?;
    let low = unit(second)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let joined = 0x10000 + ((first - 0xd800) << 10) + low;
    Some((char::from_u32(joined)?, second.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::Text;
    use proptest::prelude::*;

    fn text(raw: &str) -> Text<'_> {
        Text { raw: raw.as_bytes(), start: 0, escaped: raw.contains('\\') }
    }

    #[test]
    fn escapes_decode_as_json_says() {
        assert_eq!(
            text(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z"#).decode().unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té😀z"
        );
        assert_eq!(text(r"\ud83d").decode(), None, "half a pair has no text");
        assert_eq!(text(r"\udc00\ud83d").decode(), None);
        assert_eq!(text(r"\ud83dA").decode(), None);
    }

    proptest! {
        #[test]
        fn the_length_is_never_less_than_the_decoded_text(original: String) {
            let json = serde_json::to_string(&original).unwrap();
            let ascii: String = original.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for raw in [json.trim_matches('"').to_owned(), ascii] {
                // A trailing escaped quote is trimmed by `trim_matches`; leave such texts to the other form.
                if let Some(decoded) = text(&raw).decode() {
                    prop_assert!(text(&raw).decoded_len() >= u64::try_from(decoded.len()).unwrap());
                    prop_assert!(text(&raw).decoded_len() <= u64::try_from(raw.len()).unwrap());
                }
            }
        }
    }
}
