//! Adjustments by operators, and grants from an authority.

use super::Engine;
use super::finish::is_complete;
use super::state::{Window, wide};
use crate::ReplayError;
use crate::command::{Adjust, AdjustmentId};
use crate::entry::{Entry, Sink};
use crate::limits::{ADJUSTMENTS_MAX, CHARGE_PART_MAX, WINDOWS_PER_COMMAND_MAX};
use crate::outcome::{Crossing, Outcome, Rejection};
use crate::reservation::{Past, State};
use crate::variant::Variant;
use crate::window::WindowId;
use bursar_core::{Charge, Timestamp};

impl Engine {
    /// Adds stated amounts to what windows settled, all or none.
    pub(super) fn adjust(
        &mut self,
        now: Timestamp,
        adjust: Adjust,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if !is_complete(&adjust.audit) {
            return Outcome::Rejected(Rejection::Audit);
        }
        if adjust.parts.is_empty() || adjust.parts.len() > WINDOWS_PER_COMMAND_MAX {
            return Outcome::Rejected(Rejection::Windows);
        }
        if self.adjusted.contains(&adjust.id.0) && !self.wrong(Variant::AdjustTwice) {
            return Outcome::Duplicate(Past::finished(State::Settled, 0, Charge::ZERO));
        }
        match self.adjust_crossings(now, &adjust.parts) {
            Ok(crossings) => {
                let entry = Entry::Adjusted {
                    at: now,
                    id: adjust.id,
                    reservation: adjust.reservation,
                    parts: adjust.parts,
                    crossings: crossings.clone(),
                    audit: adjust.audit,
                };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Adjusted(crossings))
            }
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }
    fn adjust_crossings(
        &self,
        now: Timestamp,
        parts: &[(WindowId, i64)],
    ) -> Result<Vec<Crossing>, Rejection> {
        let mut crossings = Vec::new();
        for (at, (id, delta)) in parts.iter().enumerate() {
            let slot = self.window_slots.get(&id.0).ok_or(Rejection::WindowNotLoaded(*id))?;
            let window = self.windows.get(*slot).ok_or(Rejection::WindowNotLoaded(*id))?;
            if delta.unsigned_abs() > CHARGE_PART_MAX.unsigned_abs()
                || parts.iter().take(at).any(|(other, _)| other == id)
            {
                return Err(Rejection::Charge);
            }
            let settled = wide(window.settled) + wide(*delta);
            if settled < 0 {
                return Err(Rejection::BelowZero(*id));
            }
            if i64::try_from(window.used() + wide(*delta)).is_err() {
                return Err(Rejection::Overflow(window.measure));
            }
            if let Some(own) = self.budget(window.budget) {
                window.crossings(&own.budget, window.spent() + wide(*delta), now, &mut crossings);
            }
        }
        Ok(crossings)
    }
    pub(super) fn apply_adjusted(
        &mut self,
        at: Timestamp,
        id: AdjustmentId,
        parts: &[(WindowId, i64)],
        crossings: &[Crossing],
    ) -> Result<(), ReplayError> {
        if self.adjusted.contains(&id.0) && !self.wrong(Variant::AdjustTwice) {
            return Err(ReplayError::Undecided);
        }
        let entries = self.entries;
        for (id, delta) in parts {
            let slot = *self.window_slots.get(&id.0).ok_or(ReplayError::Window)?;
            let window = self.windows.get_mut(slot).ok_or(ReplayError::Window)?;
            let settled = window.settled.checked_add(*delta).filter(|settled| *settled >= 0);
            window.settled = settled.ok_or(ReplayError::Overflow)?;
            window.overage = window.overage.saturating_add((*delta).max(0));
            window.used_at = window.used_at.max(at);
            window.changed = entries;
            window.bounded()?;
        }
        self.cross(crossings);
        self.remember_adjustment(id);
        Ok(())
    }
    pub(super) fn remember_adjustment(&mut self, id: AdjustmentId) {
        if self.adjustments.len() >= ADJUSTMENTS_MAX
            && let Some(oldest) = self.adjustments.pop_front()
        {
            self.adjusted.remove(&oldest);
        }
        self.adjustments.push_back(id.0);
        self.adjusted.insert(id.0);
    }

    /// The authority granted this node so much in all: totals only grow, so old news changes nothing.
    pub(super) fn granted(
        &mut self,
        now: Timestamp,
        window: WindowId,
        total: i64,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        match self.window_slots.get(&window.0).and_then(|slot| self.windows.get(*slot)) {
            None => Outcome::Rejected(Rejection::WindowNotLoaded(window)),
            Some(own) if total <= own.granted => Outcome::Stale,
            Some(_) => {
                let entry = Entry::Granted { at: now, window, total };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Granted)
            }
        }
    }
    /// Returns room that nothing uses.
    pub(super) fn give_back(
        &mut self,
        now: Timestamp,
        window: WindowId,
        amount: i64,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        let Some(own) = self.window_slots.get(&window.0).and_then(|slot| self.windows.get(*slot)) else {
            return Outcome::Rejected(Rejection::WindowNotLoaded(window));
        };
        if !own.can_give_back(amount) {
            return Outcome::Rejected(Rejection::BelowZero(window));
        }
        let entry = Entry::GaveBack { at: now, window, amount };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::GaveBack)
    }
    pub(super) fn apply_granted(
        &mut self,
        at: Timestamp,
        window: WindowId,
        total: i64,
    ) -> Result<(), ReplayError> {
        let entries = self.entries;
        let slot = *self.window_slots.get(&window.0).ok_or(ReplayError::Window)?;
        let window = self.windows.get_mut(slot).ok_or(ReplayError::Window)?;
        window.granted = window.granted.max(total);
        window.used_at = window.used_at.max(at);
        window.changed = entries;
        Ok(())
    }
    pub(super) fn apply_gave_back(
        &mut self,
        at: Timestamp,
        window: WindowId,
        amount: i64,
    ) -> Result<(), ReplayError> {
        let entries = self.entries;
        let slot = *self.window_slots.get(&window.0).ok_or(ReplayError::Window)?;
        let window = self.windows.get_mut(slot).ok_or(ReplayError::Window)?;
        if !window.can_give_back(amount) {
            return Err(ReplayError::Undecided);
        }
        window.returned = window.returned.checked_add(amount).ok_or(ReplayError::Overflow)?;
        window.used_at = window.used_at.max(at);
        window.changed = entries;
        Ok(())
    }
}

impl Window {
    /// Whether so much of what was granted is free to go back.
    fn can_give_back(&self, amount: i64) -> bool {
        let free = wide(self.granted) - wide(self.returned) - self.used();
        amount > 0 && wide(amount) <= free
    }
}
