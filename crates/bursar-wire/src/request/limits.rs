//! Bounds of reading a request, each with a sentence on how it was chosen.

use bursar_core::ApiFormat;

/// Nesting of a request body: what `serde_json` reads by default; agents' tool schemas stay under 30.
pub(crate) const DEPTH_MAX: u32 = 128;
/// Largest count in a governed field: above 2^53 - 1 readers that keep numbers as doubles disagree with others.
pub(crate) const COUNT_MAX: u64 = 9_007_199_254_740_991;
/// Longest model name in bytes: twice the longest in public price lists; longer ones can only be a mistake.
pub(crate) const MODEL_BYTES_MAX: usize = 256;
/// Longest end user's name that is kept from a body; longer ones are not identities.
pub(crate) const USER_BYTES_MAX: usize = 512;
/// Inline media items whose size is kept for pricing; providers document at most 3,000 images in a request.
pub(crate) const MEDIA_MAX: usize = 4096;

/// Tokens around one message: role markers and separators. OpenAI's cookbook counts 3 to 4, Llama's and Qwen's
/// templates 5 to 7, Harmony 8; doubled.
pub(crate) const MESSAGE_TOKENS: u64 = 16;
/// Tokens around one part of a message's content: separators between joined parts, at most a few.
pub(crate) const PART_TOKENS: u64 = 4;
/// Tokens around one tool definition beyond its own text: OpenAI's cookbook counts 11 to 13 per function.
pub(crate) const TOOL_TOKENS: u64 = 32;
/// Tokens that a request has without any message: begin markers, the primed answer, and the system text that templates
/// of open models write on their own (Harmony's 75 with date, effort and channels is the longest measured).
pub(crate) const fn request_tokens(format: ApiFormat) -> u64 {
    match format {
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiResponses
        | ApiFormat::OllamaChat
        | ApiFormat::OllamaGenerate => 128,
        ApiFormat::AnthropicMessages | ApiFormat::GeminiGenerate => 32,
        ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaEmbed => 8,
    }
}
/// Tokens of the instructions that come with tools in OpenAI's and Ollama's formats: templates of open models write 150
/// to 300, Claude behind a router 530.
pub(crate) const TOOLS_TOKENS: u64 = 640;
/// Tokens of the system prompt that Anthropic writes when tools are given: 530 in the largest row of its table; newer
/// models are not listed, so doubled.
pub(crate) const ANTHROPIC_TOOLS_TOKENS: u64 = 1060;
/// Tokens of a tool that the provider defines (Anthropic's computer use and text editor: 700 to 1,200; Gemini's are not
/// documented), so doubled.
pub(crate) const BUILT_IN_TOOL_TOKENS: u64 = 2400;
