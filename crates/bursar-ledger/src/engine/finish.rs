//! Suspense: expiry, restart, silence, and the ways out of it. Expiry charges, it never refunds.

use super::Engine;
use super::reserve::NotLive;
use super::state::Reservation;
use crate::budget::SuspensePolicy;
use crate::command::{Audit, ProvablyUnbilled, Record};
use crate::entry::{Entry, Settled, Sink};
use crate::limits::{ACTOR_BYTES_MAX, EXPIRE_BATCH_MAX, REASON_BYTES_MAX};
use crate::outcome::{Crossing, Expiry, Outcome, Rejection};
use crate::reservation::{State, SuspenseCause};
use crate::slab::Slot;
use crate::variant::Variant;
use bursar_core::limits::RECORD_BYTES_MAX;
use bursar_core::{ReservationId, Timestamp};

impl Engine {
    /// Charges an attempt at its hold: it was sent, and its bill is unknown.
    pub(super) fn suspend(
        &mut self,
        now: Timestamp,
        id: ReservationId,
        cause: SuspenseCause,
        record: Record,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if record.len() > RECORD_BYTES_MAX {
            return Outcome::Rejected(Rejection::Record);
        }
        match self.live(id) {
            Ok(slot) => self
                .suspend_slot(now, slot, cause, record, journal)
                .map_or_else(Outcome::Rejected, Outcome::Suspended),
            Err(NotLive::Open(_)) => self.past(id).map_or(Outcome::Unknown, Outcome::Duplicate),
            Err(why) => why.into(),
        }
    }
    /// Moves what is overdue, earliest first.
    pub(super) fn expire(&mut self, now: Timestamp, journal: &mut impl Sink<Entry>) -> Outcome {
        let mut due: Vec<(Timestamp, ReservationId, Slot)> = Vec::new();
        for slot in self.deadlines.begun(now) {
            if let Some(open) = self.reservations.get(slot)
                && open.alarm.at <= now
            {
                due.push((open.alarm.at, open.id, slot));
            }
        }
        due.sort_unstable();
        let mut expiry = Expiry { more: due.len() > EXPIRE_BATCH_MAX, ..Expiry::default() };
        for (_, id, slot) in due.into_iter().take(EXPIRE_BATCH_MAX) {
            let state = self.reservations.get(slot).map(|open| open.state);
            let done = if state == Some(State::Live) && self.wrong(Variant::RefundOnExpiry) {
                self.refund(now, id, journal)
            } else if state == Some(State::Live) {
                expiry.suspended.push(id);
                self.suspend_slot(now, slot, SuspenseCause::Expired, Record::default(), journal)
            } else {
                expiry.estimated.push(id);
                self.settle_estimate(now, slot, journal)
            };
            match done {
                Ok(crossings) => expiry.crossings.extend(crossings),
                Err(rejection) => return Outcome::Rejected(rejection),
            }
        }
        Outcome::Expired(expiry)
    }
    /// After a restart everything in flight is presumed sent.
    pub(super) fn recover(&mut self, now: Timestamp, journal: &mut impl Sink<Entry>) -> Outcome {
        let live = self.reservations.iter().filter(|(_, open)| open.state == State::Live);
        let mut live: Vec<(ReservationId, Slot)> = live.map(|(slot, open)| (open.id, slot)).collect();
        live.sort_unstable();
        let mut expiry = Expiry::default();
        for (id, slot) in live {
            let done = if self.wrong(Variant::RecoverReleases) {
                self.refund(now, id, journal)
            } else {
                self.suspend_slot(now, slot, SuspenseCause::Restarted, Record::default(), journal)
            };
            match done {
                Ok(crossings) => expiry.crossings.extend(crossings),
                Err(rejection) => return Outcome::Rejected(rejection),
            }
            expiry.suspended.push(id);
        }
        Outcome::Expired(expiry)
    }
    /// Lets a reservation in suspense go, on somebody's responsibility.
    pub(super) fn forgive(
        &mut self,
        now: Timestamp,
        id: ReservationId,
        audit: Audit,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if !is_complete(&audit) {
            return Outcome::Rejected(Rejection::Audit);
        }
        match self.find(id).and_then(|slot| self.reservations.get(slot)).map(|open| open.state) {
            Some(State::Suspense) => {
                let entry = Entry::Forgiven { at: now, id, audit };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Forgiven)
            }
            Some(state) => Outcome::Rejected(Rejection::State(state)),
            None => match self.past(id) {
                Some(past) if past.state == State::Released => Outcome::Duplicate(past),
                Some(past) => Outcome::Conflict(past),
                None => Outcome::Unknown,
            },
        }
    }

    /// For wrong variants: gives back what may have been sent.
    fn refund(
        &mut self,
        now: Timestamp,
        id: ReservationId,
        journal: &mut impl Sink<Entry>,
    ) -> Result<Vec<Crossing>, Rejection> {
        let (reason, record) = (ProvablyUnbilled::NeverSent, Record::default());
        self.commit(Entry::Released { at: now, id, reason, record }, journal)?;
        Ok(Vec::new())
    }
    fn suspend_slot(
        &mut self,
        now: Timestamp,
        slot: Slot,
        cause: SuspenseCause,
        record: Record,
        journal: &mut impl Sink<Entry>,
    ) -> Result<Vec<Crossing>, Rejection> {
        self.hint = slot;
        let open = self.reservations.get(slot).ok_or(Rejection::Broken)?;
        let mut crossings: Vec<Crossing> = Vec::new();
        for slot in &open.windows {
            let Some(window) = self.windows.get(*slot) else { continue };
            if let Some(own) = self.budget(window.budget) {
                let spent = window.spent() + super::state::wide(window.part(&open.hold));
                window.crossings(&own.budget, spent, now, &mut crossings);
            }
        }
        let until = self.estimate_at(now, open);
        let entry =
            Entry::Suspended { at: now, id: open.id, cause, until, crossings: crossings.clone(), record };
        self.commit(entry, journal)?;
        Ok(crossings)
    }
    /// When a reservation that enters suspense now settles at its estimate: if every budget says so, after the longest time.
    fn estimate_at(&self, now: Timestamp, open: &Reservation) -> Option<Timestamp> {
        let mut longest = None;
        for slot in &open.windows {
            let own = self.windows.get(*slot).and_then(|window| self.budget(window.budget))?;
            match own.budget.suspense {
                SuspensePolicy::Hold if self.wrong(Variant::EstimateAlways) => {
                    longest = longest.max(Some(60));
                }
                SuspensePolicy::Hold => return None,
                SuspensePolicy::EstimateAfter { seconds } => longest = longest.max(Some(seconds)),
            }
        }
        longest.map(|seconds| now.plus_seconds(i64::from(seconds)))
    }
    fn settle_estimate(
        &mut self,
        now: Timestamp,
        slot: Slot,
        journal: &mut impl Sink<Entry>,
    ) -> Result<Vec<Crossing>, Rejection> {
        self.hint = slot;
        let open = self.reservations.get(slot).ok_or(Rejection::Broken)?;
        let (id, charge) = (open.id, open.estimate);
        let (settlement, windows) = self.settlement(now, open, &charge).map_err(Rejection::Overflow)?;
        let entry = Entry::Settled(Settled {
            at: now,
            id,
            from: settlement.from,
            charge,
            hold: settlement.hold,
            estimated: true,
            windows,
            crossings: settlement.crossings.clone(),
            record: Record::default(),
        });
        self.commit(entry, journal)?;
        Ok(settlement.crossings)
    }
}

/// Whether actor and reason are stated, within their bounds.
pub(super) fn is_complete(audit: &Audit) -> bool {
    (1..=ACTOR_BYTES_MAX).contains(&audit.actor.len()) && (1..=REASON_BYTES_MAX).contains(&audit.reason.len())
}
