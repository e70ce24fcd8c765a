//! Every bound of the mock, each with a sentence on how the number was chosen.

use std::time::Duration;

/// Largest request body taken: twice the gateway's own bound, so that the gateway's bound is what a test meets.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bill lines kept one by one (about 200 bytes each); totals go on beyond it.
pub const BILL_LINES_MAX: usize = 1_000_000;
/// Received requests kept one by one; the oldest go first, counts go on.
pub const RECEIVED_MAX: usize = 20_000;
/// Bytes of bodies kept in the journal; beyond it only lengths and hashes are kept.
pub const RECEIVED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Tokens of one choice that a script may ask for: ten times the largest output limit of any model on sale.
pub const OUTPUT_TOKENS_MAX: u64 = 2_000_000;
/// Choices of one request: OpenAI's documented bound of `n`.
pub const CHOICES_MAX: u64 = 128;
/// Longest wait that a script may ask for: longer than any timeout of the gateway.
pub const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Bytes put together into one write of an answer without pace: one TLS record, and far fewer wake-ups.
pub const COALESCE_BYTES: usize = 16 * 1024;
/// Padding of one answer: enough for the 100 MB answers that must pass unbuffered.
pub const PADDING_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long shutdown lets requests in flight go on before it drops them.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// How long a cut waits after the last byte, so that the byte leaves before the connection breaks.
pub const CUT_PAUSE: Duration = Duration::from_millis(5);
/// Rules of one script: each is looked at for each request.
pub const RULES_MAX: usize = 256;
/// Bytes kept of one credential's label on the bill.
pub const CREDENTIAL_BYTES_MAX: usize = 200;
