//! The heartbeat of an answer: what comes of it renews its reservation, so that no answer that goes on is taken for lost.

use bursar_core::limits::PROGRESS_EVERY_S;
use bursar_govern::directory::Timeouts;
use bursar_govern::reservation::Sent;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time between two renewals: each is a journal entry, and with the usual ten minutes there are nine more
/// until the reservation would expire.
const RENEW_EVERY: Duration = Duration::from_secs(PROGRESS_EVERY_S.unsigned_abs());
/// After which an answer that still comes is told to be streaming: shorter ones nobody can look at.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// When an answer was last renewed, and whether it was told that it comes.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    every: Duration,
    began: Instant,
    renewed: Instant,
    told: bool,
}

impl Heartbeat {
    /// Of an answer that begins now.
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        // A fifth: what is renewed so late, by two readers in turn, and then idle for half of it is not lost yet.
        let fifth = Duration::from_secs(u64::try_from(timeouts.stale_s).unwrap_or(0)) / 5;
        let now = Instant::now();
        Self { every: RENEW_EVERY.min(fifth), began: now, renewed: now, told: false }
    }
    /// A part of the answer came.
    pub(crate) fn beat(&mut self, now: Instant, sent: &mut Sent) {
        if now.duration_since(self.renewed) >= self.every {
            self.renewed = now;
            if !sent.progress() {
                tracing::warn!("a stream's reservation could not be renewed");
            }
        }
        if !self.told && now.duration_since(self.began) >= TOLD_AFTER {
            self.told = true;
            sent.streams();
        }
    }
}
