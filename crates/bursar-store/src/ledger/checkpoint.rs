//! Checkpoints: the engine's whole state after one entry, in a file of its own.
//!
//! A checkpoint is made from the checkpoint before it and the journal since, read back from the disk, by the same code
//! that recovers after a crash; the live engine has no part in it. So it never blocks a writer, and each one proves
//! that a recovery would have worked. The last two are kept: where the newer one is damaged the older one and a longer
//! piece of journal give the same state.
//!
//! `checkpoint-NNNNNNNNNNNNNNNNNNNN.state`: magic, format, journal, last entry, running checksum, then each piece of the
//! snapshot with its length and CRC32C, then an end mark with the count of pieces and a CRC32C over their checksums.

mod file;

use std::sync::Arc;

use bursar_ledger::{Engine, Entry, Image};

use self::file::{CheckpointReader, CheckpointWriter};
use crate::disk::{Disk, DiskError};
use crate::journal::{JournalError, Segments, Seq, Start};

/// Why a checkpoint cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[from] DiskError),
    /// Every checkpoint there is, is damaged, and the journal alone does not reach back far enough.
    #[error("`{file}` is damaged: {what}; run `bursar ledger verify`")]
    Damaged {
        /// The newest one.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The file was written by a later version.
    #[error("`{file}` has format {version}, which this version of Bursar does not know; run a newer one")]
    NewerFormat {
        /// Which file.
        file: String,
        /// Its format.
        version: u16,
    },
    /// The journal since the last checkpoint cannot be read.
    #[error("cannot read the journal since the last checkpoint")]
    Journal(#[from] JournalError),
    /// The journal since the last checkpoint does not follow from it.
    #[error("entry {seq} does not follow from the checkpoint: {what}; run `bursar ledger verify`")]
    Replay {
        /// Which entry.
        seq: Seq,
        /// Why not.
        what: String,
    },
}

/// A state and where in the journal it stands.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) engine: Engine,
    /// Whether a window of it is in the store.
    pub(super) paged: bool,
    pub(super) start: Start,
    /// Bytes of its file.
    pub(super) bytes: u64,
}

/// What the disk has of checkpoints.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The newest that is whole.
    pub(super) newest: Option<Checkpoint>,
    /// Newer ones that are damaged: what is wrong with them.
    pub(super) damaged: Vec<(String, String)>,
}

/// Entries of all checkpoints on the disk, oldest first.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<Seq>, DiskError> {
    let mut found: Vec<Seq> = disk.list()?.iter().filter_map(|name| seq_of(name)).collect();
    found.sort_unstable();
    Ok(found)
}

