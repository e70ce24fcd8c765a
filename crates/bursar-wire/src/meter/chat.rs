//! Reads answers of OpenAI's chat completions, completions and embeddings, and of all who speak them.

use super::answer::Answer;
use super::dialect::Dialect;
use super::drive::Format;
use super::openai_usage::{Stated, UsageAt};
use super::parts::Parts;
use super::reader::{Reader, Scalar, Take};
use super::reading::Reading;

/// The members of interest. A stream's chunk and a plain answer differ only in `delta` and `message`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    #[default]
    Elsewhere,
    Root,
    Model,
    Id,
    ServiceTier,
    XGroq,
    Choices,
    Choice,
    Index,
    FinishReason,
    /// `message` or `delta`.
    Message,
    /// `content`: a string, or parts.
    Content,
    ContentPart,
    ToolCalls,
    /// A tool call, or the legacy `function_call`.
    ToolCall,
    Audio,
    Images,
    Image,
    ImageUrl,
    Text,
    Arguments,
    Media,
    Usage(UsageAt),
    /// `usage_breakdown` (Groq's compound models): what each inner model used.
    Breakdown,
    BreakdownModels,
    BreakdownModel,
    BreakdownName,
    BreakdownUsage(UsageAt),
    /// `error`: an object or a string.
    Error,
    ErrorKind,
    ErrorMessage,
    /// `code`, `detail` and `message` beside `error` or in its place (xAI, Mistral).
    LooseKind,
    LooseMessage,
}

/// What was collected.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    answer: Answer,
    stated: Stated,
    dialect: Dialect,
    embeddings: bool,
    streamed: bool,
    /// What inner models used: rare, so it lies apart.
    breakdown: Option<Box<Breakdown>>,
}

/// `usage_breakdown` while it is read.
#[derive(Clone, Default, Debug)]
struct Breakdown {
    stated: Stated,
    name: Option<Box<str>>,
    models: Parts,
}

impl Chat {
    pub(crate) fn new(provider: &str, embeddings: bool) -> Self {
        Self {
            answer: Answer::default(),
            stated: Stated::default(),
            dialect: Dialect::of(provider),
            embeddings,
            streamed: false,
            breakdown: None,
        }
    }
}

