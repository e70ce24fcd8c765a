//! The real clock, randomness and machine: the only place where Bursar reads them.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use bursar_core::Timestamp;
use bursar_govern::ports::Clock;

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }
}

/// 128 random bits from the operating system.
#[must_use]
pub fn random() -> u128 {
    let mut bytes = [0u8; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // Ids must be unique and keys unguessable: without randomness nothing may go on.
        tracing::error!("the operating system gives no randomness");
        std::process::abort();
    }
    u128::from_be_bytes(bytes)
}

/// Tells one start of the machine from the next; empty where the system does not say.
#[must_use]
pub fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map(|id| id.trim().to_owned()).unwrap_or_default()
}
