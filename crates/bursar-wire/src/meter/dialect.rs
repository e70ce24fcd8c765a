//! Which provider's reading of the common field names applies.

/// The providers whose counts do not mean what OpenAI's mean (dated 2026-11, from recorded bodies).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Dialect {
    /// Output includes reasoning, the prompt includes everything cached.
    #[default]
    Standard,
    /// xAI's chat: `completion_tokens` leaves reasoning out, and the bill has both.
    Xai,
    /// Gemini behind its OpenAI-compatible front: thinking shows only as total minus prompt minus completion.
    Gemini,
    /// Mistral: audio tokens stand outside `prompt_tokens`, inside the total.
    Mistral,
}

impl Dialect {
    /// The dialect of a provider's name, which is the operator's: any name that contains the vendor's will do.
    pub(crate) fn of(provider: &str) -> Self {
        let provider = provider.to_ascii_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| provider.contains(word));
        if named(&["xai", "x-ai", "grok"]) {
            Self::Xai
        } else if named(&["gemini", "google", "vertex"]) {
            Self::Gemini
        } else if named(&["mistral"]) {
            Self::Mistral
        } else {
            Self::Standard
        }
    }
}