impl Reader for Chat {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Root, b"choices") => Place::Choices,
            (Place::Root, b"usage") | (Place::XGroq, b"usage") => Place::Usage(UsageAt::Whole),
            (Place::Root, b"model") => Place::Model,
            (Place::Root, b"id") => Place::Id,
            (Place::Root, b"service_tier") => Place::ServiceTier,
            (Place::Root, b"x_groq") => Place::XGroq,
            (Place::Root, b"usage_breakdown") => Place::Breakdown,
            (Place::Root | Place::Choice | Place::XGroq, b"error") => Place::Error,
            (Place::Root, b"detail" | b"message") => Place::LooseMessage,
            (Place::Root, b"code") => Place::LooseKind,
            (Place::Error, b"message") => Place::ErrorMessage,
            (Place::Error, b"type" | b"code" | b"status") => Place::ErrorKind,
            (Place::Choice, b"delta" | b"message") => Place::Message,
            (Place::Choice, b"text") => Place::Text,
            (Place::Choice, b"index") => Place::Index,
            (Place::Choice, b"finish_reason") => Place::FinishReason,
            (Place::Message, b"content") => Place::Content,
            (Place::Message, b"reasoning_content" | b"reasoning" | b"refusal") => Place::Text,
            (Place::Message, b"tool_calls") => Place::ToolCalls,
            (Place::Message, b"function_call") => Place::ToolCall,
            (Place::Message, b"audio") => Place::Audio,
            (Place::Message, b"images") => Place::Images,
            (Place::ContentPart, b"text" | b"refusal") => Place::Text,
            // Mistral's reasoning: a part that holds parts.
            (Place::ContentPart, b"thinking") => Place::Content,
            (Place::ContentPart, b"image_url") | (Place::Image, b"image_url") => Place::ImageUrl,
            (Place::ImageUrl, b"url") | (Place::Audio, b"data") => Place::Media,
            (Place::Audio, b"transcript") => Place::Text,
            (Place::ToolCall, b"function" | b"custom") => Place::ToolCall,
            (Place::ToolCall, b"name") => Place::Text,
            (Place::ToolCall, b"arguments" | b"input") => Place::Arguments,
            (Place::Breakdown, b"models") => Place::BreakdownModels,
            (Place::BreakdownModel, b"model") => Place::BreakdownName,
            (Place::BreakdownModel, b"usage") => Place::BreakdownUsage(UsageAt::Whole),
            (Place::Usage(at), key) => match at.member(key) {
                UsageAt::Elsewhere => Place::Elsewhere,
                at => Place::Usage(at),
            },
            (Place::BreakdownUsage(at), key) => match at.member(key) {
                UsageAt::Elsewhere => Place::Elsewhere,
                at => Place::BreakdownUsage(at),
            },
            _ => Place::Elsewhere,
        }
    }

    fn item(at: Place) -> Place {
        match at {
            Place::Choices => Place::Choice,
            Place::Content => Place::ContentPart,
            Place::ToolCalls => Place::ToolCall,
            Place::Images => Place::Image,
            Place::BreakdownModels => Place::BreakdownModel,
            _ => Place::Elsewhere,
        }
    }

    fn take(at: Place) -> Take {
        match at {
            Place::Text | Place::Content | Place::Media => Take::Text,
            Place::Arguments => Take::Raw,
            Place::Model
            | Place::Id
            | Place::ServiceTier
            | Place::Index
            | Place::FinishReason
            | Place::BreakdownName
            | Place::Error
            | Place::ErrorKind
            | Place::ErrorMessage
            | Place::LooseKind
            | Place::LooseMessage => Take::Scalar,
            Place::Usage(at) | Place::BreakdownUsage(at) => at.take(),
            Place::Elsewhere
            | Place::Root
            | Place::XGroq
            | Place::Choices
            | Place::Choice
            | Place::Message
            | Place::ContentPart
            | Place::ToolCalls
            | Place::ToolCall
            | Place::Audio
            | Place::Images
            | Place::Image
            | Place::ImageUrl
            | Place::Breakdown
            | Place::BreakdownModels
            | Place::BreakdownModel => Take::Nothing,
        }
    }

    fn begin(&mut self, at: Place) {
        match at {
            Place::Choice => self.answer.begin_choice(),
            Place::Error => self.answer.mark_error(),
            Place::BreakdownModels => self.breakdown = Some(Box::default()),
            _ => {}
        }
    }

    fn end(&mut self, at: Place) {
        match at {
            Place::Choice => self.answer.end_choice(),
            Place::BreakdownModel => {
                let Some(breakdown) = &mut self.breakdown else { return };
                let (stated, name) = (std::mem::take(&mut breakdown.stated), breakdown.name.take());
                let usage = stated.tally.usage(self.dialect, false, &mut self.answer.anomalies);
                breakdown.models.add(&name.unwrap_or_default(), &usage, &mut self.answer.anomalies);
            }
            _ => {}
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let answer = &mut self.answer;
        match at {
            Place::Model => Answer::word(&mut answer.model, &value),
            Place::Id => Answer::word(&mut answer.id, &value),
            Place::ServiceTier => Answer::word(&mut answer.service_tier, &value),
            Place::Index => answer.choice_index(&value),
            Place::FinishReason => {
                Answer::word(&mut answer.finish, &value);
                answer.ended |= matches!(value, Scalar::Word(_));
            }
            Place::Usage(at) => self.stated.scalar(at, &value, answer),
            Place::BreakdownUsage(at) => {
                if let Some(breakdown) = &mut self.breakdown {
                    breakdown.stated.scalar(at, &value, answer);
                }
            }
            Place::BreakdownName => {
                if let Some(breakdown) = &mut self.breakdown {
                    Answer::word(&mut breakdown.name, &value);
                }
            }
            Place::Error | Place::ErrorMessage => answer.error_message(&value),
            Place::ErrorKind => answer.error_kind(&value),
            Place::LooseMessage => answer.loose.message(&value),
            Place::LooseKind => answer.loose.kind(&value),
            _ => {}
        }
    }

    fn text(&mut self, at: Place, bytes: u64) {
        if at == Place::Media { self.answer.add_media(bytes) } else { self.answer.add_text(bytes) }
    }

    fn hear(&mut self, at: Place, part: &[u8]) {
        if at != Place::Media {
            self.answer.hear(part);
        }
    }
}

impl Format for Chat {
    fn answer(&self) -> &Answer {
        &self.answer
    }
    fn answer_mut(&mut self) -> &mut Answer {
        &mut self.answer
    }
    fn done(&mut self) {
        self.answer.ended = true;
    }
    fn event_ended(&mut self) {
        self.streamed = true;
    }
    fn output_so_far(&self) -> Option<u64> {
        self.stated.tally.get(super::tally::Count::Output)
    }
    fn reading(mut self, body_bytes: u64, whole: bool) -> Reading {
        let usage = self.stated.tally.usage(self.dialect, self.embeddings, &mut self.answer.anomalies);
        // A plain answer ends with its document.
        self.answer.ended |= whole && !self.streamed;
        self.answer.cost_pico = self.stated.provider_cost_pico();
        let mut reading = self.answer.reading(body_bytes, usage);
        reading.billed_by_model =
            self.breakdown.map(|breakdown| breakdown.models.into_parts()).unwrap_or_default();
        reading
    }
}
