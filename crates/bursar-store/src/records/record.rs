//! The record of one client request: who, where to, what it used, what it cost, how it ended.

use bursar_core::refusal::Blocking;
use bursar_core::{
    Attributes, Charge, Code, Multiplier, Rate, RequestId, Timestamp, TraceId, Usage, UsageClass,
};

use super::status::Status;
use super::would_move::WouldMove;
use crate::sqlite::words::words;

/// Everything that is kept about one request. Headers and bodies are kept apart, prompts not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The request.
    pub id: RequestId,
    /// When it was received. A later state of the same record keeps it.
    pub created_at: Timestamp,
    /// When something last happened: the admission, a chunk, the end.
    pub progressed_at: Timestamp,
    /// When it ended.
    pub finalized_at: Option<Timestamp>,
    /// How far it is.
    pub status: Status,
    /// Who asked for what, and who served it: the attributes of the attempt that counts.
    pub attributes: Attributes,
    /// The client's own idempotency key.
    pub idempotency_key: Option<String>,
    /// The model that the provider says answered.
    pub answered_model: Option<String>,
    /// The provider's own id of the request.
    pub upstream_request_id: Option<String>,
    /// How often the client says it has tried before.
    pub client_retries: u32,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Whether usage is estimated rather than reported.
    pub estimated: bool,
    /// What was used.
    pub usage: Usage,
    /// What was held, the largest of the attempts.
    pub hold: Charge,
    /// What was charged, all attempts together.
    pub charge: Charge,
    /// How the cost came about.
    pub price: Option<PriceUsed>,
    /// The windows that counted it.
    pub windows: Vec<WindowUsed>,
    /// The status that the client was answered with, 100 to 599.
    pub status_code: Option<u16>,
    /// The code of the refusal or gateway error.
    pub code: Option<Code>,
    /// The windows that refused it.
    pub blocking: Vec<Blocking>,
    /// The largest output limit that would have fitted.
    pub fits_max_output: Option<u64>,
    /// What shadow windows would have refused.
    pub shadow: Vec<Blocking>,
    /// What went wrong, in words. Never a prompt, key or header.
    pub error: Option<String>,
    /// Milliseconds to the first byte of the answer.
    pub first_byte_ms: Option<u32>,
    /// Milliseconds to the end.
    pub total_ms: Option<u32>,
    /// The tries in order, those skipped included.
    pub attempts: Vec<Attempt>,
    /// Anomalies of the provider, headers that were ignored.
    pub notes: Vec<String>,
    /// Whether parts were left out to keep the record within its bytes.
    pub shortened: bool,
    /// The trace that it belongs to; absent in records of earlier versions and of calls made elsewhere.
    pub trace_id: Option<TraceId>,
    /// Where a dry run of the throttle would have sent it instead; absent: where it went.
    pub would_move: Option<WouldMove>,
}

/// Which price made the cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceUsed {
    /// The price row's id.
    pub id: String,
    /// The tier within it.
    pub tier_index: Option<u32>,
    /// The prompt tokens that chose the tier.
    pub tier_context: u64,
    /// The service tier, in the provider's word.
    pub service_tier: Option<String>,
    /// From list to effective cost.
    pub multiplier: Multiplier,
    /// The parts of the list cost.
    pub lines: Vec<LineUsed>,
    /// What the provider says it cost, in pico-USD.
    pub provider_cost_pico: Option<u128>,
    /// What else decided the rates.
    pub detail: PriceDetail,
}

/// What decided the rates beside row, tier and service tier: enough to price the same usage again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceDetail {
    /// Where the price came from; absent where it was not kept.
    pub source: Option<PriceSource>,
    /// Which rates of the row, as a path in a price file, such as `tiers[1]` or `service_tiers.batch`; absent: the base rates.
    pub rates: Option<String>,
    /// The region that answered, in the provider's word.
    pub region: Option<String>,
    /// What was used and has no rate: charged at nothing.
    pub unpriced: Vec<UsageClass>,
    /// The attempt failed: its tokens were charged and the fee per request was not.
    pub failed: bool,
    /// One answer was billed at the rows of several models: `id` names the first.
    pub several_models: bool,
    /// Charged at what the provider says it cost, which the deployment prefers; the lines are what usage and price say.
    pub billed: bool,
}

