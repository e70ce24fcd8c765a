//! A reservation as a value: dropped before sending it releases, dropped after sending it charges. It cannot be forgotten.

use crate::circuit::Went;
use crate::circuits::Permit;
use crate::governor::Governor;
use crate::hold::Ahead;
use crate::quote::AttemptQuote;
use crate::route::Deployment;
use crate::story::{AttemptEnd, Status, Story};
use bursar_core::{Charge, RequestBound, ReservationId};
use bursar_ledger::{ProvablyUnbilled, SuspenseCause, WindowId};
use bursar_wire::{Prompt, Reading};
use std::sync::Arc;

/// Everything that belongs to one attempt in flight.
pub(crate) struct Attempt {
    pub(crate) governor: Arc<Governor>,
    pub(crate) story: Box<Story>,
    pub(crate) id: ReservationId,
    pub(crate) deployment: Deployment,
    pub(crate) quote: AttemptQuote,
    pub(crate) bound: RequestBound,
    /// What is held now.
    pub(crate) hold: Charge,
    /// The most it can cost.
    pub(crate) most: Charge,
    /// How the hold grows, where less than the most is held for a stream.
    pub(crate) ahead: Option<Ahead>,
    pub(crate) windows: Vec<WindowId>,
    pub(crate) permit: Option<Permit>,
    /// What was asked, where its tokens can be counted should the answer not state them.
    pub(crate) prompt: Option<Prompt>,
}

/// Set aside, nothing sent. Dropping it gives the hold back.
#[must_use = "dropping a reservation releases it"]
pub struct Reservation(Option<Attempt>);

/// Sent upstream. Dropping it charges: at its hold until the bill is known when nothing was seen.
#[must_use = "dropping a sent reservation puts it into suspense"]
pub struct Sent(Option<Attempt>);

/// Who broke off an answer that had begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenBy {
    /// The client left.
    Client,
    /// The upstream connection ended before the answer did.
    Upstream,
    /// No part of the answer came for too long.
    Idle,
    /// Bursar: a hold could not be extended, a kill switch, or a shutdown.
    Us(&'static str),
}

impl Reservation {
    pub(crate) fn new(attempt: Attempt) -> Self {
        Self(Some(attempt))
    }
    /// From here on it counts as sent.
    pub fn sent(mut self) -> Sent {
        let mut attempt = self.0.take();
        if let Some(attempt) = &mut attempt {
            let now = attempt.governor.now();
            if let Some(told) = attempt.story.attempt() {
                told.sent_at = Some(now);
            }
        }
        Sent(attempt)
    }
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<ReservationId> {
        self.0.as_ref().map(|attempt| attempt.id)
    }
    /// Where it goes.
    #[must_use]
    pub fn deployment(&self) -> Option<&Deployment> {
        self.0.as_ref().map(|attempt| &attempt.deployment)
    }
    /// The story so far.
    pub fn story(&mut self) -> Option<&mut Story> {
        self.0.as_mut().map(|attempt| &mut *attempt.story)
    }
    /// Gives the hold back; the story goes on to the next attempt.
    #[must_use]
    pub fn release(mut self, error: String) -> Option<Box<Story>> {
        let attempt = self.0.take()?;
        Some(attempt.release(ProvablyUnbilled::NeverSent, None, Some(error)))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(attempt) = self.0.take() {
            let governor = Arc::clone(&attempt.governor);
            let mut story = attempt.release(ProvablyUnbilled::NeverSent, None, None);
            story.error = Some("the client left before the request was sent".to_owned());
            governor.end(story, Status::Cancelled);
        }
    }
}

