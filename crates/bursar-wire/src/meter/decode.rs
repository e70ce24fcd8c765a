//! Decodes a copy of a compressed body for the meter. Bursar asks its upstreams for identity; some compress all the same.

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use std::io::Write;

/// Compressed bytes that are decoded at once: at the formats' best ratio of 1 to 1032 a megabyte comes out.
const STEP_BYTES: usize = 1024;

/// The content encoding of one body.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// As it is.
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
    /// Brotli, Zstandard, several: cannot be read here.
    Unknown,
}

impl Decoder {
    /// By the value of `Content-Encoding`.
    pub(crate) fn of(content_encoding: &str) -> Self {
        match content_encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Identity,
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Self::Zlib(Box::new(ZlibDecoder::new(Vec::new()))),
            _ => Self::Unknown,
        }
    }

    /// Decodes the next piece and hands on what came out, step by step. An error: not in that encoding.
    pub(crate) fn feed(&mut self, piece: &[u8], mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
        for step in piece.chunks(STEP_BYTES) {
            let out = match self {
                Self::Identity => {
                    take(piece);
                    return Ok(());
                }
                Self::Gzip(decoder) => {
                    decoder.write_all(step)?;
                    decoder.flush()?;
                    decoder.get_mut()
                }
                Self::Zlib(decoder) => {
                    decoder.write_all(step)?;
                    decoder.flush()?;
                    decoder.get_mut()
                }
                Self::Unknown => return Ok(()),
            };
            take(out);
            out.clear();
        }
        Ok(())
    }
}
