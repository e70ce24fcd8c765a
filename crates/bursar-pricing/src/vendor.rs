//! What vendors document about their prices as a whole: factors of absent cache rates, and who answers at which host.

use bursar_core::Multiplier;

/// Factors from the matched input rate to cache rates that a row does not state, as the vendor documents them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheFactors {
    /// To a cache read.
    pub read: Option<Multiplier>,
    /// To a cache write of five minutes.
    pub write_5m: Option<Multiplier>,
    /// To a cache write of one hour.
    pub write_1h: Option<Multiplier>,
}

/// Anthropic's own, on every platform that sells Claude: reads 0.1, writes 1.25 (5 minutes) and 2 (1 hour) of the
/// input rate. <https://docs.claude.com/en/docs/build-with-claude/prompt-caching> (2026-08).
pub const CLAUDE: CacheFactors = CacheFactors {
    read: Some(Multiplier::from_millionths(100_000)),
    write_5m: Some(Multiplier::from_millionths(1_250_000)),
    write_1h: Some(Multiplier::from_millionths(2_000_000)),
};

/// Providers that Bursar's own book knows, with what ends the host of their base URLs. In the order in which a
/// model that several sell goes to one of them.
const HOSTS: [(&str, &[&str]); 17] = [
    ("openai", &["api.openai.com"]),
    ("anthropic", &["api.anthropic.com"]),
    ("gemini", &["generativelanguage.googleapis.com"]),
    ("mistral", &["api.mistral.ai"]),
    ("deepseek", &["api.deepseek.com"]),
    ("xai", &["api.x.ai"]),
    ("cohere", &["api.cohere.com", "api.cohere.ai"]),
    ("perplexity", &["api.perplexity.ai"]),
    ("groq", &["api.groq.com"]),
    ("together", &["api.together.xyz", "api.together.ai"]),
    ("fireworks", &["api.fireworks.ai"]),
    ("nvidia_nim", &["integrate.api.nvidia.com"]),
    ("vertex", &["aiplatform.googleapis.com"]),
    ("azure_openai", &["openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"]),
    ("bedrock", &["bedrock-runtime.amazonaws.com", "bedrock-mantle.amazonaws.com"]),
    ("openrouter", &["openrouter.ai"]),
    ("ollama", &["localhost:11434", "127.0.0.1:11434", "ollama.com"]),
];

/// Other names under which the same vendors go, in configuration and in other programs' price lists.
const SYNONYMS: [(&str, &str); 21] = [
    ("azure", "azure_openai"),
    ("azure-openai", "azure_openai"),
    ("claude", "anthropic"),
    ("google", "gemini"),
    ("google_ai_studio", "gemini"),
    ("google-gla", "gemini"),
    ("google-vertex", "vertex"),
    ("google_vertex", "vertex"),
    ("vertex_ai", "vertex"),
    ("vertexai", "vertex"),
    ("amazon-bedrock", "bedrock"),
    ("aws", "bedrock"),
    ("aws_bedrock", "bedrock"),
    ("x-ai", "xai"),
    ("grok", "xai"),
    ("together_ai", "together"),
    ("togetherai", "together"),
    ("fireworks_ai", "fireworks"),
    ("fireworks-ai", "fireworks"),
    ("nim", "nvidia_nim"),
    ("nvidia", "nvidia_nim"),
];

/// The documented cache factors of a vendor's model, where there are any.
#[must_use]
pub fn cache_factors(provider: &str, model: &str) -> CacheFactors {
    match provider {
        "anthropic" => CLAUDE,
        "bedrock" | "vertex" | "azure_openai" if model.contains("claude") => CLAUDE,
        _ => CacheFactors::default(),
    }
}

/// The provider of the price book that a configured name or base URL tells: its own name, a synonym, else its host.
#[must_use]
pub fn of(name: &str, base_url: &str) -> Option<&'static str> {
    named(name).or_else(|| at_host(base_url))
}

/// The provider of that name or synonym, whatever its case.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    let own = HOSTS.iter().find(|(provider, _)| provider.eq_ignore_ascii_case(name));
    let synonym = SYNONYMS.iter().find(|(word, _)| word.eq_ignore_ascii_case(name));
    own.map(|(provider, _)| *provider).or_else(|| synonym.map(|(_, provider)| *provider))
}

/// Its place in the order of preference between providers that sell the same model; unknown providers come last.
#[must_use]
pub fn preference(provider: &str) -> usize {
    HOSTS.iter().position(|(name, _)| *name == provider).unwrap_or(HOSTS.len())
}

fn at_host(base_url: &str) -> Option<&'static str> {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let host = authority.split(':').next().unwrap_or_default();
    // Regional hosts of Bedrock carry the region inside: bedrock-runtime.eu-west-1.amazonaws.com.
    let plain = match host.strip_suffix(".amazonaws.com").and_then(|rest| rest.split_once('.')) {
        Some((service, _)) => format!("{service}.amazonaws.com"),
        None => host.to_owned(),
    };
    let ends = |whole: &str, end: &str| {
        whole.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with(['.', '-']))
    };
    HOSTS
        .iter()
        .find(|(_, hosts)| hosts.iter().any(|end| ends(&plain, end) || ends(&authority, end)))
        .map(|(provider, _)| *provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_is_told_by_name_or_host() {
        assert_eq!(of("openai", ""), Some("openai"));
        assert_eq!(of("Azure", ""), Some("azure_openai"));
        let by_host = [
            ("https://api.openai.com/v1", "openai"),
            ("https://my-thing.openai.azure.com/openai", "azure_openai"),
            ("https://us-central1-aiplatform.googleapis.com/v1", "vertex"),
            ("https://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
            ("http://localhost:11434", "ollama"),
            ("https://user@api.x.ai/v1", "xai"),
        ];
        for (url, vendor) in by_host {
            assert_eq!(of("main", url), Some(vendor), "{url}");
        }
    }

    #[test]
    fn a_look_alike_host_is_nobody() {
        for url in [
            "https://evilapi.openai.com.example.org",
            "https://notapi.openai.community",
            "http://localhost:8000",
        ] {
            assert_eq!(of("main", url), None, "{url}");
        }
    }
}
