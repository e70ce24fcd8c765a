//! What a run found wrong.

/// A rule that did not hold, when, and how it shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step}: {rule}: {text}")]
pub struct Violation {
    /// Which rule; the same for all violations of its kind.
    pub rule: Rule,
    /// The numbers.
    pub text: String,
    /// After so many steps.
    pub step: u64,
}

/// The rules that a run checks: the invariants of the protocol as far as one node has them, and liveness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rule {
    /// settled + suspense + held above the limit after an admission.
    #[error("I4 a hard budget is overspent")]
    Overspent,
    /// The engine's counters are not what the entries say.
    #[error("I5 counters are not the sums of what happened")]
    Counters,
    /// A reservation is not in exactly the windows it touches.
    #[error("I6 a reservation is not in all of its windows")]
    Atomic,
    /// An id ends twice, or a state follows that cannot.
    #[error("I7 an id ends twice or as it must not")]
    LifeCycle,
    /// Something was sent before its hold was durable.
    #[error("I8 sent before it was durable")]
    Durable,
    /// Recovery gives another state than the journal, or loses what was acknowledged.
    #[error("I9 recovery gives another state")]
    Replay,
    /// The provider billed more than the ledger knows.
    #[error("I10 the ledger is below the provider's bill")]
    BelowBill,
    /// Something is left when all is done.
    #[error("I11 drift when all is quiet")]
    Drift,
    /// A repeated command changed something.
    #[error("I13 a repeated command is not idempotent")]
    Idempotent,
    /// A refusal though there was room.
    #[error("I14 a phantom denial")]
    PhantomDenial,
    /// A window changed that no command named, or two windows are one.
    #[error("I15 windows are not isolated")]
    Isolation,
    /// A counter is negative or too large.
    #[error("I17 a counter is out of range")]
    Range,
    /// A threshold was told twice, or not at all.
    #[error("a threshold was told twice or not at all")]
    Threshold,
    /// The engine recounts itself and finds a mistake.
    #[error("the engine's own invariants do not hold")]
    Engine,
    /// Damage on disk was taken for data.
    #[error("damage was not refused")]
    Damage,
    /// Something waits for ever.
    #[error("something waits for ever")]
    Liveness,
    /// An answer that the protocol does not have.
    #[error("an answer that makes no sense")]
    Answer,
    /// I2, I3: totals between a node and the authority.
    #[error("I2/I3 totals of node and authority disagree")]
    Totals,
}

/// Makes a violation; the step is filled in by the loop.
pub(crate) fn broken(rule: Rule, text: impl Into<String>) -> Violation {
    Violation { rule, text: text.into(), step: 0 }
}
