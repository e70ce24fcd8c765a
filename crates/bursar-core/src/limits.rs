//! Every bound in one place, each with a sentence on how the number was chosen.

/// Longest attribute value in bytes: fits a UUID, an e-mail address or a model name with a path; keeps windows small.
pub const ATTRIBUTE_BYTES_MAX: usize = 128;
/// Tags of one request: what LiteLLM users send is under five; each may open a window.
pub const TAGS_MAX: usize = 8;
/// Windows of one attempt: a platform, project, user, key, agent, run, session, model and provider budget are nine.
pub const WINDOWS_PER_ATTEMPT_MAX: usize = 16;
/// Windows of one budget unless it says otherwise (DESIGN section 2).
pub const WINDOWS_PER_BUDGET_DEFAULT: u32 = 100_000;
/// Budgets of one installation: 100,000 must not slow a request; ten times that is a mistake.
pub const BUDGETS_MAX: usize = 1_000_000;
/// Request body in bytes: Anthropic documents 32 MB as its limit, the largest of the providers.
pub const REQUEST_BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// All request bodies in memory at once: 64 of the largest, or 20,000 of the usual 100 kB.
pub const REQUEST_BODIES_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// Header bytes of one request: twice what hyper's clients commonly allow, far above any SDK's.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// One partial event of a stream kept for metering; beyond it the charge becomes estimated, the stream goes on.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Seconds without progress after which a reservation expires into suspense (DESIGN section 4).
pub const RESERVATION_TTL_S: i64 = 600;
/// Seconds after which a stream that goes on renews its reservation: ten times before it would expire, and one journal entry
/// a minute.
pub const PROGRESS_EVERY_S: i64 = 60;
/// Attempts of one request: fallback chains are short, and each attempt may cost money.
pub const ATTEMPTS_MAX: u16 = 8;
/// Rows of one page of a list.
pub const PAGE_MAX: u32 = 500;
/// Bytes of a record in the journal; larger parts (headers, bodies) are stored apart.
pub const RECORD_BYTES_MAX: usize = 8 * 1024;
