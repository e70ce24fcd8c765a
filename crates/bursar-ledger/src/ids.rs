//! From the id of a reservation to its slot. A million of these are made in a recovery, so what stands in the table is
//! enough to grow it, and to tell nearly every other id apart, without a look at the reservations themselves.

use crate::slab::Slot;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, VacantEntry};

/// Spreads a tag over all bits of a hash: the fractional part of the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    table: HashTable<Place>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Half of the hash of the id.
    tag: u32,
    slot: Slot,
}

/// Where a new id goes.
pub(crate) struct Vacant<'a> {
    tag: u32,
    place: VacantEntry<'a, Place>,
}

impl Vacant<'_> {
    pub(crate) fn insert(self, slot: Slot) {
        let _place = self.place.insert(Place { tag: self.tag, slot });
    }
}

fn tag_of(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(SPREAD)
}

impl Ids {
    /// The slot of the id with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let tag = tag_of(hash);
        let same = |place: &Place| place.tag == tag && is_it(place.slot);
        self.table.find(spread(tag), same).map(|place| place.slot)
    }
    /// The place of a new id with this hash; `None` where `is_it` holds for one that is there.
    pub(crate) fn vacant(&mut self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Vacant<'_>> {
        let tag = tag_of(hash);
        let same = |place: &Place| place.tag == tag && is_it(place.slot);
        match self.table.entry(spread(tag), same, |place| spread(place.tag)) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => Some(Vacant { tag, place }),
        }
    }
    /// Takes out the id with this hash that leads to `slot`.
    pub(crate) fn remove(&mut self, hash: u64, slot: Slot) {
        if let Ok(entry) = self.table.find_entry(spread(tag_of(hash)), |place| place.slot == slot) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_the_same_tag_are_told_apart() {
        let mut ids = Ids::default();
        // The lower half of a hash is not in the tag.
        for slot in 0..40u32 {
            ids.vacant(7 << 32 | u64::from(slot), |other| other == slot).unwrap().insert(slot);
        }
        assert!(ids.vacant(7 << 32, |other| other == 3).is_none());
        assert_eq!(ids.find(7 << 32, |slot| slot == 21), Some(21));
        ids.remove(7 << 32, 21);
        assert_eq!(ids.find(7 << 32, |slot| slot == 21), None);
        assert_eq!(ids.find(7 << 32, |slot| slot == 22), Some(22));
        assert_eq!(ids.find(8 << 32, |_| true), None);
    }

    #[test]
    fn a_table_that_grew_finds_everything() {
        let mut ids = Ids::default();
        let hash = |slot: u32| u64::from(slot).wrapping_mul(0xD1B5_4A32_D192_ED03);
        for slot in 0..5_000 {
            ids.vacant(hash(slot), |other| other == slot).unwrap().insert(slot);
        }
        assert!((0..5_000).all(|slot| ids.find(hash(slot), |other| other == slot) == Some(slot)));
    }
}
