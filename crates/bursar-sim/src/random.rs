//! Random numbers that are the same for ever: PCG XSH-RR 64/32, written out here so that no upgrade changes a seed.

/// One stream of numbers. Streams of one seed are independent.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    increment: u64,
}

const FACTOR: u64 = 6_364_136_223_846_793_005;

impl Random {
    /// The stream of this number of this seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self { state: 0, increment: stream << 1 | 1 };
        random.next();
        random.state = random.state.wrapping_add(seed);
        random.next();
        random
    }
    fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(FACTOR).wrapping_add(self.increment);
        let [a, b, c, d, ..] = (((old >> 18) ^ old) >> 27).to_le_bytes();
        let turn = u32::try_from(old >> 59).unwrap_or(0);
        u32::from_le_bytes([a, b, c, d]).rotate_right(turn)
    }
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        u64::from(self.next()) << 32 | u64::from(self.next())
    }
    /// From 0 to `bound - 1`; 0 when the bound is 0. The bias of at most 2^-32 does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0).cast_unsigned().saturating_add(1);
        low.saturating_add(self.below(span).cast_signed())
    }
    /// True so many times in a thousand.
    pub fn permille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }
    /// One of these.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(u64::try_from(items.len()).unwrap_or(0))).unwrap_or(0);
        items.get(at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        let mut random = Random::new(42, 54);
        let numbers: Vec<u32> = (0..6).map(|_| random.next()).collect();
        // The published output of the reference implementation for this seed and stream.
        assert_eq!(numbers, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]);
        let mut random = Random::new(1, 1);
        assert!((0..1000).all(|_| (3..=9).contains(&random.between(3, 9))));
        assert_eq!(random.below(0), 0);
    }
}
