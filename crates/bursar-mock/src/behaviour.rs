//! How one request is answered: token counts, pace, faults, what is reported. Written as `key=value` words.

use crate::limits::{OUTPUT_TOKENS_MAX, PADDING_BYTES_MAX, WAIT_MAX};
use crate::stated::StatedCost;
use std::time::Duration;

/// How one request is answered. The default: deterministic token counts, no wait, an honest answer.
///
/// Each field is also a directive `key=value`, usable in scripts, in a prompt as `[[mock out=57 latency_ms=20]]`, in a
/// header `x-mock-out: 57`, or in a model's name such as `mock-out-57-in-100`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behaviour {
    /// `in=N`: prompt tokens, caches included. Default: counted from the request, about four bytes a token.
    pub input: Option<u64>,
    /// `out=N`: tokens generated for each choice, reasoning included, bounded by the asked limit.
    pub output: Option<u64>,
    /// `out_min=N`: least of a seeded draw, where `output` is not given.
    pub output_min: u64,
    /// `out_max=N`: most of a seeded draw.
    pub output_max: u64,
    /// `over_limit=true`: do not obey the asked output limit.
    pub over_limit: bool,
    /// `reasoning=N`: hidden part of each choice's output.
    pub reasoning: u64,
    /// `cached=N`: part of the prompt read from a cache.
    pub cached: u64,
    /// `write_5m=N`: part of the prompt written to the cache for five minutes.
    pub write_5m: u64,
    /// `write_1h=N`: part of the prompt written to the cache for an hour.
    pub write_1h: u64,
    /// `latency_ms=N`: wait before the first byte.
    pub latency: Duration,
    /// `chunk_ms=N`: wait between the chunks of a stream.
    pub chunk_delay: Duration,
    /// `chunk_tokens=N`: tokens in a chunk of a stream.
    pub chunk_tokens: u64,
    /// `fault=…`: what goes wrong. See [`Fault`].
    pub fault: Option<Fault>,
    /// `retry_after=N`: seconds in the `Retry-After` header of an error.
    pub retry_after: Option<u64>,
    /// `usage=…`: how usage is reported. See [`UsageReport`].
    pub usage: UsageReport,
    /// `report_in=N`: a lie about the prompt tokens.
    pub report_input: Option<u64>,
    /// `report_out=N`: a lie about the output tokens.
    pub report_output: Option<u64>,
    /// `cost=0.0000123` or `cost=0.0000123@xai`: USD that the answer says it costs, and is billed where it is complete. See
    /// [`StatedCost`].
    pub cost: Option<StatedCost>,
    /// `after=finish` or `after=N`: what is still generated and billed when the client has left.
    pub after: AfterDisconnect,
    /// `billed=none|input|full`: what a faulty answer is billed; default by fault.
    pub billed: Option<Billed>,
    /// `tier=WORD`: the service tier that the answer names.
    pub tier: Option<Box<str>>,
    /// `pad=N`: bytes of padding in a plain answer, or in the first event of a stream.
    pub padding: u64,
    /// `tool=true|false`: call the request's first tool, or never; default: where it is demanded or the prompt has
    /// `call the tool`.
    pub tool: Option<bool>,
    /// `recorded=ID`: answer with that recorded body.
    pub recorded: Option<Box<str>>,
    /// `split=N`: bytes in a chunk of a recorded or plain body; 0: all at once.
    pub split: u64,
    /// `gzip=never|asked|always`: compress the answer. See [`Gzip`].
    pub gzip: Gzip,
}

/// Whether an answer is compressed. A stream is flushed after each piece; faults count uncompressed bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Gzip {
    /// Never.
    #[default]
    Never,
    /// Where the request's `Accept-Encoding` takes it, as providers do.
    Asked,
    /// Asked or not.
    Always,
}

/// What goes wrong with an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// `fault=reset`: a connection reset before the answer (over HTTP/2 the stream is reset).
    Reset,
    /// `fault=drop`: the connection closes before the answer.
    Drop,
    /// `fault=stall`: no answer, until the client or shutdown ends it.
    Stall,
    /// `fault=status@N`: an error of that status in the family's own shape, before any output.
    Status(u16),
    /// `fault=error_200`: status 200 with an error object where the answer should be.
    Error200,
    /// `fault=error_event@N`: a stream that ends in an error event after N bytes; in a plain answer as `error_200`.
    ErrorEvent(u64),
    /// `fault=cut@N`: the connection breaks after N bytes of the body.
    Cut(u64),
    /// `fault=reset@N`: the connection is reset after N bytes of the body.
    ResetAt(u64),
    /// `fault=truncate@N`: the body ends properly after N bytes.
    Truncate(u64),
    /// `fault=stall@N`: nothing more after N bytes of the body.
    StallAt(u64),
    /// `fault=garbage`: status 200, bytes that are no JSON.
    Garbage,
    /// `fault=garbage@N`: the body from byte N on is noise.
    GarbageAt(u64),
    /// `fault=raw`: bytes that are no HTTP (HTTP/1.1 only).
    Raw,
    /// `fault=long_length`: `Content-Length` says more than comes.
    LongLength,
    /// `fault=short_length`: `Content-Length` says less than there is.
    ShortLength,
}

