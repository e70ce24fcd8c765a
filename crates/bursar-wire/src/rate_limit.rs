//! The limits of a key as headers, in each format's own convention.

use bursar_core::{ApiFormat, Family, Measure, Timestamp};

/// Where the tightest limit of a key stands that counts requests, or tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// What it counts.
    pub measure: Measure,
    /// The most within its span.
    pub most: i64,
    /// What is left now.
    pub left: i64,
    /// When nothing of what counts now counts any more.
    pub resets_at: Timestamp,
    /// The same from now on, in milliseconds.
    pub resets_in_ms: i64,
}

/// The headers that say so: OpenAI's `x-ratelimit-limit-requests` and the like (durations as Go writes them), Anthropic's
/// `anthropic-ratelimit-requests-limit` and the like (RFC 3339). No format has a header for money.
///
/// Gemini and Ollama send no such headers (read 2026-11). Gemini says how long to wait in its error's `RetryInfo`, Ollama by
/// status alone: a refusal in their formats says it so. Beside that they get OpenAI's, which proxies and generic clients in
/// front of them read and their own pass over.
#[must_use]
pub fn rate_limit_headers(format: ApiFormat, limits: &[RateLimit]) -> Vec<(&'static str, String)> {
    let anthropic = match format.family() {
        Family::Anthropic => true,
        Family::OpenAi | Family::Gemini | Family::Ollama => false,
    };
    let mut headers = Vec::new();
    for limit in limits {
        let names = match (limit.measure, anthropic) {
            (Measure::Usd, _) => continue,
            (Measure::Requests, false) => {
                ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
            }
            (Measure::Tokens, false) => {
                ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
            }
            (Measure::Requests, true) => [
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
            ],
            (Measure::Tokens, true) => [
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ],
        };
        let reset = if anthropic { limit.resets_at.to_string() } else { duration(limit.resets_in_ms) };
        headers.extend(names.into_iter().zip([limit.most.to_string(), limit.left.max(0).to_string(), reset]));
    }
    headers
}

/// A duration as OpenAI writes it: `12ms`, `1s`, `6m0s`, `23h59m59s`.
fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < 1000 {
        return format!("{ms}ms");
    }
    // Up to the next whole second: nobody should come back too early.
    let seconds = (ms + 999) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_reads_its_own_headers() {
        let resets_at = Timestamp::parse("2026-04-10T12:01:00Z").unwrap();
        let requests =
            RateLimit { measure: Measure::Requests, most: 60, left: 59, resets_at, resets_in_ms: 60_000 };
        let tokens =
            RateLimit { measure: Measure::Tokens, most: 1000, left: -5, resets_at, resets_in_ms: 999 };
        let told = |format| {
            let headers = rate_limit_headers(format, &[requests, tokens]);
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(ApiFormat::OpenAiChat),
            [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1m0s",
                "x-ratelimit-limit-tokens: 1000",
                "x-ratelimit-remaining-tokens: 0",
                "x-ratelimit-reset-tokens: 999ms"
            ]
        );
        for format in [ApiFormat::OpenAiResponses, ApiFormat::GeminiGenerate, ApiFormat::OllamaChat] {
            assert_eq!(told(format), told(ApiFormat::OpenAiChat));
        }
        assert_eq!(
            told(ApiFormat::AnthropicMessages)[..3],
            [
                "anthropic-ratelimit-requests-limit: 60",
                "anthropic-ratelimit-requests-remaining: 59",
                "anthropic-ratelimit-requests-reset: 2026-04-10T12:01:00Z"
            ]
        );
        let usd = RateLimit { measure: Measure::Usd, ..requests };
        assert!(rate_limit_headers(ApiFormat::OpenAiChat, &[usd]).is_empty());
        assert_eq!((duration(1001), duration(86_399_000)), ("2s".to_owned(), "23h59m59s".to_owned()));
    }
}
