//! A scanner over JSON bytes that borrows: strict grammar, bounded depth, no tree, and a count of what it passes.

use super::error::InputError;
use super::limits::DEPTH_MAX;
use super::text::Text;
use memchr::memchr2;

type Result<T> = std::result::Result<T, InputError>;

/// What the next value is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

impl Kind {
    /// As a person would say it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::True | Self::False => "a boolean",
            Self::Null => "null",
        }
    }
}

/// Where a value stands in the body: bytes `start..end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A place in a JSON document.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// At the start of `body`.
    ///
    /// # Errors
    /// When it is not UTF-8: readers disagree on what such bytes mean.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(body) {
            Ok(_) => Ok(Self { bytes: body, at: 0, depth: 0 }),
            Err(error) => Err(InputError::new(error.valid_up_to(), "is not UTF-8")),
        }
    }
    /// The byte at which the scanner stands.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }
    /// The kind of the next value.
    pub(crate) fn kind(&mut self) -> Result<Kind> {
        self.space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b't') => Ok(Kind::True),
            Some(b'f') => Ok(Kind::False),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(_) => Err(self.error("is not JSON: expected a value")),
            None => Err(self.error("is not JSON: ends where a value should be")),
        }
    }
    /// Reads an object, giving each key to `visit`, which must consume the value.
    pub(crate) fn object<F>(&mut self, mut visit: F) -> Result<()>
    where
        F: FnMut(&mut Self, Text<'a>) -> Result<()>,
    {
        self.open(b'{')?;
        if self.close(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            if self.byte() != Some(b'"') {
                return Err(self.error("is not JSON: expected a key in quotes"));
            }
            let key = self.string()?;
            self.space();
            self.take(b':', "is not JSON: expected `:` after a key")?;
            visit(self, key)?;
            self.space();
            if self.close(b'}') {
                return Ok(());
            }
            self.take(b',', "is not JSON: expected `,` or `}`")?;
        }
    }
    /// Reads an array, calling `visit` at each element, which must consume it. Errors are prefixed with the index.
    pub(crate) fn array<F>(&mut self, mut visit: F) -> Result<usize>
    where
        F: FnMut(&mut Self) -> Result<()>,
    {
        self.open(b'[')?;
        if self.close(b']') {
            return Ok(0);
        }
        let mut count = 0;
        loop {
            visit(self).map_err(|error| error.at_index(count))?;
            count += 1;
            self.space();
            if self.close(b']') {
                return Ok(count);
            }
            self.take(b',', "is not JSON: expected `,` or `]`")?;
        }
    }
    /// Reads a string.
    pub(crate) fn string(&mut self) -> Result<Text<'a>> {
        self.space();
        let start = self.at;
        self.take(b'"', "expected a string")?;
        let bytes = self.bytes;
        let mut at = self.at;
        let mut saved = 0;
        loop {
            let Some(plain) = plain(bytes.get(at..).unwrap_or_default()) else {
                return Err(InputError::new(start, "is not JSON: a string does not end"));
            };
            at += plain;
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Text { raw: bytes.get(start + 1..at).unwrap_or_default(), start, saved });
                }
                Some(b'\\') => {
                    let Some((length, shorter)) = escape(bytes, at) else {
                        return Err(InputError::new(at, "is not JSON: an unknown escape in a string"));
                    };
                    at += length;
                    saved += shorter;
                }
                _ => return Err(InputError::new(at, "is not JSON: a control character in a string")),
            }
        }
    }
    /// Reads a number as it is written.
    pub(crate) fn number(&mut self) -> Result<&'a [u8]> {
        self.space();
        let start = self.at;
        self.accept(b'-');
        if !self.accept(b'0') {
            self.digits()?;
        }
        if self.accept(b'.') {
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            let _ = self.accept(b'+') || self.accept(b'-');
            self.digits()?;
        }
        Ok(self.bytes.get(start..self.at).unwrap_or_default())
    }
    /// Reads `true`, `false` or `null`.
    pub(crate) fn word(&mut self, word: &'static str) -> Result<()> {
        self.space();
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("is not JSON: expected a value"));
        }
        self.at += word.len();
        Ok(())
    }
    /// Passes over any value. Returns its bytes as compact JSON with strings unescaped: what a model can see of it.
    pub(crate) fn skip(&mut self) -> Result<u64> {
        let mut count = 0u64;
        match self.kind()? {
            Kind::Object => {
                self.object(|scan, key| {
                    count += key.decoded_len() + 4;
                    count += scan.skip()?;
                    Ok(())
                })?;
                count += 2;
            }
            Kind::Array => {
                self.array(|scan| {
                    count += scan.skip()? + 1;
                    Ok(())
                })?;
                count += 2;
            }
            Kind::String => count += self.string()?.decoded_len() + 2,
            Kind::Number => count += self.number()?.len().try_into().unwrap_or(u64::MAX),
            Kind::True => {
                self.word("true")?;
                count += 4;
            }
            Kind::False => {
                self.word("false")?;
                count += 5;
            }
            Kind::Null => {
                self.word("null")?;
                count += 4;
            }
        }
        Ok(count)
    }
    /// Passes over any value and tells where it stands.
    pub(crate) fn span(&mut self) -> Result<Span> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(Span { start, end: self.at })
    }
    /// Checks that nothing but space is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.space();
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(self.error("has more after its JSON value: expected the end")),
        }
    }
    /// An error at the place where the scanner stands.
    pub(crate) fn error(&self, message: impl Into<String>) -> InputError {
        InputError::new(self.at, message)
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }
    fn take(&mut self, byte: u8, otherwise: &'static str) -> Result<()> {
        if self.accept(byte) { Ok(()) } else { Err(self.error(otherwise)) }
    }
    fn open(&mut self, byte: u8) -> Result<()> {
        self.space();
        let otherwise = if byte == b'{' { "expected an object" } else { "expected an array" };
        self.take(byte, otherwise)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("nests deeper than {DEPTH_MAX} levels")));
        }
        self.space();
        Ok(())
    }
    fn close(&mut self, byte: u8) -> bool {
        let closed = self.accept(byte);
        if closed {
            self.depth = self.depth.saturating_sub(1);
        }
        closed
    }
    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start { Err(self.error("is not JSON: expected a digit")) } else { Ok(()) }
    }
}

