//! A push scanner for JSON: fed with pieces as they come, keeps no document, tells a [`Reader`] what stands at the
//! places it asked for.
//!
//! Invariants: memory is constant (nesting is a bit per level, captured words are cut at a limit); a piece boundary
//! anywhere changes nothing; a number or a word is told once it is whole, never in part; text is only counted.
//! The scanner takes every document that `serde_json` takes. It is laxer in strings: control characters and bytes that
//! are not UTF-8 pass, for the bytes are the client's to judge.

use super::limits::{NESTING_MAX, PLACES_MAX, WORD_BYTES_MAX};
use super::reader::{Reader, Scalar, Take};
use super::token::{Escape, Escaped, Number, Word};

/// What the next byte may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Value,
    ItemOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
    String,
    Number,
    Literal(&'static [u8]),
    Ended,
    Broken,
}

/// What the string being read is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Key,
    SkippedKey,
    Word,
    Text,
    Skip,
}

/// The scanner: state between two pieces.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<R: Reader> {
    state: State,
    role: Role,
    depth: u16,
    /// One bit per level: set for an object.
    objects: [u64; 4],
    places: [R::Place; PLACES_MAX],
    /// The place of the value that is read or comes next.
    at: R::Place,
    word: Word,
    escape: Escape,
    number: Number,
    counted: u64,
    /// The raw container being counted: its depth, its bytes so far.
    raw: Option<(u16, u64)>,
    literal: Option<bool>,
}

impl<R: Reader> Default for Scanner<R> {
    fn default() -> Self {
        Self {
            state: State::Value,
            role: Role::Skip,
            depth: 0,
            objects: [0; 4],
            places: [R::Place::default(); PLACES_MAX],
            at: R::ROOT,
            word: Word::default(),
            escape: Escape::default(),
            number: Number::default(),
            counted: 0,
            raw: None,
            literal: None,
        }
    }
}

impl<R: Reader> Scanner<R> {
    /// Reads one piece of the document; tells how many of its bytes stand behind a mistake and were not read.
    pub(crate) fn feed(&mut self, piece: &[u8], reader: &mut R) -> usize {
        let mut rest = piece;
        while let Some((&byte, tail)) = rest.split_first() {
            let before = rest.len();
            rest = match self.state {
                State::String => self.string(rest, reader),
                State::Number => self.digits(rest, reader),
                State::Literal(expected) => self.literal(byte, tail, expected, reader),
                State::Broken => break,
                State::Value
                | State::ItemOrEnd
                | State::KeyOrEnd
                | State::Key
                | State::Colon
                | State::CommaOrEnd
                | State::Ended => {
                    self.structure(byte, reader);
                    tail
                }
            };
            if let Some((_, bytes)) = &mut self.raw {
                *bytes = bytes.saturating_add(u64::try_from(before - rest.len()).unwrap_or(u64::MAX));
            }
        }
        self.tell_text(reader);
        rest.len()
    }

    /// The document ends here: whether it was whole. The scanner is ready for the next one.
    pub(crate) fn finish(&mut self, reader: &mut R) -> bool {
        if self.state == State::Number && self.depth == 0 {
            self.end_number(reader);
        }
        let whole = self.state == State::Ended;
        self.state = State::Value;
        self.depth = 0;
        self.at = R::ROOT;
        self.raw = None;
        self.word.clear();
        self.escape = Escape::default();
        whole
    }

    /// Whether something that is not JSON was met.
    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Whether the document's last byte was read.
    /// Whether a string is open.
    pub(crate) fn is_in_string(&self) -> bool {
        self.state == State::String
    }

