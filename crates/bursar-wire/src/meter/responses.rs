//! Reads answers of OpenAI's Responses: the plain response, and the typed events that end with it.

use super::answer::Answer;
use super::dialect::Dialect;
use super::drive::Format;
use super::openai_usage::{Stated, UsageAt};
use super::reader::{Reader, Scalar, Take};
use super::reading::Reading;
use super::tally::{Count, set};
use bursar_core::UsageClass;

/// The members of interest. `Root` is an event or the plain response, `Response` the one inside of an event.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    #[default]
    Elsewhere,
    Root,
    Response,
    Model,
    Id,
    ServiceTier,
    Status,
    EventType,
    Delta,
    Usage(UsageAt),
    /// `tool_usage`: what hosted tools used.
    ToolUsage,
    ToolSearch,
    Searches,
    Output,
    Item,
    /// `item` of `response.output_item.done`.
    EventItem,
    ItemType,
    Action,
    ActionType,
    Container,
    Contents,
    Content,
    Text,
    Arguments,
    Media,
    Error,
    ErrorKind,
    ErrorMessage,
    LooseKind,
    LooseMessage,
}

/// Calls of hosted tools that bear a fee, as items of the output.
#[derive(Clone, Default, Debug)]
struct Calls {
    web_searches: u64,
    file_searches: u64,
    images: u64,
    containers: u64,
    last_container: Option<Box<str>>,
}

/// An item of the output while it is read.
#[derive(Clone, Default, Debug)]
struct Item {
    kind: Option<Box<str>>,
    action: Option<Box<str>>,
    container: Option<Box<str>>,
}

impl Calls {
    fn add(&mut self, item: &mut Item) {
        let item = std::mem::take(item);
        match item.kind.as_deref() {
            // Opening a page and finding in it are not billed (OpenAI's price list, 2026-11). Older items name no action.
            Some("web_search_call") if matches!(item.action.as_deref(), None | Some("search")) => {
                self.web_searches = self.web_searches.saturating_add(1);
            }
            Some("file_search_call") => self.file_searches = self.file_searches.saturating_add(1),
            Some("image_generation_call") => self.images = self.images.saturating_add(1),
            Some("code_interpreter_call")
                if self.containers == 0 || item.container != self.last_container =>
            {
                self.containers = self.containers.saturating_add(1);
                self.last_container = item.container;
            }
            Some(_) | None => {}
        }
    }
}

/// What was collected.
#[derive(Clone, Debug)]
pub(crate) struct Responses {
    answer: Answer,
    stated: Stated,
    dialect: Dialect,
    streamed: bool,
    searches: Option<u64>,
    item: Item,
    /// Items of the response itself, and of the events before it, where it never comes.
    calls: Calls,
    event_calls: Calls,
    event_type: Option<Box<str>>,
    /// Text of the current event's `delta`, until its type says what it is.
    delta_bytes: u64,
    /// Text of the whole response, which a stream repeats at its end.
    whole_text: u64,
    whole_media: u64,
}

impl Responses {
    pub(crate) fn new(provider: &str) -> Self {
        Self {
            answer: Answer::default(),
            stated: Stated::default(),
            dialect: Dialect::of(provider),
            streamed: false,
            searches: None,
            item: Item::default(),
            calls: Calls::default(),
            event_calls: Calls::default(),
            event_type: None,
            delta_bytes: 0,
            whole_text: 0,
            whole_media: 0,
        }
    }

    fn end_delta(&mut self) {
        let bytes = std::mem::take(&mut self.delta_bytes);
        if self.event_type.as_deref() == Some("response.audio.delta") {
            self.answer.add_media(bytes);
        } else {
            self.answer.add_text(bytes);
        }
    }
}

