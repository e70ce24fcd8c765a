//! A JSON string as it stands in the body: compared and measured without decoding, decoded only where needed.

use super::scan::Span;

/// A string of the body, borrowed, between its quotes. The scanner has checked its escapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// What stands between the quotes.
    pub(crate) raw: &'a [u8],
    /// The byte of the opening quote.
    pub(crate) start: usize,
    /// By how many bytes its escapes are longer than what they stand for, at least; 0 when there are none.
    pub(crate) saved: usize,
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
    /// Whether there is an escape in it.
    pub(crate) const fn escaped(&self) -> bool {
        self.saved > 0
    }
    /// Bytes of the decoded text, or a little more.
    pub(crate) fn decoded_len(&self) -> u64 {
        u64::try_from(self.raw.len() - self.saved.min(self.raw.len())).unwrap_or(u64::MAX)
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
    use crate::request::scan::Scanner;
    use proptest::prelude::*;

    /// A string as the scanner gives it; `raw` stands between quotes.
    fn with_text<T>(raw: &str, look: impl FnOnce(Text<'_>) -> T) -> T {
        let json = format!("\"{raw}\"");
        look(Scanner::new(json.as_bytes()).unwrap().string().unwrap())
    }
    fn decoded(raw: &str) -> Option<String> {
        with_text(raw, |text| text.decode())
    }

    #[test]
    fn escapes_decode_as_json_says() {
        assert_eq!(decoded(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z"#).unwrap(), "a\"\\/\u{8}\u{c}\n\r\té😀z");
        assert_eq!(decoded(r"\ud83d"), None, "half a pair has no text");
        assert_eq!(decoded(r"\udc00\ud83d"), None);
        assert_eq!(decoded(r"\ud83dA"), None);
    }

    proptest! {
        #[test]
        fn the_length_is_never_less_than_the_decoded_text(original: String) {
            let json = serde_json::to_string(&original).unwrap();
            let ascii: String = original.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for raw in [&json[1..json.len() - 1], &ascii] {
                let (decoded, length) = with_text(raw, |text| (text.decode().unwrap(), text.decoded_len()));
                prop_assert_eq!(&decoded, &original);
                prop_assert!(length >= u64::try_from(original.len()).unwrap());
                prop_assert!(length <= u64::try_from(raw.len()).unwrap());
            }
        }

        #[test]
        fn a_string_ends_where_it_ends(plain in "[^\"\\\\\\x00-\\x1f]{0,300}", stop in "[\"\\\\\\x00-\\x1f]") {
            let json = format!("\"{plain}{stop}");
            let found = Scanner::new(json.as_bytes()).unwrap().string();
            match stop.as_str() {
                "\"" => prop_assert_eq!(found.unwrap().raw, plain.as_bytes()),
                _ => prop_assert!(found.is_err()),
            }
        }
    }
}
