//! What a request asks for, read off its bytes in one pass: the facts that decide its route, its hold and its splices.

mod anthropic;
mod anthropic_blocks;
mod base64;
mod cache;
mod error;
mod fields;
mod gemini;
mod gemini_embed;
mod gemini_parts;
mod governed;
mod hosted;
mod image_size;
mod image_tokens;
mod keys;
mod limits;
mod media;
mod ollama;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_parts;
mod openai_responses;
mod openai_tools;
mod output;
mod places;
mod scan;
mod text;

use crate::route::{SpendRoute, Surface};
use bursar_core::{ApiFormat, RequestBound};
use scan::Scanner;
use smallvec::SmallVec;

pub use error::InputError;
pub(crate) use governed::check_model;
pub use image_tokens::{Detail, Image, image_tokens};
pub use output::{OutputFacts, Thinking};
pub(crate) use places::{Inside, Place, Places};
pub(crate) use scan::Span;

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
    /// The request's own limit on output tokens of one choice, as the client wrote it.
    pub output_limit: Option<u64>,
    /// What it may cost at most, in units, if [`Facts::model`] serves it. See [`Facts::bound_for`].
    pub bound: RequestBound,
    /// What a deployment must be able to do.
    pub needs: Needs,
    /// Tokens of thinking that the request allows; an output limit under `fit` must stay above it.
    pub thinking_budget: Option<u64>,
    /// The end user that the body names (`user`, `metadata.user_id`), for attribution only.
    pub user: Option<Box<str>>,
    /// A spend surface without a meter that the body asks for.
    pub unmetered: Option<Surface>,
    /// Images inside the body.
    pub images: SmallVec<[Image; 1]>,
    /// Output that is billed beyond the limit (rejected predictions).
    extra_output: u64,
    /// Fields that were not governed, so far.
    unknown_fields: u32,
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
        ApiFormat::OpenAiCompletions => openai_completions::read(&mut scan, &mut facts)?,
        ApiFormat::OpenAiResponses => openai_responses::read(&mut scan, &mut facts)?,
        ApiFormat::OpenAiEmbeddings => openai_embeddings::read(&mut scan, &mut facts)?,
        ApiFormat::AnthropicMessages => anthropic::read(&mut scan, &mut facts)?,
        ApiFormat::GeminiGenerate => gemini::read(&mut scan, &mut facts)?,
        ApiFormat::GeminiEmbed => gemini_embed::read(&mut scan, &mut facts)?,
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => {
            ollama::read(&mut scan, &mut facts)?;
        }
    }
    scan.end()?;
    if facts.model.is_empty() {
        return Err(InputError::new(0, "is missing; name a model").under("model"));
    }
    facts.finish();
    Ok(facts)
}

impl Facts {
    fn of(route: &SpendRoute) -> Self {
        let bound = RequestBound {
            choices: 1,
            text_tokens: limits::request_tokens(route.format),
            ..RequestBound::default()
        };
        Self {
            format: route.format,
            model: route.model.clone().unwrap_or_default(),
            stream: route.stream.unwrap_or(false),
            asks_usage: true,
            output_limit: None,
            bound,
            needs: Needs::default(),
            thinking_budget: None,
            user: None,
            unmetered: None,
            images: SmallVec::new(),
            extra_output: 0,
            unknown_fields: 0,
            places: Places::default(),
        }
    }
    /// The bound if `served_model` serves the request: models make different counts of tokens of the same image, so a
    /// name that an operator maps to another model must be bounded under the upstream's name.
    #[must_use]
    pub fn bound_for(&self, served_model: &str) -> RequestBound {
        let images = self.images.iter().map(|image| image_tokens(served_model, *image));
        let media = images.fold(self.bound.audio_tokens, u64::saturating_add);
        RequestBound { media_tokens: media, ..self.bound.clone() }
    }
    /// Adds text that the model sees.
    fn add_text(&mut self, tokens: u64) {
        self.bound.text_tokens = self.bound.text_tokens.saturating_add(tokens);
    }
    /// Takes one of the format's output limits; where several are given the largest bounds.
    fn limit_output(&mut self, limit: Option<u64>, place: Span) {
        self.places.limits.push(place);
        // Some readers take 0 for absent.
        if let Some(limit) = limit.filter(|limit| *limit > 0) {
            self.output_limit = Some(self.output_limit.unwrap_or(0).max(limit));
        }
    }
    /// Draws the bound's conclusions once everything was read.
    fn finish(&mut self) {
        self.needs.thinking |= self.thinking_budget.is_some_and(|budget| budget > 0);
        self.bound.output_limit = self.output_limit.map(|limit| {
            // A budget of thinking above the limit is spent on top of it (interleaved thinking).
            let thinking = self.thinking_budget.filter(|budget| *budget >= limit).unwrap_or(0);
            limit.saturating_add(thinking).saturating_add(self.extra_output)
        });
        let bound = self.bound_for(&self.model);
        self.bound = bound;
    }
}

#[cfg(test)]
pub(crate) mod tests;
