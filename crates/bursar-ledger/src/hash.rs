//! A keyed hash for tables in memory. The key is an argument; no outcome depends on it.

use bursar_core::ReservationId;
use std::hash::{BuildHasher, Hasher};

const PRIME: u64 = 0x9E37_79B9_7F4A_7C15;

/// The key of every table of one engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) const fn new(key: u64) -> Self {
        Self(key ^ PRIME)
    }
    /// Starts a hash.
    pub(crate) const fn start(self) -> Hash {
        Hash(self.0)
    }
    pub(crate) fn of_reservation(self, id: ReservationId) -> u64 {
        let [a, b, c, d, e, f, g, h, tail @ ..] = id.request.as_u128().to_le_bytes();
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        self.start().word(low).word(u64::from_le_bytes(tail)).word(u64::from(id.attempt)).0
    }
}

/// A hash in the making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Folds a word in: the halves of its product with a key-dependent factor.
    #[must_use]
    pub(crate) fn word(self, word: u64) -> Self {
        let (low, high) = (self.0 ^ word).carrying_mul(PRIME, 0);
        Self(low ^ high.rotate_left(17) ^ word.rotate_left(40))
    }
    #[must_use]
    pub(crate) fn signed(self, word: i64) -> Self {
        self.word(word.cast_unsigned())
    }
    #[must_use]
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }
    #[must_use]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut hash = self;
        let (chunks, tail) = bytes.as_chunks::<8>();
        for chunk in chunks {
            hash = hash.word(u64::from_le_bytes(*chunk));
        }
        let mut last = [0u8; 8];
        for (place, byte) in last.iter_mut().zip(tail) {
            *place = *byte;
        }
        hash.word(u64::from_le_bytes(last)).word(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }
    pub(crate) fn finish(self) -> u64 {
        self.word(PRIME).0
    }
}

impl BuildHasher for Seed {
    type Hasher = IntHasher;

    fn build_hasher(&self) -> IntHasher {
        IntHasher(self.start())
    }
}

/// Hashes keys that are one integer.
pub(crate) struct IntHasher(Hash);

impl Hasher for IntHasher {
    fn finish(&self) -> u64 {
        self.0.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.word(u64::from(*byte));
        }
    }
    fn write_u32(&mut self, word: u32) {
        self.0 = self.0.word(u64::from(word));
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.word(word);
    }
}