/// How usage is reported. What was really generated stays on the bill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UsageReport {
    /// `usage=honest`: as the real provider does.
    #[default]
    Honest,
    /// `usage=missing`: never, though asked.
    Missing,
    /// `usage=null`: the field is there and empty.
    Null,
    /// `usage=zero`: all zeros.
    Zero,
    /// `usage=every_chunk`: cumulative, in every chunk of an OpenAI stream.
    EveryChunk,
    /// `usage=in_finish`: in the chunk with the finish reason of an OpenAI stream, asked or not.
    InFinish,
}

/// What is still generated and billed once the client has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterDisconnect {
    /// Everything: the provider does not notice.
    Finish,
    /// What was generated when it noticed, and that many tokens more of each choice.
    Tokens(u64),
}

/// What of a faulty answer is billed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Billed {
    /// Nothing.
    Nothing,
    /// The prompt only.
    Input,
    /// Prompt and all output.
    Full,
}

/// Why a directive was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectiveError {
    /// No such key.
    #[error("unknown directive `{0}`")]
    Unknown(String),
    /// A value that the key does not take.
    #[error("`{key}` does not take `{value}`")]
    Value {
        /// The directive.
        key: String,
        /// What was given.
        value: String,
    },
    /// A word without `=`.
    #[error("`{0}` is not of the form key=value")]
    Form(String),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            input: None,
            output: None,
            output_min: 16,
            output_max: 256,
            over_limit: false,
            reasoning: 0,
            cached: 0,
            write_5m: 0,
            write_1h: 0,
            latency: Duration::ZERO,
            chunk_delay: Duration::ZERO,
            chunk_tokens: 1,
            fault: None,
            retry_after: None,
            usage: UsageReport::Honest,
            report_input: None,
            report_output: None,
            cost: None,
            after: AfterDisconnect::Tokens(8),
            billed: None,
            tier: None,
            padding: 0,
            tool: None,
            recorded: None,
            split: 0,
            gzip: Gzip::Never,
        }
    }
}

impl Behaviour {
    /// Reads words such as `out=57 latency_ms=20 fault=cut@100`, over the default.
    ///
    /// # Errors
    /// See [`DirectiveError`].
    pub fn parse(words: &str) -> Result<Self, DirectiveError> {
        let mut behaviour = Self::default();
        behaviour.apply_words(words)?;
        Ok(behaviour)
    }
    /// Applies words separated by spaces.
    ///
    /// # Errors
    /// See [`DirectiveError`].
    pub fn apply_words(&mut self, words: &str) -> Result<(), DirectiveError> {
        for word in words.split_ascii_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| DirectiveError::Form(word.to_owned()))?;
            self.apply(key, value)?;
        }
        Ok(())
    }
    /// Applies one directive.
    ///
    /// # Errors
    /// See [`DirectiveError`].
    pub fn apply(&mut self, key: &str, value: &str) -> Result<(), DirectiveError> {
        let bad = || DirectiveError::Value { key: key.to_owned(), value: value.to_owned() };
        let number = || value.parse::<u64>().map_err(|_| bad());
        let tokens = || number().map(|n| n.min(OUTPUT_TOKENS_MAX));
        let wait = || number().map(|ms| Duration::from_millis(ms).min(WAIT_MAX));
        let flag = || value.parse::<bool>().map_err(|_| bad());
        match key {
            "in" => self.input = Some(number()?),
            "out" => self.output = Some(tokens()?),
            "out_min" => self.output_min = tokens()?,
            "out_max" => self.output_max = tokens()?,
            "over_limit" => self.over_limit = flag()?,
            "reasoning" => self.reasoning = tokens()?,
            "cached" => self.cached = number()?,
            "write_5m" => self.write_5m = number()?,
            "write_1h" => self.write_1h = number()?,
            "latency_ms" => self.latency = wait()?,
            "chunk_ms" => self.chunk_delay = wait()?,
            "chunk_tokens" => self.chunk_tokens = tokens()?.max(1),
            "fault" => self.fault = Fault::parse(value).ok_or_else(bad)?,
            "status" => self.fault = Fault::parse(&format!("status@{value}")).ok_or_else(bad)?,
            "retry_after" => self.retry_after = Some(number()?),
            "usage" => self.usage = UsageReport::parse(value).ok_or_else(bad)?,
            "report_in" => self.report_input = Some(number()?),
            "report_out" => self.report_output = Some(number()?),
            "cost" => self.cost = Some(StatedCost::parse(value).ok_or_else(bad)?),
            "after" if value == "finish" => self.after = AfterDisconnect::Finish,
            "after" => self.after = AfterDisconnect::Tokens(tokens()?),
            "billed" => self.billed = Some(Billed::parse(value).ok_or_else(bad)?),
            "tier" => self.tier = Some(value.into()),
            "pad" => self.padding = number()?.min(PADDING_BYTES_MAX),
            "tool" => self.tool = Some(flag()?),
            "recorded" => self.recorded = Some(value.into()),
            "split" => self.split = number()?,
            "gzip" => self.gzip = Gzip::parse(value).ok_or_else(bad)?,
            _ => return Err(DirectiveError::Unknown(key.to_owned())),
        }
        Ok(())
    }
    /// Applies what a model's name asks: `mock-out-57-in-100`. Other names change nothing.
    ///
    /// # Errors
    /// See [`DirectiveError`].
    pub fn apply_model(&mut self, model: &str) -> Result<(), DirectiveError> {
        let Some(rest) = model.strip_prefix("mock-") else {
            return Ok(());
        };
        let mut words = rest.split('-');
        while let Some(key) = words.next() {
            let value = words.next().ok_or_else(|| DirectiveError::Form(key.to_owned()))?;
            self.apply(key, value)?;
        }
        Ok(())
    }
}

