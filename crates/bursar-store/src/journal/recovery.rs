//! Recovery: reads the journal after any kind of end, cuts its tail by the rule, and starts a new segment behind it.

use std::sync::Arc;

use crate::disk::Disk;
use crate::journal::block;
use crate::journal::scan::{Scan, first, scan};
use crate::journal::segment::{self, BOOT_ID_BYTES_MAX};
use crate::journal::writer::{End, SegmentJournal};
use crate::journal::{Durability, JournalError, SegmentOptions, Segments, Seq};

/// What is known before the journal is read: the checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Start {
    /// The last entry that the checkpoint contains; later ones are replayed.
    pub after: Seq,
    /// The running checksum of the journal behind that entry.
    pub chain: u32,
    /// Which journal the checkpoint belongs to; `None` without a checkpoint.
    pub journal: Option<u128>,
}

/// What a recovery found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JournalRecovery {
    /// The last entry of the journal.
    pub last: Seq,
    /// Entries that were replayed.
    pub replayed: u64,
    /// Where a batch that was never acknowledged under `sync` was cut off.
    pub cut: Option<Cut>,
    /// Whether the journal was closed in order.
    pub closed: bool,
    /// Whether the machine restarted since the journal was written.
    pub rebooted: bool,
    /// Whether entries of the last 50 ms may have been forgotten: `fast`, and a power cut.
    pub may_have_forgotten: bool,
}

/// Takes an entry, or says why it means nothing.
pub type Replay<'a> = &'a mut dyn FnMut(Seq, &[u8]) -> Result<(), String>;

/// Where a journal was cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Which file.
    pub file: String,
    /// Where in it the cut batch starts, in bytes.
    pub offset: u64,
}

/// Reads the journal on `disk`, giving each entry behind `start` to `replay` in order, and opens it for writing. An
/// empty disk gets a new journal.
///
/// # Errors
/// [`JournalError`]: the disk failed, or the journal is damaged, incomplete, foreign, newer, or `replay` refuses it.
pub fn recover(
    disk: Arc<dyn Disk>,
    options: SegmentOptions,
    start: Start,
    replay: Replay<'_>,
) -> Result<(SegmentJournal, JournalRecovery), JournalError> {
    let mut options = options;
    options.boot_id.truncate(BOOT_ID_BYTES_MAX);
    let scan = scan(disk.as_ref(), start, &options.boot_id, replay)?;
    let spares = sweep(disk.as_ref(), &scan, options.segment_bytes)?;
    let recovery = describe(&scan, &options.boot_id);
    let journal = scan.journal.unwrap_or(options.journal);
    make_last(disk.as_ref(), &scan)?;
    let segments = Segments::new(disk, journal, options, scan.segments, spares);
    let journal = SegmentJournal::start(Arc::new(segments), scan.end)?;
    Ok((journal, recovery))
}

/// Writes what was read but never proven to be synced once more, the same bytes in the same place, and syncs it: after
/// a failed sync the system may hold it in its cache, call it clean, and never write it.
fn make_last(disk: &dyn Disk, scan: &Scan) -> Result<(), JournalError> {
    let from = block::offset_of(scan.proven);
    let bytes = usize::try_from(block::offset_of(scan.end.place).saturating_sub(from)).unwrap_or(usize::MAX);
    if bytes == 0 || scan.segments.is_empty() {
        return Ok(());
    }
    let file = disk.open(&segment::name_of(scan.end.generation))?;
    let mut same = vec![0; bytes];
    file.read_at(from, &mut same)?;
    file.write_at(from, &same)?;
    Ok(file.sync()?)
}

/// Reads the journal as [`recover`] does and writes nothing. Nobody may be writing to it.
///
/// # Errors
/// As [`recover`].
pub fn inspect(disk: &dyn Disk, start: Start, replay: Replay<'_>) -> Result<JournalRecovery, JournalError> {
    let scan = scan(disk, start, "", replay)?;
    Ok(describe(&scan, ""))
}

/// The first entry that the journal still has; [`Seq::NONE`] where there is no journal.
///
/// # Errors
/// When the disk fails or a segment's header is damaged.
pub fn first_entry(disk: &dyn Disk) -> Result<Seq, JournalError> {
    first(disk)
}

fn describe(scan: &Scan, boot_id: &str) -> JournalRecovery {
    let rebooted = scan.newest.as_ref().is_some_and(|newest| newest.boot_id != boot_id);
    let fast = scan.newest.as_ref().is_some_and(|newest| newest.durability == Durability::Fast);
    JournalRecovery {
        last: scan.end.next.before(),
        replayed: scan.replayed,
        cut: scan.cut.clone(),
        closed: scan.closed,
        rebooted,
        may_have_forgotten: rebooted && fast && !scan.closed,
    }
}

/// Removes what an interrupted process left half made; the spares that can be used.
pub(super) fn sweep(disk: &dyn Disk, scan: &Scan, segment_bytes: u64) -> Result<Vec<String>, JournalError> {
    let mut spares = Vec::new();
    let mut removed = false;
    for name in disk.list()? {
        let is_spare = segment::spare_number(&name).is_some();
        let unfinished = name.strip_suffix(".new").is_some_and(|name| segment::spare_number(name).is_some());
        let unbegun = scan.unbegun.is_some() && segment::generation_of(&name) == scan.unbegun;
        if is_spare && !scan.segments.is_empty() && disk.open(&name)?.bytes()? == whole(segment_bytes) {
            spares.push(name);
        } else if is_spare || unfinished || unbegun {
            disk.remove(&name)?;
            removed = true;
        }
    }
    if removed {
        disk.sync_directory()?;
    }
    Ok(spares)
}

/// Bytes that a segment of this many bytes really has.
fn whole(segment_bytes: u64) -> u64 {
    block::offset_of(Segments::blocks_for(segment_bytes))
}

impl Default for End {
    fn default() -> Self {
        Self { generation: 0, place: 0, next: Seq::NONE.next(), chain: 0 }
    }
}
