//! How long something took, counted in fixed steps: one addition per observation, no lock, no float.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper ends of the steps in microseconds: half a decade and less apart from a sync on fast flash to the longest
/// answer that anybody waits for.
pub const STEPS_US: [u64; 20] = [
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// The counts.
#[derive(Debug, Default)]
pub struct Durations {
    steps: [AtomicU64; STEPS_US.len()],
    /// Above the last step.
    above: AtomicU64,
    sum_us: AtomicU64,
}

/// The counts of an instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// For each step its upper end in microseconds, and how many took at most so long.
    pub at_most: Vec<(u64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Microseconds in all.
    pub sum_us: u64,
}

impl Durations {
    /// Counts one that took so many microseconds.
    pub fn observe_us(&self, micros: u64) {
        let step = STEPS_US.iter().position(|end| micros <= *end);
        let step = step.and_then(|place| self.steps.get(place)).unwrap_or(&self.above);
        step.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }
    /// The counts so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let mut count = 0_u64;
        let mut at_most = Vec::with_capacity(STEPS_US.len());
        for (end, step) in STEPS_US.iter().zip(&self.steps) {
            count = count.saturating_add(step.load(Ordering::Relaxed));
            at_most.push((*end, count));
        }
        count = count.saturating_add(self.above.load(Ordering::Relaxed));
        Counted { at_most, count, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_observation_is_in_its_step_and_all_above() {
        let durations = Durations::default();
        for micros in [0, 50, 51, 300_000_000, 300_000_001] {
            durations.observe_us(micros);
        }
        let counted = durations.counted();
        assert_eq!(counted.at_most[0], (50, 2), "an upper end is within");
        assert_eq!(counted.at_most[1], (100, 3));
        assert_eq!(counted.at_most.last(), Some(&(300_000_000, 4)));
        assert_eq!((counted.count, counted.sum_us), (5, 600_000_102));
    }
}
