//! The data plane's own bounds, each with a sentence on how it was chosen.

use bursar_core::ApiFormat;
use bursar_core::limits::REQUEST_BODY_BYTES_MAX;
use std::time::Duration;

/// How long an idle upstream connection is kept: below the 100 s and more that providers' front ends keep theirs.
pub const POOL_IDLE: Duration = Duration::from_secs(90);
/// Idle upstream connections per host and worker: a burst of a thousand streams finds most of its connections again.
pub const POOL_IDLE_PER_HOST_MAX: usize = 1_024;
/// How often idle connections are looked at: a sixth of the time that they are kept.
pub const POOL_TEND: Duration = Duration::from_secs(15);
/// Pools of one worker, each with a host, a connect timeout and authorities of its own: far more than there are providers;
/// beyond it, which many reloads may reach, they begin anew.
pub const POOLS_MAX: usize = 256;
/// How often a provider's HTTP/2 connection with open streams is asked whether it lives: half of what the usual middlebox
/// keeps a silent one.
pub const HTTP2_PING_EVERY: Duration = Duration::from_secs(30);
/// How long its answer may take before the connection counts as dead: no road to a provider takes longer.
pub const HTTP2_PING_WAIT: Duration = Duration::from_secs(20);
/// Bytes a second that a client must send of a body on the whole, beyond its first wait: a hundredth of a slow line's.
pub const BODY_BYTES_PER_SECOND_MIN: u64 = 1_024;
/// Answers up to this size are collected so that their cost can stand in a header; larger ones stream through.
pub const COLLECTED_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Connections of one worker; beyond it new ones wait in the kernel's queue.
pub const CONNECTIONS_PER_WORKER_MAX: usize = 16 * 1_024;
/// HTTP/2 streams of one client connection.
pub const HTTP2_STREAMS_MAX: u32 = 1_000;
/// How long a cut client may take to read the end of its answer at a shutdown: it is one event on an open connection.
pub const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long an admin request may take.
pub const CONTROL_WAIT: Duration = Duration::from_secs(30);
/// How long to wait after a failed accept.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Body of a request that holds text alone: OpenAI takes 300,000 tokens of 2,048 texts in one request for embeddings, and
/// no text of so many tokens is near eight megabytes.
pub const TEXT_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// From when on a client counts as behind its provider: what waits for less lies in its own connection's way.
pub const BEHIND: Duration = Duration::from_millis(50);
/// How long a pause tells that everything that had come was read: loopback to a provider's edge takes less.
pub const READ_ON_PAUSE: Duration = Duration::from_millis(20);
/// How long what had come is read on at most: the kernel's buffers of a connection hold no more than that.
pub const READ_ON: Duration = Duration::from_secs(1);
/// How often the answers of an HTTP/2 connection are looked at: four times within the time that a client has.
pub const LOOKS_PER_WAIT: u32 = 4;

/// The most bytes of a request's body on the routes of a format: those that may hold images, sound or documents take what
/// the largest of the providers documents.
#[must_use]
pub const fn body_bytes_max(format: ApiFormat) -> usize {
    match format {
        ApiFormat::OpenAiCompletions | ApiFormat::OpenAiEmbeddings | ApiFormat::OllamaEmbed => {
            TEXT_BODY_BYTES_MAX
        }
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiResponses
        | ApiFormat::AnthropicMessages
        | ApiFormat::GeminiGenerate
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaChat
        | ApiFormat::OllamaGenerate => REQUEST_BODY_BYTES_MAX,
    }
}
