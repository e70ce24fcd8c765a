//! Back-off: how long a request waits before it tries again what failed for the moment.

use std::time::Duration;

/// Rounds of tries after the first.
pub const RETRIES_MAX: u32 = 3;
/// The first pause; doubled each round.
pub const PAUSE: Duration = Duration::from_millis(100);
/// What is added at most, drawn anew each time, so that many do not return at once.
pub const JITTER: Duration = Duration::from_millis(100);
/// Longest `Retry-After` that a request waits out while its client waits too; a longer one goes to the client.
pub const WAIT_MAX: Duration = Duration::from_secs(5);

/// The pause before retry `round` (0 is the first): 0.1 s x 2^round, and up to 0.1 s of jitter drawn from `random`;
/// not shorter than what the provider asked for. `None`: no more retries, or the provider asked for too long.
#[must_use]
pub fn pause(round: u32, asked: Option<Duration>, random: u128) -> Option<Duration> {
    if round >= RETRIES_MAX || asked.is_some_and(|asked| asked > WAIT_MAX) {
        return None;
    }
    let jitter_us = u64::try_from(random % (JITTER.as_micros() + 1)).unwrap_or(0);
    let own = PAUSE.saturating_mul(1 << round).saturating_add(Duration::from_micros(jitter_us));
    Some(asked.map_or(own, |asked| asked.max(own)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Rules: C5 (retries).
        #[test]
        fn a_pause_doubles_has_a_jitter_and_obeys_the_provider(random: u128, asked in 0u64..7_000) {
            for round in 0..RETRIES_MAX {
                let own = pause(round, None, random).unwrap();
                let base = PAUSE * (1 << round);
                prop_assert!(own >= base && own <= base + JITTER);
                let asked = Duration::from_millis(asked);
                match pause(round, Some(asked), random) {
                    None => prop_assert!(asked > WAIT_MAX),
                    Some(pause) => prop_assert!(pause >= asked && pause >= own),
                }
            }
            prop_assert_eq!(pause(RETRIES_MAX, None, random), None);
        }
    }
}
