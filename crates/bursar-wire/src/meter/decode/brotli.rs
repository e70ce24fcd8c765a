//! Brotli (RFC 7932), piece by piece: what is decoded is told at once, through a buffer of fixed size.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use std::fmt;
use std::io::ErrorKind;

/// Decoded bytes that are told at once.
const OUT_BYTES: usize = 8 * 1024;

/// One body.
pub(crate) struct Brotli {
    /// Without the extension for windows above 16 MiB, which HTTP does not know.
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    out: [u8; OUT_BYTES],
    ended: bool,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), out: [0; OUT_BYTES], ended: false }
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Brotli {
    /// Decodes the next piece; bytes behind the end of the stream are an error.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let (mut left, mut at, mut total) = (piece.len(), 0, 0);
        loop {
            if self.ended {
                return if left == 0 { Ok(()) } else { Err(ErrorKind::InvalidData.into()) };
            }
            let (mut room, mut written) = (OUT_BYTES, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                piece,
                &mut room,
                &mut written,
                &mut self.out,
                &mut total,
                &mut self.state,
            );
            take(self.out.get(..written).unwrap_or_default())?;
            match result {
                // With a full buffer there may be more behind it, also where the input has run out.
                BrotliResult::NeedsMoreInput if written < OUT_BYTES => return Ok(()),
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::ResultFailure => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }
}