impl Sent {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<ReservationId> {
        self.0.as_ref().map(|attempt| attempt.id)
    }
    /// The story so far.
    pub fn story(&mut self) -> Option<&mut Story> {
        self.0.as_mut().map(|attempt| &mut *attempt.story)
    }
    /// The story so far, to read.
    #[must_use]
    pub fn told(&self) -> Option<&Story> {
        self.0.as_ref().map(|attempt| &*attempt.story)
    }
    /// Keeps what was asked, to be counted should the answer not state it.
    pub fn keep(&mut self, prompt: Option<Prompt>) {
        if let Some(attempt) = &mut self.0 {
            attempt.prompt = prompt;
        }
    }
    /// Tells the endpoint's circuit how it went. The first word counts; an end that was not told tells it by itself.
    pub fn went(&mut self, went: Went) {
        if let Some(attempt) = &mut self.0 {
            attempt.went(went);
        }
    }
    /// The connection failed before a byte of the request was written.
    #[must_use]
    pub fn connect_failed(mut self, error: String) -> Option<Box<Story>> {
        let mut attempt = self.0.take()?;
        attempt.went(Went::Badly);
        Some(attempt.release(ProvablyUnbilled::ConnectFailed, None, Some(error)))
    }
    /// The upstream answered completely with an error before any output. Released, unless the provider bills such
    /// errors or the body states a usage.
    #[must_use]
    pub fn rejected(mut self, status: u16, reading: &Reading) -> Option<Box<Story>> {
        let attempt = self.0.take()?;
        if attempt.deployment.provider.bills_errors || !reading.usage.is_empty() {
            return Some(attempt.settle(reading, Some(status), None));
        }
        Some(attempt.release(ProvablyUnbilled::Rejected { status }, Some(status), None))
    }
    /// No answer came, and whether it was billed is unknown.
    #[must_use]
    pub fn unknown(mut self, error: String) -> Option<Box<Story>> {
        Some(self.0.take()?.suspend(error))
    }
    /// The answer is complete.
    #[must_use]
    pub fn complete(mut self, reading: &Reading) -> Option<Box<Story>> {
        Some(self.0.take()?.settle(reading, None, None))
    }
    /// The answer had begun and was broken off.
    #[must_use]
    pub fn broken(mut self, reading: &Reading, by: BrokenBy) -> Option<Box<Story>> {
        let mut attempt = self.0.take()?;
        if matches!(by, BrokenBy::Upstream | BrokenBy::Idle) {
            attempt.went(Went::Badly);
        }
        Some(attempt.settle(reading, None, Some(by)))
    }
    /// Says that output has come for a while and goes on.
    pub fn streams(&self) {
        if let Some(attempt) = &self.0 {
            let governor = &attempt.governor;
            governor.ports().observer.streaming(attempt.id.request, governor.now());
        }
    }
    pub(crate) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.0.as_mut()
    }
    /// Renews the deadline of an answer that goes on; false when the ledger does not know it any more.
    #[must_use]
    pub fn progress(&mut self) -> bool {
        self.0.as_ref().is_some_and(|attempt| {
            attempt.governor.progress(attempt.id, attempt.deployment.provider.timeouts.stale_s)
        })
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(attempt) = self.0.take() {
            let governor = Arc::clone(&attempt.governor);
            let story = attempt.suspend("the request was abandoned before an answer".to_owned());
            governor.end(story, Status::Cancelled);
        }
    }
}

impl Attempt {
    fn went(&mut self, went: Went) {
        let now = self.governor.now();
        if let Some(permit) = &mut self.permit {
            permit.went(now, went);
        }
    }

    fn release(
        mut self,
        reason: ProvablyUnbilled,
        status_code: Option<u16>,
        error: Option<String>,
    ) -> Box<Story> {
        let now = self.governor.now();
        if let Some(told) = self.story.attempt() {
            told.ended_at = Some(now);
            told.end = Some(AttemptEnd::Released);
            told.status_code = status_code.or(told.status_code);
            told.error = error.or_else(|| told.error.take());
        }
        let governor = Arc::clone(&self.governor);
        governor.release(self.id, reason, &self.windows);
        self.story
    }

    fn suspend(mut self, error: String) -> Box<Story> {
        let now = self.governor.now();
        if let Some(told) = self.story.attempt() {
            told.ended_at = Some(now);
            told.end = Some(AttemptEnd::Suspense);
            told.charge = self.hold;
            told.error = Some(error);
        }
        let governor = Arc::clone(&self.governor);
        let record = crate::record::encode(&self.story);
        governor.suspend(self.id, SuspenseCause::NoAnswer, record, &self.windows);
        self.story
    }

    fn settle(mut self, reading: &Reading, status: Option<u16>, broken: Option<BrokenBy>) -> Box<Story> {
        let governor = Arc::clone(&self.governor);
        crate::settle::settle(&governor, &mut self, reading, status, broken);
        self.story
    }
}