words! {
    /// Where the price of a request came from.
    PriceSource {
        /// A row of the price book.
        Book = "book",
        /// The deployment's own price.
        Deployment = "deployment",
        /// The fallback price of the policy for unknown models.
        FallbackPrice = "fallback_price",
        /// The policy lets unknown models pass free.
        Free = "free",
    }
}

impl PriceSource {
    /// The number in the file and in the journal. Never changed; 0 is absent.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Book => 1,
            Self::Deployment => 2,
            Self::FallbackPrice => 3,
            Self::Free => 4,
        }
    }
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.number() == number)
    }
}

/// One part of a list cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineUsed {
    /// What is priced; absent: the request itself.
    pub class: Option<UsageClass>,
    /// How many.
    pub units: u64,
    /// At what rate.
    pub rate: Rate,
    /// The exact amount in pico-USD; units times rate unless a factor applied.
    pub amount_pico: u128,
}

/// One window of the attempt that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowUsed {
    /// The budget's id.
    pub budget: u32,
    /// The start of its period; absent for `total`.
    pub starts_at: Option<Timestamp>,
    /// What was held in the unit of its measure.
    pub held: i64,
    /// What it was charged.
    pub charged: i64,
}

words! {
    /// How an attempt ended.
    AttemptOutcome {
        /// It runs.
        Pending = "pending",
        /// It answered.
        Success = "success",
        /// It failed.
        Failed = "failed",
        /// It was not made.
        Skipped = "skipped",
    }
}

impl AttemptOutcome {
    /// The number in the file and in the journal. Never changed.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Success => 1,
            Self::Failed => 2,
            Self::Skipped => 3,
        }
    }
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|outcome| outcome.number() == number)
    }
}

/// One upstream try, or a deployment that was passed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Who was asked.
    pub provider: String,
    /// Under which upstream name.
    pub model: String,
    /// With which credential, by name.
    pub credential: Option<String>,
    /// The upstream's status.
    pub status_code: Option<u16>,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
    /// Milliseconds to its end.
    pub total_ms: Option<u32>,
    /// What it was charged.
    pub charge: Charge,
}

impl Record {
    /// A pending record with nothing but its identity.
    #[must_use]
    pub fn new(id: RequestId, created_at: Timestamp, attributes: Attributes) -> Self {
        Self {
            id,
            created_at,
            progressed_at: created_at,
            finalized_at: None,
            status: Status::Pending,
            attributes,
            idempotency_key: None,
            answered_model: None,
            upstream_request_id: None,
            client_retries: 0,
            stream: false,
            estimated: false,
            usage: Usage::new(),
            hold: Charge::ZERO,
            charge: Charge::ZERO,
            price: None,
            windows: Vec::new(),
            status_code: None,
            code: None,
            blocking: Vec::new(),
            fits_max_output: None,
            shadow: Vec::new(),
            error: None,
            first_byte_ms: None,
            total_ms: None,
            attempts: Vec::new(),
            notes: Vec::new(),
            shortened: false,
            trace_id: None,
            would_move: None,
        }
    }
    /// What went wrong, in a word: the code of the refusal or gateway error, else the status that a failed request was
    /// answered with. Empty where nothing did.
    #[must_use]
    pub fn went_wrong(&self) -> String {
        match (self.code, self.status, self.status_code) {
            (Some(code), ..) => code.to_string(),
            (None, Status::Failed, Some(status)) => status.to_string(),
            (None, Status::Failed, None) => "failed".to_owned(),
            (None, Status::Cancelled, _) => "cancelled".to_owned(),
            (None, Status::Denied, _) => "denied".to_owned(),
            (None, Status::Pending | Status::Streaming | Status::Completed, _) => String::new(),
        }
    }
}
