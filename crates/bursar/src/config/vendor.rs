//! Providers that Bursar knows by name: their family, base URL and the environment variable of their key.

use bursar_core::Family;

/// A provider whose base URL needs no configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vendor {
    /// The name in `[providers.NAME]`.
    pub name: &'static str,
    /// What it speaks.
    pub family: Family,
    /// Where it answers.
    pub base_url: &'static str,
    /// Environment variables that usually hold its key, in the order they are looked for.
    pub variables: &'static [&'static str],
    /// Whose rows of the price book apply.
    pub prices: &'static str,
}

/// Every known vendor, with the base URL that its API reference gives.
pub const VENDORS: &[Vendor] = &[
    vendor("openai", Family::OpenAi, "https://api.openai.com/v1", &["OPENAI_API_KEY"]),
    vendor("anthropic", Family::Anthropic, "https://api.anthropic.com", &["ANTHROPIC_API_KEY"]),
    vendor(
        "gemini",
        Family::Gemini,
        "https://generativelanguage.googleapis.com",
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    ),
    vendor("mistral", Family::OpenAi, "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"]),
    vendor("deepseek", Family::OpenAi, "https://api.deepseek.com/v1", &["DEEPSEEK_API_KEY"]),
    vendor("xai", Family::OpenAi, "https://api.x.ai/v1", &["XAI_API_KEY"]),
    vendor("groq", Family::OpenAi, "https://api.groq.com/openai/v1", &["GROQ_API_KEY"]),
    vendor("openrouter", Family::OpenAi, "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"]),
    vendor("together", Family::OpenAi, "https://api.together.xyz/v1", &["TOGETHER_API_KEY"]),
    vendor("fireworks", Family::OpenAi, "https://api.fireworks.ai/inference/v1", &["FIREWORKS_API_KEY"]),
    vendor("perplexity", Family::OpenAi, "https://api.perplexity.ai", &["PERPLEXITY_API_KEY"]),
    vendor("ollama", Family::Ollama, "http://127.0.0.1:11434", &[]),
];

const fn vendor(
    name: &'static str,
    family: Family,
    base_url: &'static str,
    variables: &'static [&'static str],
) -> Vendor {
    Vendor { name, family, base_url, variables, prices: name }
}

/// The vendor of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}

/// The base URL that `OLLAMA_HOST` means: `host`, `host:port` or a URL. A server told to listen everywhere is
/// reached over loopback.
#[must_use]
pub fn ollama_base_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (name, port),
        _ => (rest, "11434"),
    };
    let name = if matches!(name, "" | "0.0.0.0" | "[::]") { "127.0.0.1" } else { name };
    format!("{scheme}://{name}:{port}")
}
