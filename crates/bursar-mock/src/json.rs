//! Writes JSON and event text by pushing bytes: no document tree on the hot path.

use crate::tokens;
use bytes::Bytes;
use std::io::Write as _;

/// Bytes of an answer while they are written.
#[derive(Default, Debug)]
pub(crate) struct Out {
    pub(crate) bytes: Vec<u8>,
    /// Bytes taken out before.
    taken: u64,
}

impl Out {
    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Bytes {
        let bytes = std::mem::take(&mut self.bytes);
        self.taken += u64::try_from(bytes.len()).unwrap_or(0);
        bytes.into()
    }
    /// Bytes written ever.
    pub(crate) fn position(&self) -> u64 {
        self.taken + u64::try_from(self.bytes.len()).unwrap_or(0)
    }
    /// As it stands.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }
    /// A number.
    pub(crate) fn num(&mut self, n: u64) -> &mut Self {
        // Writing into a vector cannot fail.
        let _ = write!(self.bytes, "{n}");
        self
    }
    /// A quoted and escaped string.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        // Writing a string into a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.bytes, text);
        self
    }
    /// The inside of a JSON string: the text of tokens `from..upto`, already escaped.
    pub(crate) fn tokens(&mut self, from: u64, upto: u64) -> &mut Self {
        tokens::push(&mut self.bytes, from, upto);
        self
    }
}
