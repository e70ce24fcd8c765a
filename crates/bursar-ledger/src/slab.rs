//! Values in slots that stay where they are: short keys for what the engine holds by the hundred thousand.

/// A slot's number.
pub(crate) type Slot = u32;
/// No slot.
pub(crate) const NO_SLOT: Slot = Slot::MAX;

#[derive(Clone, Debug)]
enum Place<T> {
    Taken(T),
    Free(Slot),
}

/// Slots are reused last freed first, so that two runs of the same operations use the same slots.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Slot,
    len: usize,
}

fn at(slot: Slot) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: NO_SLOT, len: 0 }
    }
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
    /// One more than the highest slot ever used.
    pub(crate) fn end(&self) -> Slot {
        Slot::try_from(self.places.len()).unwrap_or(NO_SLOT)
    }
    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        match self.places.get(at(slot)) {
            Some(Place::Taken(value)) => Some(value),
            Some(Place::Free(_)) | None => None,
        }
    }
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        match self.places.get_mut(at(slot)) {
            Some(Place::Taken(value)) => Some(value),
            Some(Place::Free(_)) | None => None,
        }
    }
    pub(crate) fn insert(&mut self, value: T) -> Slot {
        self.len += 1;
        let slot = self.free;
        if let Some(place) = self.places.get_mut(at(slot)) {
            if let Place::Free(next) = place {
                self.free = *next;
            }
            *place = Place::Taken(value);
            return slot;
        }
        self.places.push(Place::Taken(value));
        self.end() - 1
    }
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<T> {
        let place = self.places.get_mut(at(slot))?;
        if matches!(place, Place::Free(_)) {
            return None;
        }
        match std::mem::replace(place, Place::Free(self.free)) {
            Place::Taken(value) => {
                self.free = slot;
                self.len -= 1;
                Some(value)
            }
            Place::Free(_) => None,
        }
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        (0..).zip(&self.places).filter_map(|(slot, place)| match place {
            Place::Taken(value) => Some((slot, value)),
            Place::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_last_freed_first() {
        let mut slab = Slab::new();
        let slots: Vec<Slot> = ["a", "b", "c"].into_iter().map(|v| slab.insert(v)).collect();
        assert_eq!(slots, [0, 1, 2]);
        assert_eq!(slab.remove(0), Some("a"));
        assert_eq!(slab.remove(0), None);
        assert_eq!(slab.remove(1), Some("b"));
        assert_eq!((slab.insert("d"), slab.insert("e"), slab.insert("f")), (1, 0, 3));
        assert_eq!(slab.iter().map(|(_, v)| *v).collect::<String>(), "edcf");
        assert_eq!((slab.len(), slab.get(7)), (4, None));
    }
}
