//! Which route a method and path are: a governed spend route, a free one, a spend surface without a meter, or nothing.

mod client_key;
mod gemini;
mod headers;
mod model_list;
mod path_key;
mod surface;

use bursar_core::{ApiFormat, Family};
use std::borrow::Cow;

pub use client_key::{ClientKey, KeyPlace, client_keys};
pub use gemini::GeminiVersion;
pub use headers::{ClientCredentials, check_headers, downstream_headers, upstream_headers, upstream_query};
pub use model_list::{ListedModel, model_entry, model_list};
pub use path_key::split_path_key;
pub use surface::Surface;

use crate::request::InputError;

/// What a method and path ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// A governed request.
    Spend(SpendRoute),
    /// Counting the tokens of a request: free at every provider, in the body of that request. [`crate::read_facts`]
    /// reads its model.
    CountTokens(SpendRoute),
    /// A list of models, or one of them.
    Models(ModelsRoute),
    /// Something that costs money and has no meter: refused by its name, or passed at a declared price.
    Unmetered {
        /// Which.
        surface: Surface,
    },
    /// A governed path with a query that Bursar cannot meter behind: refused as `E-INPUT-001`.
    BadQuery(InputError),
    /// A known path that takes another method.
    WrongMethod {
        /// The method it takes.
        allowed: &'static str,
    },
    /// `/`: answered 200 to `HEAD`, kept for the dashboard otherwise.
    Root,
    /// No path of a provider.
    Unknown,
}

/// A governed route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpendRoute {
    /// The format of body and answer.
    pub format: ApiFormat,
    /// The model, where the path names it (Gemini), decoded.
    pub model: Option<Box<str>>,
    /// Whether the answer is a stream, where the path says so (Gemini).
    pub stream: Option<bool>,
    /// How a stream is framed, where path and query say so; else the format's usual way.
    pub framing: Framing,
    /// What is done at the path, where one format has several paths.
    pub action: Action,
    /// The version in Gemini's paths.
    pub version: GeminiVersion,
}

/// How the parts of a streamed answer are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    NdJson,
    /// One JSON array whose elements come one by one.
    JsonArray,
}

/// What is done at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// What the format is for.
    Main,
    /// Several embeddings in one request (`:batchEmbedContents`).
    BatchEmbed,
    /// Counting tokens.
    CountTokens,
    /// Summing a conversation up (`/v1/responses/compact`), billed like an answer.
    Compact,
}

/// A list of models.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelsRoute {
    /// Whose path it is. `/v1/models` is OpenAI's, Anthropic's and Gemini's: see [`ModelsRoute::for_headers`].
    pub family: Family,
    /// Whether the path belongs to this family alone.
    pub certain: bool,
    /// One model's name, where the path asks for one.
    pub one: Option<Box<str>>,
}

impl SpendRoute {
    const fn new(format: ApiFormat) -> Self {
        let framing = match format.family() {
            Family::Ollama => Framing::NdJson,
            Family::OpenAi | Family::Anthropic | Family::Gemini => Framing::Sse,
        };
        Self {
            format,
            model: None,
            stream: None,
            framing,
            action: Action::Main,
            version: GeminiVersion::V1Beta,
        }
    }
    fn counting(format: ApiFormat) -> Self {
        Self { action: Action::CountTokens, ..Self::new(format) }
    }
    fn compacting() -> Self {
        Self { action: Action::Compact, ..Self::new(ApiFormat::OpenAiResponses) }
    }
    /// The main route of a format, for tests and for `bursar meter`. Gemini's formats need a model.
    #[must_use]
    pub fn of(format: ApiFormat, model: Option<&str>) -> Self {
        Self { model: model.map(Into::into), ..Self::new(format) }
    }
    /// The path at the provider, below its base URL, with the provider's name for the model where it stands in the
    /// path. By convention base URLs of OpenAI's family end in `/v1`, those of the others have no path.
    #[must_use]
    pub fn upstream_path(&self, model: &str) -> Cow<'static, str> {
        let counting = self.action == Action::CountTokens;
        match self.format {
            ApiFormat::OpenAiChat => "/chat/completions".into(),
            ApiFormat::OpenAiCompletions => "/completions".into(),
            ApiFormat::OpenAiResponses if counting => "/responses/input_tokens".into(),
            ApiFormat::OpenAiResponses if self.action == Action::Compact => "/responses/compact".into(),
            ApiFormat::OpenAiResponses => "/responses".into(),
            ApiFormat::OpenAiEmbeddings => "/embeddings".into(),
            ApiFormat::AnthropicMessages if counting => "/v1/messages/count_tokens".into(),
            ApiFormat::AnthropicMessages => "/v1/messages".into(),
            ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed => gemini::path(self, model).into(),
            ApiFormat::OllamaChat => "/api/chat".into(),
            ApiFormat::OllamaGenerate => "/api/generate".into(),
            ApiFormat::OllamaEmbed => "/api/embed".into(),
        }
    }
}