impl Fault {
    /// Outer `None`: not understood; inner `None`: `fault=none`.
    fn parse(text: &str) -> Option<Option<Self>> {
        let (word, at) = match text.split_once('@') {
            Some((word, at)) => (word, Some(at.parse::<u64>().ok()?)),
            None => (text, None),
        };
        Some(Some(match (word, at) {
            ("none", None) => return Some(None),
            ("reset", None) => Self::Reset,
            ("drop", None) => Self::Drop,
            ("stall", None) => Self::Stall,
            ("status", Some(status)) => {
                Self::Status(u16::try_from(status).ok().filter(|s| (400..600).contains(s))?)
            }
            ("error_200", None) => Self::Error200,
            ("error_event", at) => Self::ErrorEvent(at.unwrap_or(0)),
            ("cut", Some(at)) => Self::Cut(at),
            ("reset", Some(at)) => Self::ResetAt(at),
            ("truncate", Some(at)) => Self::Truncate(at),
            ("stall", Some(at)) => Self::StallAt(at),
            ("garbage", None) => Self::Garbage,
            ("garbage", Some(at)) => Self::GarbageAt(at),
            ("raw", None) => Self::Raw,
            ("long_length", None) => Self::LongLength,
            ("short_length", None) => Self::ShortLength,
            _ => return None,
        }))
    }
}

impl UsageReport {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "honest" => Self::Honest,
            "missing" => Self::Missing,
            "null" => Self::Null,
            "zero" => Self::Zero,
            "every_chunk" => Self::EveryChunk,
            "in_finish" => Self::InFinish,
            _ => return None,
        })
    }
}

impl Gzip {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "never" => Self::Never,
            "asked" => Self::Asked,
            "always" => Self::Always,
            _ => return None,
        })
    }
}

impl Billed {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::Nothing,
            "input" => Self::Input,
            "full" => Self::Full,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_models_and_mistakes() {
        let behaviour = Behaviour::parse("out=57 latency_ms=20 fault=cut@100 after=finish").unwrap();
        assert_eq!(behaviour.output, Some(57));
        assert_eq!(behaviour.latency, Duration::from_millis(20));
        assert_eq!(behaviour.fault, Some(Fault::Cut(100)));
        assert_eq!(behaviour.after, AfterDisconnect::Finish);

        let mut behaviour = Behaviour::default();
        behaviour.apply_model("mock-out-57-in-100-chunk_ms-5").unwrap();
        behaviour.apply_model("gpt-4o-mini").unwrap();
        assert_eq!((behaviour.output, behaviour.input), (Some(57), Some(100)));

        let message = |words| Behaviour::parse(words).unwrap_err().to_string();
        assert_eq!(message("outt=5"), "unknown directive `outt`");
        assert_eq!(message("fault=cut"), "`fault` does not take `cut`");
        assert_eq!(message("cost=1@nobody"), "`cost` does not take `1@nobody`");
        assert_eq!(message("status=200"), "`status` does not take `200`");
        assert_eq!(message("out"), "`out` is not of the form key=value");
    }
}
