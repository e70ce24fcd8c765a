//! A checkpoint's file: written once from front to back, read back the same way.

use bursar_ledger::{Entry, Sink};

use super::CheckpointError;
use crate::disk::{Disk, DiskError, DiskFile};
use crate::journal::{Seq, Start};

const MAGIC: [u8; 8] = *b"bursarcp";
const FORMAT: u16 = 1;
/// Magic, format, journal, entry, running checksum, CRC32C of these.
const HEADER_BYTES: usize = 8 + 2 + 16 + 8 + 4 + 4;
/// Bytes written and read at once.
const PART_BYTES: usize = 1 << 20;
/// Longest piece: an entry of the journal is shorter.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// Writes a checkpoint: a place where a snapshot is pushed.
pub(super) struct CheckpointWriter {
    file: Box<dyn DiskFile>,
    at: u64,
    buffer: Vec<u8>,
    piece: Vec<u8>,
    count: u64,
    crc: u32,
    failed: Option<DiskError>,
}

impl CheckpointWriter {
    pub(super) fn create(disk: &dyn Disk, name: &str, start: Start) -> Result<Self, DiskError> {
        let file = disk.create(name)?;
        let mut buffer = Vec::with_capacity(PART_BYTES);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&FORMAT.to_le_bytes());
        buffer.extend_from_slice(&start.journal.unwrap_or(0).to_le_bytes());
        buffer.extend_from_slice(&start.after.number().to_le_bytes());
        buffer.extend_from_slice(&start.chain.to_le_bytes());
        buffer.extend_from_slice(&crc32c::crc32c(&buffer).to_le_bytes());
        Ok(Self { file, at: 0, buffer, piece: Vec::new(), count: 0, crc: 0, failed: None })
    }
    /// The end mark, a piece of no bytes, with count and checksum; synced. Bytes of the file.
    pub(super) fn finish(mut self) -> Result<u64, DiskError> {
        let mut end = Vec::from(0u32.to_le_bytes());
        end.extend_from_slice(&self.count.to_le_bytes());
        end.extend_from_slice(&self.crc.to_le_bytes());
        let crc = crc32c::crc32c(&end);
        end.extend_from_slice(&crc.to_le_bytes());
        self.buffer.extend_from_slice(&end);
        self.flush();
        match self.failed {
            Some(error) => Err(error),
            None => self.file.sync().map(|()| self.at),
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.file.write_at(self.at, &self.buffer).err();
        }
        self.at = self.at.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(0));
        self.buffer.clear();
    }
}

impl Sink<Entry> for CheckpointWriter {
    fn push(&mut self, entry: Entry) {
        self.piece.clear();
        entry.encode(&mut self.piece);
        let crc = crc32c::crc32c(&self.piece);
        self.crc = crc32c::crc32c_append(self.crc, &crc.to_le_bytes());
        self.count = self.count.saturating_add(1);
        let length = u32::try_from(self.piece.len()).unwrap_or(u32::MAX);
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(&crc.to_le_bytes());
        self.buffer.extend_from_slice(&self.piece);
        if self.buffer.len() >= PART_BYTES {
            self.flush();
        }
    }
}

/// Reads a checkpoint.
pub(super) struct CheckpointReader {
    file: Box<dyn DiskFile>,
    name: String,
    start: Start,
    bytes: u64,
    /// Where in the file the buffer ends.
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next piece starts.
    next: usize,
    count: u64,
    crc: u32,
}

impl CheckpointReader {
    pub(super) fn open(disk: &dyn Disk, name: &str) -> Result<Self, CheckpointError> {
        let file = disk.open(name)?;
        let bytes = file.bytes()?;
        let mut reader = Self {
            file,
            name: name.to_owned(),
            start: Start::default(),
            bytes,
            at: 0,
            buffer: Vec::new(),
            next: 0,
            count: 0,
            crc: 0,
        };
        reader.start = reader.header()?;
        Ok(reader)
    }
    pub(super) fn start(&self) -> Start {
        self.start
    }
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
    /// The next piece; `None` at the end mark.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, CheckpointError> {
        let length = usize::try_from(u32::from_le_bytes(self.take::<4>()?)).unwrap_or(usize::MAX);
        if length == 0 {
            return self.end().map(|()| None);
        }
        if length > PIECE_BYTES_MAX {
            return Err(self.damaged("a piece is too long"));
        }
        let crc = u32::from_le_bytes(self.take::<4>()?);
        self.fill(length)?;
        let start = self.next;
        self.next = start.saturating_add(length);
        self.count = self.count.saturating_add(1);
        self.crc = crc32c::crc32c_append(self.crc, &crc.to_le_bytes());
        let found = self.buffer.get(start..self.next).map(crc32c::crc32c);
        if found != Some(crc) {
            return Err(self.damaged("a piece's checksum does not match"));
        }
        Ok(self.buffer.get(start..self.next))
    }

    fn header(&mut self) -> Result<Start, CheckpointError> {
        self.fill(HEADER_BYTES)?;
        let found = self.buffer.get(..HEADER_BYTES - 4).map(crc32c::crc32c);
        let magic = self.take::<8>()?;
        let version = u16::from_le_bytes(self.take::<2>()?);
        let journal = u128::from_le_bytes(self.take::<16>()?);
        let after = Seq::new(u64::from_le_bytes(self.take::<8>()?));
        let chain = u32::from_le_bytes(self.take::<4>()?);
        if magic != MAGIC || found != Some(u32::from_le_bytes(self.take::<4>()?)) {
            return Err(self.damaged("the header is not that of a checkpoint"));
        }
        if version != FORMAT {
            return Err(CheckpointError::NewerFormat { file: self.name.clone(), version });
        }
        Ok(Start { after, chain, journal: Some(journal) })
    }

    /// Checks what the end mark says.
    fn end(&mut self) -> Result<(), CheckpointError> {
        let count = self.take::<8>()?;
        let crc = self.take::<4>()?;
        let own = crc32c::crc32c(&0u32.to_le_bytes());
        let own = crc32c::crc32c_append(crc32c::crc32c_append(own, &count), &crc);
        let whole = self.take::<4>()? == own.to_le_bytes();
        if !whole || count != self.count.to_le_bytes() || crc != self.crc.to_le_bytes() {
            return Err(self.damaged("the end mark does not match the pieces"));
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        self.fill(N)?;
        let bytes = self.buffer.get(self.next..).and_then(|rest| rest.first_chunk::<N>()).copied();
        self.next = self.next.saturating_add(N);
        bytes.ok_or_else(|| self.damaged("it ends too early"))
    }

    /// Makes sure that so many bytes are in the buffer from the next one on.
    fn fill(&mut self, bytes: usize) -> Result<(), CheckpointError> {
        let here = self.buffer.len().saturating_sub(self.next);
        if here >= bytes {
            return Ok(());
        }
        self.buffer.drain(..self.next);
        self.next = 0;
        let wanted = bytes.max(PART_BYTES);
        self.buffer.resize(wanted, 0);
        let place = self.buffer.get_mut(here..).unwrap_or_default();
        let read = self.file.read_at(self.at, place)?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        self.buffer.truncate(here.saturating_add(read));
        if self.buffer.len() < bytes {
            return Err(self.damaged("it ends too early"));
        }
        Ok(())
    }

    fn damaged(&self, what: &str) -> CheckpointError {
        CheckpointError::Damaged { file: self.name.clone(), what: what.to_owned() }
    }
}
