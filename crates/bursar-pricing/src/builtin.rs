//! The price book that ships with Bursar: `prices/*.toml`, embedded when the binary is built.

use std::sync::LazyLock;

use crate::book::PriceBook;

/// Name of the built-in layer in rows and records.
pub const BUILT_IN: &str = "built-in";

/// The embedded files, by provider.
pub(crate) const FILES: [(&str, &str); 0] = [];

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| {
    let text = FILES.map(|(_, text)| text).join("\n");
    // A test keeps the files readable; were one not, unknown models are refused rather than passed free.
    PriceBook::from_toml(&text, BUILT_IN).unwrap_or_else(|_| PriceBook::empty())
});

impl PriceBook {
    /// The built-in book, read once.
    #[must_use]
    pub fn builtin() -> &'static Self {
        &BOOK
    }
}
