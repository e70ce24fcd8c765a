//! The alphabet of the record codec: variable-length integers, bounded texts, and where texts are kept.

use super::RecordError;

/// Where the texts of a record go: into its bytes, or into the dictionary of a file.
pub(super) trait PutText {
    /// A text that many records share.
    fn shared(&mut self, text: &str, out: &mut Vec<u8>);
}

/// Where the texts of a record come from.
pub(super) trait TakeText {
    /// A text that [`PutText::shared`] put.
    fn shared(&mut self, bytes: &mut Bytes<'_>) -> Result<String, RecordError>;
}

/// Texts inside the record's own bytes: for the journal, which stands alone.
pub(super) struct Inline;

impl PutText for Inline {
    fn shared(&mut self, text: &str, out: &mut Vec<u8>) {
        put_text(out, text, usize::MAX);
    }
}
impl TakeText for Inline {
    fn shared(&mut self, bytes: &mut Bytes<'_>) -> Result<String, RecordError> {
        bytes.text()
    }
}

/// Seven bits per byte, lowest first, the top bit says that more follow.
pub(super) fn put_u128(out: &mut Vec<u8>, mut value: u128) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Zigzag: small magnitudes of either sign stay short.
pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    let doubled = value.unsigned_abs().wrapping_mul(2);
    // -1 is 1, 1 is 2, …; the lowest number is all ones.
    put_u64(out, if value < 0 { doubled.wrapping_sub(1) } else { doubled });
}

/// A count of what follows.
pub(super) fn put_len(out: &mut Vec<u8>, len: usize) {
    put_u64(out, u64::try_from(len).unwrap_or(u64::MAX));
}

/// A text of its own, cut at `max` bytes on a character.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str, max: usize) {
    let text = clip(text, max);
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The longest start of `text` of at most `max` bytes that ends on a character.
pub(super) fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Bytes being read.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl Bytes<'_> {
    pub(super) fn byte(&mut self) -> Result<u8, RecordError> {
        let (first, rest) = self.0.split_first().ok_or(RecordError::Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }
    pub(super) fn u128(&mut self) -> Result<u128, RecordError> {
        let mut value: u128 = 0;
        for shift in (0..=126u32).step_by(7) {
            let byte = self.byte()?;
            let low = u128::from(byte & 0x7f);
            let placed = low << shift;
            if placed >> shift != low {
                break;
            }
            value |= placed;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::Malformed("an integer is too long"))
    }
    pub(super) fn u64(&mut self) -> Result<u64, RecordError> {
        u64::try_from(self.u128()?).map_err(|_| RecordError::Malformed("an integer is too large"))
    }
    pub(super) fn u32(&mut self) -> Result<u32, RecordError> {
        u32::try_from(self.u64()?).map_err(|_| RecordError::Malformed("an integer is too large"))
    }
    pub(super) fn u16(&mut self) -> Result<u16, RecordError> {
        u16::try_from(self.u64()?).map_err(|_| RecordError::Malformed("an integer is too large"))
    }
    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        let zigzag = self.u64()?;
        let half =
            i64::try_from(zigzag >> 1).map_err(|_| RecordError::Malformed("an integer is too large"))?;
        Ok(if zigzag & 1 == 0 { half } else { -1 - half })
    }
    /// A count of at most `max`.
    pub(super) fn len(&mut self, max: usize) -> Result<usize, RecordError> {
        let len = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        if len <= max { Ok(len) } else { Err(RecordError::Malformed("a list is too long")) }
    }
    pub(super) fn text(&mut self) -> Result<String, RecordError> {
        let len = self.len(self.0.len())?;
        let (text, rest) =
            self.0.split_at_checked(len).ok_or(RecordError::Malformed("a text is too long"))?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| RecordError::Malformed("a text is not UTF-8"))?;
        Ok(text.to_owned())
    }
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (first, rest) =
            self.0.split_first_chunk::<N>().ok_or(RecordError::Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_back(small in any::<u64>(), signed in any::<i64>(), large in any::<u128>(), shift in 0..127u32) {
            let mut out = Vec::new();
            put_u64(&mut out, small);
            put_i64(&mut out, signed);
            put_i64(&mut out, signed >> (shift % 63));
            put_u128(&mut out, large >> shift);
            let mut bytes = Bytes(&out);
            prop_assert_eq!(bytes.u64(), Ok(small));
            prop_assert_eq!(bytes.i64(), Ok(signed));
            prop_assert_eq!(bytes.i64(), Ok(signed >> (shift % 63)));
            prop_assert_eq!(bytes.u128(), Ok(large >> shift));
            prop_assert!(bytes.0.is_empty());
        }
    }

    #[test]
    fn the_ends_of_the_ranges_come_back() {
        let mut out = Vec::new();
        for value in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            put_i64(&mut out, value);
        }
        put_u128(&mut out, u128::MAX);
        let mut bytes = Bytes(&out);
        for value in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            assert_eq!(bytes.i64(), Ok(value));
        }
        assert_eq!(bytes.u128(), Ok(u128::MAX));
        assert!(Bytes(&[0xff; 40]).u128().is_err());
    }

    #[test]
    fn texts_are_cut_on_a_character() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip("é", 1), "");
    }
}
