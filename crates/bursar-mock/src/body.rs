//! An answer on its way: whole, or in pieces with a pace, and with whatever is to go wrong at a byte.

use crate::answer::Answer;
use crate::behaviour::{Billed, Fault};
use crate::dialect;
use crate::io::Switch;
use crate::json::Out;
use crate::limits::{COALESCE_BYTES, CUT_PAUSE};
use crate::ticket::Ticket;
use crate::zip::Zip;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Duration, Sleep};

/// The body of any answer of the mock.
pub(crate) enum MockBody {
    Whole(Option<Bytes>),
    Pieces(Box<Pieces>),
}

/// Why a body ends without its end: the script says so.
#[derive(Debug, thiserror::Error)]
#[error("the script breaks the connection here")]
pub(crate) struct Broken;

/// A body in pieces.
pub(crate) struct Pieces {
    pub(crate) source: Source,
    pub(crate) ticket: Ticket,
    /// Wait between pieces.
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
    pub(crate) billed: Option<Billed>,
    /// The answer is compressed.
    pub(crate) zip: Option<Zip>,
    switch: Arc<Switch>,
    timer: Option<Pin<Box<Sleep>>>,
    sent: u64,
    end: Option<End>,
}

/// Where the pieces come from.
pub(crate) enum Source {
    /// Bytes that stand already, in pieces of `split` bytes (0: all at once).
    Fixed { rest: Bytes, split: usize },
    /// A stream, written as it goes.
    Stream { answer: Box<Answer>, out: Out, next: Next, chunk: u64 },
}

/// What of a stream comes next.
pub(crate) enum Next {
    Head,
    /// The visible token of that number, and what follows.
    Token(u64),
    Nothing,
}

/// What happens after the piece that was given last.
#[derive(Clone, Copy)]
enum End {
    Proper,
    Break,
    Reset,
    Stall,
}

impl Pieces {
    pub(crate) fn new(source: Source, ticket: Ticket, switch: Arc<Switch>) -> Self {
        Self {
            source,
            ticket,
            delay: Duration::ZERO,
            fault: None,
            billed: None,
            zip: None,
            switch,
            timer: None,
            sent: 0,
            end: None,
        }
    }
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        if let Some(timer) = &mut self.timer {
            std::task::ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        match self.end {
            Some(End::Proper) => return Poll::Ready(None),
            Some(End::Break) => return Poll::Ready(Some(Err(Broken))),
            Some(End::Reset) => {
                self.switch.reset();
                return Poll::Ready(Some(Err(Broken)));
            }
            // The client or shutdown drops this body.
            Some(End::Stall) => return Poll::Pending,
            None => {}
        }
        let (piece, made, last) = self.source.piece(self.delay.is_zero());
        self.ticket.made(made);
        let (piece, end) = self.spoil(piece, last);
        self.sent += u64::try_from(piece.len()).unwrap_or(0);
        self.end = end;
        match end {
            // So that the last byte leaves before the connection breaks.
            Some(End::Break | End::Reset) => self.timer = Some(Box::pin(tokio::time::sleep(CUT_PAUSE))),
            Some(End::Proper | End::Stall) => {}
            None if !self.delay.is_zero() => self.timer = Some(Box::pin(tokio::time::sleep(self.delay))),
            None => {}
        }
        let piece = match &mut self.zip {
            Some(zip) => zip.piece(&piece, matches!(end, Some(End::Proper))),
            None => piece,
        };
        if piece.is_empty() && end.is_some() {
            return self.poll_piece(cx);
        }
        Poll::Ready(Some(Ok(piece)))
    }
    /// Applies the fault to a piece; says what comes after it, and bills where that is an end.
    fn spoil(&mut self, piece: Bytes, last: bool) -> (Bytes, Option<End>) {
        // How much of the piece lies before byte `at`.
        let before = |at: u64| usize::try_from(at.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        let reached = |at: u64| before(at) <= piece.len();
        match self.fault {
            Some(Fault::Cut(at)) if reached(at) => {
                self.ticket.fail_here(self.billed);
                (piece.slice(..before(at)), Some(End::Break))
            }
            Some(Fault::ResetAt(at)) if reached(at) => {
                self.ticket.fail_here(self.billed);
                (piece.slice(..before(at)), Some(End::Reset))
            }
            Some(Fault::Truncate(at)) if reached(at) => {
                self.ticket.fail_here(self.billed);
                (piece.slice(..before(at)), Some(End::Proper))
            }
            Some(Fault::StallAt(at)) if reached(at) => (piece.slice(..before(at)), Some(End::Stall)),
            Some(Fault::ErrorEvent(at)) if reached(at) => {
                let mut out = Out::default();
                out.bytes.extend_from_slice(&piece);
                if let Source::Stream { answer, .. } = &self.source {
                    dialect::error::event(answer.format, "the script ends this stream in an error", &mut out);
                }
                self.ticket.fail_here(self.billed);
                (out.take(), Some(End::Proper))
            }
            // The server would drop what it has not sent yet once it sees that the length is wrong.
            Some(Fault::LongLength) if last => (piece, self.done(last).map(|_| End::Break)),
            Some(Fault::GarbageAt(at)) if reached(at) => {
                let mut bytes = piece.to_vec();
                bytes.iter_mut().skip(before(at)).for_each(|byte| *byte = b'#');
                (bytes.into(), self.done(last))
            }
            _ => (piece, self.done(last)),
        }
    }
    fn done(&mut self, last: bool) -> Option<End> {
        if !last {
            return None;
        }
        let spoilt = matches!(self.fault, Some(Fault::GarbageAt(_) | Fault::LongLength | Fault::ShortLength));
        match self.billed.filter(|_| spoilt) {
            Some(billed) => self.ticket.fail(billed),
            None => self.ticket.close(),
        }
        Some(End::Proper)
    }
}

impl Source {
    /// The next piece, the output tokens of all choices that are out with it, and whether it is the last.
    fn piece(&mut self, coalesce: bool) -> (Bytes, u64, bool) {
        match self {
            Self::Fixed { rest, split } => {
                let size = if *split == 0 { rest.len() } else { rest.len().min(*split) };
                let piece = rest.split_to(size);
                (piece, 0, rest.is_empty())
            }
            Self::Stream { answer, out, next, chunk } => {
                let mut made = 0;
                loop {
                    step(answer, out, next, *chunk);
                    made = made.max(match next {
                        Next::Head => 0,
                        Next::Token(token) => answer.made(*token),
                        Next::Nothing => answer.tally.output,
                    });
                    let last = matches!(next, Next::Nothing);
                    if last || (out.bytes.len() >= COALESCE_BYTES || !coalesce) && !out.bytes.is_empty() {
                        return (out.take(), made, last);
                    }
                }
            }
        }
    }
}

fn step(answer: &Answer, out: &mut Out, next: &mut Next, chunk: u64) {
    *next = match *next {
        Next::Head => {
            dialect::head(answer, out);
            Next::Token(0)
        }
        Next::Token(from) if from < answer.text_tokens() => {
            let upto = from.saturating_add(chunk).min(answer.text_tokens());
            dialect::delta(answer, from, upto, out);
            Next::Token(upto)
        }
        Next::Token(_) | Next::Nothing => {
            dialect::tail(answer, out);
            Next::Nothing
        }
    };
}

impl Body for MockBody {
    type Data = Bytes;
    type Error = Broken;
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Pieces(_) => false,
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                let len = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(len).unwrap_or(0))
            }
            // Unknown also where it is known: a wrong `Content-Length` must be allowed to stand.
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
