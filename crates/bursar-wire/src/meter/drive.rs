//! Brings the pieces of a body through framing and scanner to the reader of its format.

use super::answer::Answer;
use super::reader::Reader;
use super::reading::{Anomaly, Reading};
use super::scan::Scanner;
use super::sse::{Events, Part};
use super::{BodyKind, Progress};

/// What a reader adds to be driven.
pub(crate) trait Format: Reader {
    /// The common part.
    fn answer(&self) -> &Answer;
    /// The common part, to be written.
    fn answer_mut(&mut self) -> &mut Answer;
    /// The stream's `[DONE]`.
    fn done(&mut self);
    /// One event of a stream is whole.
    fn event_ended(&mut self);
    /// The output tokens stated so far.
    fn output_so_far(&self) -> Option<u64>;
    /// The result. `whole`: the last document ended and the framing was right.
    fn reading(self, body_bytes: u64, whole: bool) -> Reading;
}

/// How the body is cut into documents.
#[derive(Clone, Debug)]
enum Framing {
    /// Events until the first byte says otherwise.
    Sse(Events),
    Json,
    JsonLines,
}

/// The start of an event's data or name, to recognise `[DONE]` and `error` by.
#[derive(Clone, Copy, Default, Debug)]
struct Head {
    bytes: [u8; 8],
    length: usize,
}

impl Head {
    fn push(&mut self, part: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(part) {
            *place = *byte;
        }
        self.length = self.length.saturating_add(part.len());
    }
    fn is(&self, word: &[u8]) -> bool {
        self.bytes.get(..self.length).is_some_and(|bytes| bytes.trim_ascii() == word)
    }
}

/// One body on its way.
#[derive(Clone, Debug)]
pub(crate) struct Drive<R: Format> {
    framing: Framing,
    scanner: Scanner<R>,
    reader: R,
    data: Head,
    name: Head,
    begun: bool,
    /// A document is begun and not yet ended.
    open: bool,
    broken: bool,
    /// A line that belongs in a stream was met.
    recognised: bool,
    body_bytes: u64,
    /// Bytes behind a mistake in a document, of those that have ended.
    unread_bytes: u64,
    /// The same of the document that is read.
    unread_here: u64,
}

impl<R: Format> Drive<R> {
    pub(crate) fn new(kind: BodyKind, reader: R) -> Self {
        let framing = match kind {
            BodyKind::Sse => Framing::Sse(Events::default()),
            BodyKind::Json => Framing::Json,
            BodyKind::JsonLines => Framing::JsonLines,
        };
        Self {
            framing,
            scanner: Scanner::default(),
            reader,
            data: Head::default(),
            name: Head::default(),
            begun: false,
            open: false,
            broken: false,
            recognised: false,
            body_bytes: 0,
            unread_bytes: 0,
            unread_here: 0,
        }
    }

    pub(crate) fn answer_mut(&mut self) -> &mut Answer {
        self.reader.answer_mut()
    }

    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.body_bytes = self.body_bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        let piece = if self.begun { piece } else { self.begin(piece) };
        match &mut self.framing {
            Framing::Sse(_) => self.feed_events(piece),
            Framing::Json => {
                self.scan(piece);
                self.open |= !piece.trim_ascii().is_empty();
            }
            Framing::JsonLines => self.feed_lines(piece),
        }
    }

    /// The first byte that is not space: a stream that begins like JSON is none (an error body, Gemini's array).
    fn begin<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let trimmed = piece.trim_ascii_start();
        if let Some(first) = trimmed.first() {
            self.begun = true;
            if matches!(first, b'{' | b'[') && matches!(self.framing, Framing::Sse(_)) {
                self.framing = Framing::Json;
                return trimmed;
            }
        }
        piece
    }

    fn feed_events(&mut self, piece: &[u8]) {
        let mut rest = piece;
        loop {
            let Framing::Sse(events) = &mut self.framing else { return };
            let Some(part) = events.next(&mut rest) else { return };
            match part {
                Part::Data(part) => {
                    self.data.push(part);
                    (self.open, self.recognised) = (true, true);
                    self.scan(part);
                }
                Part::Newline => {
                    self.data.push(b"\n");
                    self.scanner.feed(b"\n", &mut self.reader);
                }
                Part::NameLine => {
                    self.name = Head::default();
                    self.recognised = true;
                }
                Part::Name(part) => self.name.push(part),
                Part::Comment => self.recognised = true,
                Part::Other => {}
                Part::End => self.end_event(),
            }
        }
    }

    /// Reads a part of a document.
    fn scan(&mut self, part: &[u8]) {
        let unread = self.scanner.feed(part, &mut self.reader);
        self.unread_here = self.unread_here.saturating_add(u64::try_from(unread).unwrap_or(u64::MAX));
    }

    /// A document ended in which so much could not be read.
    fn leave_unread(&mut self, bytes: u64) {
        self.unread_bytes = self.unread_bytes.saturating_add(bytes);
    }

    fn end_event(&mut self) {
        let (data, name) = (std::mem::take(&mut self.data), std::mem::take(&mut self.name));
        let unread = std::mem::take(&mut self.unread_here);
        if name.is(b"error") {
            self.reader.answer_mut().mark_error();
        }
        if !std::mem::take(&mut self.open) {
            return;
        }
        let whole = self.scanner.finish(&mut self.reader);
        if data.is(b"[DONE]") {
            self.reader.done();
        } else if whole {
            self.reader.event_ended();
        } else {
            self.leave_unread(unread);
            self.broken = true;
        }
    }

    fn feed_lines(&mut self, piece: &[u8]) {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, newline) = line.strip_suffix(b"\n").map_or((line, false), |text| (text, true));
            self.scan(text);
            self.open |= !text.trim_ascii().is_empty();
            if !newline || !self.open {
                continue;
            }
            // A newline cannot stand inside of a string: there the line was cut, and the next one is read anew.
            if self.scanner.is_in_string() || self.scanner.is_broken() {
                self.end_document();
                continue;
            }
            self.scanner.feed(b"\n", &mut self.reader);
            if self.scanner.is_ended() || self.scanner.is_broken() {
                self.end_document();
            }
        }
    }

    fn end_document(&mut self) {
        self.open = false;
        let unread = std::mem::take(&mut self.unread_here);
        self.leave_unread(unread);
        if self.scanner.finish(&mut self.reader) {
            self.reader.event_ended();
        } else {
            self.broken = true;
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let answer = self.reader.answer();
        Progress {
            body_bytes: self.body_bytes,
            text_bytes: answer.text_bytes,
            media_bytes: answer.media_bytes,
            output_tokens: self.reader.output_so_far(),
            ended: answer.ended,
        }
    }

    pub(crate) fn finish(mut self) -> Reading {
        let whole = match &self.framing {
            Framing::Sse(_) => {
                // The last event needs no blank line where the connection's end stands for it.
                self.end_event();
                !self.broken && (self.recognised || !self.begun)
            }
            Framing::Json => self.scanner.finish(&mut self.reader),
            Framing::JsonLines => {
                if self.open {
                    self.end_document();
                }
                !self.broken
            }
        };
        if !whole {
            self.reader.answer_mut().anomalies.note(Anomaly::Malformed);
        }
        let unread_bytes = self.unread_bytes.saturating_add(self.unread_here);
        Reading { unread_bytes, ..self.reader.reading(self.body_bytes, whole) }
    }
}