impl ModelsRoute {
    const fn of(family: Family) -> Self {
        Self { family, certain: true, one: None }
    }
    /// The family whose shape the answer takes: on the shared path `/v1/models`, a client with an `anthropic-version`
    /// header is Anthropic's, one with `x-goog-api-key` is Gemini's, any other OpenAI's.
    #[must_use]
    pub const fn for_headers(&self, anthropic_version: bool, goog_api_key: bool) -> Family {
        match (self.certain, anthropic_version, goog_api_key) {
            (true, _, _) | (false, false, false) => self.family,
            (false, true, _) => Family::Anthropic,
            (false, false, true) => Family::Gemini,
        }
    }
}

/// Finds the route of a request line. A leading `/k/<key>` is passed over; [`split_path_key`] gives it.
///
/// Paths are compared as they stand: only Gemini's model names are percent-decoded, for what goes upstream is built by
/// [`SpendRoute::upstream_path`] and never copied from the client's path.
#[must_use]
pub fn route(method: &str, path: &str, query: Option<&str>) -> Route {
    let (_, path) = split_path_key(path);
    if path == "/" || path.is_empty() {
        return if matches!(method, "GET" | "HEAD") { Route::Root } else { Route::Unknown };
    }
    let found = match path {
        "/v1/chat/completions" => spend(ApiFormat::OpenAiChat),
        "/v1/completions" => spend(ApiFormat::OpenAiCompletions),
        "/v1/responses" => spend(ApiFormat::OpenAiResponses),
        "/v1/responses/compact" => Some(("POST", Route::Spend(SpendRoute::compacting()))),
        "/v1/responses/input_tokens" => counting(ApiFormat::OpenAiResponses),
        "/v1/embeddings" => spend(ApiFormat::OpenAiEmbeddings),
        "/v1/messages" => spend(ApiFormat::AnthropicMessages),
        "/v1/messages/count_tokens" => counting(ApiFormat::AnthropicMessages),
        "/api/chat" => spend(ApiFormat::OllamaChat),
        "/api/generate" => spend(ApiFormat::OllamaGenerate),
        "/api/embed" => spend(ApiFormat::OllamaEmbed),
        "/api/tags" => Some(("GET", Route::Models(ModelsRoute::of(Family::Ollama)))),
        "/v1/models" => {
            Some(("GET", Route::Models(ModelsRoute { certain: false, ..ModelsRoute::of(Family::OpenAi) })))
        }
        _ => gemini::route(path, query),
    };
    let stored = method != "POST" && matches!(path, "/v1/chat/completions" | "/v1/responses");
    match found {
        Some(_) if stored => Route::Unmetered { surface: Surface::Stored },
        Some((allowed, route)) if method == allowed || (allowed == "GET" && method == "HEAD") => route,
        Some((allowed, _)) => Route::WrongMethod { allowed },
        None => Surface::of_path(path).map_or(Route::Unknown, |surface| Route::Unmetered { surface }),
    }
}

/// A route and the method it takes.
type Found = Option<(&'static str, Route)>;

const fn spend(format: ApiFormat) -> Found {
    Some(("POST", Route::Spend(SpendRoute::new(format))))
}
fn counting(format: ApiFormat) -> Found {
    Some(("POST", Route::CountTokens(SpendRoute::counting(format))))
}

#[cfg(test)]
mod tests;
