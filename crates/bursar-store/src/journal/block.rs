//! One 512-byte block: the unit of tearing, of damage, and of age.

use crate::disk::SECTOR_BYTES;

/// Bytes of one block.
pub(super) const BLOCK_BYTES: usize = SECTOR_BYTES;
/// Bytes of its own header: CRC32C of the rest (4), generation (4), place in the segment (4), used (2), marks (2).
pub(super) const BLOCK_HEADER_BYTES: usize = 16;
/// Bytes of it that carry a batch.
pub(super) const BLOCK_DATA_BYTES: usize = BLOCK_BYTES - BLOCK_HEADER_BYTES;

/// A batch starts here.
pub(super) const MARK_FIRST: u16 = 1;
/// A batch ends here.
pub(super) const MARK_LAST: u16 = 2;
/// Nothing is missing behind this batch: the journal was closed in order.
pub(super) const MARK_CLOSED: u16 = 4;
/// This is a segment's header.
pub(super) const MARK_HEADER: u16 = 8;

/// What a block on disk is to the segment that is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Block<'a> {
    /// Zero or of an older generation: this generation has not written it.
    Unwritten,
    /// Of this generation.
    Written {
        /// What it marks.
        marks: u16,
        /// Its part of the batch.
        data: &'a [u8],
    },
    /// None of these.
    Damaged(&'static str),
}

/// Says what `bytes` are as block `place` of the segment of `generation`.
pub(super) fn read(bytes: &[u8], generation: u32, place: u32) -> Block<'_> {
    let Some(header) = Header::split(bytes) else { return Block::Damaged("the file ends within a block") };
    if header.crc == 0 && bytes.iter().all(|byte| *byte == 0) {
        return Block::Unwritten;
    }
    if header.crc != crc_of(bytes) {
        return Block::Damaged("a block's checksum does not match");
    }
    if header.place != place {
        return Block::Damaged("a block stands in another's place");
    }
    if header.generation < generation {
        return Block::Unwritten;
    }
    if header.generation > generation {
        return Block::Damaged("a block is of a later segment");
    }
    match header.data.get(..usize::from(header.used)) {
        Some(data) => Block::Written { marks: header.marks, data },
        None => Block::Damaged("a block claims more bytes than it has"),
    }
}

/// Adds a block with `data` (cut to what fits) to `out`.
pub(super) fn write(out: &mut Vec<u8>, generation: u32, place: u32, marks: u16, data: &[u8]) {
    let data = data.get(..BLOCK_DATA_BYTES).unwrap_or(data);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&generation.to_le_bytes());
    out.extend_from_slice(&place.to_le_bytes());
    out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&marks.to_le_bytes());
    out.extend_from_slice(data);
    out.resize(start.saturating_add(BLOCK_BYTES), 0);
    if let Some(block) = out.get_mut(start..) {
        let crc = crc_of(block).to_le_bytes();
        if let Some(place) = block.first_chunk_mut::<4>() {
            *place = crc;
        }
    }
}

/// Where a block starts in its file.
pub(super) fn offset_of(place: u32) -> u64 {
    u64::from(place).saturating_mul(512)
}

struct Header<'a> {
    crc: u32,
    generation: u32,
    place: u32,
    used: u16,
    marks: u16,
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (crc, rest) = bytes.split_first_chunk::<4>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (place, rest) = rest.split_first_chunk::<4>()?;
        let (used, rest) = rest.split_first_chunk::<2>()?;
        let (marks, data) = rest.split_first_chunk::<2>()?;
        (data.len() == BLOCK_DATA_BYTES).then(|| Self {
            crc: u32::from_le_bytes(*crc),
            generation: u32::from_le_bytes(*generation),
            place: u32::from_le_bytes(*place),
            used: u16::from_le_bytes(*used),
            marks: u16::from_le_bytes(*marks),
            data,
        })
    }
}

fn crc_of(block: &[u8]) -> u32 {
    crc32c::crc32c(block.get(4..).unwrap_or_default())
}