    /// Whether the document's last byte was read.
    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    fn structure(&mut self, byte: u8, reader: &mut R) {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return;
        }
        match (self.state, byte) {
            (State::Value | State::ItemOrEnd, b'{') => self.open(true, reader),
            (State::Value | State::ItemOrEnd, b'[') => self.open(false, reader),
            (State::Value | State::ItemOrEnd, b'"') => {
                self.role = match R::take(self.at) {
                    Take::Nothing => Role::Skip,
                    Take::Scalar => Role::Word,
                    Take::Text | Take::Raw => Role::Text,
                };
                self.state = State::String;
            }
            (State::Value | State::ItemOrEnd, b'-' | b'0'..=b'9') => {
                self.number = Number::begin(byte);
                self.word.clear();
                if R::take(self.at) == Take::Scalar {
                    self.word.push(&[byte]);
                }
                self.state = State::Number;
            }
            (State::Value | State::ItemOrEnd, b't') => self.begin_literal(b"rue", Some(true)),
            (State::Value | State::ItemOrEnd, b'f') => self.begin_literal(b"alse", Some(false)),
            (State::Value | State::ItemOrEnd, b'n') => self.begin_literal(b"ull", None),
            (State::KeyOrEnd | State::Key, b'"') => {
                // Names matter only where the object's own place does.
                self.role = if self.place() == R::Place::default() { Role::SkippedKey } else { Role::Key };
                self.state = State::String;
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::ItemOrEnd, b']') | (State::KeyOrEnd, b'}') => self.close(reader),
            (State::CommaOrEnd, b',') if self.in_object() => self.state = State::Key,
            (State::CommaOrEnd, b',') => {
                self.at = R::item(self.place());
                self.state = State::Value;
            }
            (State::CommaOrEnd, b'}') if self.in_object() => self.close(reader),
            (State::CommaOrEnd, b']') if !self.in_object() => self.close(reader),
            _ => self.state = State::Broken,
        }
    }

    fn open(&mut self, object: bool, reader: &mut R) {
        if self.depth >= NESTING_MAX {
            self.state = State::Broken;
            return;
        }
        if let Some(bits) = self.objects.get_mut(usize::from(self.depth / 64)) {
            let bit = 1u64 << (self.depth % 64);
            if object { *bits |= bit } else { *bits &= !bit }
        }
        if let Some(place) = self.places.get_mut(usize::from(self.depth)) {
            *place = self.at;
        }
        if R::take(self.at) == Take::Raw && self.raw.is_none() {
            self.raw = Some((self.depth, 0));
        }
        self.depth += 1;
        if self.at != R::Place::default() {
            reader.begin(self.at);
        }
        if object {
            self.state = State::KeyOrEnd;
        } else {
            self.at = R::item(self.place());
            self.state = State::ItemOrEnd;
        }
    }

    fn close(&mut self, reader: &mut R) {
        let at = self.place();
        self.depth = self.depth.saturating_sub(1);
        if let Some((depth, bytes)) = self.raw
            && depth == self.depth
        {
            self.raw = None;
            reader.text(at, bytes.saturating_add(1));
        }
        if at != R::Place::default() {
            reader.end(at);
        }
        self.value_ended();
    }

    fn value_ended(&mut self) {
        self.state = if self.depth == 0 { State::Ended } else { State::CommaOrEnd };
    }

    /// The place of the innermost open container.
    fn place(&self) -> R::Place {
        let level = usize::from(self.depth).wrapping_sub(1);
        self.places.get(level).copied().unwrap_or_default()
    }

    fn in_object(&self) -> bool {
        let level = self.depth.saturating_sub(1);
        self.objects.get(usize::from(level / 64)).is_some_and(|bits| bits & (1 << (level % 64)) != 0)
    }

    fn begin_literal(&mut self, rest: &'static [u8], value: Option<bool>) {
        self.literal = value;
        self.state = State::Literal(rest);
    }

    fn literal<'a>(&mut self, byte: u8, tail: &'a [u8], expected: &'static [u8], reader: &mut R) -> &'a [u8] {
        match expected.split_first() {
            Some((&first, rest)) if first == byte => {
                if rest.is_empty() {
                    if R::take(self.at) == Take::Scalar {
                        reader.scalar(self.at, self.literal.map_or(Scalar::Null, Scalar::Flag));
                    }
                    self.value_ended();
                } else {
                    self.state = State::Literal(rest);
                }
            }
            _ => self.state = State::Broken,
        }
        tail
    }

    fn digits<'a>(&mut self, rest: &'a [u8], reader: &mut R) -> &'a [u8] {
        let length = self.number.run(rest);
        let (part, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if R::take(self.at) == Take::Scalar {
            self.word.push(part);
        }
        if !rest.is_empty() {
            self.end_number(reader);
        }
        rest
    }

    fn end_number(&mut self, reader: &mut R) {
        if !self.number.is_whole() {
            self.state = State::Broken;
            return;
        }
        if R::take(self.at) == Take::Scalar {
            reader.scalar(self.at, Scalar::Number(self.word.number()));
        }
        self.word.clear();
        self.value_ended();
    }

    fn string<'a>(&mut self, rest: &'a [u8], reader: &mut R) -> &'a [u8] {
        if self.escape.is_open() {
            let Some((&byte, tail)) = rest.split_first() else { return rest };
            match self.escape.feed(byte) {
                Escaped::More => {}
                Escaped::Char(c) => self.absorb_char(c, reader),
                Escaped::Bad => self.state = State::Broken,
            }
            return tail;
        }
        let Some(stop) = memchr::memchr2(b'"', b'\\', rest) else {
            self.absorb(rest, reader);
            return &[];
        };
        let (part, from) = rest.split_at_checked(stop).unwrap_or((rest, &[]));
        let Some((&byte, tail)) = from.split_first() else { return from };
        if byte == b'\\' {
            self.absorb(part, reader);
            self.escape.open();
        } else {
            self.end_string(part, reader);
        }
        tail
    }

    fn absorb(&mut self, part: &[u8], reader: &mut R) {
        if !part.is_empty() {
            self.escape.forget_half();
        }
        match self.role {
            Role::Key | Role::Word => self.word.push(part),
            Role::Text => self.count(part, reader),
            Role::SkippedKey | Role::Skip => {}
        }
    }

    fn absorb_char(&mut self, c: char, reader: &mut R) {
        match self.role {
            Role::Key | Role::Word => self.word.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Role::Text => self.count(c.encode_utf8(&mut [0; 4]).as_bytes(), reader),
            Role::SkippedKey | Role::Skip => {}
        }
    }

    fn count(&mut self, part: &[u8], reader: &mut R) {
        reader.hear(self.at, part);
        self.counted = self.counted.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
    }

    fn tell_text(&mut self, reader: &mut R) {
        if self.counted > 0 {
            reader.text(self.at, self.counted);
            self.counted = 0;
        }
    }

    /// The string ends with `part`, which is the whole of it when nothing was kept before.
    fn end_string(&mut self, part: &[u8], reader: &mut R) {
        self.escape.forget_half();
        let untouched = self.word.is_empty() && part.len() <= WORD_BYTES_MAX;
        match self.role {
            Role::Key => {
                self.at = if untouched {
                    R::member(self.place(), part)
                } else {
                    self.word.push(part);
                    let name = if self.word.is_cut() { &[] } else { self.word.bytes() };
                    R::member(self.place(), name)
                };
                self.word.clear();
                self.state = State::Colon;
            }
            Role::SkippedKey => {
                self.at = R::Place::default();
                self.state = State::Colon;
            }
            Role::Word => {
                if untouched {
                    reader.scalar(self.at, Scalar::Word(String::from_utf8_lossy(part)));
                } else {
                    self.word.push(part);
                    reader.scalar(self.at, Scalar::Word(self.word.text()));
                }
                self.word.clear();
                self.value_ended();
            }
            Role::Text => {
                self.count(part, reader);
                self.tell_text(reader);
                self.value_ended();
            }
            Role::Skip => self.value_ended(),
        }
    }
}

#[cfg(test)]
mod tests;
