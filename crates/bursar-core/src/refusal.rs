//! A refusal: a deliberate no with numbers in it. Codes are API; their statuses stand in one table.

use crate::amount::Measure;
use crate::attribute::{Attribute, Scope, Value};
use crate::id::RequestId;
use crate::time::Timestamp;
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// Every code that a refusal or gateway error may carry.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code { $($(#[$doc])* $name,)* }
        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// As written to clients.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
            /// The HTTP status under `refusal_status = "402"`; natives may differ per API format.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }
        }
    };
}

codes! {
    /// A run's budget is exhausted.
    BudgetRun = "E-BUDGET-001", 402;
    /// A project's budget is exhausted.
    BudgetProject = "E-BUDGET-002", 402;
    /// The platform's budget is exhausted.
    BudgetPlatform = "E-BUDGET-003", 402;
    /// A kill switch is active.
    KillSwitch = "E-BUDGET-004", 403;
    /// A user's budget is exhausted.
    BudgetUser = "E-BUDGET-010", 402;
    /// A key's budget is exhausted.
    BudgetKey = "E-BUDGET-011", 402;
    /// A provider's budget is exhausted.
    BudgetProvider = "E-BUDGET-012", 402;
    /// An agent's or session's budget is exhausted.
    BudgetAgent = "E-BUDGET-013", 402;
    /// A model's budget is exhausted.
    BudgetModel = "E-BUDGET-014", 402;
    /// A budget has expired and blocks.
    BudgetExpired = "E-BUDGET-015", 402;
    /// The project requires a budget and none applies.
    BudgetRequired = "E-BUDGET-016", 402;
    /// Room exists but is held by requests in flight.
    BudgetHeld = "E-BUDGET-017", 429;
    /// This request alone exceeds the limit.
    RequestTooLarge = "E-BUDGET-018", 400;
    /// Any other budget is exhausted.
    BudgetOther = "E-BUDGET-019", 402;
    /// The ledger or the kill state is unavailable.
    LedgerUnavailable = "E-BUDGET-020", 503;
    /// Too many windows.
    TooManyWindows = "E-BUDGET-022", 402;
    /// No price for the model.
    NoPrice = "E-PRICE-001", 422;
    /// The provider is throttled and fallback was not allowed.
    Throttled = "E-THROTTLE-001", 429;
    /// No usable deployment is left.
    NoDeployment = "E-ROUTE-001", 503;
    /// A spend surface without a meter.
    NoMeter = "E-ROUTE-002", 403;
    /// The upstream cannot be reached.
    UpstreamUnreachable = "E-ROUTE-003", 502;
    /// The upstream did not answer in time.
    UpstreamTimeout = "E-ROUTE-004", 504;
    /// The key's rate limit.
    RateLimited = "E-RATE-001", 429;
    /// The key's concurrency limit.
    ConcurrencyLimited = "E-CONC-001", 429;
    /// Unknown, expired or blocked key.
    KeyUnknown = "E-AUTH-001", 401;
    /// The key may not use this model, provider or route.
    KeyForbidden = "E-AUTH-002", 403;
    /// A bad or smuggled parameter.
    BadInput = "E-INPUT-001", 400;
    /// The body is too large.
    BodyTooLarge = "E-INPUT-002", 413;
    /// The same idempotency key is in flight or done.
    Idempotency = "E-IDEMP-001", 409;
    /// A settle conflicts with a final record.
    SettleConflict = "E-LEDGER-001", 409;
}

impl Code {
    /// The code of that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
    /// The code of an exhausted window of this scope.
    #[must_use]
    pub const fn exhausted(scope: &Scope) -> Self {
        match scope {
            Scope::Platform => Self::BudgetPlatform,
            Scope::Attribute(attribute, _) => match attribute {
                Attribute::Run => Self::BudgetRun,
                Attribute::Project => Self::BudgetProject,
                Attribute::User => Self::BudgetUser,
                Attribute::Key => Self::BudgetKey,
                Attribute::Provider => Self::BudgetProvider,
                Attribute::Agent | Attribute::Session => Self::BudgetAgent,
                Attribute::Model => Self::BudgetModel,
                Attribute::Endpoint
                | Attribute::Credential
                | Attribute::ServedModel
                | Attribute::ApiFormat
                | Attribute::Tag(_) => Self::BudgetOther,
            },
        }
    }
    /// Whether the same request may succeed shortly, so that the answer carries `Retry-After`.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::BudgetHeld
                | Self::LedgerUnavailable
                | Self::Throttled
                | Self::RateLimited
                | Self::ConcurrencyLimited
                | Self::Idempotency
        )
    }
    /// Whether it speaks of a spent budget, which each API format has its own native status for.
    #[must_use]
    pub const fn is_spent_budget(self) -> bool {
        matches!(
            self,
            Self::BudgetRun
                | Self::BudgetProject
                | Self::BudgetPlatform
                | Self::BudgetUser
                | Self::BudgetKey
                | Self::BudgetProvider
                | Self::BudgetAgent
                | Self::BudgetModel
                | Self::BudgetExpired
                | Self::BudgetRequired
                | Self::BudgetOther
                | Self::TooManyWindows
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One window that has no room, with the numbers of the moment of the decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocking {
    /// Why this window blocks: exhausted (by scope), held, too large, expired.
    pub code: Code,
    /// The budget's name.
    pub budget: String,
    /// What the amounts below count.
    pub measure: Measure,
    /// The window's scope.
    pub scope: Scope,
    /// The values of the budget's `per` attributes, in their order. Records do not keep them.
    pub per: Vec<Option<Value>>,
    /// Start of the window; absent for `total`.
    pub starts_at: Option<Timestamp>,
    /// End of the window; absent for `total`.
    pub ends_at: Option<Timestamp>,
    /// The window's limit.
    pub limit: i64,
    /// Settled so far.
    pub settled: i64,
    /// In suspense.
    pub suspense: i64,
    /// Held by requests in flight.
    pub held: i64,
    /// What this attempt asked to hold.
    pub requested: i64,
}

/// A deliberate no: what the client is told, in its own format, with all numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The code that decides the status.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// The refused request.
    pub request_id: RequestId,
    /// Every window that blocks, narrowest scope first; the one that `code` speaks of is first.
    pub blocking: Vec<Blocking>,
    /// The largest output limit that would fit now.
    pub fits_max_output: Option<u64>,
    /// Seconds after which a retry can help.
    pub retry_after_s: Option<u64>,
    /// The kill switch that stopped it.
    pub stopped: Option<Box<Stopped>>,
}

/// The kill switch that a refused request ran into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// What the switch stops.
    pub scope: Scope,
    /// Why it is on.
    pub reason: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Refusal {
    /// A refusal that names no window.
    #[must_use]
    pub fn new(code: Code, request_id: RequestId, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            request_id,
            blocking: Vec::new(),
            fits_max_output: None,
            retry_after_s: if code.is_retryable() { Some(1) } else { None },
            stopped: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S3-01.
    #[test]
    fn codes_read_as_they_are_written_and_are_unique() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
    }

    /// Rules: S1-02.
    #[test]
    fn the_scope_decides_the_code_of_an_exhausted_window() {
        let code = |scope: &str| Code::exhausted(&Scope::parse(scope).unwrap()).as_str();
        assert_eq!(code("platform"), "E-BUDGET-003");
        assert_eq!(code("project=p"), "E-BUDGET-002");
        assert_eq!(code("session=s"), "E-BUDGET-013");
        assert_eq!(code("tag.team=x"), "E-BUDGET-019");
    }
}
