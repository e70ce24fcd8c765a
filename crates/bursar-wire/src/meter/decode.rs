//! Decodes a copy of a compressed body for the meter. Bursar asks its upstreams for identity; some compress all the same.
//!
//! What comes out is handed on in steps and not kept. A body that grows beyond what gzip could make of it at its best is
//! given up: decoding is work, and a few bytes of the newer encodings can ask for gigabytes of it.

mod brotli;
mod zstd;

use super::limits::{EXPANSION_MAX, EXPANSION_SLACK_BYTES};
use brotli::Brotli;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use std::io::{ErrorKind, Write};
use zstd::Zstd;

/// Compressed bytes that are decoded at once: at the formats' best ratio of 1 to 1032 a megabyte comes out.
const STEP_BYTES: usize = 1024;

/// A body on its way through its content encoding.
#[derive(Debug)]
pub(crate) struct Decoder {
    codec: Codec,
    /// How many bytes may still come out.
    left: u64,
}

#[derive(Debug)]
enum Codec {
    /// As it is.
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
    /// Compress, a dictionary's, several: cannot be read here.
    Unknown,
}

impl Decoder {
    /// By the value of `Content-Encoding`.
    pub(crate) fn of(content_encoding: &str) -> Self {
        let codec = match content_encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Codec::Identity,
            "gzip" | "x-gzip" => Codec::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Codec::Zlib(Box::new(ZlibDecoder::new(Vec::new()))),
            "br" => Codec::Brotli(Box::default()),
            "zstd" => Codec::Zstd(Box::default()),
            _ => Codec::Unknown,
        };
        Self { codec, left: EXPANSION_SLACK_BYTES }
    }

    /// Whether nothing can be read in this encoding.
    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(self.codec, Codec::Unknown)
    }

    /// Decodes the next piece and hands on what came out, step by step. An error: not in that encoding, or more of it
    /// than a body may hold.
    pub(crate) fn feed(&mut self, piece: &[u8], mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
        if let Codec::Identity = self.codec {
            take(piece);
            return Ok(());
        }
        for step in piece.chunks(STEP_BYTES) {
            let Self { codec, left } = self;
            *left = left.saturating_add(bytes(step).saturating_mul(EXPANSION_MAX));
            let mut pass = |part: &[u8]| {
                *left = left.checked_sub(bytes(part)).ok_or(ErrorKind::FileTooLarge)?;
                take(part);
                Ok(())
            };
            match codec {
                Codec::Identity | Codec::Unknown => {}
                Codec::Gzip(decoder) => {
                    decoder.write_all(step)?;
                    decoder.flush()?;
                    pass(decoder.get_ref())?;
                    decoder.get_mut().clear();
                }
                Codec::Zlib(decoder) => {
                    decoder.write_all(step)?;
                    decoder.flush()?;
                    pass(decoder.get_ref())?;
                    decoder.get_mut().clear();
                }
                Codec::Brotli(decoder) => decoder.feed(step, &mut pass)?,
                Codec::Zstd(decoder) => decoder.feed(step, &mut pass)?,
            }
        }
        Ok(())
    }

    /// Whether decoded bytes are held back that no one has seen: the body ended before they could be told.
    pub(crate) fn holds_back(&self) -> bool {
        match &self.codec {
            Codec::Zstd(decoder) => decoder.holds_back(),
            Codec::Identity | Codec::Gzip(_) | Codec::Zlib(_) | Codec::Brotli(_) | Codec::Unknown => false,
        }
    }
}

fn bytes(part: &[u8]) -> u64 {
    u64::try_from(part.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
