//! Every bound of the engine, each with a sentence on how the number was chosen.

/// Attributes in a budget's `match`: every fixed attribute and some tags.
pub const MATCHES_MAX: usize = 16;
/// Patterns for one attribute of a `match`: a long list of models still fits.
pub const PATTERNS_MAX: usize = 64;
/// Attributes in a budget's `per`: one or two are usual; each multiplies the windows.
pub const PER_MAX: usize = 4;
/// Thresholds of one budget: 80, 95 and 100 by default; crossings are bits of a `u16`.
pub const THRESHOLDS_MAX: usize = 16;
/// Bytes of a budget's name: fits one line on a screen.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of the reason of a raise, an adjustment or a forgive: a paragraph.
pub const REASON_BYTES_MAX: usize = 1024;
/// Bytes of an actor's name: an e-mail address.
pub const ACTOR_BYTES_MAX: usize = 256;
/// Largest percentage of a threshold or a rollover cap: ten times the limit is a mistake.
pub const PERCENT_MAX: u32 = 1000;
/// Longest cycle in days: ten years.
pub const CYCLE_DAYS_MAX: u16 = 3660;
/// Budgets that no hash lookup can tell apart (same exact values, differing patterns or `per`): the request checks each
/// of them, at about 20 ns.
pub const BUDGETS_PER_BUCKET_MAX: usize = 256;
/// Different sets of attributes that budgets match exactly: a request probes one hash table for each set it has values for.
pub const SHAPES_MAX: usize = 64;
/// Reservations in flight and in suspense at once: forty seconds of 50,000 requests a second, about half a gigabyte.
pub const RESERVATIONS_MAX: usize = 2_000_000;
/// Finished reservations remembered to answer repeats exactly: seconds at full load, days for one team; older ones are in
/// the records.
pub const FINISHED_MAX: usize = 131_072;
/// Adjustments remembered to answer repeats exactly: operators make a handful a day.
pub const ADJUSTMENTS_MAX: usize = 4_096;
/// Windows that one adjustment or page command may touch: bounds the size of a journal entry.
pub const WINDOWS_PER_COMMAND_MAX: usize = 256;
/// Reservations that one `expire` moves: bounds the time under the lock to about a millisecond.
pub const EXPIRE_BATCH_MAX: usize = 1_024;
/// Largest part of one charge (2^60): about 1.1 billion USD in nano-USD, so that sums of two never overflow.
pub const CHARGE_PART_MAX: i64 = 1 << 60;
/// Seconds without use after which a window may page out unless the budget says otherwise: an hour of silence ends most
/// conversations.
pub const IDLE_AFTER_S_DEFAULT: u32 = 3_600;
