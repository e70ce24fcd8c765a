//! The governor's own bounds, each with a sentence on how it was chosen.

use std::time::Duration;

/// Requests that may wait for room at once: beyond it they are refused at once, with the same numbers.
pub const WAITING_MAX: usize = 10_000;
/// How often the first in line looks again without being called: limits are raised and reservations expire seldom, and
/// nobody calls the line then.
pub const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The lowest output limit that is set for a client: about a hundred words, the shortest answer that still says something.
pub const OUTPUT_LIMIT_LEAST: u64 = 128;
/// The same where the model thinks as much as it likes inside the limit: below it answers come back empty (OpenAI's
/// guide to reasoning models recommends 25,000 to begin with; read 2026-11).
pub const OUTPUT_LIMIT_LEAST_THINKING: u64 = 4_096;
/// Output tokens of one choice that `hold = "streaming"` holds at first. A token is counted for each byte seen, so this
/// covers an answer of about 500 tokens, which most agents' answers are below, without another entry in the journal.
pub const FIRST_SLICE: u64 = 2_048;
/// Output tokens held beyond what was seen when a hold grows: about a thousand tokens of text, ten seconds of a fast
/// model, so that one journal entry serves hundreds of chunks.
pub const SLICE: u64 = 4_096;
/// Output tokens held beyond what was seen below which a hold grows: far more than arrives in the milliseconds until the
/// entry is durable, so that the meter never catches up with it.
pub const AHEAD_LEAST: u64 = 1_024;
/// Output tokens held beyond what was seen below which a stream that cannot grow ends: what a provider still makes and
/// bills between our leaving and its noticing, and a chunk.
pub const AHEAD_LAST: u64 = 256;
/// The margin on a prompt that is held as it was learned, as a divisor: a quarter more than the worst of the last 512
/// prompts and more.
pub const PROMPT_MARGIN: u64 = 4;
