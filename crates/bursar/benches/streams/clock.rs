//! Microseconds since this process began: the same clock where a chunk is written and where it is read.

use std::sync::OnceLock;
use std::time::Instant;

static BEGAN: OnceLock<Instant> = OnceLock::new();

pub(crate) fn micros() -> u64 {
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}
