//! Reads answers of Ollama's chat, generate and embed: one object, or one a line of which the last has the counts.

use super::answer::Answer;
use super::drive::Format;
use super::reader::{Reader, Scalar, Take};
use super::reading::Reading;
use super::tally::set;
use bursar_core::{Usage, UsageClass};

/// The members of interest.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    #[default]
    Elsewhere,
    Root,
    Model,
    Message,
    ToolCalls,
    /// A tool call, or the function in it.
    Call,
    Text,
    Arguments,
    Media,
    Done,
    DoneReason,
    PromptCount,
    OutputCount,
    Error,
    ErrorMessage,
}

/// What was collected.
#[derive(Clone, Default, Debug)]
pub(crate) struct Ollama {
    answer: Answer,
    prompt: Option<u64>,
    output: Option<u64>,
    no_output: bool,
}

impl Ollama {
    pub(crate) fn new(no_output: bool) -> Self {
        Self { no_output, ..Self::default() }
    }
}

impl Reader for Ollama {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Root, b"model") => Place::Model,
            (Place::Root, b"message") => Place::Message,
            (Place::Root, b"response") => Place::Text,
            (Place::Root | Place::Message, b"thinking") => Place::Text,
            (Place::Root, b"done") => Place::Done,
            (Place::Root, b"done_reason") => Place::DoneReason,
            (Place::Root, b"prompt_eval_count") => Place::PromptCount,
            (Place::Root, b"eval_count") => Place::OutputCount,
            (Place::Root, b"error") => Place::Error,
            (Place::Root, b"image") => Place::Media,
            (Place::Error, b"message") => Place::ErrorMessage,
            (Place::Message, b"content") => Place::Text,
            (Place::Message, b"tool_calls") => Place::ToolCalls,
            (Place::Call, b"function") => Place::Call,
            (Place::Call, b"name") => Place::Text,
            (Place::Call, b"arguments") => Place::Arguments,
            _ => Place::Elsewhere,
        }
    }

    fn item(at: Place) -> Place {
        if at == Place::ToolCalls { Place::Call } else { Place::Elsewhere }
    }

    fn take(at: Place) -> Take {
        match at {
            Place::Text | Place::Media => Take::Text,
            Place::Arguments => Take::Raw,
            Place::Model
            | Place::Done
            | Place::DoneReason
            | Place::PromptCount
            | Place::OutputCount
            | Place::Error
            | Place::ErrorMessage => Take::Scalar,
            Place::Elsewhere | Place::Root | Place::Message | Place::ToolCalls | Place::Call => Take::Nothing,
        }
    }

    fn begin(&mut self, at: Place) {
        if at == Place::Error {
            self.answer.mark_error();
        }
    }

    fn end(&mut self, _at: Place) {}

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let answer = &mut self.answer;
        match at {
            Place::Model => Answer::word(&mut answer.model, &value),
            Place::Done => answer.ended |= value == Scalar::Flag(true),
            Place::DoneReason => Answer::word(&mut answer.finish, &value),
            // Left out when the prompt was cached: absent, which is not zero.
            Place::PromptCount => answer.latest(&mut self.prompt, &value),
            Place::OutputCount => answer.latest(&mut self.output, &value),
            Place::Error | Place::ErrorMessage => answer.error_message(&value),
            _ => {}
        }
    }

    fn text(&mut self, at: Place, bytes: u64) {
        if at == Place::Media { self.answer.add_media(bytes) } else { self.answer.add_text(bytes) }
    }
}

impl Format for Ollama {
    fn answer(&self) -> &Answer {
        &self.answer
    }
    fn answer_mut(&mut self) -> &mut Answer {
        &mut self.answer
    }
    fn done(&mut self) {
        self.answer.ended = true;
    }
    fn event_ended(&mut self) {}
    fn output_so_far(&self) -> Option<u64> {
        self.output
    }
    fn reading(mut self, body_bytes: u64, whole: bool) -> Reading {
        self.answer.ended |= whole && self.no_output;
        let mut usage = Usage::new();
        set(&mut usage, UsageClass::Input, self.prompt);
        set(&mut usage, UsageClass::Output, self.output);
        if self.no_output && self.prompt.is_some() {
            usage.set(UsageClass::Output, self.output.unwrap_or(0));
        }
        self.answer.reading(body_bytes, usage)
    }
}
