//! A governed answer on its way to the client: each chunk is metered as it passes; the end, whatever it is, settles.

use crate::body::BrokenAnswer;
use crate::capture;
use crate::finale::Finale;
use crate::heartbeat::Heartbeat;
use crate::limits::{BEHIND, READ_ON, READ_ON_PAUSE};
use crate::upstream_body::UpstreamBody;
use bursar_core::{Refusal, RequestId};
use bursar_govern::Governor;
use bursar_govern::directory::Timeouts;
use bursar_govern::hold::KeptAhead;
use bursar_govern::idempotency::Place;
use bursar_govern::kill::{Cut, CutBy};
use bursar_govern::reservation::{BrokenBy, Sent};
use bursar_govern::story::Status;
use bursar_wire::strip::Pieces;
use bursar_wire::{Meter, UsageStripper};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;

/// What the record says of an answer that its hold did not suffice for.
const SHORT: &str = "the answer was ended because no more of it could be held";

/// The answer, its meter, and the reservation that it will settle.
pub struct GovernedStream {
    /// Dropped, which cancels it, when the answer is cut.
    upstream: Option<UpstreamBody>,
    /// Chunks that were read and not metered yet.
    ahead: VecDeque<Bytes>,
    /// Pieces for the client.
    out: VecDeque<Bytes>,
    /// How long to wait for the next chunk.
    idle: Duration,
    last_chunk: Instant,
    heartbeat: Heartbeat,
    alarm: Pin<Box<Sleep>>,
    ending: Option<Ending>,
    /// Why the answer ends at the next place where it can: no more of it can be held.
    short: Option<Box<Refusal>>,
    /// Dropped after the end was settled: what a repeat of the request gets.
    place: Option<Place>,
    /// Since when the client has not asked for more; nothing while it waits for the provider.
    behind_since: Option<Instant>,
    /// Where the rest is read of an answer whose client was behind when it left.
    tasks: Option<TaskTracker>,
}

/// What the end of the answer needs.
struct Ending {
    governor: Arc<Governor>,
    sent: Sent,
    meter: Meter,
    stripper: Option<UsageStripper>,
    cut: Option<Cut>,
    finale: Option<Finale>,
}

impl GovernedStream {
    /// A stream over `upstream`, `ahead` first.
    #[must_use]
    pub fn new(
        governor: Arc<Governor>,
        upstream: UpstreamBody,
        ahead: VecDeque<Bytes>,
        sent: Sent,
        meter: Meter,
        stripper: Option<UsageStripper>,
        timeouts: &Timeouts,
    ) -> Self {
        let now = Instant::now();
        Self {
            upstream: Some(upstream),
            ahead,
            out: VecDeque::new(),
            idle: timeouts.idle,
            last_chunk: now,
            heartbeat: Heartbeat::new(timeouts),
            alarm: Box::pin(tokio::time::sleep_until(now + timeouts.idle)),
            ending: Some(Ending { governor, sent, meter, stripper, cut: None, finale: None }),
            short: None,
            place: None,
            behind_since: None,
            tasks: None,
        }
    }

    /// Reads on in `tasks` where the client leaves behind the provider.
    #[must_use]
    pub fn read_on_in(mut self, tasks: &TaskTracker) -> Self {
        self.tasks = Some(tasks.clone());
        self
    }

    /// Holds the request's idempotency key until the stream has ended.
    pub(crate) fn hold(&mut self, place: Option<Place>) {
        self.place = place;
    }

    /// Ends when `cut` rings: with a last event where the stream can take one, else broken off.
    #[must_use]
    pub fn cut_by(mut self, cut: Cut, finale: Option<Finale>) -> Self {
        if let Some(ending) = self.ending.as_mut() {
            (ending.cut, ending.finale) = (Some(cut), finale);
        }
        self
    }

