//! The governor: the one object that the gateway asks. Holds the directory, the ledger, and the lines of those who wait.

use crate::affinity::Affinity;
use crate::calibrate::Calibrations;
use crate::capture::Capturer;
use crate::circuits::Circuits;
use crate::directory::{Directory, Key};
use crate::flight::Flights;
use crate::identify::{Caller, Claims, identify};
use crate::key_limits::Limiter;
use crate::kill::Kills;
use crate::learn::Learned;
use crate::limits::WAITING_MAX;
use crate::ports::Ports;
use crate::route::{self, NoRoute, Route, RouteAsk};
use crate::story::{Status, Story};
use crate::throttled::Throttled;
use crate::waiters::Waiters;
use arc_swap::ArcSwap;
use bursar_core::limits::RESERVATION_TTL_S;
use bursar_core::{Attribute, Attributes, Charge, Code, Refusal, RequestId, ReservationId, Timestamp};
use bursar_ledger::{Outcome, Progress, ProvablyUnbilled, Record, Settle, SuspenseCause, WindowId};
use bursar_pricing::PriceRow;
use bursar_store::ledger::{Applied, Ledger, LedgerDown, Seq};
use bursar_wire::Facts;
use std::sync::Arc;

/// Decides about requests and books what they cost.
pub struct Governor {
    directory: ArcSwap<Directory>,
    throttled: ArcSwap<Throttled>,
    ledger: Arc<Ledger>,
    pub(crate) waiters: Waiters<WindowId>,
    pub(crate) calibrations: Calibrations,
    pub(crate) learned: Learned,
    circuits: Arc<Circuits>,
    affinity: Affinity,
    kills: Kills,
    flights: Flights,
    capturer: Capturer,
    pub(crate) limiter: Arc<Limiter>,
    ports: Ports,
}

