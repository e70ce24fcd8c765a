//! The price book that ships with Bursar: `prices/*.toml`, embedded when the binary is built.

use std::sync::LazyLock;

use crate::book::PriceBook;

/// Name of the built-in layer in rows and records.
pub const BUILT_IN: &str = "built-in";

/// The embedded files, by provider.
pub(crate) const FILES: [(&str, &str); 17] = [
    ("openai", include_str!("../../../prices/openai.toml")),
    ("azure_openai", include_str!("../../../prices/azure_openai.toml")),
    ("anthropic", include_str!("../../../prices/anthropic.toml")),
    ("gemini", include_str!("../../../prices/gemini.toml")),
    ("vertex", include_str!("../../../prices/vertex.toml")),
    ("bedrock", include_str!("../../../prices/bedrock.toml")),
    ("mistral", include_str!("../../../prices/mistral.toml")),
    ("deepseek", include_str!("../../../prices/deepseek.toml")),
    ("xai", include_str!("../../../prices/xai.toml")),
    ("groq", include_str!("../../../prices/groq.toml")),
    ("cohere", include_str!("../../../prices/cohere.toml")),
    ("together", include_str!("../../../prices/together.toml")),
    ("fireworks", include_str!("../../../prices/fireworks.toml")),
    ("perplexity", include_str!("../../../prices/perplexity.toml")),
    ("openrouter", include_str!("../../../prices/openrouter.toml")),
    ("nvidia_nim", include_str!("../../../prices/nvidia_nim.toml")),
    ("ollama", include_str!("../../../prices/ollama.toml")),
];

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
