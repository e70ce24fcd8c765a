//! Zstandard (RFC 8878), piece by piece: a block is decoded once all of it is there.
//!
//! The decoder keeps its window to itself until the frame ends, so the last bytes of a frame that is cut are never seen:
//! [`Zstd::holds_back`] says so.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fmt;
use std::io::{Error, ErrorKind};

/// The largest window that a body over HTTP may ask for (RFC 9659).
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Magic number, descriptor, window, dictionary and size of a frame at their longest.
const HEADER_BYTES_MAX: usize = 4 + 14;
/// A block's compressed bytes at most, its header included.
const BLOCK_BYTES_MAX: usize = 128 * 1024 + 3;

/// One body: frames one behind the other.
pub(crate) struct Zstd {
    decoder: FrameDecoder,
    /// The bytes of a header or block that is not whole yet.
    pending: Vec<u8>,
    at: At,
    /// The frame ends in a checksum.
    checked: bool,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// A frame, or the end.
    Frame,
    /// A block.
    Block,
    /// So many bytes that no one needs.
    Skipped(u32),
}

impl Default for Zstd {
    fn default() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { decoder, pending: Vec::new(), at: At::Frame, checked: false }
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { decoder: _, pending, at, checked: _ } = self;
        f.debug_struct("Zstd").field("pending", &pending.len()).field("at", at).finish_non_exhaustive()
    }
}

impl Zstd {
    /// Decodes the next piece as far as whole blocks go.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(piece);
        let mut rest = &pending[..];
        while let Some(length) = self.step(rest)? {
            rest = rest.get(length..).unwrap_or_default();
            if let Some(decoded) = self.decoder.collect() {
                take(&decoded)?;
            }
        }
        if rest.len() > BLOCK_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let read = pending.len() - rest.len();
        pending.drain(..read);
        self.pending = pending;
        Ok(())
    }

    /// Whether a frame is begun: of what was decoded of it, its window is not told.
    pub(crate) fn holds_back(&self) -> bool {
        self.at == At::Block
    }

    /// Reads one header, block or skipped part; how many bytes it had, or nothing where it is not whole yet.
    fn step(&mut self, rest: &[u8]) -> std::io::Result<Option<usize>> {
        match self.at {
            At::Skipped(0) => {
                self.at = At::Frame;
                Ok(Some(0))
            }
            At::Skipped(left) => {
                let length = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.at = At::Skipped(left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX)));
                Ok((length > 0).then_some(length))
            }
            At::Frame => self.frame(rest),
            At::Block => self.block(rest),
        }
    }

    fn frame(&mut self, rest: &[u8]) -> std::io::Result<Option<usize>> {
        let Some((magic, after)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        if (0x184D_2A50..=0x184D_2A5F).contains(&u32::from_le_bytes(*magic)) {
            let Some((length, _)) = after.split_first_chunk::<4>() else { return Ok(None) };
            self.at = At::Skipped(u32::from_le_bytes(*length));
            return Ok(Some(8));
        }
        let mut unread = rest;
        match self.decoder.reset(&mut unread) {
            Ok(()) => {
                self.checked = after.first().is_some_and(|descriptor| descriptor & 4 != 0);
                self.at = At::Block;
                Ok(Some(rest.len() - unread.len()))
            }
            // Too short is no error until it cannot be.
            Err(_) if rest.len() < HEADER_BYTES_MAX => Ok(None),
            Err(error) => Err(Error::new(ErrorKind::InvalidData, error)),
        }
    }

    fn block(&mut self, rest: &[u8]) -> std::io::Result<Option<usize>> {
        let Some(([low, middle, high], _)) = rest.split_first_chunk::<3>() else { return Ok(None) };
        let header = u32::from_le_bytes([*low, *middle, *high, 0]);
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        let is_last = header & 1 != 0;
        // A block of the second type is one byte, so many times.
        let content = if header >> 1 & 3 == 1 { 1 } else { size };
        let checksum = if is_last && self.checked { 4 } else { 0 };
        let length = content.saturating_add(3 + checksum);
        if content > BLOCK_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let Some(block) = rest.get(..length) else { return Ok(None) };
        let ended = self
            .decoder
            .decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        if ended {
            self.at = At::Frame;
        }
        Ok(Some(length))
    }
}
