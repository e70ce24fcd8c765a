//! Reading: blocks of one segment, batches in it, and entries across segments.

use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::journal::batch::{BatchHeader, Entries};
use crate::journal::block::{self, BLOCK_BYTES, Block, MARK_CLOSED, MARK_FIRST, MARK_HEADER, MARK_LAST};
use crate::journal::segment::{self, SegmentHeader};
use crate::journal::{JournalError, Segments, Seq};

/// Bytes read from the file at once: a few dozen batches, and small beside the process.
const WINDOW_BYTES: usize = 256 * 1024;

/// What stands where a batch is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A whole batch; its entries are [`SegmentReader::entries`].
    Batch {
        /// What it says.
        header: BatchHeader,
        /// The block behind it.
        end: u32,
        /// Whether the journal was closed in order behind it.
        closed: bool,
    },
    /// This generation never wrote a block of it.
    Unwritten {
        /// Which: the first block, or one within the batch.
        place: u32,
    },
    /// The segment is full.
    Full,
    /// Bytes that were once good are not any more.
    Damaged {
        /// Which block.
        place: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Reads one segment file.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: Box<dyn DiskFile>,
    pub(super) name: String,
    generation: u32,
    blocks: u32,
    window: Vec<u8>,
    window_place: u32,
    /// The batch that was found last, its header included.
    data: Vec<u8>,
}

