//! The story of one request: everything its record will say, gathered while it happens.

use crate::fit::OutputLimit;
use crate::flight::InFlight;
use crate::idempotency::Outcome;
use crate::identify::Caller;
use crate::key_limits::Pass;
use crate::route::Skipped;
use bursar_core::refusal::Blocking;
use bursar_core::{
    ApiFormat, Attributes, Charge, Multiplier, Refusal, RequestId, Timestamp, Trace, Usage, Usd,
};
use bursar_ledger::HeldWindow;
use bursar_pricing::{Cost, Priced};
use bursar_store::ledger::Seq;
use bursar_store::records::WouldMove;
use bursar_wire::RateLimit;
use std::sync::Arc;

/// How a request ended, or how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Admitted or being admitted.
    #[default]
    Pending,
    /// An answer has begun.
    Streaming,
    /// Answered in full.
    Completed,
    /// The provider answered with an error, broke off, or never answered.
    Failed,
    /// The client left, or Bursar cut it.
    Cancelled,
    /// Refused.
    Denied,
}

impl Status {
    /// The word in records and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Streaming => "streaming",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
        }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Settled at the usage that the answer states.
    Settled,
    /// Settled at an estimate.
    Estimated,
    /// Released: provably unbilled.
    Released,
    /// In suspense: its bill is unknown.
    Suspense,
}

impl AttemptEnd {
    /// The word in records and JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Estimated => "estimated",
            Self::Released => "released",
            Self::Suspense => "suspense",
        }
    }
}

