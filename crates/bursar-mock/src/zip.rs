//! Compresses an answer on its way, each piece flushed, so that it can be read as it comes.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// A gzip stream.
pub(crate) struct Zip(GzEncoder<Vec<u8>>);

impl Zip {
    pub(crate) fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }
    /// A piece, compressed; the last carries the end.
    pub(crate) fn piece(&mut self, piece: &[u8], last: bool) -> Bytes {
        // Writing into a vector cannot fail.
        let _ = self.0.write_all(piece);
        let _ = if last { self.0.try_finish() } else { self.0.flush() };
        std::mem::take(self.0.get_mut()).into()
    }
}
