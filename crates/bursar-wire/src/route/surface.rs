//! Spend surfaces that have no meter: told by their paths, refused by their names.

macro_rules! surfaces {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $title:literal, [$($path:literal),*];)*) => {
        /// Something that costs money, or hands out what cost money, and has no meter.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Surface { $($(#[$doc])* $name,)* }
        impl Surface {
            /// Every surface.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The word in configuration and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $word,)* } }
            /// As a refusal names it.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
            /// The paths that lead to it; each also with anything below it.
            #[must_use]
            pub const fn paths(self) -> &'static [&'static str] { match self { $(Self::$name => &[$($path),*],)* } }
        }
    };
}

surfaces! {
    /// Deferred requests, billed when they ran.
    Batches = "batches", "batch requests",
        ["/v1/batches", "/v1/messages/batches", "/v1beta/batches", "/v1alpha/batches"];
    /// Sessions over WebSocket or WebRTC.
    Realtime = "realtime", "realtime sessions", ["/v1/realtime", "/v1/live", "/ws"];
    /// `background: true` in a response's body, xAI's `deferred: true` in a chat's: the usage comes with a later request.
    Background = "background", "background responses", ["/v1/chat/deferred-completion"];
    /// Stored responses and completions: reading, cancelling, deleting what another request paid for.
    Stored = "stored", "stored responses and completions",
        ["/v1/responses", "/v1/chat/completions", "/v1/conversations"];
    /// Image generation, edits and variations.
    Images = "images", "image generation", ["/v1/images"];
    /// Speech, transcription and translation.
    Audio = "audio", "audio", ["/v1/audio"];
    /// Video generation.
    Videos = "videos", "video generation", ["/v1/videos"];
    /// File storage.
    Files = "files", "files",
        ["/v1/files", "/v1/uploads", "/v1beta/files", "/v1alpha/files", "/upload/v1beta/files", "/upload/v1/files"];
    /// Training.
    FineTuning = "fine_tuning", "fine-tuning",
        ["/v1/fine_tuning", "/v1/fine-tunes", "/v1beta/tunedModels", "/v1alpha/tunedModels"];
    /// Assistants, threads and their runs.
    Assistants = "assistants", "assistants", ["/v1/assistants", "/v1/threads", "/v1/chatkit"];
    /// Moderation.
    Moderations = "moderations", "moderations", ["/v1/moderations"];
    /// Vector and file-search stores, billed by size and day.
    VectorStores = "vector_stores", "vector stores",
        ["/v1/vector_stores", "/v1beta/fileSearchStores", "/v1beta/corpora", "/v1beta/ragStores"];
    /// Containers for code, and skills in them.
    Containers = "containers", "containers and skills", ["/v1/containers", "/v1/skills"];
    /// Evaluations and graders.
    Evals = "evals", "evaluations", ["/v1/evals", "/v1/graders"];
    /// Explicit prompt caches, billed by the hour.
    CachedContents = "cached_contents", "explicit caches", ["/v1beta/cachedContents", "/v1alpha/cachedContents"];
    /// Gemini's long-running predictions (Imagen, Veo) and other verbs.
    Predictions = "predictions", "predictions", ["/v1beta/operations", "/v1beta/generatedFiles"];
    /// Gemini's stateful interactions and agents.
    Interactions = "interactions", "interactions and managed agents",
        ["/v1beta/interactions", "/v1/agents", "/v1/sessions", "/v1/environments"];
    /// Formats that providers have replaced.
    Legacy = "legacy", "replaced formats",
        ["/v1/complete", "/v1/edits", "/v1/engines", "/v1/answers", "/v1/search", "/v1/classifications", "/api/embeddings"];
    /// Reranking and scoring.
    Rerank = "rerank", "reranking", ["/v1/rerank", "/v2/rerank", "/v1/score", "/rerank"];
    /// Formats that Bursar does not speak yet (Cohere, Bedrock, Azure deployments).
    OtherFormats = "other_formats", "formats not spoken yet",
        ["/v2/chat", "/v2/embed", "/v1/embed", "/model", "/openai/deployments", "/v1beta1/projects", "/v1/projects"];
    /// Managing models at an Ollama server: pulling, creating, pushing, deleting.
    ModelManagement = "model_management", "model management",
        ["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs"];
}

impl Surface {
    /// The surface of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|surface| surface.as_str() == word)
    }
    /// The surface that `path`, or one above it, leads to. The longest path decides.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let leads = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && rest.len() > 1)
        };
        let all =
            Self::ALL.iter().flat_map(|surface| surface.paths().iter().map(move |path| (path, *surface)));
        all.filter(|(prefix, _)| leads(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, surface)| surface)
    }
    /// The surface behind a verb of Gemini's models, other than the governed ones.
    pub(super) fn of_gemini_verb(verb: &str) -> Option<Self> {
        match verb {
            "batchGenerateContent" | "asyncBatchEmbedContent" => Some(Self::Batches),
            "bidiGenerateContent" => Some(Self::Realtime),
            "predict" | "predictLongRunning" | "fetchPredictOperation" => Some(Self::Predictions),
            "generateText" | "generateMessage" | "generateAnswer" | "embedText" | "batchEmbedText"
            | "countTextTokens" | "countMessageTokens" | "streamRawPredict" | "rawPredict" => {
                Some(Self::Legacy)
            }
            "createCachedContent" => Some(Self::CachedContents),
            "createTunedModel" | "tuneModel" => Some(Self::FineTuning),
            _ => None,
        }
    }
    /// Whether its requests can be passed on at all: sessions over `WebSocket` or `WebRTC` are no requests.
    #[must_use]
    pub const fn can_pass(self) -> bool {
        !matches!(self, Self::Realtime)
    }
    /// Whether a path leads where it says, whoever reads it: no segment that goes up or is empty, no separator in an
    /// encoding. A request that is passed on as it stands could else reach a governed route behind the meter.
    #[must_use]
    pub fn is_plain_path(path: &str) -> bool {
        let hidden = ["%2e", "%2f", "%5c", "%25", "\\", ";"];
        let lower = path.to_ascii_lowercase();
        !hidden.iter().any(|hidden| lower.contains(hidden))
            && path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."))
    }
    /// One sentence for the refusal `E-ROUTE-002`.
    #[must_use]
    pub fn message(self) -> String {
        let (title, word) = (self.title(), self.as_str());
        if self.can_pass() {
            format!(
                "{title} cannot be metered yet, so they are refused; an operator can let `{word}` pass at a declared \
                 price per request, `surfaces` of the provider"
            )
        } else {
            format!("{title} cannot be metered yet, so `{word}` is refused")
        }
    }
}
