//! Repairing a ledger that refuses to open, on an operator's word: what is damaged is given up and listed.

use std::sync::Arc;

use bursar_ledger::{Engine, Entry};

use super::open::{LOCK, engine_key};
use super::{CheckpointError, LedgerOptions, OpenError, checkpoint};
use crate::disk::Disk;
use crate::journal::{self, Check, SegmentOptions, Seq, Start};

/// What a repair gave up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// What was wrong, with file and place.
    pub damage: String,
    /// The last entry that was kept.
    pub last: Seq,
    /// The number of the next entry: numbers that were given up are not used again.
    pub next: Seq,
    /// Entries behind the damage that could still be read, for an operator to adjust what they say; absent where the
    /// bytes mean nothing.
    pub lost: Vec<(Seq, Option<Entry>)>,
    /// Files that have another name now.
    pub set_aside: Vec<String>,
}

/// Cuts the journal before its first damage behind the newest whole checkpoint, so that the ledger opens again. `None`
/// where nothing is damaged there. What was held or in suspense at that point is so again.
///
/// # Errors
/// [`OpenError`]: the ledger is in use, the disk fails, or no checkpoint is whole where one is needed.
pub fn repair(disk: &Arc<dyn Disk>, options: &LedgerOptions) -> Result<Option<Repaired>, OpenError> {
    let _lock = disk.lock(LOCK, "bursar ledger verify")?;
    let key = engine_key(options.random);
    let found = checkpoint::find(disk.as_ref(), key)?;
    if let (None, Some((file, what))) = (&found.newest, found.damaged.first()) {
        return Err(CheckpointError::Damaged { file: file.clone(), what: what.clone() }.into());
    }
    let (engine, start) = match found.newest {
        Some(newest) => (newest.engine, newest.start),
        None => (Engine::with_key(key), Start::default()),
    };
    let segments = SegmentOptions {
        segment_bytes: options.segment_bytes,
        durability: options.durability,
        boot_id: options.boot_id.clone(),
        journal: options.random,
    };
    let replays = || -> Check {
        let mut engine = engine.clone();
        Box::new(move |_, bytes| checkpoint::replay(&mut engine, bytes).map(|_| ()))
    };
    let repaired = journal::repair(Arc::clone(disk), segments, start, &replays)?;
    Ok(repaired.map(|repaired| Repaired {
        damage: repaired.damage,
        last: repaired.last,
        next: repaired.next,
        lost: repaired.lost.iter().map(|lost| (lost.seq, meaning(&lost.bytes))).collect(),
        set_aside: repaired.set_aside,
    }))
}

fn meaning(bytes: &[u8]) -> Option<Entry> {
    Entry::decode(bytes).ok().map(|(entry, _)| entry)
}
