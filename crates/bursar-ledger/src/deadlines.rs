//! Which reservations expire next: buckets of eight seconds, so that renewing and removing cost no search.

use crate::slab::{NO_SLOT, Slot};
use bursar_core::Timestamp;
use std::collections::BTreeMap;

/// Where a reservation stands in its bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    /// When it goes off.
    pub(crate) at: Timestamp,
    /// Position in the bucket; [`NO_SLOT`]: not set.
    place: u32,
}

impl Alarm {
    /// Never goes off.
    pub(crate) const NONE: Self = Self { at: Timestamp::from_micros(i64::MAX), place: NO_SLOT };

    pub(crate) const fn is_set(self) -> bool {
        self.place != NO_SLOT
    }
    /// The time it goes off, if ever.
    pub(crate) fn time(self) -> Option<Timestamp> {
        self.is_set().then_some(self.at)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    buckets: BTreeMap<i64, Vec<Slot>>,
}

const fn bucket_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(8)
}

impl Deadlines {
    pub(crate) fn set(&mut self, at: Timestamp, slot: Slot) -> Alarm {
        let bucket = self.buckets.entry(bucket_of(at)).or_default();
        bucket.push(slot);
        Alarm { at, place: u32::try_from(bucket.len() - 1).unwrap_or(NO_SLOT) }
    }
    /// Clears an alarm. Returns the slot whose alarm took its place, with its new alarm's place set by [`Self::moved`].
    pub(crate) fn clear(&mut self, alarm: Alarm) -> Option<Slot> {
        if !alarm.is_set() {
            return None;
        }
        let key = bucket_of(alarm.at);
        let bucket = self.buckets.get_mut(&key)?;
        let place = usize::try_from(alarm.place).ok()?;
        if place < bucket.len() {
            bucket.swap_remove(place);
        }
        let moved = bucket.get(place).copied();
        if bucket.is_empty() {
            self.buckets.remove(&key);
        }
        moved
    }
    /// The alarm of a slot that took the place of a cleared one in the same bucket.
    pub(crate) const fn moved(own: Alarm, cleared: Alarm) -> Alarm {
        Alarm { at: own.at, place: cleared.place }
    }
    /// Slots in buckets that have begun by `now`; the caller looks at each one's own time.
    pub(crate) fn begun(&self, now: Timestamp) -> impl Iterator<Item = Slot> {
        self.buckets.range(..=bucket_of(now)).flat_map(|(_, slots)| slots.iter().copied())
    }
}
