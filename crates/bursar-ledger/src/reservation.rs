//! The states of a reservation, and what is remembered of one that came before.

use bursar_core::Charge;

/// Where a reservation stands. Settled and released are final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Held for an attempt in flight. After a crash it counts as sent.
    Live,
    /// Sent, and the bill is unknown: charged at its hold.
    Suspense,
    /// Charged.
    Settled,
    /// Not charged.
    Released,
}

/// What is known of an id that was used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Past {
    /// Where it stands.
    pub state: State,
    /// The fingerprint of the request it was reserved for.
    pub fingerprint: u64,
    /// Live and suspense: the hold. Settled: the charge. Released: nothing.
    pub charge: Charge,
}

/// Why an attempt's bill is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SuspenseCause {
    /// No progress until its deadline.
    Expired,
    /// It was in flight when the process ended.
    Restarted,
    /// Timeout or reset after the request was written, nothing seen.
    NoAnswer,
}
