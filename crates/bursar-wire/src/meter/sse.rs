//! A push framer for server-sent events: tells the parts of lines as they come and keeps none of them.
//!
//! By the standard (HTML living standard, section 9.2): lines end with LF, CRLF or CR; a BOM at the start is skipped;
//! a line that begins with a colon is a comment; `data` lines of one event are joined by a newline; a blank line ends
//! the event. Only the kind of the current line is remembered between two pieces.

/// A part of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part<'a> {
    /// A part of the value of a `data` line.
    Data(&'a [u8]),
    /// A further `data` line begins: the standard joins it by a newline.
    Newline,
    /// An `event` line begins: its value replaces a former one.
    NameLine,
    /// A part of the value of an `event` line.
    Name(&'a [u8]),
    /// A comment line ended.
    Comment,
    /// A line of another field ended: an id, a retry time.
    Other,
    /// The blank line: the event ends.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Data,
    Name,
    Comment,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// In a line's field name.
    Field,
    /// Behind the colon, where one space is skipped.
    Space(Field),
    Value(Field),
}

/// A field's name up to the longest that is known, behind a BOM.
const FIELD_BYTES: usize = 8;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The framer: what it remembers between two pieces.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    state: State,
    field: [u8; FIELD_BYTES],
    length: usize,
    after_cr: bool,
    first_line: bool,
    /// `data` lines of the current event so far.
    data_lines: bool,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            state: State::Field,
            field: [0; FIELD_BYTES],
            length: 0,
            after_cr: false,
            first_line: true,
            data_lines: false,
        }
    }
}

impl Events {
    /// The next part in `rest`, which shrinks by what was read. `None`: all was read.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Part<'a>> {
        while let Some((&byte, tail)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                *rest = tail;
                continue;
            }
            match self.state {
                State::Field => {
                    *rest = tail;
                    match byte {
                        b'\n' | b'\r' => {
                            self.after_cr = byte == b'\r';
                            if let Some(part) = self.end_bare_line() {
                                return Some(part);
                            }
                        }
                        b':' => {
                            let field = self.known_field();
                            self.state = State::Space(field);
                            if let Some(part) = self.begin_value(field) {
                                return Some(part);
                            }
                        }
                        _ => {
                            if let Some(place) = self.field.get_mut(self.length) {
                                *place = byte;
                            }
                            self.length = self.length.saturating_add(1);
                        }
                    }
                }
                State::Space(field) => {
                    self.state = State::Value(field);
                    if byte == b' ' {
                        *rest = tail;
                    }
                }
                State::Value(field) => {
                    if byte == b'\n' || byte == b'\r' {
                        *rest = tail;
                        self.after_cr = byte == b'\r';
                        self.begin_line();
                        match field {
                            Field::Comment => return Some(Part::Comment),
                            Field::Other => return Some(Part::Other),
                            Field::Data | Field::Name => continue,
                        }
                    }
                    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    let (value, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                    *rest = after;
                    match field {
                        Field::Data => return Some(Part::Data(value)),
                        Field::Name => return Some(Part::Name(value)),
                        Field::Comment | Field::Other => {}
                    }
                }
            }
        }
        None
    }

    fn begin_line(&mut self) {
        self.state = State::Field;
        self.length = 0;
        self.first_line = false;
    }

    /// A line without a colon ended: blank, or a field name alone, which is a field with an empty value.
    fn end_bare_line<'a>(&mut self) -> Option<Part<'a>> {
        let blank = self.name().is_empty();
        let field = self.known_field();
        self.begin_line();
        if blank {
            self.data_lines = false;
            return Some(Part::End);
        }
        self.begin_value(field).or((field == Field::Other).then_some(Part::Other))
    }

    fn begin_value<'a>(&mut self, field: Field) -> Option<Part<'a>> {
        match field {
            Field::Data => std::mem::replace(&mut self.data_lines, true).then_some(Part::Newline),
            Field::Name => Some(Part::NameLine),
            Field::Comment | Field::Other => None,
        }
    }

    fn name(&self) -> &[u8] {
        // A longer name is none of ours: any eight bytes that match nothing will do.
        let name = self.field.get(..self.length).unwrap_or(b"unknown!");
        if self.first_line { name.strip_prefix(BOM).unwrap_or(name) } else { name }
    }

    fn known_field(&self) -> Field {
        match self.name() {
            b"data" => Field::Data,
            b"event" => Field::Name,
            b"" => Field::Comment,
            _ => Field::Other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
