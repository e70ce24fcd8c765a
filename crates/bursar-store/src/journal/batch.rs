//! A batch: entries in order, as the engine writes them and as they stand in the journal.

use crate::journal::Seq;
use crate::limits::BUFFER_BYTES_KEPT;

/// Bytes of a batch's header: first entry (8), synced (8), entries (4), running checksum (4), bytes of entries (4).
pub(super) const BATCH_HEADER_BYTES: usize = 28;

/// Entries that wait for the journal, numbered from a first one.
#[derive(Debug)]
pub struct Batch {
    first: Seq,
    count: u32,
    bytes: Vec<u8>,
}

impl Batch {
    /// An empty one that starts at entry `first`.
    #[must_use]
    pub fn new(first: Seq) -> Self {
        Self { first, count: 0, bytes: Vec::new() }
    }
    /// Adds the entry that `encode` writes; its number. `encode` must only add to the end.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Seq {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        encode(&mut self.bytes);
        let length = self.bytes.len().saturating_sub(start).saturating_sub(4);
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = self.bytes.get_mut(start..).and_then(|entry| entry.first_chunk_mut::<4>()) {
            *place = length;
        }
        let seq = self.next();
        self.count = self.count.saturating_add(1);
        seq
    }
    /// Empties it and lets it start at `first`, keeping its memory unless that is unusually much.
    pub fn reset(&mut self, first: Seq) {
        self.first = first;
        self.count = 0;
        self.bytes.clear();
        self.bytes.shrink_to(BUFFER_BYTES_KEPT);
    }
    /// The number of its first entry.
    #[must_use]
    pub const fn first(&self) -> Seq {
        self.first
    }
    /// The number that the next entry gets.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.first.plus(u64::from(self.count))
    }
    /// Whether it has no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// Bytes of its entries, each with its length.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }
    /// Splits off the first entries that fit into `room` bytes, from entry `done` (counted from 0) which starts at
    /// byte `at`: how many, and their bytes.
    pub(super) fn part(&self, at: usize, room: usize) -> (u32, &[u8]) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let (mut count, mut end) = (0, 0);
        for entry in Entries::new(rest) {
            let next = end + 4 + entry.len();
            if next > room {
                break;
            }
            end = next;
            count += 1;
        }
        (count, rest.get(..end).unwrap_or_default())
    }
}

/// What the journal says before the entries of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchHeader {
    /// The number of the first entry.
    pub(super) first: Seq,
    /// Everything up to here was synced when the batch was written.
    pub(super) synced: Seq,
    /// Entries in the batch.
    pub(super) count: u32,
    /// The running checksum of the journal, this batch included.
    pub(super) chain: u32,
    /// Bytes of the entries.
    pub(super) bytes: u32,
}

impl BatchHeader {
    /// For `count` entries whose bytes are `entries`, after a journal whose running checksum is `chain`.
    pub(super) fn new(first: Seq, synced: Seq, count: u32, entries: &[u8], chain: u32) -> Self {
        let bytes = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let unchained = Self { first, synced, count, chain, bytes };
        Self { chain: unchained.chain_over(chain, entries), ..unchained }
    }
    /// The running checksum after this batch, when it was `before` before it. Without entries it stays.
    pub(super) fn chain_over(&self, before: u32, entries: &[u8]) -> u32 {
        if self.count == 0 {
            return before;
        }
        let crc = crc32c::crc32c_append(before, &self.first.number().to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &self.count.to_le_bytes());
        crc32c::crc32c_append(crc, entries)
    }
    /// The number of the last entry; for an empty batch the one before the first.
    pub(super) fn last(&self) -> Seq {
        self.first.plus(u64::from(self.count)).before()
    }
    pub(super) fn encode(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut out = [0; BATCH_HEADER_BYTES];
        let parts = self.first.number().to_le_bytes().into_iter();
        let parts = parts.chain(self.synced.number().to_le_bytes()).chain(self.count.to_le_bytes());
        let parts = parts.chain(self.chain.to_le_bytes()).chain(self.bytes.to_le_bytes());
        for (place, byte) in out.iter_mut().zip(parts) {
            *place = byte;
        }
        out
    }
    /// Reads it off the start of `data`; the rest.
    pub(super) fn decode(data: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = data.split_first_chunk::<8>()?;
        let (synced, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (chain, rest) = rest.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_first_chunk::<4>()?;
        let header = Self {
            first: Seq::new(u64::from_le_bytes(*first)),
            synced: Seq::new(u64::from_le_bytes(*synced)),
            count: u32::from_le_bytes(*count),
            chain: u32::from_le_bytes(*chain),
            bytes: u32::from_le_bytes(*bytes),
        };
        Some((header, rest))
    }
}

/// Walks the entries of a batch. Ends early where a length does not fit.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (entry, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(entry)
    }
}
