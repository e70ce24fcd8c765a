//! The files of a journal as a set: which segments there are, which files are spare, who may be recycled.
//!
//! Shared by the writer, which adds segments, and by readers and the keeper, which never wait for it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskError, DiskFile};
use crate::journal::block::BLOCK_BYTES;
use crate::journal::segment::{self, Durability};
use crate::journal::{JournalError, JournalReader, Seq};
use crate::limits::{SEGMENT_BYTES_MIN, SPARE_SEGMENTS_MAX};

/// How segments are made.
#[derive(Clone, Debug)]
pub struct SegmentOptions {
    /// Bytes of a segment; rounded down to whole blocks, at least [`SEGMENT_BYTES_MIN`].
    pub segment_bytes: u64,
    /// How entries are acknowledged: told to the next recovery.
    pub durability: Durability,
    /// Tells one start of the machine from the next: on Linux `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Names a new journal, at random, so that files of two are not mixed.
    pub journal: u128,
}

/// The files of one journal.
#[derive(Debug)]
pub struct Segments {
    disk: Arc<dyn Disk>,
    pub(super) journal: u128,
    blocks: u32,
    pub(super) options: SegmentOptions,
    files: Mutex<Files>,
}

/// One segment: from which entry on, and where the one before it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) generation: u32,
    pub(super) first: Seq,
    pub(super) previous_end: u32,
}

#[derive(Debug)]
struct Files {
    /// In order, the last one is being written.
    segments: Vec<Segment>,
    spares: Vec<String>,
    next_spare: u32,
}

impl Segments {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        journal: u128,
        options: SegmentOptions,
        segments: Vec<Segment>,
        spares: Vec<String>,
    ) -> Self {
        let blocks = Self::blocks_for(options.segment_bytes);
        let next_spare = spares.iter().filter_map(|name| segment::spare_number(name)).max().unwrap_or(0);
        let files = Mutex::new(Files { segments, spares, next_spare: next_spare.saturating_add(1) });
        Self { disk, journal, blocks, options, files }
    }
    /// Blocks of a segment of so many bytes.
    pub(super) fn blocks_for(segment_bytes: u64) -> u32 {
        let block_bytes = u64::try_from(BLOCK_BYTES).unwrap_or(512);
        u32::try_from(segment_bytes.max(SEGMENT_BYTES_MIN) / block_bytes).unwrap_or(u32::MAX)
    }
    /// Blocks of a new segment.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }
    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }
    /// The segments of now, oldest first.
    pub(super) fn list(&self) -> Vec<Segment> {
        self.files.lock().segments.clone()
    }
    /// The segment after that of `generation`.
    pub(super) fn after(&self, generation: u32) -> Option<Segment> {
        self.files.lock().segments.iter().find(|segment| segment.generation > generation).copied()
    }
    /// How many segments were begun after entry `seq`.
    #[must_use]
    pub fn begun_after(&self, seq: Seq) -> usize {
        self.files.lock().segments.iter().filter(|segment| segment.first > seq.next()).count()
    }
    /// Names the journal.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.journal
    }
    /// Reads from entry `from` on.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when the journal was pruned above it; else when the file cannot be read.
    pub fn reader(self: &Arc<Self>, from: Seq) -> Result<JournalReader, JournalError> {
        JournalReader::new(Arc::clone(self), from)
    }
    /// The first entry that can still be read; none were pruned below it.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.files.lock().segments.first().map_or(Seq::NONE, |segment| segment.first)
    }
    /// Bytes of all segments that are not spare.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let count = u64::try_from(self.files.lock().segments.len()).unwrap_or(u64::MAX);
        count.saturating_mul(u64::from(self.blocks)).saturating_mul(512)
    }
    /// Gives up the segments in which every entry is below `keep`; they become spares. How many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn prune(&self, keep: Seq) -> Result<usize, JournalError> {
        let mut pruned = 0;
        while self.prune_oldest(keep)? {
            pruned += 1;
        }
        if pruned > 0 {
            self.disk.sync_directory()?;
        }
        Ok(pruned)
    }
    /// Makes sure that a spare is ready, so that the writer need not wait for zeros.
    ///
    /// # Errors
    /// When the disk fails, also because it is full.
    pub fn prepare_spare(&self) -> Result<(), JournalError> {
        if !self.files.lock().spares.is_empty() {
            return Ok(());
        }
        let name = self.new_spare()?;
        self.files.lock().spares.push(name);
        Ok(())
    }
    /// Turns a spare into the file of `generation`, lasting. The file is at most as new as its old bytes say.
    pub(super) fn take_spare(&self, generation: u32) -> Result<Box<dyn DiskFile>, JournalError> {
        let spare = self.files.lock().spares.pop();
        let spare = spare.map_or_else(|| self.new_spare(), Ok)?;
        let name = segment::name_of(generation);
        self.disk.rename(&spare, &name)?;
        self.disk.sync_directory()?;
        Ok(self.disk.open(&name)?)
    }
    pub(super) fn add(&self, segment: Segment) {
        self.files.lock().segments.push(segment);
    }

    fn prune_oldest(&self, keep: Seq) -> Result<bool, JournalError> {
        let mut files = self.files.lock();
        let mut oldest = files.segments.iter();
        let (Some(oldest), Some(next)) = (oldest.next().copied(), oldest.next()) else { return Ok(false) };
        if next.first > keep {
            return Ok(false);
        }
        let name = segment::name_of(oldest.generation);
        if files.spares.len() < SPARE_SEGMENTS_MAX && self.is_full_size(&name)? {
            let spare = files.spare_name();
            self.disk.rename(&name, &spare)?;
            files.spares.push(spare);
        } else {
            self.disk.remove(&name)?;
        }
        files.segments.remove(0);
        Ok(true)
    }

    fn is_full_size(&self, name: &str) -> Result<bool, DiskError> {
        let bytes = self.disk.open(name)?.bytes()?;
        Ok(bytes == u64::from(self.blocks).saturating_mul(512))
    }

    /// A zero-filled file of full size, lasting.
    fn new_spare(&self) -> Result<String, JournalError> {
        let name = self.files.lock().spare_name();
        let unfinished = format!("{name}.new");
        let done = self.fill(&unfinished);
        if done.is_err() {
            // On a full disk half a spare would only be in the way; that it cannot be removed is the smaller trouble.
            let _removed = self.disk.remove(&unfinished);
        }
        done?;
        self.disk.rename(&unfinished, &name)?;
        self.disk.sync_directory()?;
        Ok(name)
    }

    /// A new file of full size, all zeros, synced.
    fn fill(&self, name: &str) -> Result<(), DiskError> {
        let file = self.disk.create(name)?;
        let bytes = u64::from(self.blocks).saturating_mul(512);
        let zeros = vec![0; usize::try_from(bytes.min(1 << 20)).unwrap_or(1 << 20)];
        let mut at: u64 = 0;
        while at < bytes {
            let rest = usize::try_from(bytes - at).unwrap_or(usize::MAX);
            let part = zeros.get(..rest).unwrap_or(&zeros);
            file.write_at(at, part)?;
            at = at.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        }
        file.sync()
    }
}

impl Files {
    fn spare_name(&mut self) -> String {
        let name = segment::spare_name(self.next_spare);
        self.next_spare = self.next_spare.wrapping_add(1);
        name
    }
}
