//! The last finished reservations, so that repeats are answered exactly. The oldest is forgotten first.

use crate::hash::Seed;
use crate::limits::FINISHED_MAX;
use crate::reservation::{Past, State};
use bursar_core::ReservationId;
use hashbrown::HashTable;
use std::collections::VecDeque;

#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    items: VecDeque<(ReservationId, Past)>,
    /// How many were forgotten: an item's number minus this is its position.
    forgotten: u64,
    numbers: HashTable<u64>,
}

impl History {
    fn position(&self, number: u64) -> Option<&(ReservationId, Past)> {
        self.items.get(usize::try_from(number.wrapping_sub(self.forgotten)).ok()?)
    }
    pub(crate) fn get(&self, seed: Seed, id: ReservationId) -> Option<Past> {
        if self.items.is_empty() {
            return None;
        }
        let is_it = |number: &u64| self.position(*number).is_some_and(|(known, _)| *known == id);
        let number = self.numbers.find(seed.of_reservation(id), is_it)?;
        self.position(*number).map(|(_, past)| *past)
    }
    pub(crate) fn push(&mut self, seed: Seed, id: ReservationId, past: Past) {
        if self.items.len() >= FINISHED_MAX
            && let Some((oldest, _)) = self.items.pop_front()
        {
            let number = self.forgotten;
            self.forgotten += 1;
            if let Ok(entry) = self.numbers.find_entry(seed.of_reservation(oldest), |n| *n == number) {
                entry.remove();
            }
        }
        let number = self.forgotten + u64::try_from(self.items.len()).unwrap_or(0);
        self.items.push_back((id, past));
        let (items, forgotten) = (&self.items, self.forgotten);
        self.numbers.insert_unique(seed.of_reservation(id), number, |number| {
            let place = usize::try_from(number.wrapping_sub(forgotten)).unwrap_or(usize::MAX);
            items.get(place).map_or(0, |(id, _)| seed.of_reservation(*id))
        });
    }
    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ReservationId, Past)> {
        self.items.iter().copied()
    }
}

impl Past {
    /// What is remembered of a finished reservation.
    pub(crate) const fn finished(state: State, fingerprint: u64, charge: bursar_core::Charge) -> Self {
        Self { state, fingerprint, charge }
    }
}
