//! Writing: batches into the current segment, and on into the next.

use std::sync::Arc;

use crate::disk::{DiskError, DiskFile};
use crate::journal::batch::{BATCH_HEADER_BYTES, Batch, BatchHeader};
use crate::journal::block::{self, BLOCK_DATA_BYTES, MARK_CLOSED, MARK_FIRST, MARK_LAST};
use crate::journal::segment::SegmentHeader;
use crate::journal::segments::Segment;
use crate::journal::{Journal, JournalError, PendingSync, Segments, Seq};
use crate::limits::{BATCH_BYTES_MAX, BUFFER_BYTES_KEPT};

/// The journal over segment files.
#[derive(Debug)]
pub struct SegmentJournal {
    segments: Arc<Segments>,
    file: Arc<dyn DiskFile>,
    generation: u32,
    /// The next block to write.
    place: u32,
    /// The next entry.
    next: Seq,
    synced: Seq,
    /// The block up to which the segment is synced: a note behind the last entry may not be.
    synced_place: u32,
    /// Whether the journal says by itself that all of it is synced.
    noted: bool,
    chain: u32,
    failed: bool,
    blocks: Vec<u8>,
    data: Vec<u8>,
}

/// Where a journal goes on: behind what recovery read.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The newest segment; 0 for none.
    pub(super) generation: u32,
    /// The block in it behind the last batch.
    pub(super) place: u32,
    /// The next entry.
    pub(super) next: Seq,
    /// The running checksum.
    pub(super) chain: u32,
}

impl SegmentJournal {
    /// Starts a new segment behind `end`.
    pub(super) fn start(segments: Arc<Segments>, end: End) -> Result<Self, JournalError> {
        let (file, generation) = begin(&segments, end)?;
        Ok(Self {
            segments,
            file,
            generation,
            place: 1,
            next: end.next,
            synced: end.next.before(),
            synced_place: 1,
            noted: true,
            chain: end.chain,
            failed: false,
            blocks: Vec::new(),
            data: Vec::new(),
        })
    }
    /// Its files, for readers and the keeper.
    #[must_use]
    pub fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// Runs one step; a failure is the last.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.failed {
            return Err(JournalError::Failed);
        }
        let done = step(self);
        self.failed = done.is_err();
        done
    }

    fn append_parts(&mut self, batch: &Batch) -> Result<(), JournalError> {
        if batch.first() != self.next {
            return Err(JournalError::OutOfOrder { expected: self.next, found: batch.first() });
        }
        let mut at = 0;
        while at < batch.bytes() {
            let (count, entries) = batch.part(at, self.room().min(BATCH_BYTES_MAX));
            if count > 0 {
                self.write(count, entries, 0)?;
                at += entries.len();
            } else if self.place > 1 {
                self.rotate()?;
            } else {
                let bytes = batch.bytes() - at;
                return Err(JournalError::TooLarge { seq: self.next, bytes });
            }
        }
        Ok(())
    }

    /// Bytes of entries that a batch can still carry in this segment.
    fn room(&self) -> usize {
        let blocks = self.segments.blocks().saturating_sub(self.place);
        let bytes = usize::try_from(blocks).unwrap_or(0).saturating_mul(BLOCK_DATA_BYTES);
        bytes.saturating_sub(BATCH_HEADER_BYTES)
    }

    /// Writes one batch, which fits.
    fn write(&mut self, count: u32, entries: &[u8], marks: u16) -> Result<(), JournalError> {
        let header = BatchHeader::new(self.next, self.synced, count, entries, self.chain);
        self.data.clear();
        self.data.extend_from_slice(&header.encode());
        self.data.extend_from_slice(entries);
        self.blocks.clear();
        let parts = self.data.len().div_ceil(BLOCK_DATA_BYTES);
        let mut place = self.place;
        for (number, part) in self.data.chunks(BLOCK_DATA_BYTES).enumerate() {
            let first = if number == 0 { MARK_FIRST } else { 0 };
            let last = if number + 1 == parts { MARK_LAST | marks } else { 0 };
            block::write(&mut self.blocks, self.generation, place, first | last, part);
            place = place.saturating_add(1);
        }
        self.file.write_at(block::offset_of(self.place), &self.blocks)?;
        self.data.clear();
        self.data.shrink_to(BUFFER_BYTES_KEPT);
        self.blocks.clear();
        self.blocks.shrink_to(BUFFER_BYTES_KEPT);
        self.place = place;
        self.next = header.last().next();
        self.chain = header.chain;
        self.noted = false;
        Ok(())
    }

    fn sync_file(&mut self) -> Result<(), JournalError> {
        if self.synced.next() < self.next {
            self.sync_blocks()?;
        }
        Ok(())
    }

    fn sync_blocks(&mut self) -> Result<(), JournalError> {
        self.file.sync()?;
        self.synced = self.next.before();
        self.synced_place = self.place;
        Ok(())
    }

    /// Ends this segment, all of it synced, and goes on in the next.
    fn rotate(&mut self) -> Result<(), JournalError> {
        // The next segment will say where this one ended, so that much must last, a note included.
        if self.synced_place < self.place {
            self.sync_blocks()?;
        }
        let end = End { generation: self.generation, place: self.place, next: self.next, chain: self.chain };
        (self.file, self.generation) = begin(&self.segments, end)?;
        (self.place, self.synced_place) = (1, 1);
        Ok(())
    }

    /// An empty batch that carries what is synced.
    fn write_note(&mut self, marks: u16) -> Result<(), JournalError> {
        if self.place >= self.segments.blocks() {
            self.rotate()?;
        }
        self.write(0, &[], marks)?;
        self.noted = true;
        Ok(())
    }
}

