//! Effects: the only code that changes counters. A decision and a replay go through it alike.

use super::Engine;
use super::reserve::add;
use super::state::{Reservation, Window};
use crate::deadlines::{Alarm, Deadlines};
use crate::entry::{Entry, Reserved, Settled};
use crate::outcome::Crossing;
use crate::reservation::{Past, State};
use crate::slab::Slot;
use crate::variant::Variant;
use crate::window::{WindowId, WindowImage};
use bursar_core::{Charge, ReservationId, Timestamp};
use smallvec::SmallVec;

/// Why an entry does not follow from the entries before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It names a budget that never was.
    #[error("the entry names a budget that never was")]
    Budget,
    /// It names a window that is not in memory.
    #[error("the entry names a window that is not in memory")]
    Window,
    /// It opens or brings back a window that is in memory already, or one out of order.
    #[error("the entry opens a window that is there already")]
    WindowTwice,
    /// It names a reservation that is not open in the right state.
    #[error("the entry names a reservation that is not open in the right state")]
    Reservation,
    /// It reserves an id that is open already.
    #[error("the entry reserves an id that is open already")]
    ReservationTwice,
    /// A counter would overflow or fall below zero.
    #[error("a counter would overflow or fall below zero")]
    Overflow,
    /// A piece of a snapshot after other entries or out of order, or a snapshot that is not whole.
    #[error("a piece of a snapshot is missing, or not where it belongs")]
    Image,
    /// No decision leads to it from this state.
    #[error("no decision leads to the entry")]
    Undecided,
}

