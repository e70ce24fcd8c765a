//! Bounds of reading a request, each with a sentence on how it was chosen.

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
/// such as Harmony's and Llama's write on their own (date, reasoning effort, channels: under 150 measured).
pub(crate) const REQUEST_TOKENS: u64 = 192;
