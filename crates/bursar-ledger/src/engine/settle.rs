//! Settle and release: how an attempt ends.

use super::Engine;
use super::judge::is_sane;
use super::reserve::NotLive;
use super::state::{Reservation, wide};
use crate::command::{Audit, ProvablyUnbilled, Record, Settle};
use crate::entry::{Entry, Settled, Sink, WindowIds};
use crate::outcome::{Crossing, Outcome, Rejection, Settlement};
use crate::reservation::{Past, State};
use crate::slab::NO_SLOT;
use crate::variant::Variant;
use bursar_core::limits::RECORD_BYTES_MAX;
use bursar_core::{Charge, Measure, ReservationId, Timestamp, Usd};

impl Engine {
    /// Replaces a hold by the actual charge: truth beats policy, so it may be more.
    pub(super) fn settle(
        &mut self,
        now: Timestamp,
        mut settle: Settle,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if !is_sane(&settle.charge) {
            return Outcome::Rejected(Rejection::Charge);
        }
        if settle.record.len() > RECORD_BYTES_MAX {
            return Outcome::Rejected(Rejection::Record);
        }
        self.hint = self.find(settle.id).unwrap_or(NO_SLOT);
        let Some(open) = self.reservations.get(self.hint) else {
            return self.settled_before(settle.id, &settle.charge);
        };
        if self.wrong(Variant::CapAtHold) {
            settle.charge = lesser(&settle.charge, &open.hold);
        }
        match self.settlement(now, open, &settle.charge) {
            Ok((settlement, windows)) => {
                let entry = Entry::Settled(Settled {
                    at: now,
                    id: settle.id,
                    from: settlement.from,
                    charge: settle.charge,
                    hold: settlement.hold,
                    estimated: settle.estimated,
                    windows,
                    crossings: settlement.crossings.clone(),
                    record: settle.record,
                });
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Settled(settlement))
            }
            Err(measure) => Outcome::Rejected(Rejection::Overflow(measure)),
        }
    }
    /// Gives a hold back, for a reason that proves that nothing is billed.
    pub(super) fn release(
        &mut self,
        now: Timestamp,
        id: ReservationId,
        reason: ProvablyUnbilled,
        record: Record,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if record.len() > RECORD_BYTES_MAX {
            return Outcome::Rejected(Rejection::Record);
        }
        match self.live(id) {
            Err(NotLive::Open(_)) if self.wrong(Variant::ReleaseSuspense) => {
                let audit = Audit { actor: "nobody".into(), reason: "wrong on purpose".into() };
                let entry = Entry::Forgiven { at: now, id, audit };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Released)
            }
            Ok(_) => {
                let entry = Entry::Released { at: now, id, reason, record };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Released)
            }
            Err(NotLive::Finished(past)) if past.state == State::Released => Outcome::Duplicate(past),
            Err(why) => why.into(),
        }
    }

    fn settled_before(&self, id: ReservationId, charge: &Charge) -> Outcome {
        match self.past(id) {
            Some(past @ Past { state: State::Settled, .. }) if past.charge == *charge => {
                Outcome::Duplicate(past)
            }
            Some(past) => Outcome::Conflict(past),
            None => Outcome::Unknown,
        }
    }
    /// What settling an open reservation at `charge` does, and in which windows.
    pub(super) fn settlement(
        &self,
        now: Timestamp,
        open: &Reservation,
        charge: &Charge,
    ) -> Result<(Settlement, WindowIds), Measure> {
        let mut crossings: Vec<Crossing> = Vec::new();
        let mut windows = WindowIds::new();
        for slot in &open.windows {
            let Some(window) = self.windows.get(*slot) else { continue };
            let (was, actual) = (wide(window.part(&open.hold)), wide(window.part(charge)));
            if i64::try_from(window.used() - was + actual).is_err() {
                return Err(window.measure);
            }
            let charged_before = if open.state == State::Suspense { was } else { 0 };
            if let Some(own) = self.budget(window.budget) {
                let spent = window.spent() - charged_before + actual;
                window.crossings(&own.budget, spent, now, &mut crossings);
            }
            windows.push(window.id);
        }
        let overage = excess(charge, &open.hold);
        Ok((Settlement { from: open.state, hold: open.hold, overage, crossings }, windows))
    }
}

/// For the wrong variant: the lesser of two charges, part by part.
fn lesser(one: &Charge, other: &Charge) -> Charge {
    Charge {
        list: one.list.min(other.list),
        effective: one.effective.min(other.effective),
        tokens: one.tokens.min(other.tokens),
        requests: one.requests.min(other.requests),
    }
}

/// `actual - hold`, part by part, where positive.
fn excess(actual: &Charge, hold: &Charge) -> Charge {
    let usd = |actual: Usd, hold: Usd| actual.saturating_sub(hold).max(Usd::ZERO);
    Charge {
        list: usd(actual.list, hold.list),
        effective: usd(actual.effective, hold.effective),
        tokens: actual.tokens.saturating_sub(hold.tokens).max(0),
        requests: actual.requests.saturating_sub(hold.requests).max(0),
    }
}
