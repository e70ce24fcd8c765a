//! Client connections that linger: one that asks nothing for long is closed in order, and an answer that its client does
//! not take is given up, which HTTP/2's own pings do not notice: whoever answers them may still take nothing.

use crate::body::{AnswerBody, BrokenAnswer};
use crate::limits::LOOKS_PER_WAIT;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What is under way on one connection.
pub(crate) struct Watch(Mutex<Open>);

struct Open {
    /// Requests from their head to the end of their answer.
    requests: usize,
    /// Since when there are none.
    idle_since: Instant,
    answers: Vec<Weak<Mutex<Held>>>,
}

/// Counts a request until it is dropped.
pub(crate) struct UnderWay(Arc<Watch>);

/// An answer's body on its way to a client, which may be given up.
pub(crate) struct Watched(Place);

enum Place {
    /// HTTP/1.1: who takes nothing is noticed at the connection.
    Own {
        body: AnswerBody,
        _under_way: UnderWay,
    },
    Shared(Arc<Mutex<Held>>),
}

struct Held {
    /// Taken out when it is given up.
    body: Option<(AnswerBody, UnderWay)>,
    /// Since when a part of it waits for the client to take it.
    untaken_since: Option<Instant>,
}

/// What a look at a connection came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is used.
    Used,
    /// Nothing was asked for so long.
    Idle(Duration),
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Open { requests: 0, idle_since: Instant::now(), answers: Vec::new() })))
    }

    /// A request has begun.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.0.lock().requests += 1;
        UnderWay(Arc::clone(self))
    }

    /// Gives up every answer of which the client took nothing for `wait`, and says how long nothing was asked.
    pub(crate) fn look(&self, wait: Duration) -> Look {
        let mut open = self.0.lock();
        let mut late = Vec::new();
        open.answers.retain(|answer| {
            let Some(answer) = answer.upgrade() else { return false };
            let mut held = answer.lock();
            if held.untaken_since.is_some_and(|since| since.elapsed() >= wait) {
                late.extend(held.body.take());
            }
            held.body.is_some()
        });
        let idle = (open.requests == 0).then(|| open.idle_since.elapsed());
        drop(open);
        // Ends outside of the lock: it settles, and it counts itself out.
        drop(late);
        idle.map_or(Look::Used, Look::Idle)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut open = self.0.0.lock();
        open.requests = open.requests.saturating_sub(1);
        if open.requests == 0 {
            open.idle_since = Instant::now();
        }
    }
}

impl Watched {
    /// An answer over HTTP/1.1 (`shares` is false) or HTTP/2, where its connection is shared.
    pub(crate) fn new(body: AnswerBody, under_way: UnderWay, shares: bool) -> Self {
        if !shares {
            return Self(Place::Own { body, _under_way: under_way });
        }
        let watch = Arc::clone(&under_way.0);
        let held = Held { body: Some((body, under_way)), untaken_since: Some(Instant::now()) };
        let held = Arc::new(Mutex::new(held));
        watch.0.lock().answers.push(Arc::downgrade(&held));
        Self(Place::Shared(held))
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BrokenAnswer;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        match &mut self.get_mut().0 {
            Place::Own { body, .. } => Pin::new(body).poll_frame(cx),
            Place::Shared(held) => {
                let mut held = held.lock();
                let Some((body, _)) = held.body.as_mut() else {
                    return Poll::Ready(Some(Err(BrokenAnswer(
                        "its client took nothing of it for too long",
                    ))));
                };
                let polled = Pin::new(body).poll_frame(cx);
                // Whoever asks for more took what it had; while it waits for us, it is not late.
                held.untaken_since = matches!(polled, Poll::Ready(Some(_))).then(Instant::now);
                polled
            }
        }
    }
    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Place::Own { body, .. } => body.is_end_stream(),
            Place::Shared(held) => held.lock().body.as_ref().is_some_and(|(body, _)| body.is_end_stream()),
        }
    }
    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Place::Own { body, .. } => body.size_hint(),
            Place::Shared(held) => {
                held.lock().body.as_ref().map_or_else(SizeHint::default, |(body, _)| body.size_hint())
            }
        }
    }
}

/// When a connection that may be waited for `wait` is looked at again.
pub(crate) fn pause(wait: Duration) -> Duration {
    (wait / LOOKS_PER_WAIT).max(Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn is_idle(watch: &Watch) -> bool {
        matches!(watch.look(LONG), Look::Idle(_))
    }

    #[tokio::test]
    async fn a_connection_is_idle_from_the_end_of_its_last_answer() {
        let watch = Watch::new();
        assert!(is_idle(&watch));
        let (one, other) = (watch.begin(), watch.begin());
        assert!(!is_idle(&watch));
        drop(one);
        assert!(!is_idle(&watch));
        drop(other);
        assert!(is_idle(&watch));
    }

    #[tokio::test]
    async fn an_answer_of_which_nothing_is_taken_is_given_up_and_no_other() {
        let watch = Watch::new();
        let next =
            async |body: &mut Watched| std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        let mut stuck = Watched::new(AnswerBody::whole("never taken"), watch.begin(), true);
        let mut taken = Watched::new(AnswerBody::whole("taken"), watch.begin(), true);
        assert!(next(&mut taken).await.is_some_and(|frame| frame.is_ok()));
        assert!(next(&mut taken).await.is_none());
        assert_eq!(watch.look(LONG), Look::Used, "neither waits for long");
        assert_eq!(watch.look(Duration::ZERO), Look::Used);
        assert!(next(&mut stuck).await.is_some_and(|frame| frame.is_err()));
        drop(taken);
        assert!(is_idle(&watch), "the one that was given up does not count");
    }
}