    /// Whether the end was reached.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ending.is_none() && self.out.is_empty()
    }

    /// The next frame for the client.
    pub fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        let this = &mut *self;
        let polled = this.next_frame(cx);
        this.behind_since = matches!(polled, Poll::Ready(Some(Ok(_)))).then(Instant::now);
        polled
    }

    fn next_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        let this = self;
        loop {
            if let Some(piece) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if let Some(chunk) = this.ahead.pop_front() {
                if let Err(broken) = this.pass(chunk) {
                    return Poll::Ready(Some(Err(broken)));
                }
                continue;
            }
            let (Some(ending), Some(upstream)) = (this.ending.as_mut(), this.upstream.as_mut()) else {
                return Poll::Ready(None);
            };
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.note_progress();
                    match frame.into_data() {
                        Ok(chunk) => this.ahead.push_back(chunk),
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "upstream broke off");
                    this.end(Some(BrokenBy::Upstream));
                    return Poll::Ready(Some(Err(BrokenAnswer(BrokenBy::Upstream.as_str()))));
                }
                Poll::Ready(None) => {
                    if let Some(ending) = this.ending.as_mut() {
                        ending.rest(&mut this.out);
                    }
                    this.end(None);
                }
                Poll::Pending if let Poll::Ready(by) = ending.poll_cut(cx) => {
                    let refusal = by.refusal(ending.request_id());
                    if let Err(broken) = this.cut_off(refusal, by.as_str()) {
                        return Poll::Ready(Some(Err(broken)));
                    }
                }
                Poll::Pending => match this.poll_idle(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {
                        this.end(Some(BrokenBy::Idle));
                        return Poll::Ready(Some(Err(BrokenAnswer(BrokenBy::Idle.as_str()))));
                    }
                },
            }
        }
    }

    /// Meters a chunk and passes it on; where no more of the answer can be held, as far as its last whole event.
    fn pass(&mut self, chunk: Bytes) -> Result<(), BrokenAnswer> {
        let Some(ending) = self.ending.as_mut() else { return Ok(()) };
        let mut pieces = ending.pass(chunk);
        if self.short.is_none()
            && let KeptAhead::Short(refusal) = ending.sent.keep_ahead(&ending.meter.progress())
        {
            self.short = Some(refusal);
        }
        let mut ends = false;
        if self.short.is_some() {
            match ending.finale.as_ref().map(|finale| finale.whole_events(&pieces)) {
                None => ends = true,
                Some(None) => {}
                Some(Some(whole)) => {
                    ends = true;
                    pieces = whole.into();
                }
            }
        }
        pieces.iter().for_each(|piece| ending.follow(piece));
        self.out.extend(pieces);
        match self.short.take_if(|_| ends) {
            Some(refusal) => self.cut_off(*refusal, SHORT),
            None => Ok(()),
        }
    }

    /// Ends the answer here, with a last event that says why where the stream can take one, and cancels the upstream.
    fn cut_off(&mut self, refusal: Refusal, why: &'static str) -> Result<(), BrokenAnswer> {
        self.upstream = None;
        self.ahead.clear();
        let ended = self.ending.take().is_some_and(|ending| ending.cut_off(refusal, why, &mut self.out));
        if ended { Ok(()) } else { Err(BrokenAnswer(why)) }
    }

    fn note_progress(&mut self) {
        self.last_chunk = Instant::now();
        if let Some(ending) = self.ending.as_mut() {
            self.heartbeat.beat(self.last_chunk, &mut ending.sent);
        }
    }

    /// The alarm is not moved at each chunk: when it rings it is set anew to the time that is really due.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.alarm.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {
                    let due = self.last_chunk + self.idle;
                    if due <= Instant::now() {
                        return Poll::Ready(());
                    }
                    self.alarm.as_mut().reset(due);
                }
            }
        }
    }

    fn end(&mut self, broken: Option<BrokenBy>) {
        if let Some(ending) = self.ending.take() {
            ending.end(broken);
        }
    }
}

