//! Bounds of alerts, each with a sentence on how it was chosen.

use std::time::Duration;

/// How often sources and channels are looked at: a person does not notice the difference, a disk does not notice the work.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// Seconds between looks at what changes slowly (switches and keys that end soon, the ledger's health).
pub(super) const SLOW_S: i64 = 5;
/// Seconds between sweeps for requests that make no progress: an answer tells of its own once a minute.
pub(super) const STALE_SWEEP_S: i64 = 60;
/// Rows read from a source at once: a burst of an hour fits, memory does not grow with history.
pub(super) const ROWS: u32 = 200;
/// Alerts of one digest: what a person reads, and a chat message holds.
pub(super) const DIGEST_MAX: u32 = 25;
/// Tries unless configured otherwise: with the waits below, an hour and a quarter.
pub const ATTEMPTS_DEFAULT: u32 = 16;
/// The wait after the first failure; it doubles.
pub(super) const BACK_OFF_FIRST_MS: i64 = 500;
/// The longest wait: a channel that comes back is used within a quarter of an hour.
pub(super) const BACK_OFF_MAX_MS: i64 = 900_000;
/// Until a connection stands: generous for another continent.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// Until a receiver has answered: chat services answer in under a second.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read so that its connection can be used again.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long deliveries under way may take at shutdown; what is cut is sent again at the next start.
pub(super) const DRAIN: Duration = Duration::from_secs(5);
/// How long a process that ends because its ledger cannot write tells people so: two tries of a receiver that answers slowly.
pub(super) const FAREWELL: Duration = Duration::from_secs(20);
/// Tries of each channel within it, where nothing can be written any more.
pub(super) const FAREWELL_TRIES: u32 = 3;
/// Seconds before its end at which a key is said to be expiring: a week, to be read before a holiday ends.
pub(super) const KEY_EXPIRING_S: i64 = 7 * 86_400;
/// Refusals whose alerts wait for the drainer, and whose keys are remembered: more in a tenth of a second is one fault.
pub(super) const REFUSALS_MAX: usize = 512;
/// Models without a price that are told of a day: clients choose their names.
pub(super) const UNPRICED_A_DAY_MAX: u32 = 20;
/// A project's hour is a spike above so many times the most of its last 24 hours.
pub(super) const SPIKE_TIMES: i64 = 3;
/// What an hour must cost to be a spike, in nano-USD: below a dollar nobody gets up.
pub(super) const SPIKE_LEAST_NANOS: i64 = 1_000_000_000;
/// Characters of a chat message: Discord's bound of 2,000, the least of all.
pub(super) const CHAT_CHARS_MAX: usize = 1_900;
