//! Bounds of records, each with a sentence on how it was chosen.

/// Bytes of a provider's or client's own id kept with a record: theirs are under 64.
pub const ID_BYTES_MAX: usize = 128;
/// Bytes of an error's text: its first lines say what is wrong, the rest is the provider's stack.
pub const ERROR_BYTES_MAX: usize = 512;
/// Bytes of a name that is not an attribute value (a price row, a budget, a note).
pub const NAME_BYTES_MAX: usize = 128;
/// Attempts of one record, those that were skipped before they were made included: a route has few deployments.
pub const ATTEMPTS_KEPT_MAX: usize = 16;
/// Cost lines of one record: one per usage class, and room for per-request fees.
pub const LINES_MAX: usize = 32;
/// Notes of one record: anomalies and ignored headers; more tell nothing new.
pub const NOTES_MAX: usize = 8;
/// Texts of a file's dictionary kept in memory: 100,000 names of 40 bytes are a few megabytes.
pub const STRINGS_CACHED_MAX: usize = 100_000;
/// Records written in one transaction: a few milliseconds of lock, and far past the point where more helps.
pub const BATCH_MAX: usize = 1000;
/// Records deleted per transaction by a retention: the rule of S4-65.
pub const RETENTION_BATCH: u32 = 1000;
/// Months of records open or on disk at once: fifty years.
pub const MONTHS_MAX: usize = 600;
/// Rows of one answer about usage: every user of a large company in every state; more is an export.
pub const USAGE_ROWS_MAX: usize = 200_000;
/// Roll-up rows gathered before they are written: a few megabytes.
pub const ROLLS_GATHERED_MAX: usize = 10_000;
/// Seconds that records are kept unless configured otherwise: a year.
pub const RECORDS_KEPT_S_DEFAULT: i64 = 365 * 86_400;
/// Completed requests that one analysis of gaps or latencies goes through: a busy week of a large team, 40 MB at most.
pub const MOMENTS_MAX: usize = 200_000;
