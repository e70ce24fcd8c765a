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
/// How long an entry that nobody waits for stays unsynced: DESIGN's 50 ms, a twentieth of a second of settles.
pub const SYNC_INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);
/// Bytes that may wait for the disk before reserves are refused: half a minute of the heaviest load; a disk that is so
/// far behind is broken.
pub const BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Journal bytes after which a checkpoint is due: replays in under a second, and costs a few writes an hour.
pub const CHECKPOINT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// Segments begun since the last checkpoint after which the next is due, however little stands in them: a journal under load
/// fills one or two until then, so this many come of restarts, and their files stay below a gigabyte.
pub const SEGMENTS_WITHOUT_CHECKPOINT_MAX: usize = 6;
/// Rounds of expiry in one upkeep: a thousand reservations each, more than can be open.
pub const EXPIRIES_PER_TEND_MAX: usize = 2_000;
/// Windows looked at under one lock for cold ones: about a tenth of a millisecond.
pub const WINDOWS_EXAMINED_AT_ONCE: u32 = 2_048;
/// Windows looked at in one upkeep: a million windows are seen every quarter of a minute.
pub const WINDOWS_EXAMINED_PER_TEND: u32 = 65_536;
/// Bytes of a write buffer that are kept for the next batch: a thousand entries; a larger one was an exception.
pub const BUFFER_BYTES_KEPT: usize = 1024 * 1024;
/// Entry numbers that a repair skips behind the last that it could read: more than any number that was ever given out
/// and cannot be read any more; a segment of the default size holds less than a million entries.
pub const SEQS_SKIPPED_BY_REPAIR: u64 = 10_000_000;
/// Bytes of entries that one batch carries; what is more goes into the next: a megabyte stays in the processor's caches
/// from the buffer to the blocks, and holds the longest entry many times.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Seconds for which a window's image is kept after its period: 400 days, a year and a month to look back.
pub const WINDOW_KEPT_S_MIN: i64 = 400 * 86_400;
/// Images of long past windows forgotten in one upkeep: a few milliseconds, and more in a day than can be made in one.
pub const WINDOWS_FORGOTTEN_PER_TEND: usize = 1_000;
/// Stored windows that one list looks at for those that are not in memory: a tenth of a second.
pub const STORED_WINDOWS_EXAMINED_MAX: i64 = 20_000;
/// Cold windows shown beside those in memory where a list is not asked for in pages: one page.
pub const COLD_STANDINGS_MAX: usize = 1_000;