impl Governor {
    /// A governor over an open ledger.
    #[must_use]
    pub fn new(directory: Directory, ledger: Arc<Ledger>, ports: Ports) -> Arc<Self> {
        Arc::new(Self {
            directory: ArcSwap::from_pointee(directory),
            throttled: ArcSwap::default(),
            ledger,
            waiters: Waiters::new(WAITING_MAX),
            calibrations: Calibrations::default(),
            learned: Learned::default(),
            circuits: Arc::default(),
            affinity: Affinity::default(),
            kills: Kills::default(),
            flights: Flights::default(),
            capturer: Capturer::default(),
            limiter: Arc::default(),
            ports,
        })
    }
    /// The directory of this moment.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }
    /// Replaces the directory as a whole; requests under way keep the one they began with.
    pub fn replace_directory(&self, directory: Directory) {
        self.directory.store(Arc::new(directory));
    }
    /// Who is throttled at this moment.
    #[must_use]
    pub fn throttled(&self) -> Arc<Throttled> {
        self.throttled.load_full()
    }
    /// Replaces what is throttled as a whole; requests routed before go where they were going.
    pub fn replace_throttled(&self, throttled: Throttled) {
        self.throttled.store(Arc::new(throttled));
    }
    /// The circuits of every endpoint and credential, with their events.
    #[must_use]
    pub fn circuits(&self) -> &Arc<Circuits> {
        &self.circuits
    }
    /// Where conversations have their prompt cache.
    #[must_use]
    pub const fn affinity(&self) -> &Affinity {
        &self.affinity
    }
    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
    /// What answers used so far, for `hold = "estimate"`.
    #[must_use]
    pub const fn learned(&self) -> &Learned {
        &self.learned
    }
    /// The kill switches.
    #[must_use]
    pub fn kills(&self) -> &Kills {
        &self.kills
    }
    /// Requests in flight.
    #[must_use]
    pub const fn flights(&self) -> &Flights {
        &self.flights
    }
    /// Requests that wait for room.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiters.count()
    }
    /// What is copied of requests beside their records.
    #[must_use]
    pub const fn capturer(&self) -> &Capturer {
        &self.capturer
    }
    /// The clock, randomness and observer.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }
    /// Now, by the governor's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Recognises a client.
    ///
    /// # Errors
    /// As [`identify`].
    pub fn identify(
        &self,
        request_id: RequestId,
        presented: Option<&str>,
        claims: &Claims<'_>,
    ) -> Result<Caller, Refusal> {
        identify(&self.directory.load(), self.now(), request_id, presented, claims)
    }

    /// Finds the deployments for a request of `key`.
    ///
    /// # Errors
    /// As [`route::route`].
    pub fn route(
        &self,
        key: &Key,
        facts: &Facts,
        may_fall_back: bool,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<Route, Box<NoRoute>> {
        let prompt_tokens = |row: &PriceRow| {
            let text = facts.bound.text_tokens;
            let learned = self.calibrations.estimate(row.id(), text);
            // Without a learned ratio: four bytes a token, as most text has.
            let text = if learned < text { learned } else { text / 4 };
            text.saturating_add(facts.bound.media_tokens)
        };
        let ask = RouteAsk {
            now,
            key,
            format: facts.format,
            model: &facts.model,
            needs: facts.needs,
            prompt_tokens: &prompt_tokens,
            may_fall_back,
            request_id,
        };
        route::route(&self.directory.load(), &self.throttled.load(), &ask)
    }

    /// Ends a story, with `status` unless a settle has ended it already, and tells it to the observer.
    pub fn end(&self, mut story: Box<Story>, status: Status) {
        story.finish(status, self.now());
        if let Some(seq) = story.unwritten.take() {
            self.handed_over(&story, self.ledger.write_now(seq));
        }
        if let Some(reply) = &story.reply {
            reply.note(&story);
        }
        self.leave(&mut story);
        if let Some(draft) = story.draft.take() {
            self.capturer.offer(story.request_id, draft);
        }
        self.ports.observer.ended(&story);
    }

    /// Ends a story with a refusal, which is handed back for the client. Where a provider failed it was no refusal.
    pub fn refuse(&self, mut story: Box<Story>, refusal: Refusal, status_code: u16) -> Refusal {
        story.refusal = Some(refusal.clone());
        story.status_code = Some(status_code);
        let failed = matches!(refusal.code, Code::UpstreamUnreachable | Code::UpstreamTimeout);
        self.end(story, if failed { Status::Failed } else { Status::Denied });
        refusal
    }

    /// Seconds without progress after which an attempt with these attributes counts as lost, as its provider says.
    pub(crate) fn stale_s(&self, attributes: &Attributes) -> i64 {
        let directory = self.directory.load();
        let provider =
            attributes.get(&Attribute::Provider).and_then(|name| directory.provider(name.as_str()));
        provider.map_or(RESERVATION_TTL_S, |provider| provider.timeouts.stale_s)
    }

    /// Renews an attempt's deadline by so many seconds; false when the ledger no longer knows it as live.
    pub(crate) fn progress(&self, id: ReservationId, stale_s: i64) -> bool {
        let now = self.now();
        let deadline = now.plus_seconds(stale_s);
        let progress = Progress { id, deadline, estimate: None };
        matches!(self.ledger.progress(now, progress), Ok(applied) if applied.outcome == Outcome::Progressed)
    }

    pub(crate) fn release(&self, id: ReservationId, reason: ProvablyUnbilled, windows: &[WindowId]) {
        let applied = self.ledger.release(self.now(), id, reason, Box::default());
        self.freed(id, "release", applied, windows);
    }

    pub(crate) fn suspend(
        &self,
        id: ReservationId,
        cause: SuspenseCause,
        record: Record,
        windows: &[WindowId],
    ) {
        let applied = self.ledger.suspend(self.now(), id, cause, record);
        self.freed(id, "suspend", applied, windows);
    }

    /// Settles; the entry is to be handed over: by [`Governor::hand_over`], or when the story ends.
    pub(crate) fn settle(
        &self,
        id: ReservationId,
        charge: Charge,
        estimated: bool,
        record: Record,
        windows: &[WindowId],
    ) -> Option<Seq> {
        let settle = Settle { id, charge, estimated, record };
        let applied = self.ledger.settle_gathered(self.now(), settle);
        let seq = applied.as_ref().ok().map(|applied| applied.seq);
        self.freed(id, "settle", applied, windows);
        seq
    }

    /// Brings the entry that settled a story to the journal, together with those of others who are ready to go on. To be
    /// awaited before the client is told; a story that ends without it does it at once and alone.
    pub async fn hand_over(&self, story: &mut Story) {
        let Some(seq) = story.unwritten.take() else { return };
        self.handed_over(story, self.ledger.handed_over(seq).await);
    }

    fn handed_over(&self, story: &Story, done: Result<(), LedgerDown>) {
        if let Err(error) = done {
            tracing::error!(request = %story.request_id, %error, "the ledger is down");
        }
    }

    /// Lets the first in line look again, and says it when the ledger did not do as told.
    fn freed(
        &self,
        id: ReservationId,
        verb: &str,
        applied: Result<Applied, LedgerDown>,
        windows: &[WindowId],
    ) {
        match applied {
            Ok(Applied { outcome: Outcome::Settled(settlement), .. }) => {
                if settlement.overage != Charge::ZERO {
                    tracing::warn!(reservation = %id, overage = ?settlement.overage, "billed above its hold");
                }
            }
            Ok(Applied { outcome: Outcome::Released | Outcome::Suspended(_), .. }) => {}
            Ok(Applied { outcome, .. }) => {
                tracing::error!(reservation = %id, verb, ?outcome, "the ledger answered otherwise");
            }
            Err(error) => tracing::error!(reservation = %id, verb, %error, "the ledger is down"),
        }
        self.waiters.freed(windows);
    }
}
