//! What a request asks for, read off its bytes in one pass: the facts that decide its route, its hold and its splices.

mod error;
mod governed;
mod keys;
pub(crate) mod limits;
mod openai_chat;
mod scan;
mod text;

use bursar_core::{ApiFormat, RequestBound};
use smallvec::SmallVec;

pub use error::InputError;
pub(crate) use governed::check_model;
pub(crate) use scan::Span;

use crate::route::{SpendRoute, Surface};
use scan::Scanner;

/// What a request asks for. Owns what it keeps; positions refer to the body it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The format that the body is in.
    pub format: ApiFormat,
    /// The model that the client asks for, from the body or the path.
    pub model: Box<str>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether the answer will carry usage without a splice: always, but for streams of `openai_chat` and
    /// `openai_completions` that do not ask for it.
    pub asks_usage: bool,
    /// The request's own limit on output tokens of one choice; also in [`RequestBound::output_limit`].
    pub output_limit: Option<u64>,
    /// What it may cost at most, in units.
    pub bound: RequestBound,
    /// What a deployment must be able to do.
    pub needs: Needs,
    /// Tokens of thinking that the request allows; an output limit under `fit` must stay above it.
    pub thinking_budget: Option<u64>,
    /// The end user that the body names (`user`, `metadata.user_id`), for attribution only.
    pub user: Option<Box<str>>,
    /// A spend surface without a meter that the body asks for.
    pub unmetered: Option<Surface>,
    pub(crate) places: Places,
}

/// What a deployment must be able to do to serve a request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Needs {
    /// Tools that the client runs.
    pub tools: bool,
    /// Images in the prompt.
    pub vision: bool,
    /// Audio in the prompt or the answer.
    pub audio: bool,
    /// Documents in the prompt, inline or by reference.
    pub documents: bool,
    /// An answer that follows a schema or is JSON: an output limit would break it.
    pub structured_output: bool,
    /// Thinking is asked for.
    pub thinking: bool,
}

/// Where the fields stand that may be spliced.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Places {
    /// Length of the body that was read.
    pub(crate) body_len: usize,
    /// The body's own object.
    pub(crate) body: Inside,
    /// Values that name the model, quotes included.
    pub(crate) models: SmallVec<[Span; 1]>,
    /// Whether they are written as `models/NAME`.
    pub(crate) models_prefixed: bool,
    /// Values that limit the output.
    pub(crate) limits: SmallVec<[Span; 2]>,
    /// The object that holds the output limit where that is not the body itself; `None` when absent or null.
    pub(crate) limit_parent: Option<Inside>,
    /// `limit_parent` is there, but null.
    pub(crate) limit_parent_null: Option<Span>,
    /// `stream_options` as an object.
    pub(crate) stream_options: Option<Inside>,
    /// `stream_options` is there, but null.
    pub(crate) stream_options_null: Option<Span>,
    /// The value of `stream_options.include_usage`.
    pub(crate) include_usage: Option<Span>,
}

/// The inside of an object: where a first field may be put.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Inside {
    /// The byte after the opening brace.
    pub(crate) start: usize,
    /// Whether there is no field in it.
    pub(crate) empty: bool,
}

/// Reads what `body` asks for on `route`.
///
/// # Errors
/// When the body is not JSON of the format's shape, or a governed field is duplicated, escaped, in another case, of
/// another type, or a number that not every reader reads alike. Fields that are not governed are not judged.
pub fn read_facts(route: &SpendRoute, body: &[u8]) -> Result<Facts, InputError> {
    let mut scan = Scanner::new(body)?;
    let mut facts = Facts::of(route);
    facts.places.body_len = body.len();
    match route.format {
        ApiFormat::OpenAiChat => openai_chat::read(&mut scan, &mut facts)?,
        ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiResponses
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::AnthropicMessages
        | ApiFormat::GeminiGenerate
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaChat
        | ApiFormat::OllamaGenerate
        | ApiFormat::OllamaEmbed => return Err(scan.error("is in a format that cannot be read yet")),
    }
    scan.end()?;
    if facts.model.is_empty() {
        return Err(InputError::new(0, "is missing; name a model").under("model"));
    }
    facts.bound.output_limit = facts.output_limit;
    Ok(facts)
}

impl Facts {
    fn of(route: &SpendRoute) -> Self {
        Self {
            format: route.format,
            model: route.model.clone().unwrap_or_default(),
            stream: route.stream.unwrap_or(false),
            asks_usage: true,
            output_limit: None,
            bound: RequestBound {
                choices: 1,
                text_tokens: limits::REQUEST_TOKENS,
                ..RequestBound::default()
            },
            needs: Needs::default(),
            thinking_budget: None,
            user: None,
            unmetered: None,
            places: Places::default(),
        }
    }
    /// Adds text that the model sees.
    pub(crate) fn add_text(&mut self, tokens: u64) {
        self.bound.text_tokens = self.bound.text_tokens.saturating_add(tokens);
    }
    /// Takes one of the format's output limits; where several are given the largest bounds.
    pub(crate) fn limit_output(&mut self, limit: Option<u64>, place: Span) {
        self.places.limits.push(place);
        // Some readers take 0 for absent.
        if let Some(limit) = limit.filter(|limit| *limit > 0) {
            self.output_limit = Some(self.output_limit.unwrap_or(0).max(limit));
        }
    }
}
