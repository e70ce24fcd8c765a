//! What a request may cost at most, in units: read off the request, priced by the price engine into a hold.

use smallvec::SmallVec;

/// Upper bounds of one request, before the model's own facts (context window, maximum output) tighten them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestBound {
    /// Bytes of text, and constants per message and tool, that bound the prompt: one token is at least one byte in
    /// every byte-level tokenizer. Inline media is not text.
    pub text_tokens: u64,
    /// Documented maxima for inline media.
    pub media_tokens: u64,
    /// Part of `media_tokens` that is audio.
    pub audio_tokens: u64,
    /// Something is named but not contained (a previous response, file ids, cached content, URLs): the prompt may
    /// fill the context window.
    pub by_reference: bool,
    /// The request's own limit on output tokens of one choice, reasoning included; absent: the model's maximum.
    pub output_limit: Option<u64>,
    /// Choices asked for (`n`, `best_of`, `candidateCount`), at least 1.
    pub choices: u32,
    /// The dearest cache write that the request can cause.
    pub cache_write: CacheWrite,
    /// The service tier that the request names, in the provider's word.
    pub service_tier: Option<Box<str>>,
    /// The region or inference geography that the request names.
    pub region: Option<Box<str>>,
    /// Tools that the provider runs itself and bills.
    pub hosted_tools: SmallVec<[HostedTool; 2]>,
    /// The answer may contain audio tokens.
    pub audio_output: bool,
    /// The answer may contain images.
    pub image_output: bool,
    /// The request asks for text and nothing else, also of a model that makes images unasked.
    pub text_only: bool,
    /// The format produces no output tokens (embeddings).
    pub no_output: bool,
}

/// Cache writes that a request asks for by itself. Models that write on their own are the price row's fact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum CacheWrite {
    /// No marker.
    #[default]
    None,
    /// Markers for five minutes.
    FiveMinutes,
    /// At least one marker for one hour.
    OneHour,
}

/// A tool that runs at the provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostedTool {
    /// Which.
    pub kind: HostedToolKind,
    /// How often it may run, where the request or the format caps it. Absent: unbounded.
    pub uses_max: Option<u32>,
}

/// The kinds of hosted tools with a fee.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HostedToolKind {
    /// Web search, with the size of the search context where the request names one.
    WebSearch(SearchContext),
    /// Fetching pages.
    WebFetch,
    /// Code interpreter or execution container.
    CodeInterpreter,
    /// File search.
    FileSearch,
    /// Grounding by a search engine.
    Grounding,
    /// Grounding by maps.
    MapsGrounding,
    /// Image generation as a tool.
    ImageGeneration,
    /// Anything else that the provider runs: no fee known.
    Other,
}

/// The size of a web search's context, which some providers price.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum SearchContext {
    /// Named `low`.
    Low,
    /// Named `medium`, the providers' default.
    #[default]
    Medium,
    /// Named `high`.
    High,
}