impl Reader for Responses {
    type Place = Place;
    const ROOT: Place = Place::Root;

    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Root, b"response") => Place::Response,
            (Place::Root, b"type") => Place::EventType,
            (Place::Root, b"delta") => Place::Delta,
            (Place::Root, b"item") => Place::EventItem,
            (Place::Root, b"message" | b"detail") => Place::LooseMessage,
            (Place::Root, b"code") => Place::LooseKind,
            (Place::Root | Place::Response, b"usage") => Place::Usage(UsageAt::Whole),
            (Place::Root | Place::Response, b"output") => Place::Output,
            (Place::Root | Place::Response, b"model") => Place::Model,
            (Place::Root | Place::Response, b"id") => Place::Id,
            (Place::Root | Place::Response, b"status") => Place::Status,
            (Place::Root | Place::Response, b"service_tier") => Place::ServiceTier,
            (Place::Root | Place::Response, b"tool_usage") => Place::ToolUsage,
            (Place::Root | Place::Response, b"error") => Place::Error,
            (Place::Error, b"message") => Place::ErrorMessage,
            (Place::Error, b"type" | b"code") => Place::ErrorKind,
            (Place::ToolUsage, b"web_search") => Place::ToolSearch,
            (Place::ToolSearch, b"num_requests") => Place::Searches,
            (Place::Item | Place::EventItem, b"type") => Place::ItemType,
            (Place::Item | Place::EventItem, b"action") => Place::Action,
            (Place::Item | Place::EventItem, b"container_id") => Place::Container,
            (Place::Action, b"type") => Place::ActionType,
            (Place::Item, b"content" | b"summary") => Place::Contents,
            (Place::Item, b"arguments" | b"input" | b"code") => Place::Arguments,
            (Place::Item, b"name") => Place::Text,
            (Place::Item, b"result") => Place::Media,
            (Place::Content, b"text" | b"refusal" | b"transcript") => Place::Text,
            (Place::Usage(at), key) => match at.member(key) {
                UsageAt::Elsewhere => Place::Elsewhere,
                at => Place::Usage(at),
            },
            _ => Place::Elsewhere,
        }
    }

    fn item(at: Place) -> Place {
        match at {
            Place::Output => Place::Item,
            Place::Contents => Place::Content,
            _ => Place::Elsewhere,
        }
    }

    fn take(at: Place) -> Take {
        match at {
            Place::Delta | Place::Text | Place::Media => Take::Text,
            Place::Arguments => Take::Raw,
            Place::Model
            | Place::Id
            | Place::ServiceTier
            | Place::Status
            | Place::EventType
            | Place::Searches
            | Place::ItemType
            | Place::ActionType
            | Place::Container
            | Place::Error
            | Place::ErrorKind
            | Place::ErrorMessage
            | Place::LooseKind
            | Place::LooseMessage => Take::Scalar,
            Place::Usage(at) => at.take(),
            Place::Elsewhere
            | Place::Root
            | Place::Response
            | Place::ToolUsage
            | Place::ToolSearch
            | Place::Output
            | Place::Item
            | Place::EventItem
            | Place::Action
            | Place::Contents
            | Place::Content => Take::Nothing,
        }
    }

    fn begin(&mut self, at: Place) {
        match at {
            Place::Output => {
                self.calls = Calls::default();
                (self.whole_text, self.whole_media) = (0, 0);
            }
            Place::Item | Place::EventItem => self.item = Item::default(),
            Place::Error => self.answer.mark_error(),
            _ => {}
        }
    }

    fn end(&mut self, at: Place) {
        if at == Place::Item {
            self.calls.add(&mut self.item);
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let answer = &mut self.answer;
        match at {
            Place::Model => Answer::word(&mut answer.model, &value),
            Place::Id => Answer::word(&mut answer.id, &value),
            Place::ServiceTier => Answer::word(&mut answer.service_tier, &value),
            Place::Status => Answer::word(&mut answer.finish, &value),
            Place::EventType => Answer::word(&mut self.event_type, &value),
            Place::Usage(at) => self.stated.scalar(at, &value, answer),
            Place::Searches => self.searches = answer.count(&value).or(self.searches),
            Place::ItemType => Answer::word(&mut self.item.kind, &value),
            Place::ActionType => Answer::word(&mut self.item.action, &value),
            Place::Container => Answer::word(&mut self.item.container, &value),
            Place::Error | Place::ErrorMessage => answer.error_message(&value),
            Place::ErrorKind => answer.error_kind(&value),
            Place::LooseMessage => answer.loose.message(&value),
            Place::LooseKind => answer.loose.kind(&value),
            _ => {}
        }
    }

    fn text(&mut self, at: Place, bytes: u64) {
        match at {
            Place::Delta => self.delta_bytes = self.delta_bytes.saturating_add(bytes),
            Place::Media => self.whole_media = self.whole_media.saturating_add(bytes),
            _ => self.whole_text = self.whole_text.saturating_add(bytes),
        }
    }

    fn hear(&mut self, at: Place, part: &[u8]) {
        let is_text = match at {
            // Audio states its type before its bytes.
            Place::Delta => self.event_type.as_deref() != Some("response.audio.delta"),
            // A stream's text came in deltas; its last event only repeats it.
            _ => at != Place::Media && !self.streamed,
        };
        if is_text {
            self.answer.hear(part);
        }
    }
}

impl Format for Responses {
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
        self.end_delta();
        match self.event_type.take().as_deref() {
            Some("response.output_item.done") => self.event_calls.add(&mut self.item),
            Some("response.completed" | "response.incomplete" | "response.failed" | "response.cancelled") => {
                self.answer.ended = true;
            }
            Some("error") => self.answer.mark_error(),
            Some(_) | None => {}
        }
    }
    fn output_so_far(&self) -> Option<u64> {
        self.stated.tally.get(Count::Output)
    }
    fn reading(mut self, body_bytes: u64, whole: bool) -> Reading {
        self.end_delta();
        // A plain response ends with its document, unless it runs on in the background.
        let running = matches!(self.answer.finish.as_deref(), Some("queued" | "in_progress"));
        self.answer.ended |= whole && !self.streamed && !running;
        self.answer.cost_pico = self.stated.provider_cost_pico();
        let missed = self.whole_text.saturating_sub(self.answer.text_bytes);
        self.answer.add_text(missed);
        self.answer.media_bytes = self.answer.media_bytes.max(self.whole_media);
        let mut usage = self.stated.tally.usage(self.dialect, false, &mut self.answer.anomalies);
        let (calls, event_calls) = (&self.calls, &self.event_calls);
        let count = |of: fn(&Calls) -> u64| Some(of(calls).max(of(event_calls))).filter(|count| *count > 0);
        let or_stated = |class, count: Option<u64>| usage.stated(class).or(count);
        // No searches stated is no fee, whatever the items look like.
        let searches = match self.searches {
            Some(stated) => Some(stated).filter(|count| *count > 0),
            None => or_stated(UsageClass::WebSearch, count(|c| c.web_searches)),
        };
        let fees = [
            (UsageClass::WebSearch, searches),
            (UsageClass::FileSearch, or_stated(UsageClass::FileSearch, count(|c| c.file_searches))),
            (UsageClass::CodeInterpreter, or_stated(UsageClass::CodeInterpreter, count(|c| c.containers))),
            (UsageClass::Image, count(|c| c.images)),
        ];
        for (class, count) in fees {
            set(&mut usage, class, count);
        }
        self.answer.reading(body_bytes, usage)
    }
}