impl SegmentReader {
    /// Opens the segment, whatever its header is.
    pub(super) fn open_any(disk: &dyn Disk, generation: u32) -> Result<Self, JournalError> {
        let name = segment::name_of(generation);
        let file = disk.open(&name)?;
        let blocks = file.bytes()? / u64::try_from(BLOCK_BYTES).unwrap_or(512);
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        Ok(Self { file, name, generation, blocks, window: Vec::new(), window_place: 0, data: Vec::new() })
    }
    /// Opens the segment and reads its header; `None` where this generation has not written it.
    pub(super) fn open(
        disk: &dyn Disk,
        generation: u32,
    ) -> Result<(Self, Option<SegmentHeader>), JournalError> {
        let mut reader = Self::open_any(disk, generation)?;
        let header = match reader.block(0)? {
            Block::Unwritten => None,
            Block::Written { marks: MARK_HEADER, data } => {
                let data = data.to_vec();
                Some(SegmentHeader::decode(&reader.name, generation, &data)?)
            }
            Block::Written { .. } => return Err(reader.damaged(0, "the header is not a header")),
            Block::Damaged(what) => return Err(reader.damaged(0, what)),
        };
        if header.as_ref().is_some_and(|header| header.blocks != reader.blocks) {
            return Err(reader.damaged(reader.blocks, "the file has not the length that its header says"));
        }
        Ok((reader, header))
    }
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }
    pub(super) fn damaged(&self, place: u32, what: &'static str) -> JournalError {
        JournalError::Damaged { file: self.name.clone(), offset: block::offset_of(place), what }
    }
    /// Forgets what was read ahead: the writer may have added to it.
    pub(super) fn refresh(&mut self) {
        self.window.clear();
    }
    /// The block at `place`.
    pub(super) fn block(&mut self, place: u32) -> Result<Block<'_>, JournalError> {
        let generation = self.generation;
        Ok(block::read(self.bytes_of(place)?, generation, place))
    }
    /// The entries of the batch that was found last.
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries::new(BatchHeader::decode(&self.data).map_or(&[], |(_, entries)| entries))
    }
    /// The bytes of those entries.
    pub(super) fn entry_bytes(&self) -> &[u8] {
        BatchHeader::decode(&self.data).map_or(&[], |(_, entries)| entries)
    }
    /// The batch that starts at `place`.
    pub(super) fn batch(&mut self, place: u32) -> Result<Found, JournalError> {
        if place >= self.blocks {
            return Ok(Found::Full);
        }
        let mut whole = std::mem::take(&mut self.data);
        whole.clear();
        let found = self.gather(place, &mut whole);
        self.data = whole;
        let (end, closed) = match found? {
            Ok(found) => found,
            Err(found) => return Ok(found),
        };
        Ok(match BatchHeader::decode(&self.data) {
            Some((header, entries)) if header_fits(&header, entries) => Found::Batch { header, end, closed },
            Some(_) => Found::Damaged { place, what: "a batch is not what its header says" },
            None => Found::Damaged { place, what: "a batch is shorter than its header" },
        })
    }

    /// Collects the data of the batch at `place`; where it ends and whether it closes the journal.
    fn gather(
        &mut self,
        place: u32,
        whole: &mut Vec<u8>,
    ) -> Result<Result<(u32, bool), Found>, JournalError> {
        for at in place..self.blocks {
            let (marks, data) = match self.block(at)? {
                Block::Unwritten => return Ok(Err(Found::Unwritten { place: at })),
                Block::Damaged(what) => return Ok(Err(Found::Damaged { place: at, what })),
                Block::Written { marks, data } => (marks, data),
            };
            if (marks & MARK_FIRST != 0) != (at == place) {
                return Ok(Err(Found::Damaged {
                    place: at,
                    what: "a batch starts or goes on at the wrong place",
                }));
            }
            whole.extend_from_slice(data);
            if marks & MARK_LAST != 0 {
                return Ok(Ok((at.saturating_add(1), marks & MARK_CLOSED != 0)));
            }
        }
        Ok(Err(Found::Damaged { place, what: "a batch goes on behind the end of the file" }))
    }

    fn bytes_of(&mut self, place: u32) -> Result<&[u8], JournalError> {
        let within = place.checked_sub(self.window_place).and_then(|ahead| usize::try_from(ahead).ok());
        let start = within.map(|ahead| ahead.saturating_mul(BLOCK_BYTES));
        let start = match start.filter(|start| start.saturating_add(BLOCK_BYTES) <= self.window.len()) {
            Some(start) => start,
            None => {
                // No larger than what the segment still has: a small one is read often, and costs no more than it is.
                let ahead = usize::try_from(self.blocks.saturating_sub(place)).unwrap_or(usize::MAX);
                self.window.resize(ahead.saturating_mul(BLOCK_BYTES).clamp(BLOCK_BYTES, WINDOW_BYTES), 0);
                self.window_place = place;
                let read = self.file.read_at(block::offset_of(place), &mut self.window);
                self.window.truncate(*read.as_ref().unwrap_or(&0));
                read?;
                0
            }
        };
        let rest = self.window.get(start..).unwrap_or_default();
        Ok(rest.get(..BLOCK_BYTES).unwrap_or(rest))
    }
}

/// Whether the header's counts are those of the entries.
fn header_fits(header: &BatchHeader, bytes: &[u8]) -> bool {
    let mut count: u32 = 0;
    let mut used: usize = 0;
    for entry in Entries::new(bytes) {
        count = count.saturating_add(1);
        used = used.saturating_add(4).saturating_add(entry.len());
    }
    count == header.count && used == bytes.len() && u32::try_from(used) == Ok(header.bytes)
}

/// Reads entries in order, across segments, while the journal is being written. Reads only what was synced.
#[derive(Debug)]
pub struct JournalReader {
    segments: Arc<Segments>,
    segment: SegmentReader,
    generation: u32,
    place: u32,
    /// The batch in hand: the number of its next entry to give, and where that starts in its bytes.
    batch: Option<(Seq, usize)>,
    /// The next entry to give.
    next: Seq,
    /// The entry after those of the batches read so far.
    after: Seq,
    /// The running checksum behind those batches.
    chain: u32,
}

