//! Keeps the beginning of an answer's text, for the case that the answer never says how many tokens it had.
//!
//! Nothing is counted while the answer passes: most answers state their usage, and they must not be slower for it. At the
//! end, where the count is wanted, what was kept is counted; text beyond it has as many tokens a byte and a quarter more,
//! for a text may become denser than it began. What is written in no string (arguments given as an object) is one token a
//! byte.

use super::limits::KEPT_TEXT_BYTES_MAX;
use super::reading::Counted;
use crate::tokens::Tokenizer;

/// How far back from the end of what is kept a place between two words is looked for.
const CUT_WITHIN: usize = 1024;

/// The text so far.
#[derive(Clone, Debug)]
pub(crate) struct Hearing {
    tokenizer: Tokenizer,
    /// The first choice's text: others come in turns with it, and are answers to the same question.
    kept: Vec<u8>,
    choice: Option<usize>,
    /// Bytes of text of all choices, kept or not.
    told_bytes: u64,
}

impl Hearing {
    pub(crate) const fn new(tokenizer: Tokenizer) -> Self {
        Self { tokenizer, kept: Vec::new(), choice: None, told_bytes: 0 }
    }

    /// The next part of a choice's text, decoded.
    pub(crate) fn hear(&mut self, choice: usize, part: &[u8]) {
        self.told_bytes = self.told_bytes.saturating_add(length(part));
        let room = KEPT_TEXT_BYTES_MAX.saturating_sub(self.kept.len());
        if *self.choice.get_or_insert(choice) != choice || room == 0 {
            return;
        }
        let part = part.get(..room).unwrap_or(part);
        let needed = self.kept.len().saturating_add(part.len());
        if needed > self.kept.capacity() {
            // Doubled, but never beyond what is kept at most: a thousand streams keep a thousand of these.
            let capacity = needed.next_power_of_two().min(KEPT_TEXT_BYTES_MAX);
            self.kept.reserve_exact(capacity.saturating_sub(self.kept.len()));
        }
        self.kept.extend_from_slice(part);
    }

    /// The tokens of an answer with so many bytes of text; `None` where nothing of it could be counted.
    pub(crate) fn finish(self, text_bytes: u64) -> Option<Counted> {
        let tokenizer = self.tokenizer;
        if text_bytes == 0 {
            return Some(Counted { tokenizer, tokens: 0 });
        }
        let is_whole = self.kept.len() < KEPT_TEXT_BYTES_MAX;
        let text = if is_whole { self.kept.as_slice() } else { self.kept.get(..self.cut())? };
        if text.is_empty() {
            return None;
        }
        let counted = tokenizer.count(&String::from_utf8_lossy(text))?;
        let alike = self.told_bytes.saturating_sub(length(text));
        let alike = alike.saturating_mul(counted).div_ceil(length(text));
        let alike = alike.saturating_add(alike.div_ceil(4));
        let untold = text_bytes.saturating_sub(self.told_bytes);
        Some(Counted { tokenizer, tokens: counted.saturating_add(alike).saturating_add(untold) })
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
        // The first bytes of the tail may be the end of a character: only the last ones matter.
        let begun = tail.iter().rev().take(4).position(|byte| (*byte & 0xC0) != 0x80).unwrap_or(0);
        let last = tail.len().saturating_sub(begun + 1);
        let is_ascii = tail.get(last).is_some_and(u8::is_ascii);
        from + if is_ascii { tail.len() } else { last }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