/// The length of the escape at `at`, and by how many bytes it is longer than what it stands for.
#[inline]
fn escape(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some((2, 1)),
        // Three bytes of UTF-8 at most; half of a pair is two.
        b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => Some((6, 3)),
        _ => None,
    }
}

/// The bytes before the first quote, backslash or control character. `None` when there is no quote or backslash.
///
/// Most strings of a request end, or have an escape, within a line of text: those are read eight bytes at a time. What
/// is longer (base64) is left to vector instructions.
#[inline]
fn plain(rest: &[u8]) -> Option<usize> {
    const NEAR_WORDS: usize = 12;
    let (words, _) = rest.as_chunks::<8>();
    for (index, word) in words.iter().take(NEAR_WORDS).enumerate() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return Some(index * 8 + usize::try_from(stops.trailing_zeros()).unwrap_or(0) / 8);
        }
    }
    let near = words.len().min(NEAR_WORDS) * 8;
    let far = rest.get(near..)?;
    let stop = memchr2(b'"', b'\\', far)?;
    let passed = far.get(..stop)?;
    if passed.iter().fold(false, |any, byte| any | (*byte < 0x20)) {
        return passed.iter().position(|byte| *byte < 0x20).map(|at| near + at);
    }
    Some(near + stop)
}

/// A mask whose lowest set bit stands in the first byte that is a quote, a backslash or below a space.
const fn stops(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let quotes = zeros(word ^ (ONES * 0x22));
    let backslashes = zeros(word ^ (ONES * 0x5c));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & TOPS
}
