//! Reads answers of Anthropic's Messages: the plain message, and the events that open, grow and close one.

use super::answer::Answer;
use super::anthropic_usage::{Stated, UsageAt};
use super::drive::Format;
use super::reader::{Reader, Scalar, Take};
use super::reading::Reading;

/// The members of interest. `Root` is an event or the plain message, `Message` the one inside of `message_start`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    #[default]
    Elsewhere,
    Root,
    Message,
    Type,
    Model,
    Id,
    Usage(UsageAt),
    Contents,
    /// A block of content, or the delta to one.
    Block,
    Text,
    Arguments,
    StopReason,
    Error,
    ErrorKind,
    ErrorMessage,
    LooseMessage,
}

/// What was collected.
#[derive(Clone, Default, Debug)]
pub(crate) struct Messages {
    answer: Answer,
    stated: Stated,
    streamed: bool,
}

impl Reader for Messages {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Root, b"message") => Place::Message,
            (Place::Root, b"type") => Place::Type,
            (Place::Root, b"delta" | b"content_block") => Place::Block,
            (Place::Root, b"detail") => Place::LooseMessage,
            (Place::Root | Place::Message, b"usage") => Place::Usage(UsageAt::Whole),
            (Place::Root | Place::Message, b"model") => Place::Model,
            (Place::Root | Place::Message, b"id") => Place::Id,
            (Place::Root | Place::Message, b"content") => Place::Contents,
            (Place::Root | Place::Message | Place::Block, b"stop_reason") => Place::StopReason,
            // What the provider's own tools found is input, not generated: it stands under other names.
            (Place::Block, b"text" | b"thinking" | b"partial_json" | b"name") => Place::Text,
            (Place::Block, b"input") => Place::Arguments,
            (Place::Root, b"error") => Place::Error,
            (Place::Error, b"type") => Place::ErrorKind,
            (Place::Error, b"message") => Place::ErrorMessage,
            (Place::Usage(at), key) => match at.member(key) {
                UsageAt::Elsewhere => Place::Elsewhere,
                at => Place::Usage(at),
            },
            _ => Place::Elsewhere,
        }
    }

    fn item(at: Place) -> Place {
        match at {
            Place::Contents => Place::Block,
            Place::Usage(UsageAt::Iterations) => Place::Usage(UsageAt::Iteration),
            _ => Place::Elsewhere,
        }
    }

    fn take(at: Place) -> Take {
        match at {
            Place::Text => Take::Text,
            Place::Arguments => Take::Raw,
            Place::Type
            | Place::Model
            | Place::Id
            | Place::StopReason
            | Place::Error
            | Place::ErrorKind
            | Place::ErrorMessage
            | Place::LooseMessage => Take::Scalar,
            // A proxy's error may be a message and nothing else.
            Place::Message => Take::Scalar,
            Place::Usage(at) => at.take(),
            Place::Elsewhere | Place::Root | Place::Contents | Place::Block => Take::Nothing,
        }
    }

    fn begin(&mut self, at: Place) {
        match at {
            Place::Usage(at) => self.stated.begin(at),
            Place::Error => self.answer.mark_error(),
            _ => {}
        }
    }

    fn end(&mut self, at: Place) {
        if let Place::Usage(at) = at {
            self.stated.end(at, &mut self.answer.anomalies);
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let answer = &mut self.answer;
        match at {
            Place::Type => answer.ended |= value == Scalar::Word("message_stop".into()),
            Place::Model => Answer::word(&mut answer.model, &value),
            Place::Id => Answer::word(&mut answer.id, &value),
            Place::StopReason => Answer::word(&mut answer.finish, &value),
            Place::Usage(at) => self.stated.scalar(at, &value, answer),
            Place::Error | Place::ErrorMessage => answer.error_message(&value),
            Place::ErrorKind => answer.error_kind(&value),
            Place::Message | Place::LooseMessage => answer.loose.message(&value),
            _ => {}
        }
    }

    fn text(&mut self, _at: Place, bytes: u64) {
        self.answer.add_text(bytes);
    }
}

impl Format for Messages {
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
        self.stated.output()
    }
    fn reading(mut self, body_bytes: u64, whole: bool) -> Reading {
        self.answer.ended |= whole && !self.streamed;
        let usage = self.stated.usage(&mut self.answer.anomalies);
        let model = self.answer.model.clone().unwrap_or_default();
        let parts = self.stated.parts(&model, &usage, &mut self.answer.anomalies);
        let mut reading = self.answer.reading(body_bytes, usage);
        reading.billed_by_model = parts;
        reading
    }
}
