//! Every bound of the response side, each with a sentence on how the number was chosen.

/// Levels of nesting that a JSON answer may have: serde_json stops at 128, providers' deepest answers stay below 20.
pub const NESTING_MAX: u16 = 256;
/// Levels down to which members are recognised: the deepest member that carries usage is eight levels down.
pub(crate) const PLACES_MAX: usize = 16;
/// Bytes of one captured word (a model name, an id, a member's name, a number's text): model names stay below 100.
pub(crate) const WORD_BYTES_MAX: usize = 256;
/// Bytes kept of a provider's error message: enough to recognise it, too little to hold a prompt.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256;
/// The most tokens, searches or pages that one answer may state: a thousand times the largest context window.
/// What is above is pinned here and flagged, so that a provider's mistake cannot overflow a budget.
pub const COUNT_MAX: u64 = 1_000_000_000;
/// Choices whose text is counted one by one: OpenAI's `n` ends at 128. The text of later ones joins the last.
pub(crate) const CHOICES_MAX: usize = 128;
/// Models that one answer may bill beside its own: an advisor and a fallback make two. The rest joins the last.
pub(crate) const MODELS_MAX: usize = 8;
/// Bytes of generated text that are kept to be counted: some 2,000 tokens, counted in a millisecond; with a prompt of that
/// size an open stream stays below 64 KiB.
pub(crate) const KEPT_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Decoded bytes for each byte of a compressed body: the most that gzip can make of one. Answers have 5 to 50; what is
/// above, which the newer encodings allow, is given up and charged at the most it can cost.
pub(crate) const EXPANSION_MAX: u64 = 1_032;
/// Decoded bytes that any compressed body may have: a small one that repeats a word is no attack.
pub(crate) const EXPANSION_SLACK_BYTES: u64 = 1024 * 1024;
