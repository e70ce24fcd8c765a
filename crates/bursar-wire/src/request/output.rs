//! What a request says about its output: whether its limit may be lowered, and how much of it no stream shows.

use super::Facts;
use bursar_core::{ApiFormat, Family, RequestBound};

/// The facts that decide how an output limit may be lowered and how output may be held in parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputFacts {
    /// The limit of one choice as the client wrote it.
    pub asked: Option<u64>,
    /// Whether the format has a limit and the answer survives a lower one: an answer by a schema would break.
    pub may_lower: bool,
    /// What the request says about thinking.
    pub thinking: Thinking,
    /// Output that is billed beyond the limit (rejected predictions).
    extra: u64,
}

/// What a request says about thinking, which is billed as output and which streams do not show in full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thinking {
    /// There is none: it is switched off, or must be asked for and was not.
    Off,
    /// Nothing is said: a model that thinks by itself does.
    Unsaid,
    /// At most so many tokens.
    UpTo(u64),
    /// As much as the model likes.
    Free,
}

impl OutputFacts {
    /// Of a request that generates nothing whose limit could be lowered.
    pub const NONE: Self = Self { asked: None, may_lower: false, thinking: Thinking::Off, extra: 0 };
    /// The bound of the request with this limit instead of the client's. The limit must be above any budget of thinking.
    #[must_use]
    pub fn limited(&self, bound: &RequestBound, limit: u64) -> RequestBound {
        RequestBound { output_limit: Some(limit.saturating_add(self.extra)), ..bound.clone() }
    }
    /// The client's limit that makes at most `output` tokens of one choice billable.
    #[must_use]
    pub const fn limit_for(&self, output: u64) -> u64 {
        output.saturating_sub(self.extra)
    }
}

impl Facts {
    /// What the request says about its output.
    #[must_use]
    pub fn output(&self) -> OutputFacts {
        let embeds = matches!(
            self.format,
            ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed
        );
        let thinking = match (self.thinking_budget, self.needs.thinking) {
            (Some(0), _) => Thinking::Off,
            (Some(budget), _) => Thinking::UpTo(budget),
            (None, true) => Thinking::Free,
            // Anthropic's models think only where they are asked to (messages reference, read 2026-11).
            (None, false) if self.format.family() == Family::Anthropic => Thinking::Off,
            (None, false) => Thinking::Unsaid,
        };
        OutputFacts {
            asked: self.output_limit,
            may_lower: !embeds && !self.bound.no_output && !self.needs.structured_output,
            thinking,
            extra: self.extra_output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::read_facts;
    use crate::route::SpendRoute;

    fn output(format: ApiFormat, body: &str) -> OutputFacts {
        read_facts(&SpendRoute::of(format, Some("gemini-2.5-pro")), body.as_bytes()).unwrap().output()
    }

    #[test]
    fn a_limit_may_be_lowered_unless_the_answer_follows_a_schema_or_is_none() {
        for (format, body, may) in [
            (ApiFormat::OpenAiChat, r#"{"model":"m","max_tokens":9}"#, true),
            (ApiFormat::OpenAiChat, r#"{"model":"m","response_format":{"type":"json_object"}}"#, false),
            (ApiFormat::OpenAiResponses, r#"{"model":"m","text":{"format":{"type":"json_schema"}}}"#, false),
            (ApiFormat::AnthropicMessages, r#"{"model":"m","max_tokens":9}"#, true),
            (
                ApiFormat::AnthropicMessages,
                r#"{"model":"m","max_tokens":9,"output_format":{"type":"json_schema"}}"#,
                false,
            ),
            (ApiFormat::GeminiGenerate, "{}", true),
            (
                ApiFormat::GeminiGenerate,
                r#"{"generationConfig":{"responseMimeType":"application/json"}}"#,
                false,
            ),
            (ApiFormat::OllamaChat, r#"{"model":"m","format":"json"}"#, false),
            (ApiFormat::OpenAiEmbeddings, r#"{"model":"m","input":"x"}"#, false),
        ] {
            assert_eq!(output(format, body).may_lower, may, "{format} {body}");
        }
    }

    #[test]
    fn thinking_is_off_bounded_free_or_the_models_own_affair() {
        for (format, body, thinking) in [
            (ApiFormat::AnthropicMessages, r#"{"model":"m","max_tokens":9}"#, Thinking::Off),
            (
                ApiFormat::AnthropicMessages,
                r#"{"model":"m","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4000}}"#,
                Thinking::UpTo(4000),
            ),
            (ApiFormat::OpenAiChat, r#"{"model":"m"}"#, Thinking::Unsaid),
            (ApiFormat::OpenAiChat, r#"{"model":"m","reasoning_effort":"high"}"#, Thinking::Free),
            (
                ApiFormat::GeminiGenerate,
                r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#,
                Thinking::Off,
            ),
            (
                ApiFormat::GeminiGenerate,
                r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}}"#,
                Thinking::Free,
            ),
        ] {
            assert_eq!(output(format, body).thinking, thinking, "{format} {body}");
        }
    }

    #[test]
    fn a_rejected_prediction_is_billed_on_top_of_a_lowered_limit() {
        let facts = output(
            ApiFormat::OpenAiChat,
            r#"{"model":"m","max_tokens":100,"prediction":{"type":"content","content":"0123456789"}}"#,
        );
        let limited = facts.limited(&RequestBound::default(), 50).output_limit.unwrap();
        assert!(limited > 50, "{limited}");
        assert_eq!(facts.limit_for(limited), 50);
    }
}
