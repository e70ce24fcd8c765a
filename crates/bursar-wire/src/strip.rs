//! Takes the usage chunk out of a stream again where Bursar asked for it and the client did not.
//!
//! Removed is exactly an event whose chunk has an empty `choices` and a `usage` object, as OpenAI sends it last. Every
//! other byte passes, in any split: a first chunk with empty `choices` and no usage (Azure), usage beside a choice
//! (DeepSeek, Mistral, OpenRouter), comments, `[DONE]`. An event is held back only until it shows a choice, at most
//! [`EVENT_BYTES_MAX`].

use crate::meter::reader::{Reader, Scalar, Take};
use crate::meter::scan::Scanner;
use crate::meter::sse::{Events, Part};
use bursar_core::limits::EVENT_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// What to send on for one piece: mostly the piece itself.
pub type Pieces = SmallVec<[Bytes; 2]>;

/// Passes an OpenAI chat or completions stream on without the usage chunk.
#[derive(Clone, Debug, Default)]
pub struct UsageStripper {
    events: Events,
    scanner: Scanner<Chunk>,
    chunk: Chunk,
    /// The beginning of the current event, from earlier pieces.
    held: BytesMut,
    /// The current event passes, whatever follows.
    passes: bool,
    /// The current event has a line with a value.
    has_value: bool,
    /// The last event ended with a CR at the end of a piece: a LF that follows shares its fate.
    line_feed: Option<Fate>,
    stripped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Passes,
    Goes,
}

impl UsageStripper {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a usage chunk was taken out.
    #[must_use]
    pub fn has_stripped(&self) -> bool {
        self.stripped
    }

    /// Takes the next piece of the body; returns what to send on now.
    pub fn feed(&mut self, piece: &Bytes) -> Pieces {
        let mut out = Pieces::new();
        // What lies before `from` is given out or gone; the current event begins at `event`.
        let (mut from, mut event) = (0, 0);
        if let (Some(fate), Some(b'\n')) = (self.line_feed, piece.first()) {
            event = 1;
            from = usize::from(fate == Fate::Goes);
        }
        if !piece.is_empty() {
            self.line_feed = None;
        }
        let mut rest: &[u8] = piece;
        while let Some(part) = self.events.next(&mut rest) {
            match part {
                Part::Data(data) => {
                    self.has_value = true;
                    self.scan(data);
                }
                Part::Newline => self.scan(b"\n"),
                Part::NameLine | Part::Name(_) | Part::Other => self.has_value = true,
                // A comment before the event (a heartbeat) passes at once.
                Part::Comment if !self.has_value => {
                    self.release(&mut out);
                    event = self.line_end(piece, rest, Fate::Passes);
                }
                Part::Comment => {}
                Part::End => {
                    let fate = self.end_event();
                    let end = self.line_end(piece, rest, fate);
                    match fate {
                        Fate::Passes => self.release(&mut out),
                        Fate::Goes => {
                            self.held.clear();
                            give(&mut out, piece, from, event);
                            from = end;
                        }
                    }
                    event = end;
                }
            }
        }
        self.pass_or_hold(piece, from, event, &mut out);
        out
    }

    /// The body ended: returns what is still held.
    #[must_use]
    pub fn finish(mut self) -> Pieces {
        let mut out = Pieces::new();
        if self.end_event() == Fate::Passes {
            self.release(&mut out);
        }
        out
    }

    /// Where the line that just ended ends, with the LF behind its CR. That LF may come with the next piece.
    fn line_end(&mut self, piece: &[u8], rest: &[u8], fate: Fate) -> usize {
        let end = piece.len().saturating_sub(rest.len());
        let after_cr = end.checked_sub(1).and_then(|last| piece.get(last)) == Some(&b'\r');
        match rest.first() {
            Some(b'\n') if after_cr => end + 1,
            None if after_cr => {
                self.line_feed = Some(fate);
                end
            }
            Some(_) | None => end,
        }
    }

    fn scan(&mut self, data: &[u8]) {
        if !self.passes {
            self.scanner.feed(data, &mut self.chunk);
            self.passes = self.chunk.has_choice || self.scanner.is_broken();
        }
    }

    fn end_event(&mut self) -> Fate {
        let whole = self.scanner.finish(&mut self.chunk);
        let chunk = std::mem::take(&mut self.chunk);
        let passes = std::mem::take(&mut self.passes);
        self.has_value = false;
        if !passes && whole && chunk.is_usage_only() {
            self.stripped = true;
            Fate::Goes
        } else {
            Fate::Passes
        }
    }

    /// Gives out what is held.
    fn release(&mut self, out: &mut Pieces) {
        if !self.held.is_empty() {
            out.push(std::mem::take(&mut self.held).freeze());
        }
    }

    /// At the end of a piece: an event that may still go is held back.
    fn pass_or_hold(&mut self, piece: &Bytes, from: usize, event: usize, out: &mut Pieces) {
        let tail = piece.len().saturating_sub(event);
        if self.held.len().saturating_add(tail) > EVENT_BYTES_MAX {
            self.passes = true;
        }
        if self.passes {
            self.release(out);
            give(out, piece, from, piece.len());
            return;
        }
        give(out, piece, from, event);
        self.held.extend_from_slice(piece.get(event..).unwrap_or_default());
    }
}

fn give(out: &mut Pieces, piece: &Bytes, from: usize, to: usize) {
    if from < to {
        out.push(if from == 0 && to == piece.len() { piece.clone() } else { piece.slice(from..to) });
    }
}

/// What decides: whether a chunk has choices, whether it has usage.
#[derive(Clone, Copy, Default, Debug)]
struct Chunk {
    has_choices: bool,
    has_choice: bool,
    has_usage: bool,
    has_error: bool,
}

impl Chunk {
    fn is_usage_only(self) -> bool {
        self.has_choices && !self.has_choice && self.has_usage && !self.has_error
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Place {
    #[default]
    Elsewhere,
    Root,
    Choices,
    Choice,
    Usage,
    Error,
}

impl Reader for Chunk {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Root, b"choices") => Place::Choices,
            (Place::Root, b"usage") => Place::Usage,
            (Place::Root, b"error") => Place::Error,
            _ => Place::Elsewhere,
        }
    }
    fn item(at: Place) -> Place {
        if at == Place::Choices { Place::Choice } else { Place::Elsewhere }
    }
    fn take(at: Place) -> Take {
        match at {
            Place::Choice | Place::Error => Take::Scalar,
            Place::Elsewhere | Place::Root | Place::Choices | Place::Usage => Take::Nothing,
        }
    }
    fn begin(&mut self, at: Place) {
        match at {
            Place::Choices => self.has_choices = true,
            Place::Choice => self.has_choice = true,
            Place::Usage => self.has_usage = true,
            Place::Error => self.has_error = true,
            Place::Elsewhere | Place::Root => {}
        }
    }
    fn end(&mut self, _at: Place) {}
    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        match at {
            Place::Choice => self.has_choice = true,
            Place::Error => self.has_error |= value != Scalar::Null,
            Place::Elsewhere | Place::Root | Place::Choices | Place::Usage => {}
        }
    }
    fn text(&mut self, _at: Place, _bytes: u64) {}
}

#[cfg(test)]
mod tests;
