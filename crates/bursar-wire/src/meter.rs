//! Reads off an answer on its way what it costs: fed with pieces of the body as they come, in any split.
//!
//! A [`Meter`] watches and never changes a byte. Its memory does not grow with the body: it keeps counts and a few short
//! words, never a document. What an answer stated, and what was odd about it, stands in the [`Reading`] at the end.

mod answer;
mod anthropic;
mod anthropic_usage;

mod chat;
mod decode;
mod dialect;
mod drive;
mod estimate;
mod gemini;
mod gemini_usage;
mod hearing;
pub mod limits;
mod number;
mod ollama;
mod openai_usage;
mod parts;
pub(crate) mod reader;
mod reading;
mod report;
mod responses;
pub(crate) mod scan;
pub(crate) mod sse;
mod tally;
mod token;

pub use estimate::{BytesPerToken, Estimate, estimate};
pub use reading::{Anomalies, Anomaly, Billed, Counted, ProviderError, Reading};
pub use report::{ReportError, report};

use crate::tokens::Tokenizer;
use anthropic::Messages;
use bursar_core::{ApiFormat, Family};
use chat::Chat;
use decode::Decoder;
use drive::Drive;
use gemini::Gemini;
use hearing::Hearing;
use ollama::Ollama;
use responses::Responses;

/// How the body of an answer is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// One JSON document (Gemini's stream without `alt=sse` is one, too: an array).
    Json,
    /// One JSON document a line (Ollama's streams).
    JsonLines,
    /// Server-sent events. A body that begins with `{` or `[` is read as JSON all the same.
    Sse,
}

impl BodyKind {
    /// The framing by the answer's content type, else by what was asked for.
    #[must_use]
    pub fn of(content_type: Option<&str>, format: ApiFormat, stream: bool) -> Self {
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        if content_type.starts_with("text/event-stream") {
            Self::Sse
        } else if content_type.contains("ndjson") || content_type.contains("jsonl") {
            Self::JsonLines
        } else if content_type.starts_with("application/json") {
            // Some send lines as JSON: a stream of lines that has one line reads the same.
            if stream && format.family() == Family::Ollama { Self::JsonLines } else { Self::Json }
        } else {
            match (stream, format.family()) {
                (false, _) => Self::Json,
                (true, Family::Ollama) => Self::JsonLines,
                (true, Family::OpenAi | Family::Anthropic | Family::Gemini) => Self::Sse,
            }
        }
    }
}

/// What was seen so far: for estimates when a stream is cut, and for holds that grow with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Bytes of generated text, as in [`Reading::text_bytes`].
    pub text_bytes: u64,
    /// Bytes of generated media in base64.
    pub media_bytes: u64,
    /// Output tokens that the answer stated so far.
    pub output_tokens: Option<u64>,
    /// The answer came to its own end.
    pub ended: bool,
}

/// A push meter for one answer.
#[derive(Debug)]
pub struct Meter {
    inner: Inner,
    decoder: Decoder,
    /// Bytes that could not be decoded.
    undecoded: bool,
}

#[derive(Clone, Debug)]
enum Inner {
    Chat(Drive<Chat>),
    Responses(Drive<Responses>),
    Messages(Drive<Messages>),
    Gemini(Drive<Gemini>),
    Ollama(Drive<Ollama>),
}

impl Meter {
    /// A meter for an answer in `format`. `provider` is the operator's name for who answers: a vendor's name in it
    /// (`xai`, `gemini`, `mistral`, …) selects that vendor's reading of the common fields.
    #[must_use]
    pub fn new(format: ApiFormat, provider: &str, kind: BodyKind) -> Self {
        let inner = match format {
            ApiFormat::OpenAiChat | ApiFormat::OpenAiCompletions => {
                Inner::Chat(Drive::new(kind, Chat::new(provider, false)))
            }
            ApiFormat::OpenAiEmbeddings => Inner::Chat(Drive::new(kind, Chat::new(provider, true))),
            ApiFormat::OpenAiResponses => Inner::Responses(Drive::new(kind, Responses::new(provider))),
            ApiFormat::AnthropicMessages => Inner::Messages(Drive::new(kind, Messages::default())),
            ApiFormat::GeminiGenerate => Inner::Gemini(Drive::new(kind, Gemini::new(false))),
            ApiFormat::GeminiEmbed => Inner::Gemini(Drive::new(kind, Gemini::new(true))),
            ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => {
                Inner::Ollama(Drive::new(kind, Ollama::new(false)))
            }
            ApiFormat::OllamaEmbed => Inner::Ollama(Drive::new(kind, Ollama::new(true))),
        };
        Self { inner, decoder: Decoder::of(""), undecoded: false }
    }
    /// The same meter for a body with this `Content-Encoding`: gzip, deflate, br and zstd are decoded on the side; with any
    /// other nothing is metered and the reading says so ([`Anomaly::Encoded`]).
    #[must_use]
    pub fn with_encoding(mut self, content_encoding: &str) -> Self {
        self.decoder = Decoder::of(content_encoding);
        self.undecoded = self.decoder.is_unknown();
        self
    }
    /// The same meter, that counts the text with this tokenizer where the answer does not state its output
    /// ([`Reading::counted`]). For OpenAI's formats: with any other nothing is counted.
    #[must_use]
    pub fn counting(mut self, tokenizer: Tokenizer) -> Self {
        let hearing = Some(Box::new(Hearing::new(tokenizer)));
        match &mut self.inner {
            Inner::Chat(drive) => drive.answer_mut().hearing = hearing,
            Inner::Responses(drive) => drive.answer_mut().hearing = hearing,
            Inner::Messages(_) | Inner::Gemini(_) | Inner::Ollama(_) => {}
        }
        self
    }
    /// Reads the next piece of the body.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.undecoded {
            return;
        }
        let Self { inner, decoder, undecoded } = self;
        *undecoded = decoder.feed(piece, |part| inner.feed(part)).is_err();
    }
    /// What was seen so far. Costs nothing.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match &self.inner {
            Inner::Chat(drive) => drive.progress(),
            Inner::Responses(drive) => drive.progress(),
            Inner::Messages(drive) => drive.progress(),
            Inner::Gemini(drive) => drive.progress(),
            Inner::Ollama(drive) => drive.progress(),
        }
    }
    /// The body ended, or was cut: what it stated.
    #[must_use]
    pub fn finish(self) -> Reading {
        let mut reading = match self.inner {
            Inner::Chat(drive) => drive.finish(),
            Inner::Responses(drive) => drive.finish(),
            Inner::Messages(drive) => drive.finish(),
            Inner::Gemini(drive) => drive.finish(),
            Inner::Ollama(drive) => drive.finish(),
        };
        if self.undecoded || self.decoder.holds_back() {
            reading.anomalies.note(Anomaly::Encoded);
            // Where nothing can be read, nothing is known: neither that it ended nor that it cost nothing.
            reading.complete = false;
        }
        reading
    }
}

impl Inner {
    fn feed(&mut self, piece: &[u8]) {
        match self {
            Self::Chat(drive) => drive.feed(piece),
            Self::Responses(drive) => drive.feed(piece),
            Self::Messages(drive) => drive.feed(piece),
            Self::Gemini(drive) => drive.feed(piece),
            Self::Ollama(drive) => drive.feed(piece),
        }
    }
}

#[cfg(test)]
mod tests;
