//! What must hold of one engine at every instant, recounted from scratch. For tests and the simulator.

use super::Engine;
use super::state::Window;
use crate::index::Found;
use crate::reservation::State;
use crate::slab::Slot;
use crate::window::WindowId;
use bursar_core::{Attributes, ReservationId, Value};
use std::collections::BTreeMap;

/// An invariant that does not hold: always a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// I5: held is not the sum of the holds in flight.
    #[error("window {0:?} holds {1}, its reservations hold {2}")]
    Held(WindowId, i64, i128),
    /// I5: suspense is not the sum of the holds in suspense.
    #[error("window {0:?} has {1} in suspense, its reservations have {2}")]
    Suspense(WindowId, i64, i128),
    /// I6: the number of open reservations of a window is wrong.
    #[error("window {0:?} counts {1} open reservations, there are {2}")]
    Open(WindowId, u32, u32),
    /// I6: a reservation is in a window that is not there.
    #[error("reservation {0:?} is in a window that is not there")]
    Reservation(ReservationId),
    /// I7: an open reservation is in a final state, or also finished.
    #[error("reservation {0:?} is open and finished")]
    LifeCycle(ReservationId),
    /// A reservation's alarm is lost.
    #[error("reservation {0:?} has no alarm")]
    Alarm(ReservationId),
    /// I17: a counter is negative, or the sum overflows.
    #[error("a counter of window {0:?} is negative or too large")]
    Counter(WindowId),
    /// A table does not lead to a window.
    #[error("window {0:?} is not found by its id, its key or its budget")]
    Lost(WindowId),
    /// The index does not lead to a budget.
    #[error("budget {0:?} is not found by what it matches")]
    Index(crate::BudgetId),
}

/// Recounts everything.
///
/// # Errors
/// The first invariant that does not hold.
pub fn check_invariants(engine: &Engine) -> Result<(), Broken> {
    engine.check_reservations()?;
    engine.check_windows()?;
    engine.check_index()
}

#[derive(Default)]
struct Sums {
    held: i128,
    suspense: i128,
    open: u32,
}

impl Engine {
    fn check_reservations(&self) -> Result<(), Broken> {
        let mut sums: BTreeMap<Slot, Sums> = BTreeMap::new();
        let alarms: Vec<Slot> = self.deadlines.begun(bursar_core::Timestamp::from_micros(i64::MAX)).collect();
        let mut rung: Vec<bool> = vec![false; usize::try_from(self.reservations.end()).unwrap_or(0)];
        for slot in &alarms {
            if let Some(place) = usize::try_from(*slot).ok().and_then(|at| rung.get_mut(at)) {
                *place = true;
            }
        }
        for (slot, open) in self.reservations.iter() {
            let rings = usize::try_from(slot).ok().and_then(|at| rung.get(at)).copied().unwrap_or(false);
            if open.alarm.is_set() != rings || (open.state == State::Live && !rings) {
                return Err(Broken::Alarm(open.id));
            }
            if self.look_up(open.id) != Some(slot) {
                return Err(Broken::Reservation(open.id));
            }
            if self.history.get(self.seed, open.id).is_some() {
                return Err(Broken::LifeCycle(open.id));
            }
            for window in &open.windows {
                let own = self.windows.get(*window).ok_or(Broken::Reservation(open.id))?;
                let sum = sums.entry(*window).or_default();
                let part = i128::from(own.part(&open.hold));
                sum.open += 1;
                match open.state {
                    State::Live => sum.held += part,
                    State::Suspense => sum.suspense += part,
                    State::Settled | State::Released => return Err(Broken::LifeCycle(open.id)),
                }
            }
        }
        for (slot, window) in self.windows.iter() {
            let sum = sums.remove(&slot).unwrap_or_default();
            if i128::from(window.held) != sum.held {
                return Err(Broken::Held(window.id, window.held, sum.held));
            }
            if i128::from(window.suspense) != sum.suspense {
                return Err(Broken::Suspense(window.id, window.suspense, sum.suspense));
            }
            if window.open != sum.open {
                return Err(Broken::Open(window.id, window.open, sum.open));
            }
        }
        Ok(())
    }
    fn check_windows(&self) -> Result<(), Broken> {
        for (slot, window) in self.windows.iter() {
            let counters = [window.settled, window.suspense, window.held, window.overage, window.returned];
            if counters.iter().any(|counter| *counter < 0) || i64::try_from(window.used()).is_err() {
                return Err(Broken::Counter(window.id));
            }
            if !self.is_found(slot, window) {
                return Err(Broken::Lost(window.id));
            }
        }
        let listed: usize = self.budgets.iter().map(|own| own.windows.len()).sum();
        let counted = [listed, self.window_keys.len(), self.window_slots.len()];
        if counted.iter().any(|count| *count != self.windows.len()) {
            return Err(Broken::Lost(WindowId(self.next_window)));
        }
        Ok(())
    }
    fn is_found(&self, slot: Slot, window: &Window) -> bool {
        let hash = Self::hash_of(self.seed, window);
        let listed = self.budget(window.budget).and_then(|own| own.windows.get(window.place));
        self.window_slots.get(&window.id.0) == Some(&slot)
            && self.window_keys.find(hash, |own| *own == slot).is_some()
            && listed == Some(&slot)
    }
    fn check_index(&self) -> Result<(), Broken> {
        for (slot, own) in (0..).zip(&self.budgets) {
            // A request made of the budget's own first values, where those are values.
            let mut attributes = Attributes::new();
            for (attribute, patterns) in &own.budget.matches {
                let value = patterns.first().map(|pattern| pattern.as_str().replace('*', "x"));
                let value = value.and_then(|text| Value::new(&text).ok());
                value.map(|value| attributes.set(attribute, value));
            }
            let mut found = Found::new();
            self.index.find(self.seed, &attributes, &mut found);
            let counts = own.budget.active && !own.removed;
            let whole = own.budget.applies_to(&attributes);
            let times = found.iter().filter(|other| **other == slot).count();
            if times > 1 || (times == 1 && !counts) || (times == 0 && counts && whole) {
                return Err(Broken::Index(own.budget.id));
            }
        }
        Ok(())
    }
}