/// Reads the newest checkpoint that is whole. Where none is, the journal from its first entry on does as well.
pub(super) fn find(disk: &dyn Disk, key: u64) -> Result<Found, CheckpointError> {
    let mut found = Found::default();
    let mut left = list(disk)?;
    while let Some(seq) = left.pop() {
        match read(disk, seq, key) {
            Ok(checkpoint) => {
                found.newest = Some(checkpoint);
                return Ok(found);
            }
            Err(CheckpointError::Damaged { file, what }) => found.damaged.push((file, what)),
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// Reads the checkpoint of this entry.
pub(super) fn read(disk: &dyn Disk, seq: Seq, key: u64) -> Result<Checkpoint, CheckpointError> {
    let name = name_of(seq);
    let mut reader = CheckpointReader::open(disk, &name)?;
    let start = reader.start();
    let damaged = |what: String| CheckpointError::Damaged { file: name.clone(), what };
    if start.after != seq {
        return Err(damaged("it has another entry's name".to_owned()));
    }
    let mut engine = Engine::with_key(key);
    let mut paged = false;
    while let Some(piece) = reader.next()? {
        let (entry, used) = Entry::decode(piece).map_err(|error| damaged(error.to_string()))?;
        if used != piece.len() {
            return Err(damaged("a piece is longer than it should be".to_owned()));
        }
        paged |= pages(&entry);
        engine.replay(&entry).map_err(|error| damaged(error.to_string()))?;
    }
    engine.restored().map_err(|error| damaged(error.to_string()))?;
    Ok(Checkpoint { engine, paged, start, bytes: reader.bytes() })
}

/// Makes the checkpoint of entry `upto`, which was synced and ends a batch, from the last one and the journal. `None`
/// where nothing happened since; else where it stands and the bytes of its file.
pub(super) fn make(
    disk: &dyn Disk,
    segments: &Arc<Segments>,
    upto: Seq,
    key: u64,
) -> Result<Option<(Start, u64)>, CheckpointError> {
    sweep(disk)?;
    let before = find(disk, key)?.newest;
    let (mut engine, after) = before
        .map_or_else(|| (Engine::with_key(key), Seq::NONE), |before| (before.engine, before.start.after));
    if after >= upto {
        return Ok(None);
    }
    let mut reader = segments.reader(after.next())?;
    let mut broken = None;
    reader.read(upto, |seq, bytes| {
        broken = replay(&mut engine, bytes).err().map(|what| (seq, what));
        broken.is_none()
    })?;
    if let Some((seq, what)) = broken {
        return Err(CheckpointError::Replay { seq, what });
    }
    let within = || CheckpointError::Replay { seq: upto, what: "it does not end a batch".to_owned() };
    let start =
        Start { after: upto, chain: reader.chain().ok_or_else(within)?, journal: Some(segments.id()) };
    let bytes = write(disk, &engine, start)?;
    Ok(Some((start, bytes)))
}

/// Replays one entry of the journal.
pub(super) fn replay(engine: &mut Engine, bytes: &[u8]) -> Result<Entry, String> {
    let (entry, used) = Entry::decode(bytes).map_err(|error| error.to_string())?;
    if used != bytes.len() {
        return Err("it is longer than it should be".to_owned());
    }
    engine.replay(&entry).map_err(|error| error.to_string())?;
    Ok(entry)
}

/// Whether windows are in the store after this entry.
pub(super) fn pages(entry: &Entry) -> bool {
    if let Entry::Image(Image::Budget { paged, .. }) = entry {
        return *paged > 0;
    }
    matches!(entry, Entry::PagedOut { .. })
}

/// Removes checkpoints below the two newest; the older of those two, if there are two.
pub(super) fn prune(disk: &dyn Disk) -> Result<Option<Seq>, DiskError> {
    let mut found = list(disk)?;
    let kept = found.split_off(found.len().saturating_sub(2));
    for seq in &found {
        disk.remove(&name_of(*seq))?;
    }
    if !found.is_empty() {
        disk.sync_directory()?;
    }
    Ok(kept.first().copied().filter(|_| kept.len() == 2))
}

/// Gives damaged checkpoints a name that nobody reads, so that they do not count as one of the two.
pub(super) fn set_aside(disk: &dyn Disk, damaged: &[(String, String)]) -> Result<(), DiskError> {
    for (name, _) in damaged {
        disk.rename(name, &format!("{name}.damaged"))?;
    }
    if damaged.is_empty() { Ok(()) } else { disk.sync_directory() }
}

/// Removes what an interrupted process left half written.
pub(super) fn sweep(disk: &dyn Disk) -> Result<(), DiskError> {
    for name in disk.list()? {
        if name.strip_suffix(UNFINISHED).is_some_and(|name| seq_of(name).is_some()) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

const UNFINISHED: &str = ".new";

fn write(disk: &dyn Disk, engine: &Engine, start: Start) -> Result<u64, DiskError> {
    let name = name_of(start.after);
    let unfinished = format!("{name}{UNFINISHED}");
    let mut writer = CheckpointWriter::create(disk, &unfinished, start)?;
    engine.snapshot(&mut writer);
    let bytes = writer.finish()?;
    disk.rename(&unfinished, &name)?;
    disk.sync_directory()?;
    Ok(bytes)
}

pub(super) fn name_of(seq: Seq) -> String {
    format!("checkpoint-{:020}.state", seq.number())
}

fn seq_of(name: &str) -> Option<Seq> {
    let digits = name.strip_prefix("checkpoint-")?.strip_suffix(".state")?;
    let seq = Seq::new(digits.parse().ok()?);
    (name_of(seq) == name).then_some(seq)
}
