//! Every bound of the price engine, each with a sentence on how the number was chosen.

/// Dearest rate of one token, in pico-USD: 0.1 USD, a hundred times the dearest model ever sold (600 USD per million).
pub const TOKEN_RATE_PICO_MAX: u64 = 100_000_000_000;
/// Dearest rate of anything counted by the piece, in pico-USD: 10,000 USD; provisioned hours sell for hundreds.
pub const UNIT_RATE_PICO_MAX: u64 = 10_000_000_000_000_000;
/// Context tiers of one row: vendors publish two to five.
pub const TIERS_MAX: usize = 16;
/// Service tiers of one row: OpenAI sells four.
pub const SERVICE_TIERS_MAX: usize = 16;
/// Time-of-day periods of one row: a weekday and a weekend pattern of a few windows.
pub const PERIODS_MAX: usize = 16;
/// Aliases and patterns of one row: dated snapshots and regional names of one model are under thirty.
pub const NAMES_MAX: usize = 128;
/// Bytes of a provider's or model's name: twice the longest that a router publishes.
pub const NAME_BYTES_MAX: usize = 256;
/// Rows of one book: models.dev, the largest source, lists five thousand.
pub const ROWS_MAX: usize = 100_000;
/// Declared patterns of one provider: they are tried one by one after the exact names.
pub const PATTERNS_MAX: usize = 256;
/// Bytes of one price file or import: ten times the largest public price map.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Iterations assumed for a hosted tool without a cap where the budget does not refuse it: what the providers
/// allow by default is between five and ten.
pub const TOOL_USES_ASSUMED: u32 = 10;
/// Context window assumed where neither row nor request bounds the prompt: the largest that is sold is 10 million.
pub const CONTEXT_ASSUMED: u64 = 10_000_000;
/// Output assumed where neither row nor request bounds it: the largest documented output of a chat model.
pub const OUTPUT_ASSUMED: u64 = 400_000;
