//! Counts the text of an answer as it passes, for the case that the answer never says how many tokens it had.
//!
//! Text is kept up to a limit and counted when it is full, or at the end where the count is wanted: most answers state
//! their usage, and for them nothing is counted. Text is cut between two words, where it makes no difference to the
//! count; where there is no such place, the count may differ by a token or two. What is not counted is one token a byte.

use super::limits::{HEARD_BYTES_MAX, KEPT_TEXT_BYTES_MAX};
use super::reading::Counted;
use crate::tokens::Tokenizer;

/// How far back from the end of what is kept a place between two words is looked for.
const CUT_WITHIN: usize = 1024;

/// The text so far.
#[derive(Clone, Debug)]
pub(crate) struct Hearing {
    tokenizer: Tokenizer,
    kept: Vec<u8>,
    /// Whose text is kept: choices of one answer come in turns.
    choice: usize,
    tokens: u64,
    counted_bytes: u64,
    /// No more is counted: too much came, or the vocabulary was not there when it had to be.
    deaf: bool,
}

impl Hearing {
    pub(crate) fn new(tokenizer: Tokenizer) -> Self {
        Self { tokenizer, kept: Vec::new(), choice: 0, tokens: 0, counted_bytes: 0, deaf: false }
    }

    /// The next part of a choice's text, decoded.
    pub(crate) fn hear(&mut self, choice: usize, part: &[u8]) {
        if choice != self.choice && !self.kept.is_empty() {
            self.count(self.kept.len());
        }
        self.choice = choice;
        let mut part = part;
        while !self.deaf && !part.is_empty() {
            let room = KEPT_TEXT_BYTES_MAX.saturating_sub(self.kept.len());
            let (now, later) = part.split_at_checked(room).unwrap_or((part, &[]));
            self.kept.extend_from_slice(now);
            part = later;
            if self.kept.len() >= KEPT_TEXT_BYTES_MAX {
                self.count(self.cut());
            }
        }
    }

    /// The tokens of an answer with so many bytes of text; `None` where nothing of it could be counted.
    pub(crate) fn finish(mut self, text_bytes: u64) -> Option<Counted> {
        if !self.kept.is_empty() {
            self.count(self.kept.len());
        }
        let unheard = text_bytes.saturating_sub(self.counted_bytes);
        let counted = Counted { tokenizer: self.tokenizer, tokens: self.tokens.saturating_add(unheard) };
        (self.counted_bytes > 0 || text_bytes == 0).then_some(counted)
    }

    /// Where to cut: before a space between two letters, for there a word ends and the next one begins with its space.
    /// Else between two characters.
    fn cut(&self) -> usize {
        let from = self.kept.len().saturating_sub(CUT_WITHIN);
        let tail = self.kept.get(from..).unwrap_or_default();
        let is_between = |three: &[u8]| matches!(three, [before, b' ', after] if before.is_ascii_alphabetic() && after.is_ascii_alphabetic());
        if let Some(at) = tail.windows(3).rposition(is_between) {
            return from + at + 1;
        }
        let whole = match std::str::from_utf8(tail) {
            Ok(_) => tail.len(),
            // The first bytes of the tail may be the end of a character: only the last ones matter.
            Err(_) => {
                tail.len() - tail.iter().rev().take(3).position(|byte| *byte >= 0xC0).map_or(0, |at| at + 1)
            }
        };
        from + whole
    }

    /// Counts the first bytes of what is kept.
    fn count(&mut self, length: usize) {
        let rest = self.kept.split_off(length.min(self.kept.len()));
        let text = std::mem::replace(&mut self.kept, rest);
        match self.tokenizer.count(&String::from_utf8_lossy(&text)) {
            Some(tokens) => {
                self.tokens = self.tokens.saturating_add(tokens);
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                self.counted_bytes = self.counted_bytes.saturating_add(bytes);
                self.deaf = self.counted_bytes >= HEARD_BYTES_MAX;
            }
            None => self.deaf = true,
        }
        if self.deaf {
            self.kept = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;