impl Journal for SegmentJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.guarded(|journal| journal.append_parts(batch))
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.guarded(Self::sync_file)
    }

    fn begin_sync(&mut self) -> Result<Option<PendingSync>, JournalError> {
        self.guarded(|journal| {
            let due = journal.synced.next() < journal.next;
            let SegmentJournal { file, generation, place, next, .. } = &*journal;
            let (file, upto, end) = (Arc::clone(file), next.before(), (*generation, *place));
            Ok(due.then_some(PendingSync { file, upto, end }))
        })
    }

    fn end_sync(&mut self, pending: &PendingSync, done: Result<(), DiskError>) -> Result<(), JournalError> {
        self.guarded(|journal| {
            done?;
            journal.synced = journal.synced.max(pending.upto);
            if pending.end.0 == journal.generation {
                journal.synced_place = journal.synced_place.max(pending.end.1);
            }
            Ok(())
        })
    }

    fn note_synced(&mut self) -> Result<(), JournalError> {
        self.guarded(|journal| {
            let due = !journal.noted && journal.synced.next() == journal.next;
            if due { journal.write_note(0) } else { Ok(()) }
        })
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.guarded(|journal| {
            journal.sync_file()?;
            journal.write_note(MARK_CLOSED)?;
            Ok(journal.file.sync()?)
        })
    }

    fn written(&self) -> Seq {
        self.next.before()
    }

    fn synced(&self) -> Seq {
        self.synced
    }
}

/// Makes the segment behind `end`, its header lasting before anything else is written to it.
fn begin(segments: &Segments, end: End) -> Result<(Arc<dyn DiskFile>, u32), JournalError> {
    begin_as(segments, end, end.generation.saturating_add(1), 0)
}

/// As [`begin`], of a certain generation, with so many entries given up between `end` and its first.
pub(super) fn begin_as(
    segments: &Segments,
    end: End,
    generation: u32,
    lost: u64,
) -> Result<(Arc<dyn DiskFile>, u32), JournalError> {
    let first = end.next.plus(lost);
    let header = SegmentHeader {
        journal: segments.journal,
        generation,
        blocks: segments.blocks(),
        first,
        chain: end.chain,
        previous: end.generation,
        previous_end: end.place,
        lost,
        durability: segments.options.durability,
        boot_id: segments.options.boot_id.clone(),
    };
    let file = segments.take_spare(generation)?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    segments.add(Segment { generation, first, previous_end: end.place });
    Ok((file.into(), generation))
}
