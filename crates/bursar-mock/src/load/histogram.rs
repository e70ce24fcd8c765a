//! A histogram of durations: 64 buckets for each power of two of microseconds, so within 1.6 percent.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
/// Powers of two above the exact range: up to 2^36 microseconds, nineteen hours.
const POWERS: u64 = 30;

/// Durations by bucket. Merges; answers percentiles.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum_us: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let size = usize::try_from((POWERS + 1) * SUB).unwrap_or(0);
        Self { buckets: vec![0; size], count: 0, sum_us: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(index(us).min(last)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }
    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }
    /// How many were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
    /// The longest.
    #[must_use]
    pub const fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }
    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.sum_us.checked_div(self.count).unwrap_or(0))
    }
    /// The duration that `per_mille` of those counted do not exceed: 500 is the median, 990 the p99.
    #[must_use]
    pub fn per_mille(&self, per_mille: u64) -> Duration {
        let rank = self.count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, bucket) in (0..).zip(&self.buckets) {
            seen += bucket;
            if seen >= rank {
                return Duration::from_micros(upper(at).min(self.max_us));
            }
        }
        self.max()
    }
}

fn index(us: u64) -> usize {
    let power = u64::from((us | (SUB - 1)).ilog2() + 1 - SUB_BITS);
    // Below SUB the bucket is the value; above, the six bits after the leading one within its power.
    let at = if power == 0 { us } else { power * SUB + ((us >> (power - 1)) - SUB) };
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn upper(at: u64) -> u64 {
    let (power, sub) = (at / SUB, at % SUB);
    if power == 0 { sub } else { ((sub + SUB + 1) << (power - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_their_bucket() {
        let mut histogram = Histogram::default();
        for us in 1..=10_000 {
            histogram.add(Duration::from_micros(us));
        }
        for per_mille in [1, 10, 500, 900, 990, 999, 1000] {
            let exact = per_mille * 10;
            let got = u64::try_from(histogram.per_mille(per_mille).as_micros()).unwrap();
            assert!((exact..=exact + exact / 60 + 1).contains(&got), "{per_mille}: {got}");
        }
        assert_eq!(histogram.mean(), Duration::from_micros(5_000));
        assert_eq!(Histogram::default().per_mille(500), Duration::ZERO);
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for us in (0..5_000).chain([1 << 20, (1 << 30) - 1, 1 << 35]) {
            let at = u64::try_from(index(us)).unwrap();
            assert!(us <= upper(at), "{us}");
            assert!(at == 0 || us > upper(at - 1), "{us}");
        }
    }
}
