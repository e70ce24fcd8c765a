//! Exact token counts, for the models whose tokenizer is public: what an estimate rests on where an answer states no usage.
//!
//! A vocabulary takes a third of a second to read and some 25 to 46 MB. So it is read when it was missed once, beside
//! everything else ([`Tokenizer::missed`], [`Tokenizer::load`]); until then there is no count, and bytes decide.

mod models;
mod prompt;

pub use models::Known;
pub use prompt::Prompt;

use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use tiktoken_rs::CoreBPE;

/// A tokenizer that was published with its vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tokenizer {
    /// `cl100k_base`: GPT-3.5 and GPT-4, embeddings.
    Cl100k,
    /// `o200k_base`: from GPT-4o on.
    O200k,
}

/// One vocabulary, read at most once.
struct Shelf {
    vocabulary: OnceLock<Option<CoreBPE>>,
    state: AtomicU8,
}

/// Nobody has asked for it yet.
const UNASKED: u8 = 0;
/// It was asked for and was not there.
const MISSED: u8 = 1;
/// Somebody reads it, or has.
const READ: u8 = 2;

static CL100K: Shelf = Shelf { vocabulary: OnceLock::new(), state: AtomicU8::new(UNASKED) };
static O200K: Shelf = Shelf { vocabulary: OnceLock::new(), state: AtomicU8::new(UNASKED) };

impl Tokenizer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cl100k, Self::O200k];

    /// Its name, as OpenAI publishes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cl100k => "cl100k_base",
            Self::O200k => "o200k_base",
        }
    }
    /// Tokens of a text, as the model would be given it; absent while the vocabulary is not read, which is noted, and of a
    /// text that cannot be taken apart. Takes about 100 µs a kilobyte: callers bound the text.
    #[must_use]
    pub fn count(self, text: &str) -> Option<u64> {
        let shelf = self.shelf();
        let Some(read) = shelf.vocabulary.get() else {
            shelf.state.fetch_max(MISSED, Ordering::Relaxed);
            return None;
        };
        // No control token is one in a text. This way of counting says where its expressions give up; the others panic.
        let tokens = read.as_ref()?.count(text, &HashSet::new()).ok()?;
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }
    /// Whether a count was wanted and nobody reads the vocabulary yet. Says so once: who is told must [`load`](Self::load).
    #[must_use]
    pub fn missed(self) -> bool {
        self.shelf().state.compare_exchange(MISSED, READ, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
    /// Reads the vocabulary, on a thread that may block.
    pub fn load(self) {
        let shelf = self.shelf();
        shelf.state.store(READ, Ordering::Relaxed);
        shelf.vocabulary.get_or_init(|| match self {
            Self::Cl100k => tiktoken_rs::cl100k_base().ok(),
            Self::O200k => tiktoken_rs::o200k_base().ok(),
        });
    }
    const fn shelf(self) -> &'static Shelf {
        match self {
            Self::Cl100k => &CL100K,
            Self::O200k => &O200K,
        }
    }
}

#[cfg(test)]
mod tests;