/// One try at one deployment.
#[derive(Debug, Clone)]
pub struct AttemptStory {
    /// Who was asked.
    pub provider: String,
    /// With which credential.
    pub credential: Option<String>,
    /// The upstream's name for the model.
    pub served_model: String,
    /// What was held.
    pub hold: Charge,
    /// What it was charged in the end.
    pub charge: Charge,
    /// How it ended; absent while it runs.
    pub end: Option<AttemptEnd>,
    /// The upstream's status, if it answered.
    pub status_code: Option<u16>,
    /// What went wrong, in words without secrets or prompts.
    pub error: Option<String>,
    /// When it was sent; absent where it never was.
    pub sent_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Everything that the record of one request will say.
#[derive(Debug)]
pub struct Story {
    /// Its id.
    pub request_id: RequestId,
    /// When it came.
    pub created_at: Timestamp,
    /// When it ended.
    pub finalized_at: Option<Timestamp>,
    /// How far it is.
    pub status: Status,
    /// The wire protocol.
    pub api_format: ApiFormat,
    /// What the client asked for.
    pub model_asked: String,
    /// What the answer says served it.
    pub model_answered: Option<String>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Who asks; absent before it is known.
    pub caller: Option<Caller>,
    /// The attributes of the last attempt, or of the request.
    pub attributes: Attributes,
    /// Deployments that were passed over.
    pub skipped: Vec<Skipped>,
    /// What was tried.
    pub attempts: Vec<AttemptStory>,
    /// The price of the last attempt.
    pub price: Option<Priced>,
    /// The usage that was charged.
    pub usage: Usage,
    /// The cost that was charged, line by line.
    pub cost: Option<Cost>,
    /// Effective cost.
    pub effective: Usd,
    /// What the provider itself says it cost, in pico-USD.
    pub billed_pico: Option<u128>,
    /// The service tier that the answer states.
    pub service_tier: Option<String>,
    /// The region that the answer states.
    pub region: Option<String>,
    /// The last attempt was charged as failed: without the fee per request.
    pub charged_as_failed: bool,
    /// The last attempt was charged at what the provider itself says, which its deployment prefers.
    pub charged_as_billed: bool,
    /// One answer was billed at the rows of several models.
    pub several_models: bool,
    /// Whether the charge is an estimate.
    pub estimated: bool,
    /// What was refused and why.
    pub refusal: Option<Refusal>,
    /// What shadow budgets would have refused.
    pub shadow_refusals: Vec<Blocking>,
    /// What a dry run of the throttle would have done with the last attempt.
    pub would_move: Option<WouldMove>,
    /// The windows of the last attempt.
    pub windows: Vec<HeldWindow>,
    /// From list to effective cost, of the last attempt.
    pub multiplier: Multiplier,
    /// Status towards the client.
    pub status_code: Option<u16>,
    /// What went wrong, in words without secrets or prompts.
    pub error: Option<String>,
    /// When the first byte of the answer came.
    pub first_byte_at: Option<Timestamp>,
    /// The provider's id of the answer.
    pub upstream_request_id: Option<String>,
    /// How often the client's own library tried before (`x-stainless-retry-count`).
    pub client_retry_count: Option<u32>,
    /// The client's own key for repeated requests.
    pub idempotency_key: Option<String>,
    /// The output limit that went upstream instead of the client's.
    pub output_limit: Option<OutputLimit>,
    /// Told how it ended, where a repeat of it is to find out.
    pub reply: Option<Arc<Outcome>>,
    /// How long it waited for room, in microseconds.
    pub waited_us: i64,
    /// How long the client took to send the body, in microseconds.
    pub intake_us: i64,
    /// Whose trace it belongs to.
    pub trace: Trace,
    /// Counts as in flight until the story ends.
    pub in_flight: Option<InFlight>,
    /// Oddities in what the provider sent.
    pub anomalies: Vec<String>,
    /// Whether the client's library takes 429 for "try again" whatever else the answer says.
    pub retries_on_429: bool,
    /// What is copied of it, where its log level asks for more than the record.
    pub draft: Option<Box<crate::capture::Draft>>,
    /// Its place in the limits of its key; given back when the story ends.
    pub pass: Option<Pass>,
    /// Where the limits of its key stand.
    pub rate_limits: Vec<RateLimit>,
    /// Whether its record went into the journal with a settle entry; if not, the observer passes it on.
    pub journalled: bool,
    /// The entry that settled it, until it was handed to the journal.
    pub unwritten: Option<Seq>,
}

impl Story {
    /// A story that begins.
    #[must_use]
    pub fn begin(request_id: RequestId, created_at: Timestamp, api_format: ApiFormat) -> Box<Self> {
        Box::new(Self {
            request_id,
            created_at,
            finalized_at: None,
            status: Status::Pending,
            api_format,
            model_asked: String::new(),
            model_answered: None,
            stream: false,
            caller: None,
            attributes: Attributes::new(),
            skipped: Vec::new(),
            attempts: Vec::new(),
            price: None,
            usage: Usage::new(),
            cost: None,
            effective: Usd::ZERO,
            billed_pico: None,
            service_tier: None,
            region: None,
            charged_as_failed: false,
            charged_as_billed: false,
            several_models: false,
            estimated: false,
            refusal: None,
            shadow_refusals: Vec::new(),
            would_move: None,
            windows: Vec::new(),
            multiplier: Multiplier::ONE,
            status_code: None,
            error: None,
            first_byte_at: None,
            upstream_request_id: None,
            client_retry_count: None,
            idempotency_key: None,
            output_limit: None,
            reply: None,
            waited_us: 0,
            intake_us: 0,
            trace: Trace::begin(request_id),
            in_flight: None,
            anomalies: Vec::new(),
            retries_on_429: false,
            draft: None,
            pass: None,
            rate_limits: Vec::new(),
            journalled: false,
            unwritten: None,
        })
    }
    /// Ends it, once: a later end changes nothing.
    pub fn finish(&mut self, status: Status, now: Timestamp) {
        if self.finalized_at.is_none() {
            self.status = status;
            self.finalized_at = Some(now);
        }
    }
    /// The attempt that runs or ran last.
    pub fn attempt(&mut self) -> Option<&mut AttemptStory> {
        self.attempts.last_mut()
    }
    /// What Bursar added before the first attempt was sent: durable hold included, without waiting for the client's body
    /// or for room. Microseconds; absent where nothing was sent.
    #[must_use]
    pub fn added_us(&self) -> Option<i64> {
        let sent_at = self.attempts.iter().find_map(|told| told.sent_at)?;
        let waited = self.intake_us.saturating_add(self.waited_us);
        Some(sent_at.micros_since(self.created_at).saturating_sub(waited).max(0))
    }
    /// The largest hold of its attempts.
    #[must_use]
    pub fn hold(&self) -> Charge {
        self.attempts.iter().map(|told| told.hold).fold(Charge::ZERO, |left, right| Charge {
            list: left.list.max(right.list),
            effective: left.effective.max(right.effective),
            tokens: left.tokens.max(right.tokens),
            requests: left.requests.max(right.requests),
        })
    }
    /// The key of the caller, if known.
    #[must_use]
    pub fn key(&self) -> Option<&Arc<crate::directory::Key>> {
        self.caller.as_ref().map(|caller| &caller.key)
    }
}
