//! The three tokens of JSON that a piece boundary may cut: a captured word, an escape, a number.

use super::limits::WORD_BYTES_MAX;
use std::borrow::Cow;

/// A captured string or number text, cut at the limit.
#[derive(Clone, Default, Debug)]
pub(crate) struct Word {
    bytes: Vec<u8>,
    cut: bool,
}

impl Word {
    pub(crate) fn push(&mut self, part: &[u8]) {
        let room = WORD_BYTES_MAX.saturating_sub(self.bytes.len());
        self.cut |= part.len() > room;
        self.bytes.extend(part.iter().take(room));
    }
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// As text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
    /// The text of a number; empty when it was cut, for half a number is another number.
    pub(crate) fn number(&self) -> &str {
        if self.cut { "" } else { std::str::from_utf8(&self.bytes).unwrap_or("") }
    }
}

/// What one more byte made of an escape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Escaped {
    /// It goes on, or it was the first half of a surrogate pair.
    More,
    /// A character.
    Char(char),
    /// Not an escape of JSON.
    Bad,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum EscapeState {
    #[default]
    Closed,
    Letter,
    Hex {
        left: u8,
        unit: u32,
    },
}

/// An escape in a string, from its backslash on.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Escape {
    state: EscapeState,
    /// The first half of a surrogate pair, waiting for the second.
    high: Option<u32>,
}

impl Escape {
    pub(crate) fn is_open(&self) -> bool {
        self.state != EscapeState::Closed
    }
    pub(crate) fn open(&mut self) {
        self.state = EscapeState::Letter;
    }
    /// Plain bytes follow, or the string ends: half a surrogate pair stays alone and counts for nothing.
    pub(crate) fn forget_half(&mut self) {
        self.high = None;
    }
    pub(crate) fn feed(&mut self, byte: u8) -> Escaped {
        match self.state {
            EscapeState::Closed => Escaped::Bad,
            EscapeState::Letter => {
                self.state = EscapeState::Closed;
                let c = match byte {
                    b'"' => '"',
                    b'\\' => '\\',
                    b'/' => '/',
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => {
                        self.state = EscapeState::Hex { left: 4, unit: 0 };
                        return Escaped::More;
                    }
                    _ => return Escaped::Bad,
                };
                self.high = None;
                Escaped::Char(c)
            }
            EscapeState::Hex { left, unit } => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    return Escaped::Bad;
                };
                let unit = unit << 4 | digit;
                if left > 1 {
                    self.state = EscapeState::Hex { left: left - 1, unit };
                    return Escaped::More;
                }
                self.state = EscapeState::Closed;
                self.unit(unit)
            }
        }
    }

    /// A whole UTF-16 unit.
    fn unit(&mut self, unit: u32) -> Escaped {
        let high = self.high.take();
        match (high, unit) {
            (_, 0xD800..=0xDBFF) => {
                self.high = Some(unit);
                Escaped::More
            }
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((high & 0x3FF) << 10 | unit & 0x3FF);
                Escaped::Char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            (_, unit) => Escaped::Char(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
}

/// How far into a number of JSON's grammar the bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Number {
    #[default]
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// A number that begins with this byte: `-` or a digit.
    pub(crate) fn begin(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Whole,
        }
    }
    /// Reads on; how many bytes belong to the number.
    pub(crate) fn run(&mut self, bytes: &[u8]) -> usize {
        let mut length = 0;
        for byte in bytes {
            let next = match (*self, byte) {
                (Self::Minus, b'0') => Self::Zero,
                (Self::Minus | Self::Whole, b'0'..=b'9') => Self::Whole,
                (Self::Zero | Self::Whole, b'.') => Self::Point,
                (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
                (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
                (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
                (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                    Self::ExponentDigits
                }
                _ => break,
            };
            *self = next;
            length += 1;
        }
        length
    }
    /// Whether it may end here.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits)
    }
}
