//! Repair: gives up what is damaged and everything behind it, says what that was, and lets the journal go on.
//!
//! Only on an operator's word. Nothing is deleted: later segments get a name that nobody reads. The numbers of entries
//! that were given up are never used again, so nobody who has seen one takes a new entry for it.

use std::sync::Arc;

use crate::disk::Disk;
use crate::journal::reader::{Found, SegmentReader};
use crate::journal::recovery::{Start, sweep};
use crate::journal::scan::Scan;
use crate::journal::segment;
use crate::journal::writer::{End, begin_as};
use crate::journal::{JournalError, SegmentOptions, Segments, Seq};
use crate::limits::SEQS_SKIPPED_BY_REPAIR;

/// What a repair did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repair {
    /// What was wrong, with file and place.
    pub damage: String,
    /// The last entry that was kept.
    pub last: Seq,
    /// The number of the next entry.
    pub next: Seq,
    /// Entries behind the damage that could still be read.
    pub lost: Vec<Lost>,
    /// Files that have another name now.
    pub set_aside: Vec<String>,
}

/// An entry that was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Its number.
    pub seq: Seq,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Takes entries in order, from the first behind the start on, and says which one does not follow.
pub type Check = Box<dyn FnMut(Seq, &[u8]) -> Result<(), String>>;

/// Cuts the journal before its first damage behind `start`, or the first entry that one of the `checks` (a new one for
/// each pass) does not take. `None` where there is none.
///
/// # Errors
/// When the disk fails, or the files are of another journal or a later version: that is not damage.
pub fn repair(
    disk: Arc<dyn Disk>,
    options: SegmentOptions,
    start: Start,
    checks: &dyn Fn() -> Check,
) -> Result<Option<Repair>, JournalError> {
    let Some((damage, end)) = find_damage(disk.as_ref(), start, checks)? else { return Ok(None) };
    let generations = generations(disk.as_ref())?;
    let lost = salvage(disk.as_ref(), &generations, end)?;
    let newest = generations.last().copied().unwrap_or(0).max(end.generation);
    let highest = lost.iter().map(|lost| lost.seq.next()).max().unwrap_or(end.next).max(end.next);
    let highest = highest.max(start.after.next());
    let given_up = highest.plus(SEQS_SKIPPED_BY_REPAIR).number().saturating_sub(end.next.number());
    let scan = Scan::default();
    // Spares may be of any age; this journal starts anew without them.
    sweep(disk.as_ref(), &scan, options.segment_bytes)?;
    let journal = start.journal.or(damage.journal).unwrap_or(options.journal);
    let segments = Segments::new(Arc::clone(&disk), journal, options, Vec::new(), Vec::new());
    begin_as(&segments, end, newest.saturating_add(1), given_up)?;
    // Last: until this is done the journal is refused as before, and can be repaired again.
    let mut set_aside = Vec::new();
    for generation in generations.into_iter().filter(|generation| *generation > end.generation) {
        let name = segment::name_of(generation);
        disk.rename(&name, &format!("{name}.damaged"))?;
        set_aside.push(name);
    }
    disk.sync_directory()?;
    let (last, next) = (end.next.before(), end.next.plus(given_up));
    Ok(Some(Repair { damage: damage.text, last, next, lost, set_aside }))
}

/// What is wrong, in words; and whose journal it is.
struct Damage {
    text: String,
    journal: Option<u128>,
}

/// The first damage, and where the last good batch before it ended.
fn find_damage(
    disk: &dyn Disk,
    start: Start,
    checks: &dyn Fn() -> Check,
) -> Result<Option<(Damage, End)>, JournalError> {
    let (mut limit, mut first): (Option<u32>, Option<String>) = (None, None);
    loop {
        let mut scan = Scan::default();
        let error = scan.run(disk, start, limit, "", &mut *checks()).err();
        let file = match &error {
            None => "",
            Some(
                JournalError::Damaged { file, .. }
                | JournalError::Unreadable { file, .. }
                | JournalError::Missing { file, .. },
            ) => file.as_str(),
            Some(
                JournalError::Disk(_)
                | JournalError::NewerFormat { .. }
                | JournalError::Foreign { .. }
                | JournalError::TooLarge { .. }
                | JournalError::OutOfOrder { .. }
                | JournalError::Failed,
            ) => return error.map_or(Ok(None), Err),
        };
        first = first.or(error.as_ref().map(ToString::to_string));
        let Some(text) = &first else { return Ok(None) };
        let below =
            segment::generation_of(file).filter(|generation| limit.is_none_or(|limit| *generation < limit));
        // Where a file cannot be read at all the journal ends with the one before it.
        if let (0, Some(generation)) = (scan.end.generation, below) {
            limit = Some(generation);
            continue;
        }
        return Ok(Some((Damage { text: text.clone(), journal: scan.journal }, scan.end)));
    }
}

fn generations(disk: &dyn Disk) -> Result<Vec<u32>, JournalError> {
    let mut all: Vec<u32> = disk.list()?.iter().filter_map(|name| segment::generation_of(name)).collect();
    all.sort_unstable();
    Ok(all)
}

/// Entries behind `end` that can be read, wherever they stand.
fn salvage(disk: &dyn Disk, generations: &[u32], end: End) -> Result<Vec<Lost>, JournalError> {
    let mut lost = Vec::new();
    for generation in generations.iter().copied().filter(|generation| *generation >= end.generation) {
        let mut reader = match SegmentReader::open_any(disk, generation) {
            Ok(reader) => reader,
            Err(JournalError::Disk(error)) if error.is_absent() => continue,
            Err(error) => return Err(error),
        };
        let mut place = if generation == end.generation { end.place } else { 1 };
        while place < reader.blocks() {
            let Found::Batch { header, end, .. } = reader.batch(place)? else {
                place = place.saturating_add(1);
                continue;
            };
            let mut seq = header.first;
            for entry in reader.entries() {
                lost.push(Lost { seq, bytes: entry.to_vec() });
                seq = seq.next();
            }
            place = end;
        }
    }
    Ok(lost)
}
