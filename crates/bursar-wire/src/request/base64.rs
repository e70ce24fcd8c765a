//! Base64 as it stands in a JSON string, decoded byte by byte and only as far as someone reads.

/// The bytes behind a base64 text. Ends at padding, at the end, or at what is no base64.
pub(super) struct Base64<'a> {
    raw: std::slice::Iter<'a, u8>,
    bits: u32,
    have: u32,
}

impl<'a> Base64<'a> {
    /// Of a text as it stands between its quotes: `\/` and `\n` are JSON's escapes of `/` and a line end.
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { raw: raw.iter(), bits: 0, have: 0 }
    }
}

impl Iterator for Base64<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.have < 8 {
            let six = match *self.raw.next()? {
                byte @ b'A'..=b'Z' => byte - b'A',
                byte @ b'a'..=b'z' => byte - b'a' + 26,
                byte @ b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'\r' | b'\n' | b' ' => continue,
                b'\\' => match *self.raw.next()? {
                    b'/' => 63,
                    b'n' | b'r' => continue,
                    _ => return None,
                },
                _ => return None,
            };
            self.bits = (self.bits << 6) | u32::from(six);
            self.have += 6;
        }
        self.have -= 8;
        u8::try_from((self.bits >> self.have) & 0xff).ok()
    }
}

/// The most bytes that `raw` can decode to.
pub(super) fn decoded_max(raw: &[u8]) -> u64 {
    u64::try_from(raw.len()).unwrap_or(u64::MAX) / 4 * 3 + 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_both_alphabets_and_jsons_escapes() {
        let decoded = |raw: &str| Base64::new(raw.as_bytes()).collect::<Vec<u8>>();
        assert_eq!(decoded("aGVsbG8="), b"hello");
        assert_eq!(decoded("aGVs\\nbG8"), b"hello");
        assert_eq!(decoded("\\/\\/79"), decoded("//79"));
        assert_eq!(decoded("__79"), decoded("//79"));
        assert_eq!(decoded("!"), b"");
        assert!(decoded_max(b"aGVsbG8=") >= 5);
    }
}
