//! Counts the prompt of a request whose answer did not: its text, and what OpenAI puts around messages and calls.

use super::Tokenizer;
use bursar_core::ApiFormat;
use bytes::Bytes;
use serde_json::Value;

/// Tokens around each message, for a name, and before the answer (OpenAI's cookbook, "How to count tokens with
/// tiktoken", read 2026-11).
const PER_MESSAGE: u64 = 3;
const PER_NAME: u64 = 1;
const BEFORE_ANSWER: u64 = 3;
/// Around a tool's definition and around each call of one: undocumented; the cookbook's figures for GPT-4o, rounded up.
const PER_TOOL: u64 = 12;
/// Before the first tool, once.
const TOOLS: u64 = 12;

/// A request's body, kept as long as its answer may turn out to state nothing.
#[derive(Clone, Debug)]
pub struct Prompt {
    tokenizer: Tokenizer,
    format: ApiFormat,
    body: Bytes,
}

impl Prompt {
    /// Bytes of a body that is kept at most: it is there as long as the answer takes, and counted in a millisecond. What is
    /// larger is estimated by calibrated bytes, which the constants around messages hardly blur.
    pub const BYTES_MAX: usize = 8 * 1024;

    /// A prompt in one of OpenAI's formats; `None` where the body is too large to be kept, or the format is another.
    #[must_use]
    pub fn new(tokenizer: Tokenizer, format: ApiFormat, body: &Bytes) -> Option<Self> {
        let can = match format {
            ApiFormat::OpenAiChat
            | ApiFormat::OpenAiCompletions
            | ApiFormat::OpenAiResponses
            | ApiFormat::OpenAiEmbeddings => body.len() <= Self::BYTES_MAX,
            ApiFormat::AnthropicMessages
            | ApiFormat::GeminiGenerate
            | ApiFormat::GeminiEmbed
            | ApiFormat::OllamaChat
            | ApiFormat::OllamaGenerate
            | ApiFormat::OllamaEmbed => false,
        };
        // Copied: the client's own buffer is larger, and is wanted back.
        can.then(|| Self { tokenizer, format, body: Bytes::copy_from_slice(body) })
    }
    /// Which tokenizer counts it.
    #[must_use]
    pub const fn tokenizer(&self) -> Tokenizer {
        self.tokenizer
    }
    /// Its tokens; `None` where something in it is not text, or the vocabulary is not read yet.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let counter = Counter(self.tokenizer);
        match self.format {
            ApiFormat::OpenAiChat => counter.chat(&body),
            ApiFormat::OpenAiResponses => counter.responses(&body),
            ApiFormat::OpenAiCompletions => counter.inputs(body.get("prompt")?),
            ApiFormat::OpenAiEmbeddings => counter.inputs(body.get("input")?),
            ApiFormat::AnthropicMessages
            | ApiFormat::GeminiGenerate
            | ApiFormat::GeminiEmbed
            | ApiFormat::OllamaChat
            | ApiFormat::OllamaGenerate
            | ApiFormat::OllamaEmbed => None,
        }
    }
}

/// Sums; `None` as soon as there is something that is not text.
struct Counter(Tokenizer);

impl Counter {
    fn text(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Null => Some(0),
            Value::String(text) => self.0.count(text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
    fn sum(items: &[Value], one: impl Fn(&Value) -> Option<u64>) -> Option<u64> {
        items.iter().try_fold(0u64, |sum, item| Some(sum.saturating_add(one(item)?)))
    }
    /// One text, texts, or tokens.
    fn inputs(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Array(items) => Self::sum(items, |item| match item {
                Value::Number(_) => Some(1),
                Value::Array(tokens) => u64::try_from(tokens.len()).ok(),
                text => self.text(text),
            }),
            text => self.text(text),
        }
    }
    /// A string, or parts that are all text.
    fn content(&self, value: &Value) -> Option<u64> {
        let Value::Array(parts) = value else { return self.text(value) };
        Self::sum(parts, |part| match part.get("type").and_then(Value::as_str) {
            Some("text" | "input_text" | "output_text") => self.text(part.get("text")?),
            Some("refusal") => self.text(part.get("refusal")?),
            _ => None,
        })
    }
    fn call(&self, call: &Value) -> Option<u64> {
        let name = self.text(call.get("name").unwrap_or(&Value::Null))?;
        Some(PER_TOOL + name + self.text(call.get("arguments").unwrap_or(&Value::Null))?)
    }
    fn message(&self, message: &Value) -> Option<u64> {
        let of = |name: &str| message.get(name).unwrap_or(&Value::Null);
        let calls = match of("tool_calls") {
            Value::Null => 0,
            calls => Self::sum(calls.as_array()?, |call| self.call(call.get("function")?))?,
        };
        let named = if of("name").is_null() { 0 } else { PER_NAME + self.text(of("name"))? };
        let call = if of("function_call").is_null() { 0 } else { self.call(of("function_call"))? };
        let content = self.content(of("content"))?.saturating_add(self.text(of("refusal"))?);
        Some(PER_MESSAGE + self.text(of("role"))? + content + named + calls + call)
    }
    /// Definitions, by their JSON: the provider writes them shorter.
    fn tools(&self, tools: Option<&Value>) -> Option<u64> {
        let Some(tools) = tools.filter(|tools| !tools.is_null()) else { return Some(0) };
        let one = |tool: &Value| {
            // A hosted tool brings a prompt of its own.
            let known = matches!(tool.get("type").and_then(Value::as_str), None | Some("function"));
            Some(PER_TOOL + self.0.count(&tool.to_string()).filter(|_| known)?)
        };
        let tools = tools.as_array()?;
        Some(if tools.is_empty() { 0 } else { TOOLS + Self::sum(tools, one)? })
    }
    fn schema(&self, format: Option<&Value>) -> Option<u64> {
        format.filter(|format| !format.is_null()).map_or(Some(0), |format| self.0.count(&format.to_string()))
    }
    fn chat(&self, body: &Value) -> Option<u64> {
        let messages = Self::sum(body.get("messages")?.as_array()?, |message| self.message(message))?;
        let tools = self.tools(body.get("tools"))?.saturating_add(self.tools(body.get("functions"))?);
        Some(messages + tools + self.schema(body.get("response_format"))? + BEFORE_ANSWER)
    }
    fn responses(&self, body: &Value) -> Option<u64> {
        let said = |text: &Value| Some(PER_MESSAGE + 1 + self.text(text)?);
        let input = match body.get("input")? {
            Value::Array(items) => Self::sum(items, |item| match item.get("type").and_then(Value::as_str) {
                None | Some("message") => self.message(item),
                Some("function_call") => self.call(item),
                Some("function_call_output") => Some(PER_TOOL + self.content(item.get("output")?)?),
                Some(_) => None,
            })?,
            text => said(text)?,
        };
        let instructions = body.get("instructions").filter(|text| !text.is_null());
        let instructions = instructions.map_or(Some(0), said)?;
        let schema = self.schema(body.get("text"))?;
        Some(input + instructions + self.tools(body.get("tools"))? + schema + BEFORE_ANSWER)
    }
}
