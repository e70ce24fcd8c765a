//! The bytes of one simulated file: what a process sees, what is on the platter, and what lies between.

use std::collections::BTreeSet;

use crate::disk::SECTOR_BYTES;

/// Bytes of one file.
#[derive(Default)]
pub(super) struct Content {
    /// What a process reads.
    pub(super) cache: Vec<u8>,
    platter: Vec<u8>,
    /// Sectors of the cache that may differ from the platter, and that a sync would write.
    unsynced: BTreeSet<usize>,
    /// Those sectors in the order they were written.
    order: Vec<usize>,
}

impl Content {
    pub(super) fn synced(bytes: Vec<u8>) -> Self {
        Self { cache: bytes.clone(), platter: bytes, unsynced: BTreeSet::new(), order: Vec::new() }
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len());
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        if let Some(place) = self.cache.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            if self.unsynced.insert(sector) {
                self.order.push(sector);
            }
        }
    }

    pub(super) fn sync(&mut self) {
        self.order.clear();
        for sector in std::mem::take(&mut self.unsynced) {
            self.keep(sector);
        }
        self.platter.resize(self.cache.len(), 0);
    }

    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
        self.order.clear();
    }

    pub(super) fn flip(&mut self, byte: usize, bit: u8) -> bool {
        let mask = 1u8 << (bit % 8);
        if let Some(place) = self.platter.get_mut(byte) {
            *place ^= mask;
        }
        self.cache.get_mut(byte).map(|place| *place ^= mask).is_some()
    }

    /// Keeps none, all, a prefix, or any subset of the unsynced sectors.
    pub(super) fn cut_power(&mut self, random: &mut Random) {
        let order = std::mem::take(&mut self.order);
        self.unsynced.clear();
        let prefix = match random.up_to(3) {
            0 => Some(0),
            1 => Some(order.len()),
            2 => Some(random.up_to(order.len())),
            _ => None,
        };
        for (place, sector) in order.into_iter().enumerate() {
            let kept = prefix.map_or_else(|| random.up_to(1) == 0, |prefix| place < prefix);
            if kept {
                self.keep(sector);
            }
        }
        self.cache.clone_from(&self.platter);
    }

    fn keep(&mut self, sector: usize) {
        let start = sector.saturating_mul(SECTOR_BYTES);
        let end = start.saturating_add(SECTOR_BYTES).min(self.cache.len());
        if self.platter.len() < end {
            self.platter.resize(end, 0);
        }
        if let (Some(to), Some(from)) = (self.platter.get_mut(start..end), self.cache.get(start..end)) {
            to.copy_from_slice(from);
        }
    }
}

/// A small generator (splitmix64, public domain by S. Vigna): faults must be the same for the same seed for ever.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly one of 0 to `most`, both included.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        let many = u64::try_from(most).unwrap_or(u64::MAX - 1).saturating_add(1);
        usize::try_from(self.next() % many).unwrap_or(0)
    }
}
