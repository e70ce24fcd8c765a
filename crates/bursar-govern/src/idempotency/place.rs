//! The place of the first request under an idempotency key: held until it has ended, whatever way that is.

use super::envelope::{Envelope, Kept};
use super::{Asked, End, Name, Replies};
use crate::story::{AttemptEnd, Status, Story};
use bursar_core::{RequestId, Usd};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

/// What a request's story said when it ended: whether it was paid for.
#[derive(Debug)]
pub struct Outcome {
    end: AtomicU8,
    nanos: AtomicI64,
}

const OPEN: u8 = 0;
const UNBILLED: u8 = 1;
const FINISHED: u8 = 2;

/// The first request under a key. Dropped, it decides by what was told: paid for or unknown, a repeat is refused; not
/// billed, a repeat is a new try.
pub struct Place {
    replies: Option<Arc<Replies>>,
    scope: String,
    name: Name,
    request_id: RequestId,
    outcome: Arc<Outcome>,
}

impl Outcome {
    /// Takes note of the story's end.
    pub(crate) fn note(&self, story: &Story) {
        let paid = |end: &Option<AttemptEnd>| match end {
            Some(AttemptEnd::Settled | AttemptEnd::Estimated | AttemptEnd::Suspense) => true,
            Some(AttemptEnd::Released) | None => false,
        };
        let charges = story.attempts.iter().filter(|told| paid(&told.end)).map(|told| told.charge);
        let (nanos, tokens) = charges.fold((0i64, 0i64), |(nanos, tokens), charge| {
            (nanos.saturating_add(charge.list.nanos()), tokens.saturating_add(charge.tokens))
        });
        let finished = story.status == Status::Completed || nanos > 0 || tokens > 0;
        self.nanos.store(nanos, Ordering::Release);
        self.end.store(if finished { FINISHED } else { UNBILLED }, Ordering::Release);
    }
    fn cost(&self) -> Option<Usd> {
        let known = self.end.load(Ordering::Acquire) == FINISHED;
        known.then(|| Usd::from_nanos(self.nanos.load(Ordering::Acquire)))
    }
}

impl Place {
    pub(super) fn new(replies: Arc<Replies>, asked: &Asked, name: Name) -> Self {
        Self {
            replies: Some(replies),
            scope: asked.scope.clone(),
            name,
            request_id: asked.request_id,
            outcome: Arc::new(Outcome { end: AtomicU8::new(UNBILLED), nanos: AtomicI64::new(0) }),
        }
    }
    /// The key is this request's: from here on nobody knows whether it is billed until somebody tells.
    pub(super) fn taken(self) -> Self {
        self.outcome.end.store(OPEN, Ordering::Release);
        self
    }
    /// Where the story notes how it ended.
    #[must_use]
    pub fn outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.outcome)
    }
    /// Keeps the answer for repeats, unless it was not billed; one that is too large is kept as its cost alone.
    pub fn keep(mut self, status: u16, headers: Vec<(String, Vec<u8>)>, body: Bytes) {
        if self.outcome.end.load(Ordering::Acquire) != UNBILLED {
            self.finish(Envelope::of(self.outcome.cost(), Some(Kept { status, headers, body })));
        }
    }
    /// Nothing was done: a repeat is a new try.
    pub fn forget(mut self) {
        self.end(End::Forget);
    }
    /// It was never this request's.
    pub(super) fn leave(mut self) {
        self.replies = None;
    }
    fn finish(&mut self, envelope: Envelope) {
        self.end(End::Keep(envelope));
    }
    fn end(&mut self, end: End) {
        if let Some(replies) = self.replies.take() {
            replies.end(std::mem::take(&mut self.scope), self.name, self.request_id, end);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.outcome.end.load(Ordering::Acquire) == UNBILLED {
            self.end(End::Forget);
        } else {
            // Also where nobody told an end: then whether it was billed is unknown.
            self.finish(Envelope::of(self.outcome.cost(), None));
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.outcome.end.load(Ordering::Acquire) == OPEN;
        f.debug_struct("Place")
            .field("request_id", &self.request_id)
            .field("open", &open)
            .finish_non_exhaustive()
    }
}