impl Drop for GovernedStream {
    fn drop(&mut self) {
        let is_behind = self.behind_since.is_some_and(|since| since.elapsed() >= BEHIND);
        if let (true, Some(tasks)) = (is_behind && Handle::try_current().is_ok(), self.tasks.take())
            && let (Some(upstream), Some(ending)) = (self.upstream.take(), self.ending.take())
        {
            let (ahead, place) = (std::mem::take(&mut self.ahead), self.place.take());
            tasks.spawn(read_on(upstream, ahead, ending, place));
            return;
        }
        // Of an answer that declares its length the end itself may never be asked for: whoever has it all has not left.
        let is_whole = self.ahead.is_empty() && self.upstream.as_ref().is_some_and(Body::is_end_stream);
        self.end((!is_whole).then_some(BrokenBy::Client));
    }
}

/// Meters what had come already when a client left that was behind: it was generated, so it is billed. A provider that
/// still generates is cancelled soon, for its pieces have pauses between them.
async fn read_on(
    mut upstream: UpstreamBody,
    ahead: VecDeque<Bytes>,
    mut ending: Ending,
    place: Option<Place>,
) {
    ahead.iter().for_each(|chunk| ending.meter.feed(chunk));
    let until = Instant::now() + READ_ON;
    let mut by = Some(BrokenBy::Client);
    loop {
        let due = until.min(Instant::now() + READ_ON_PAUSE);
        match tokio::time::timeout_at(due, upstream.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(chunk) = frame.into_data() {
                    ending.meter.feed(&chunk);
                }
                if Instant::now() >= until {
                    break;
                }
            }
            Ok(None) => {
                by = None;
                break;
            }
            Ok(Some(Err(_))) | Err(_) => break,
        }
    }
    // Cancelled before it is settled, as for any client that left.
    drop(upstream);
    ending.end(by);
    drop(place);
}

impl Ending {
    /// Meters a chunk, and gives what of it the client gets.
    fn pass(&mut self, chunk: Bytes) -> Pieces {
        self.meter.feed(&chunk);
        match self.stripper.as_mut() {
            Some(stripper) => stripper.feed(&chunk),
            None => std::iter::once(chunk).collect(),
        }
    }
    fn request_id(&self) -> RequestId {
        self.sent.id().map_or(RequestId::from_u128(0), |id| id.request)
    }
    fn follow(&mut self, piece: &Bytes) {
        capture::heard(&mut self.sent, [piece]);
        if let Some(finale) = self.finale.as_mut() {
            finale.passed(piece);
        }
    }
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<CutBy> {
        self.cut.as_mut().map_or(Poll::Pending, |cut| cut.poll_cut(cx))
    }
    /// Settles an answer that is cut here; false when it could not be ended in its own format.
    fn cut_off(mut self, refusal: Refusal, why: &'static str, out: &mut VecDeque<Bytes>) -> bool {
        if self.meter.progress().ended {
            self.end(None);
            return true;
        }
        let reading = self.meter.finish();
        let last = self.finale.map(|finale| finale.write(&refusal, reading.response_id.as_deref()));
        capture::heard(&mut self.sent, &last);
        if let Some(story) = self.sent.story() {
            story.error = Some(refusal.message.clone());
            story.refusal = Some(refusal);
        }
        if let Some(story) = self.sent.broken(&reading, BrokenBy::Us(why)) {
            self.governor.end(story, Status::Cancelled);
        }
        let ended = last.is_some();
        out.extend(last);
        ended
    }
    /// What the stripper still holds at the end.
    fn rest(&mut self, out: &mut VecDeque<Bytes>) {
        if let Some(stripper) = self.stripper.take() {
            let rest = stripper.finish();
            capture::heard(&mut self.sent, &rest);
            out.extend(rest);
        }
    }
    fn end(self, broken: Option<BrokenBy>) {
        // A client that leaves after the format's own end has everything, and so have we. A body of which nothing came
        // reads as complete once it is finished, so this is asked before.
        let ended = self.meter.progress().ended;
        let reading = self.meter.finish();
        let broken = broken.filter(|_| !ended);
        let story = match broken {
            None => self.sent.complete(&reading),
            Some(by) => self.sent.broken(&reading, by),
        };
        if let Some(story) = story {
            self.governor.end(story, Status::Completed);
        }
    }
}
