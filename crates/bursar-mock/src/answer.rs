//! One answer, decided in full before its first byte: what is generated, what is reported, how it ends.

use crate::behaviour::{Behaviour, UsageReport};
use crate::bill::Tally;
use crate::limits::CHOICES_MAX;
use crate::stated::StatedCost;
use crate::{asked::Asked, draw::Draw};
use bursar_core::ApiFormat;
use std::sync::Arc;

/// Why generation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finish {
    Stop,
    Length,
    Tool,
}

/// An answer. Token counts are per choice where they say so, else for all choices together.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: Arc<str>,
    pub(crate) format: ApiFormat,
    pub(crate) model: Arc<str>,
    pub(crate) stream: bool,
    /// A Gemini stream as one JSON array.
    pub(crate) array: bool,
    /// A Gemini batch of embeddings.
    pub(crate) batch: bool,
    pub(crate) include_usage: bool,
    /// Choices in the answer.
    pub(crate) choices: u64,
    /// Hidden tokens of each choice, made before the visible ones.
    pub(crate) reasoning: u64,
    /// Visible tokens of each choice.
    pub(crate) visible: u64,
    /// Everything really read and generated once the answer is complete.
    pub(crate) tally: Tally,
    pub(crate) usage: UsageReport,
    pub(crate) report_input: Option<u64>,
    pub(crate) report_output: Option<u64>,
    /// What the answer says it costs.
    pub(crate) cost: Option<StatedCost>,
    pub(crate) finish: Finish,
    /// The tool to call.
    pub(crate) tool: Option<Arc<str>>,
    pub(crate) tier: Option<Box<str>>,
    pub(crate) padding: u64,
    /// Vectors of an embeddings answer.
    pub(crate) vectors: u64,
    pub(crate) dimensions: u64,
    pub(crate) base64: bool,
}

/// Arguments of every tool call, as the inside of a JSON string.
pub(crate) const TOOL_ARGUMENTS_ESCAPED: &str = r#"{\"city\":\"Zürich\"}"#;
/// The same as a JSON object.
pub(crate) const TOOL_ARGUMENTS: &str = r#"{"city":"Zürich"}"#;
/// Output tokens of a tool call whose number is not given: name and arguments at four bytes a token.
const TOOL_TOKENS: u64 = 12;
/// The creation instant that every answer names (2026-10-01 00:00 UTC): this crate reads no clock.
pub(crate) const CREATED: u64 = 1_790_812_800;

impl Answer {
    /// Decides an answer from what was asked and how it is to be answered.
    pub(crate) fn decide(id: Arc<str>, surface: Spend, asked: &Asked, how: &Behaviour, draw: Draw) -> Self {
        let format = surface.format;
        let embeds =
            matches!(format, ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed);
        let choices = if embeds { 0 } else { asked.choices.clamp(1, CHOICES_MAX) };
        let tool = asked.tool.as_deref().filter(|_| how.tool.unwrap_or(surface.tool_wanted));
        let wanted = match (how.output, tool) {
            (Some(exact), _) => exact,
            (None, Some(_)) => TOOL_TOKENS,
            (None, None) => draw.between(how.output_min, how.output_max),
        };
        let limit = asked.limit.filter(|_| !how.over_limit).unwrap_or(u64::MAX);
        let each = if embeds { 0 } else { wanted.min(limit) };
        let reasoning = how.reasoning.min(each);
        let prompt = how.input.unwrap_or_else(|| asked.input_tokens());
        let cached = how.cached.min(prompt);
        let write_5m = how.write_5m.min(prompt - cached);
        let write_1h = how.write_1h.min(prompt - cached - write_5m);
        // `best_of` generates candidates that are billed and not shown.
        let generated = choices.max(if embeds { 0 } else { asked.best_of.min(CHOICES_MAX) });
        Self {
            id,
            format,
            model: surface.model,
            stream: surface.stream && !embeds,
            array: surface.array,
            batch: surface.batch,
            include_usage: asked.include_usage,
            choices,
            reasoning,
            visible: each - reasoning,
            tally: Tally {
                input: prompt - cached - write_5m - write_1h,
                cache_read: cached,
                cache_write_5m: write_5m,
                cache_write_1h: write_1h,
                output: each.saturating_mul(generated),
            },
            usage: how.usage,
            report_input: how.report_input,
            report_output: how.report_output,
            cost: how.cost,
            finish: match tool {
                Some(_) => Finish::Tool,
                None if each >= limit => Finish::Length,
                None => Finish::Stop,
            },
            tool: tool.map(Into::into),
            tier: how.tier.clone().or_else(|| asked.tier.as_deref().map(Into::into)),
            padding: how.padding,
            vectors: if embeds { asked.messages.max(1) } else { 0 },
            dimensions: asked.dimensions.unwrap_or(8).clamp(1, 4096),
            base64: asked.base64,
        }
    }
    /// What the answer says its usage is, once `output` tokens are out: the truth, or what the script has it say.
    pub(crate) fn reported(&self, output: u64) -> Tally {
        if self.usage == UsageReport::Zero {
            return Tally::default();
        }
        let mut tally = Tally { output, ..self.tally };
        if let Some(prompt) = self.report_input {
            tally.input = prompt.saturating_sub(tally.prompt() - tally.input);
        }
        if let Some(output) = self.report_output {
            tally.output = output;
        }
        tally
    }
    /// What the complete answer says its usage is; `None` where it says nothing.
    pub(crate) fn final_report(&self) -> Option<Tally> {
        match self.usage {
            UsageReport::Missing | UsageReport::Null => None,
            UsageReport::Honest | UsageReport::Zero | UsageReport::EveryChunk | UsageReport::InFinish => {
                Some(self.reported(self.tally.output))
            }
        }
    }
    /// Reasoning tokens of all choices, as reported.
    pub(crate) fn reported_reasoning(&self) -> u64 {
        if self.usage == UsageReport::Zero { 0 } else { self.reasoning.saturating_mul(self.choices) }
    }
    /// Output of all choices once each has `visible` visible tokens out.
    pub(crate) fn made(&self, visible: u64) -> u64 {
        if visible >= self.visible {
            return self.tally.output;
        }
        (self.reasoning + visible).saturating_mul(self.choices)
    }
    /// Visible tokens that go out before the tail: all text, none of a tool call.
    pub(crate) fn text_tokens(&self) -> u64 {
        if self.tool.is_some() { 0 } else { self.visible }
    }
}

/// The priced surface that was called.
pub(crate) struct Spend {
    pub(crate) format: ApiFormat,
    pub(crate) model: Arc<str>,
    pub(crate) stream: bool,
    pub(crate) array: bool,
    pub(crate) batch: bool,
    /// The request demands a tool call, or its prompt does.
    pub(crate) tool_wanted: bool,
}
