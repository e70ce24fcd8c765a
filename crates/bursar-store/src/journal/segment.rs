//! A segment's name and header.

use crate::journal::block::{self, MARK_HEADER};
use crate::journal::{JournalError, Seq};

/// The format of segments, blocks and batches that this version writes.
pub(super) const FORMAT: u16 = 1;
const MAGIC: [u8; 8] = *b"bursarjl";
/// Longest boot id kept: Linux's is a UUID of 36 characters.
pub(super) const BOOT_ID_BYTES_MAX: usize = 64;

/// When an entry counts as kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Durability {
    /// Once it is synced: neither a killed process nor a power cut forgets it.
    #[default]
    Sync,
    /// Once the operating system has it, synced every 50 ms: a power cut may forget the last 50 ms, and says so.
    Fast,
}

impl Durability {
    /// The word in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Fast => "fast",
        }
    }
}

/// The first block of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SegmentHeader {
    /// Which journal it belongs to.
    pub(super) journal: u128,
    /// Its number; never used twice.
    pub(super) generation: u32,
    /// Its blocks, this one included.
    pub(super) blocks: u32,
    /// The first entry that is written to it.
    pub(super) first: Seq,
    /// The running checksum of the journal before it.
    pub(super) chain: u32,
    /// The generation of the segment before it; 0 for none.
    pub(super) previous: u32,
    /// The block at which that one ended: what is there or behind is not of the journal.
    pub(super) previous_end: u32,
    /// Entries before `first` that a repair gave up: usually none.
    pub(super) lost: u64,
    /// How its writer acknowledged entries.
    pub(super) durability: Durability,
    /// Between which two starts of the machine it was written.
    pub(super) boot_id: String,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut data = Vec::new();
        data.extend_from_slice(&MAGIC);
        data.extend_from_slice(&FORMAT.to_le_bytes());
        data.extend_from_slice(&self.journal.to_le_bytes());
        data.extend_from_slice(&self.blocks.to_le_bytes());
        data.extend_from_slice(&self.first.number().to_le_bytes());
        data.extend_from_slice(&self.chain.to_le_bytes());
        data.extend_from_slice(&self.previous.to_le_bytes());
        data.extend_from_slice(&self.previous_end.to_le_bytes());
        data.extend_from_slice(&self.lost.to_le_bytes());
        data.push(match self.durability {
            Durability::Sync => 0,
            Durability::Fast => 1,
        });
        let boot_id = self.boot_id.as_bytes();
        let boot_id = boot_id.get(..BOOT_ID_BYTES_MAX).unwrap_or(boot_id);
        data.push(u8::try_from(boot_id.len()).unwrap_or(0));
        data.extend_from_slice(boot_id);
        let mut block = Vec::new();
        block::write(&mut block, self.generation, 0, MARK_HEADER, &data);
        block
    }

    /// Reads what block 0 of the file `name` carries.
    pub(super) fn decode(name: &str, generation: u32, data: &[u8]) -> Result<Self, JournalError> {
        let damaged = |what| JournalError::Damaged { file: name.to_owned(), offset: 0, what };
        let short = || damaged("the header is too short");
        let (magic, rest) = data.split_first_chunk::<8>().ok_or_else(short)?;
        if *magic != MAGIC {
            return Err(damaged("the header is not that of a journal"));
        }
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let version = u16::from_le_bytes(*version);
        if version != FORMAT {
            return Err(JournalError::NewerFormat { file: name.to_owned(), version });
        }
        let (journal, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        let (blocks, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (first, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (chain, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (previous, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (previous_end, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (lost, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (durability, rest) = rest.split_first().ok_or_else(short)?;
        let (length, rest) = rest.split_first().ok_or_else(short)?;
        let boot_id = rest.get(..usize::from(*length)).ok_or_else(short)?;
        Ok(Self {
            journal: u128::from_le_bytes(*journal),
            generation,
            blocks: u32::from_le_bytes(*blocks),
            first: Seq::new(u64::from_le_bytes(*first)),
            chain: u32::from_le_bytes(*chain),
            previous: u32::from_le_bytes(*previous),
            previous_end: u32::from_le_bytes(*previous_end),
            lost: u64::from_le_bytes(*lost),
            durability: match durability {
                0 => Durability::Sync,
                1 => Durability::Fast,
                _ => return Err(damaged("the header names an unknown durability")),
            },
            boot_id: String::from_utf8_lossy(boot_id).into_owned(),
        })
    }
}

/// The file of a segment.
pub(super) fn name_of(generation: u32) -> String {
    format!("journal-{generation:010}.seg")
}

/// The generation that a file's name says, when it is a segment's.
pub(crate) fn generation_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("journal-")?.strip_suffix(".seg")?;
    let generation = digits.parse().ok()?;
    (name_of(generation) == name).then_some(generation)
}

/// The file of a spare.
pub(super) fn spare_name(number: u32) -> String {
    format!("spare-{number}.seg")
}

/// The number of a spare that a file's name says.
pub(super) fn spare_number(name: &str) -> Option<u32> {
    name.strip_prefix("spare-")?.strip_suffix(".seg")?.parse().ok()
}
