//! Every bound of the ledger's files and its shell, each with a sentence on how the number was chosen.

/// Bytes of a journal segment: two seconds of 50,000 requests a second, and small enough to zero-fill at a first start
/// without being noticed.
pub const SEGMENT_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;
/// Least bytes of a segment: holds one entry of [`ENTRY_BYTES_MAX`] with room to spare.
pub const SEGMENT_BYTES_MIN: u64 = 64 * 1024;
/// Longest journal entry in bytes: a record, 256 windows with their thresholds, and a margin.
pub const ENTRY_BYTES_MAX: usize = 32 * 1024;
/// Spare segments kept: one in use soon, one behind it, and two for a burst between two prunings.
pub const SPARE_SEGMENTS_MAX: usize = 4;