impl JournalReader {
    pub(super) fn new(segments: Arc<Segments>, from: Seq) -> Result<Self, JournalError> {
        let list = segments.list();
        let from = from.max(Seq::NONE.next());
        let found = list.iter().rev().find(|segment| segment.first <= from).copied();
        let Some(start) = found else {
            let oldest = list.first().map_or(0, |segment| segment.generation);
            let file = segment::name_of(oldest.saturating_sub(1));
            return Err(JournalError::Missing {
                file,
                what: "the journal was pruned above the entry asked for",
            });
        };
        let (segment, header) = SegmentReader::open(segments.disk().as_ref(), start.generation)?;
        let chain = header.ok_or_else(|| segment.damaged(0, "the header is not there"))?.chain;
        let (generation, place, batch, after) = (start.generation, 1, None, start.first);
        Ok(Self { segments, segment, generation, place, batch, next: from, after, chain })
    }
    /// The next entry that [`JournalReader::read`] would give.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.next
    }
    /// Gives the next entry to `give` until it returns false or all up to `synced` were given. How many were given.
    ///
    /// # Errors
    /// When the disk fails or what was synced is damaged.
    pub fn read(
        &mut self,
        synced: Seq,
        mut give: impl FnMut(Seq, &[u8]) -> bool,
    ) -> Result<u64, JournalError> {
        let mut given: u64 = 0;
        while self.next <= synced {
            let Some((mut seq, mut at)) = self.batch.take() else {
                self.read_batch()?;
                continue;
            };
            let bytes = self.segment.entry_bytes();
            let mut more = true;
            for entry in Entries::new(bytes.get(at..).unwrap_or_default()) {
                if !more || seq > synced {
                    self.batch = Some((seq, at));
                    break;
                }
                if seq >= self.next {
                    more = give(seq, entry);
                    given = given.saturating_add(1);
                    self.next = seq.next();
                }
                seq = seq.next();
                at = at.saturating_add(4).saturating_add(entry.len());
            }
            if !more {
                break;
            }
        }
        Ok(given)
    }

    /// The running checksum of the journal behind the last entry given; `None` within a batch.
    #[must_use]
    pub fn chain(&self) -> Option<u32> {
        (self.next == self.after).then_some(self.chain)
    }

    /// Moves to the next batch, which is there because its entries were synced.
    fn read_batch(&mut self) -> Result<(), JournalError> {
        let next = self.segments.after(self.generation);
        if next.is_some_and(|next| next.previous_end == self.place) {
            return self.next_segment();
        }
        let mut found = self.segment.batch(self.place)?;
        if !matches!(found, Found::Batch { .. }) {
            // Perhaps read ahead before, or while, the writer came here: look at what the disk has now.
            self.segment.refresh();
            found = self.segment.batch(self.place)?;
        }
        match found {
            Found::Batch { header, end, .. } => {
                let chain = header.chain_over(self.chain, self.segment.entry_bytes());
                if header.first != self.after || header.chain != chain {
                    return Err(self.segment.damaged(self.place, "a batch is not the next one"));
                }
                (self.place, self.chain) = (end, chain);
                self.after = header.last().next();
                self.batch = Some((header.first, 0));
                Ok(())
            }
            Found::Damaged { place, what } => Err(self.segment.damaged(place, what)),
            Found::Unwritten { place } => {
                Err(self.segment.damaged(place, "an entry that was synced is not there"))
            }
            Found::Full => self.next_segment(),
        }
    }

    fn next_segment(&mut self) -> Result<(), JournalError> {
        let missing = || self.segment.damaged(self.place, "an entry that was synced is not there");
        let next = self.segments.after(self.generation).ok_or_else(missing)?;
        let (segment, header) = SegmentReader::open(self.segments.disk().as_ref(), next.generation)?;
        let Some(header) = header else { return Err(missing()) };
        if header.first != self.after.plus(header.lost) || header.previous_end != self.place {
            return Err(missing());
        }
        self.after = header.first;
        (self.segment, self.generation, self.place) = (segment, next.generation, 1);
        Ok(())
    }
}