impl Engine {
    /// Applies an effect that was journalled before. A sequence of entries rebuilds exactly the state that pushed it.
    ///
    /// What would break an invariant is refused, whoever wrote it: after any entries that a replay took,
    /// [`check_invariants`](crate::check_invariants) holds. Whether there was room is not asked again.
    ///
    /// # Errors
    /// When the entry does not follow from what was replayed so far. The engine must not be used then.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), ReplayError> {
        if let Entry::Image(image) = entry {
            return self.restore(image);
        }
        if self.restoring.is_some() {
            self.restored()?;
        }
        self.entries = self.entries.saturating_add(1);
        match entry {
            Entry::Opened(image) => self.apply_opened(image),
            Entry::Reserved(reserved) => self.apply_reserved(reserved),
            Entry::Extended { at, id, more, deadline } => self.apply_extended(*at, *id, more, *deadline),
            Entry::Progressed { at, id, deadline, estimate } => {
                self.apply_progressed(*at, *id, *deadline, *estimate)
            }
            Entry::Settled(settled) => self.apply_settled(settled),
            Entry::Released { at, id, .. } => self.apply_released(*at, *id, State::Live),
            Entry::Suspended { at, id, until, crossings, .. } => {
                self.apply_suspended(*at, *id, *until, crossings)
            }
            Entry::Forgiven { at, id, .. } => self.apply_released(*at, *id, State::Suspense),
            Entry::Adjusted { at, id, parts, crossings, .. } => {
                self.apply_adjusted(*at, *id, parts, crossings)
            }
            Entry::BudgetPut { budget, .. } => self.apply_budget_put(budget),
            Entry::BudgetRemoved { budget, .. } => self.apply_budget_removed(*budget),
            Entry::PagedOut { windows, .. } => self.apply_paged_out(windows),
            Entry::PagedIn { image, .. } => self.apply_paged_in(image),
            Entry::Granted { at, window, total } => self.apply_granted(*at, *window, *total),
            Entry::GaveBack { at, window, amount } => self.apply_gave_back(*at, *window, *amount),
            Entry::Image(_) => Err(ReplayError::Image),
        }
    }

    fn apply_opened(&mut self, image: &WindowImage) -> Result<(), ReplayError> {
        if image.id.0 < self.next_window {
            return Err(ReplayError::WindowTwice);
        }
        let own = self.budget_slots.get(&image.key.budget.0).and_then(|slot| self.budget(*slot));
        let own = own.ok_or(ReplayError::Budget)?;
        let counters = [image.settled, image.suspense, image.held, image.overage, image.returned];
        if own.removed || own.generation != image.key.generation || counters != [0; 5] {
            return Err(ReplayError::Undecided);
        }
        self.next_window = image.id.0.checked_add(1).ok_or(ReplayError::Overflow)?;
        self.insert_window(image).map(|_| ())
    }
    /// Puts a window into memory.
    pub(super) fn insert_window(&mut self, image: &WindowImage) -> Result<Slot, ReplayError> {
        let budget = *self.budget_slots.get(&image.key.budget.0).ok_or(ReplayError::Budget)?;
        let own = self.budget(budget).ok_or(ReplayError::Budget)?;
        let window = Window::from_image(image, budget, own.windows.len(), &own.budget.thresholds);
        if image.key.generation > own.generation || image.id.0 >= self.next_window {
            return Err(ReplayError::Undecided);
        }
        window.bounded()?;
        let hash = Self::hash_of(self.seed, &window);
        let same = |other: &Window| {
            (other.budget, other.generation) == (window.budget, window.generation)
                && other.interval == window.interval
                && other.per == window.per
        };
        let same = |slot: &Slot| self.windows.get(*slot).is_some_and(same);
        if self.window_slots.contains_key(&image.id.0) || self.window_keys.find(hash, same).is_some() {
            return Err(ReplayError::WindowTwice);
        }
        let slot = self.windows.insert(window);
        self.window_slots.insert(image.id.0, slot);
        let (windows, seed) = (&self.windows, self.seed);
        let rehash = |slot: &Slot| windows.get(*slot).map_or(0, |window| Self::hash_of(seed, window));
        self.window_keys.insert_unique(hash, slot, rehash);
        self.budget_mut(budget).ok_or(ReplayError::Budget)?.windows.push(slot);
        Ok(slot)
    }
    fn apply_reserved(&mut self, reserved: &Reserved) -> Result<(), ReplayError> {
        let slots = self.slots_of(&reserved.windows)?;
        let entries = self.entries;
        for slot in &slots {
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            let part = window.part(&reserved.hold);
            window.held = window.held.checked_add(part).ok_or(ReplayError::Overflow)?;
            window.open += 1;
            window.used_at = window.used_at.max(reserved.at);
            window.changed = entries;
            window.bounded()?;
        }
        self.insert_reservation(reserved, slots, State::Live, Some(reserved.deadline))
    }
    /// Windows of one attempt, each once.
    pub(super) fn slots_of(&self, windows: &[WindowId]) -> Result<SmallVec<[Slot; 6]>, ReplayError> {
        let mut slots: SmallVec<[Slot; 6]> = SmallVec::new();
        for id in windows {
            let slot = *self.window_slots.get(&id.0).ok_or(ReplayError::Window)?;
            if slots.contains(&slot) {
                return Err(ReplayError::Undecided);
            }
            slots.push(slot);
        }
        Ok(slots)
    }
    pub(super) fn insert_reservation(
        &mut self,
        reserved: &Reserved,
        windows: SmallVec<[Slot; 6]>,
        state: State,
        alarm: Option<Timestamp>,
    ) -> Result<(), ReplayError> {
        let forgets = self.wrong(Variant::ForgetIds);
        let (reservations, seed) = (&self.reservations, self.seed);
        if self.is_finished(reserved.id) {
            return Err(ReplayError::ReservationTwice);
        }
        let same = |slot: Slot| !forgets && reservations.get(slot).is_some_and(|open| open.id == reserved.id);
        // One probe for both questions: a million of these are a recovery.
        let place = self.reservation_slots.vacant(seed.of_reservation(reserved.id), same);
        let place = place.ok_or(ReplayError::ReservationTwice)?;
        let slot = self.reservations.insert(Reservation {
            id: reserved.id,
            state,
            fingerprint: reserved.fingerprint,
            hold: reserved.hold,
            estimate: reserved.estimate,
            windows,
            alarm: Alarm::NONE,
            at: reserved.at,
        });
        place.insert(slot);
        self.set_alarm(slot, alarm);
        Ok(())
    }
    fn apply_extended(
        &mut self,
        at: Timestamp,
        id: ReservationId,
        more: &Charge,
        deadline: Timestamp,
    ) -> Result<(), ReplayError> {
        let slot = self.open_in(id, State::Live)?;
        let entries = self.entries;
        let open = self.reservations.get_mut(slot).ok_or(ReplayError::Reservation)?;
        open.hold = add(&open.hold, more).ok_or(ReplayError::Overflow)?;
        open.at = at;
        for slot in &open.windows {
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            let part = window.part(more);
            window.held = window.held.checked_add(part).ok_or(ReplayError::Overflow)?;
            window.used_at = window.used_at.max(at);
            window.changed = entries;
            window.bounded()?;
        }
        self.set_alarm(slot, Some(deadline));
        Ok(())
    }
    fn apply_progressed(
        &mut self,
        at: Timestamp,
        id: ReservationId,
        deadline: Timestamp,
        estimate: Charge,
    ) -> Result<(), ReplayError> {
        let slot = self.open_in(id, State::Live)?;
        let open = self.reservations.get_mut(slot).ok_or(ReplayError::Reservation)?;
        open.estimate = estimate;
        open.at = at;
        self.set_alarm(slot, Some(deadline));
        Ok(())
    }
    fn apply_settled(&mut self, settled: &Settled) -> Result<(), ReplayError> {
        let open = self.close(settled.id, settled.from)?;
        let keeps = self.wrong(Variant::KeepHoldOnSettle);
        for slot in &open.windows {
            let entries = self.entries;
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            let (was, actual) = (window.part(&open.hold), window.part(&settled.charge));
            if !keeps {
                window.take(open.state, was)?;
            }
            window.settled = window.settled.checked_add(actual).ok_or(ReplayError::Overflow)?;
            window.overage = window.overage.saturating_add(actual.saturating_sub(was).max(0));
            window.leave(settled.at, entries);
            window.bounded()?;
        }
        self.cross(&settled.crossings);
        let past = Past::finished(State::Settled, open.fingerprint, settled.charge);
        self.history.push(self.seed, settled.id, past);
        Ok(())
    }
    fn apply_released(&mut self, at: Timestamp, id: ReservationId, from: State) -> Result<(), ReplayError> {
        let open = self.close(id, from)?;
        for slot in &open.windows {
            let entries = self.entries;
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            let was = window.part(&open.hold);
            window.take(open.state, was)?;
            window.leave(at, entries);
        }
        let past = Past::finished(State::Released, open.fingerprint, Charge::ZERO);
        self.history.push(self.seed, id, past);
        Ok(())
    }
    fn apply_suspended(
        &mut self,
        at: Timestamp,
        id: ReservationId,
        until: Option<Timestamp>,
        crossings: &[Crossing],
    ) -> Result<(), ReplayError> {
        let slot = self.open_in(id, State::Live)?;
        let entries = self.entries;
        let open = self.reservations.get_mut(slot).ok_or(ReplayError::Reservation)?;
        open.state = State::Suspense;
        open.at = at;
        for slot in &open.windows {
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            let part = window.part(&open.hold);
            window.take(State::Live, part)?;
            window.suspense = window.suspense.checked_add(part).ok_or(ReplayError::Overflow)?;
            window.used_at = window.used_at.max(at);
            window.changed = entries;
        }
        self.set_alarm(slot, until);
        self.cross(crossings);
        Ok(())
    }
    /// Marks thresholds as crossed.
    pub(super) fn cross(&mut self, crossings: &[Crossing]) {
        for crossing in crossings {
            let Some(slot) = self.window_slots.get(&crossing.window.0).copied() else { continue };
            let Some(budget) = self.windows.get(slot).map(|window| window.budget) else { continue };
            let Some(own) = self.budget(budget) else { continue };
            if self.wrong(Variant::CrossAgain) {
                continue;
            }
            let bits = super::state::bits(&own.budget.thresholds, &[crossing.threshold]);
            if let Some(window) = self.windows.get_mut(slot) {
                window.crossed |= bits;
            }
        }
    }
    /// Whether a reservation ended and that is still remembered.
    fn is_finished(&self, id: ReservationId) -> bool {
        let forgets = self.wrong(Variant::ForgetIds) || self.wrong(Variant::ForgetFinished);
        !forgets && self.history.get(self.seed, id).is_some()
    }
    fn open_in(&self, id: ReservationId, state: State) -> Result<Slot, ReplayError> {
        let slot = self.find(id).ok_or(ReplayError::Reservation)?;
        let open = self.reservations.get(slot).ok_or(ReplayError::Reservation)?;
        if open.state == state { Ok(slot) } else { Err(ReplayError::Reservation) }
    }
    /// Takes an open reservation out of the tables.
    fn close(&mut self, id: ReservationId, state: State) -> Result<Reservation, ReplayError> {
        let slot = self.open_in(id, state)?;
        self.set_alarm(slot, None);
        self.reservation_slots.remove(self.seed.of_reservation(id), slot);
        self.reservations.remove(slot).ok_or(ReplayError::Reservation)
    }
    /// Sets or clears the alarm of a reservation.
    fn set_alarm(&mut self, slot: Slot, at: Option<Timestamp>) {
        let old = self.reservations.get(slot).map_or(Alarm::NONE, |open| open.alarm);
        if old.time() == at {
            return;
        }
        if let Some(moved) = self.deadlines.clear(old)
            && let Some(other) = self.reservations.get_mut(moved)
        {
            other.alarm = Deadlines::moved(other.alarm, old);
        }
        let new = at.map_or(Alarm::NONE, |at| self.deadlines.set(at, slot));
        if let Some(open) = self.reservations.get_mut(slot) {
            open.alarm = new;
        }
    }
}

impl Window {
    /// Whether no counter is negative and their sum is one that can be told.
    pub(super) fn bounded(&self) -> Result<(), ReplayError> {
        let sound = self.settled >= 0
            && self.suspense >= 0
            && self.held >= 0
            && self.overage >= 0
            && self.returned >= 0
            && i64::try_from(self.used()).is_ok();
        if sound { Ok(()) } else { Err(ReplayError::Overflow) }
    }
    /// Takes what a reservation in `state` has set aside here.
    fn take(&mut self, state: State, amount: i64) -> Result<(), ReplayError> {
        let from = match state {
            State::Live => &mut self.held,
            State::Suspense => &mut self.suspense,
            State::Settled | State::Released => return Err(ReplayError::Reservation),
        };
        *from = from.checked_sub(amount).filter(|left| *left >= 0).ok_or(ReplayError::Overflow)?;
        Ok(())
    }
    /// One reservation less.
    fn leave(&mut self, at: Timestamp, entries: u64) {
        self.open = self.open.saturating_sub(1);
        self.used_at = self.used_at.max(at);
        self.changed = entries;
    }
}
