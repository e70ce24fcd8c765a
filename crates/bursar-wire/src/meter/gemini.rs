//! Reads answers of Gemini and Vertex AI: a response, an event of a stream, a JSON array of them, embeddings.

use super::answer::Answer;
use super::drive::Format;
use super::gemini_usage::{Stated, UsageAt};
use super::reader::{Reader, Scalar, Take};
use super::reading::Reading;

/// The members of interest. `Root` is a response, or the array that holds them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    #[default]
    Elsewhere,
    Root,
    Model,
    Id,
    Usage(UsageAt),
    Candidates,
    Candidate,
    Index,
    FinishReason,
    Content,
    Parts,
    Part,
    /// A call of a function, or code to run.
    Call,
    Text,
    Arguments,
    Inline,
    Media,
    Grounding,
    Queries,
    Query,
    Chunks,
    Chunk,
    Maps,
    Feedback,
    BlockReason,
    Error,
    ErrorKind,
    ErrorMessage,
}

/// What was collected.
#[derive(Clone, Default, Debug)]
pub(crate) struct Gemini {
    answer: Answer,
    stated: Stated,
    no_output: bool,
    streamed: bool,
    /// Search queries of the current response, and the most of any.
    queries: u64,
    queries_most: u64,
    maps: bool,
}

impl Gemini {
    pub(crate) fn new(no_output: bool) -> Self {
        Self { no_output, ..Self::default() }
    }
}

impl Reader for Gemini {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            // Google's coding assistant wraps the response.
            (Place::Root, b"response") => Place::Root,
            (Place::Root, b"candidates") => Place::Candidates,
            (Place::Root, b"usageMetadata") => Place::Usage(UsageAt::Whole),
            (Place::Root, b"modelVersion") => Place::Model,
            (Place::Root, b"responseId") => Place::Id,
            (Place::Root, b"promptFeedback") => Place::Feedback,
            (Place::Root, b"error") => Place::Error,
            (Place::Feedback, b"blockReason") => Place::BlockReason,
            (Place::Candidate, b"content") => Place::Content,
            (Place::Candidate, b"index") => Place::Index,
            (Place::Candidate, b"finishReason") => Place::FinishReason,
            (Place::Candidate, b"groundingMetadata") => Place::Grounding,
            (Place::Grounding, b"webSearchQueries" | b"imageSearchQueries") => Place::Queries,
            (Place::Grounding, b"groundingChunks") => Place::Chunks,
            (Place::Chunk, b"maps") => Place::Maps,
            (Place::Content, b"parts") => Place::Parts,
            (Place::Part, b"text") => Place::Text,
            (Place::Part, b"functionCall" | b"executableCode" | b"toolCall") => Place::Call,
            (Place::Part, b"inlineData") => Place::Inline,
            (Place::Inline, b"data") => Place::Media,
            (Place::Call, b"name" | b"code") => Place::Text,
            (Place::Call, b"args") => Place::Arguments,
            (Place::Error, b"message") => Place::ErrorMessage,
            (Place::Error, b"status") => Place::ErrorKind,
            (Place::Usage(at), key) => match at.member(key) {
                UsageAt::Elsewhere => Place::Elsewhere,
                at => Place::Usage(at),
            },
            _ => Place::Elsewhere,
        }
    }

    fn item(at: Place) -> Place {
        match at {
            Place::Root => Place::Root,
            Place::Candidates => Place::Candidate,
            Place::Parts => Place::Part,
            Place::Queries => Place::Query,
            Place::Chunks => Place::Chunk,
            Place::Usage(UsageAt::Details(list)) => Place::Usage(UsageAt::Detail(list)),
            _ => Place::Elsewhere,
        }
    }

    fn take(at: Place) -> Take {
        match at {
            Place::Text | Place::Media => Take::Text,
            Place::Arguments => Take::Raw,
            Place::Model
            | Place::Id
            | Place::Index
            | Place::FinishReason
            | Place::Query
            | Place::BlockReason
            | Place::Error
            | Place::ErrorKind
            | Place::ErrorMessage => Take::Scalar,
            Place::Usage(at) => at.take(),
            Place::Elsewhere
            | Place::Root
            | Place::Candidates
            | Place::Candidate
            | Place::Content
            | Place::Parts
            | Place::Part
            | Place::Call
            | Place::Inline
            | Place::Grounding
            | Place::Queries
            | Place::Chunks
            | Place::Chunk
            | Place::Maps
            | Place::Feedback => Take::Nothing,
        }
    }

    fn begin(&mut self, at: Place) {
        match at {
            Place::Candidates => self.queries = 0,
            Place::Candidate => self.answer.begin_choice(),
            Place::Maps => self.maps = true,
            Place::Error => self.answer.mark_error(),
            Place::Usage(at) => self.stated.begin(at),
            _ => {}
        }
    }

    fn end(&mut self, at: Place) {
        match at {
            Place::Candidate => self.answer.end_choice(),
            Place::Usage(at) => self.stated.end(at),
            _ => {}
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let answer = &mut self.answer;
        match at {
            Place::Model => Answer::word(&mut answer.model, &value),
            Place::Id => Answer::word(&mut answer.id, &value),
            Place::Index => answer.choice_index(&value),
            Place::FinishReason | Place::BlockReason => {
                // Some fronts send the enum's number.
                match &value {
                    Scalar::Number(number) => answer.finish = Some((*number).into()),
                    Scalar::Word(_) | Scalar::Flag(_) | Scalar::Null => {
                        Answer::word(&mut answer.finish, &value);
                    }
                }
                answer.ended |= matches!(value, Scalar::Word(_) | Scalar::Number(_));
            }
            Place::Query => {
                self.queries = self.queries.saturating_add(1);
                self.queries_most = self.queries_most.max(self.queries);
            }
            Place::Usage(at) => self.stated.scalar(at, &value, answer),
            Place::Error | Place::ErrorMessage => answer.error_message(&value),
            Place::ErrorKind => answer.error_kind(&value),
            _ => {}
        }
    }

    fn text(&mut self, at: Place, bytes: u64) {
        if at == Place::Media { self.answer.add_media(bytes) } else { self.answer.add_text(bytes) }
    }
}

impl Format for Gemini {
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
        // A plain response and an array end with their document.
        self.answer.ended |= whole && !self.streamed;
        let mut usage = self.stated.usage(self.no_output, &mut self.answer.anomalies);
        let by_query = !matches!(self.answer.model.as_deref(), Some(model) if bills_by_prompt(model));
        super::gemini_usage::set_grounding(&mut usage, self.queries_most, by_query, self.maps);
        self.answer.reading(body_bytes, usage)
    }
}

/// Gemini up to 2.5 bills grounding by the prompt, later models by the query (ai.google.dev/pricing, 2026-11).
fn bills_by_prompt(model: &str) -> bool {
    ["gemini-1", "gemini-2"].iter().any(|family| model.starts_with(family))
}
