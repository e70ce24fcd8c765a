//! Bounds of the settings file, each with a sentence on how it was chosen.

/// Bytes of one JSON document (a budget, a provider): a hundred times what the longest example needs.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one sealed credential: service account files of the large clouds are under 3 kB.
pub const SEALED_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a reason or a display name: one long sentence.
pub const SENTENCE_BYTES_MAX: usize = 512;
/// Entries of one list of a key (models, providers, …): more are better said with a pattern.
pub const LIST_MAX: usize = 256;
/// Bytes of one value of the meta table: enough for a key, a salt or a small state.
pub const META_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a sealed idempotency answer: the 1 MiB that an answer may have and what sealing adds.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024 + 1024;
/// Idempotency answers kept at once: a day of one answer per second.
pub const ANSWERS_MAX: i64 = 86_400;
/// Bytes of all kept answers: answers of the usual 4 kB for every place, a thousandth of a small disk.
pub const ANSWERS_BYTES_MAX: i64 = 512 * 1024 * 1024;
/// Audit entries are kept at least this long, whatever retention asks: a week covers a holiday.
pub const AUDIT_KEPT_S_MIN: i64 = 7 * 86_400;
/// Rows deleted per transaction by a retention: a few milliseconds of lock.
pub const RETENTION_BATCH: i64 = 1000;
/// Seconds that audit entries are kept unless configured otherwise: a month.
pub const AUDIT_KEPT_S_DEFAULT: i64 = 30 * 86_400;
/// Events of throttles that are kept: a year of one an hour.
pub const THROTTLE_EVENTS_MAX: i64 = 10_000;
/// Alerts that are kept with their deliveries: a year of one an hour.
pub const ALERTS_MAX: i64 = 10_000;
/// Seconds for which what a shadow budget would have refused is kept after its last: the longest period and a month.
pub const SHADOW_KEPT_S: i64 = 400 * 86_400;
