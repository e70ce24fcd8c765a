//! Deterministic draws: the same seed and request give the same answer.

/// A deterministic draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// From a seed and the bytes of a request; of long bodies a sample decides, so that it costs the same.
    pub(crate) fn new(seed: u64, body: &[u8]) -> Self {
        const SAMPLES: usize = 64;
        let step = (body.len() / SAMPLES).max(1);
        let length = u64::try_from(body.len()).unwrap_or(0);
        body.iter().step_by(step).fold(Self(seed).mixed(length), |draw, byte| {
            Self(draw.0.rotate_left(8) ^ u64::from(*byte)).mixed(1)
        })
    }
    /// Mixed with one more number (the finaliser of SplitMix64).
    pub(crate) fn mixed(self, n: u64) -> Self {
        let mut z = self.0 ^ n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }
    /// A number of `least..=most`, evenly.
    pub(crate) fn between(self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + self.mixed(2).0 % span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_deterministic_and_spread() {
        let draw = |body: &str| Draw::new(1, body.as_bytes()).between(10, 19);
        assert_eq!(draw("same"), draw("same"));
        let mut seen: Vec<u64> = (0..200).map(|n| draw(&format!("body {n}"))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (10..20).collect::<Vec<_>>());
    }
}
