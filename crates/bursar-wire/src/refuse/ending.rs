//! The last event of a stream that Bursar cuts: an error in the form that the format's own clients raise.

use super::{RefusalStatus, shape};
use crate::route::Framing;
use bursar_core::{ApiFormat, Family, Refusal};
use serde::Serialize;

/// How a stream is cut, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEnd {
    /// Why: a budget that cannot be extended, a kill switch, an upstream that went away.
    pub refusal: Refusal,
    /// How the stream is framed.
    pub framing: Framing,
    /// Whether anything was sent yet: decides the opening or the comma of a JSON array.
    pub started: bool,
    /// Whether the last event that was sent is unfinished.
    pub mid_event: bool,
    /// The `id` of the response and the next `sequence_number`, where the stream (Responses) told them.
    pub response: Option<(String, u64)>,
}

/// The bytes that end the stream. The gateway writes them and closes.
#[must_use]
pub fn end_stream(format: ApiFormat, end: &StreamEnd) -> Vec<u8> {
    let status = RefusalStatus::Native.of(format, end.refusal.code);
    let error = shape::body(format, &end.refusal, status);
    let json = match format {
        ApiFormat::OpenAiResponses => text(&Failed::of(format, end, status)),
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::AnthropicMessages
        | ApiFormat::GeminiGenerate
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaChat
        | ApiFormat::OllamaGenerate
        | ApiFormat::OllamaEmbed => text(&error),
    };
    let break_off = if end.mid_event { "\n\n" } else { "" };
    let out = match (end.framing, format.family()) {
        (Framing::Sse, Family::OpenAi) if format == ApiFormat::OpenAiResponses => {
            format!("{break_off}event: response.failed\ndata: {json}\n\n")
        }
        (Framing::Sse, Family::OpenAi) => format!("{break_off}data: {json}\n\ndata: [DONE]\n\n"),
        (Framing::Sse, Family::Anthropic) => format!("{break_off}event: error\ndata: {json}\n\n"),
        (Framing::Sse, Family::Gemini | Family::Ollama) => format!("{break_off}data: {json}\r\n\r\n"),
        (Framing::NdJson, _) => format!("{}{json}\n", if end.mid_event { "\n" } else { "" }),
        (Framing::JsonArray, _) => format!("{}{json}]", if end.started { ",\r\n" } else { "[" }),
    };
    out.into_bytes()
}

/// A `response.failed` event. Its `error` at the top level is what OpenAI's SDKs raise; Codex reads the inner one.
#[derive(Serialize)]
struct Failed {
    r#type: &'static str,
    sequence_number: u64,
    response: FailedResponse,
    #[serde(flatten)]
    body: shape::Body,
}

#[derive(Serialize)]
struct FailedResponse {
    id: String,
    object: &'static str,
    status: &'static str,
    error: FailedError,
    output: [(); 0],
    usage: Option<()>,
}

#[derive(Serialize)]
struct FailedError {
    code: &'static str,
    message: String,
}

impl Failed {
    fn of(format: ApiFormat, end: &StreamEnd, status: u16) -> Self {
        let error = shape::openai_error(format, &end.refusal, status);
        let code = if end.refusal.code.is_spent_budget() { "insufficient_quota" } else { error.code };
        let (id, sequence_number) = end.response.clone().unwrap_or_default();
        let error = FailedError { code, message: error.message };
        Self {
            r#type: "response.failed",
            sequence_number,
            response: FailedResponse {
                id,
                object: "response",
                status: "failed",
                error,
                output: [],
                usage: None,
            },
            body: shape::body(format, &end.refusal, status),
        }
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
