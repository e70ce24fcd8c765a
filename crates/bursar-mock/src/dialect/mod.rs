//! The shapes of answers: one file per API format, each with a plain body and the three parts of a stream.

pub(crate) mod anthropic;
pub(crate) mod embeddings;
pub(crate) mod error;
pub(crate) mod gemini;
pub(crate) mod models;
pub(crate) mod ollama;
pub(crate) mod openai_chat;
pub(crate) mod openai_completions;
pub(crate) mod openai_responses;

use crate::answer::Answer;
use crate::json::Out;
use bursar_core::ApiFormat;

/// The `Content-Type` of an answer.
pub(crate) fn content_type(answer: &Answer) -> &'static str {
    match answer.format {
        _ if !answer.stream || answer.array => "application/json",
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => "application/x-ndjson",
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiResponses
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::AnthropicMessages
        | ApiFormat::GeminiGenerate
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaEmbed => "text/event-stream; charset=utf-8",
    }
}

/// A whole plain answer.
pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    match answer.format {
        ApiFormat::OpenAiChat => openai_chat::plain(answer, out),
        ApiFormat::OpenAiCompletions => openai_completions::plain(answer, out),
        ApiFormat::OpenAiResponses => openai_responses::plain(answer, out),
        ApiFormat::AnthropicMessages => anthropic::plain(answer, out),
        ApiFormat::GeminiGenerate => gemini::plain(answer, out),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => ollama::plain(answer, out),
        ApiFormat::OpenAiEmbeddings => embeddings::openai(answer, out),
        ApiFormat::GeminiEmbed => embeddings::gemini(answer, out),
        ApiFormat::OllamaEmbed => embeddings::ollama(answer, out),
    }
}

/// What a stream begins with, before the first token.
pub(crate) fn head(answer: &Answer, out: &mut Out) {
    match answer.format {
        ApiFormat::OpenAiChat => openai_chat::head(answer, out),
        ApiFormat::OpenAiResponses => openai_responses::head(answer, out),
        ApiFormat::AnthropicMessages => anthropic::head(answer, out),
        ApiFormat::GeminiGenerate => gemini::head(answer, out),
        ApiFormat::OpenAiCompletions
        | ApiFormat::OllamaChat
        | ApiFormat::OllamaGenerate
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaEmbed => {}
    }
}

/// The visible tokens `from..upto` of each choice.
pub(crate) fn delta(answer: &Answer, from: u64, upto: u64, out: &mut Out) {
    match answer.format {
        ApiFormat::OpenAiChat => openai_chat::delta(answer, from, upto, out),
        ApiFormat::OpenAiCompletions => openai_completions::delta(answer, from, upto, out),
        ApiFormat::OpenAiResponses => openai_responses::delta(from, upto, out),
        ApiFormat::AnthropicMessages => anthropic::delta(from, upto, out),
        ApiFormat::GeminiGenerate => gemini::delta(answer, from, upto, out),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => ollama::delta(answer, from, upto, out),
        ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed => {}
    }
}

/// What a stream ends with, after the last token: the tool call, the finish, usage.
pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    match answer.format {
        ApiFormat::OpenAiChat => openai_chat::tail(answer, out),
        ApiFormat::OpenAiCompletions => openai_completions::tail(answer, out),
        ApiFormat::OpenAiResponses => openai_responses::tail(answer, out),
        ApiFormat::AnthropicMessages => anthropic::tail(answer, out),
        ApiFormat::GeminiGenerate => gemini::tail(answer, out),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => ollama::tail(answer, out),
        ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed => {}
    }
}

/// A member that only takes room, where the script asks for it; it begins with a comma.
pub(crate) fn padding(answer: &Answer, out: &mut Out) {
    if answer.padding > 0 {
        out.raw(r#","mock_padding":""#);
        let bytes = usize::try_from(answer.padding).unwrap_or(0);
        out.bytes.resize(out.bytes.len() + bytes, b'x');
        out.raw("\"");
    }
}
