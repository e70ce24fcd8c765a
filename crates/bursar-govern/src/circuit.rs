//! The circuit of one endpoint and credential: whether a try may go there now, learned from how the last ones ended.
//!
//! A pure state machine: the clock is an argument, and nothing here does I/O. A try enters, says how it went, and leaves.

use bursar_core::Timestamp;
use std::collections::VecDeque;

/// Results that decide: enough to tell an outage from one bad answer, few enough to notice it within seconds.
pub const RESULTS_MAX: usize = 20;
/// Results older than this say nothing about now.
pub const RESULTS_AGE_S: i64 = 300;
/// Below so many results a circuit stays closed: two unlucky requests must not stop a provider that has no substitute.
pub const RESULTS_MIN: usize = 10;
/// The share of failures, in percent, at which it opens.
pub const FAILURES_PCT: usize = 50;
/// How long it stays open at first; doubled each time its probes fail.
pub const OPEN_S: i64 = 30;
/// How long it stays open at most: a provider that came back is found within five minutes.
pub const OPEN_MAX_S: i64 = 300;
/// Probes in flight while it is half open: a trickle, not the whole crowd.
pub const PROBES_MAX: u32 = 2;
/// Probes that must succeed before it closes.
pub const PROBES_TO_CLOSE: u32 = 3;
/// Failed probes at which it opens again: one may be bad luck.
pub const PROBES_TO_OPEN: u32 = 2;
/// Longest `Retry-After` that is obeyed: a provider that names hours is asked again after a minute.
pub const COOLING_MAX_S: i64 = 60;
/// Tries in flight below which a 429 no longer lowers the adaptive limit.
pub const IN_FLIGHT_MIN: u32 = 2;
/// Where the adaptive limit ends: it has recovered, and only the configured one counts again.
pub const IN_FLIGHT_RECOVERED: u32 = 200;
/// Without a 429 for so long the adaptive limit is forgotten.
pub const ADAPTIVE_S: i64 = 300;

/// Configured limits of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Tries in flight at once.
    pub in_flight: Option<u32>,
    /// Tries begun within any 60 seconds.
    pub per_minute: Option<u32>,
}

/// Why a try may not go there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Too many failures; asked again from then on.
    Open(Timestamp),
    /// The provider asked to be left alone until then.
    Cooling(Timestamp),
    /// As many tries are in flight as it bore without a 429.
    Adaptive,
    /// As many tries are in flight as are configured.
    InFlight,
    /// As many tries began within the last minute as are configured; room from then on.
    PerMinute(Timestamp),
}

impl Stop {
    /// The word in records and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open(_) => "circuit_open",
            Self::Cooling(_) => "retry_after",
            Self::Adaptive | Self::InFlight => "concurrency",
            Self::PerMinute(_) => "rate",
        }
    }
    /// When it may end, where that is known.
    #[must_use]
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Open(at) | Self::Cooling(at) | Self::PerMinute(at) => Some(at),
            Self::Adaptive | Self::InFlight => None,
        }
    }
    /// Whether it is a guess about the provider that gives way where nothing else can be tried.
    #[must_use]
    pub const fn is_advice(self) -> bool {
        matches!(self, Self::Cooling(_) | Self::Adaptive)
    }
}

/// How a try went, as far as the circuit cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// The provider answered and works, whatever it said.
    Well,
    /// It failed: unreachable, broken off, timed out, a server error, a credential it does not take.
    Badly,
    /// It answered 429, with the seconds of `Retry-After` where it named any.
    Limited(Option<i64>),
}

/// What changed about a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It opened, until then.
    Opened(Timestamp),
    /// It closed.
    Closed,
}

/// Which state a result belongs to: what was begun before a change says nothing about the time after it.
pub type Epoch = u64;

/// The circuit of one endpoint and credential.
#[derive(Debug, Clone, Default)]
pub struct Circuit {
    state: State,
    epoch: Epoch,
    results: VecDeque<(Timestamp, bool)>,
    in_flight: u32,
    cooling_until: Option<Timestamp>,
    adaptive: Option<Adaptive>,
    begun: VecDeque<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
        for_s: i64,
    },
    HalfOpen {
        for_s: i64,
        probing: u32,
        well: u32,
        badly: u32,
    },
}

/// Additive increase, multiplicative decrease of the tries in flight.
#[derive(Debug, Clone, Copy)]
struct Adaptive {
    limit: u32,
    well: u32,
    lowered_at: Timestamp,
}

impl Circuit {
    /// Takes a place for a try. Whoever got one [`Self::leave`]s, once.
    ///
    /// # Errors
    /// Why not now. With `lenient`, what is only advice does not count.
    pub fn enter(&mut self, now: Timestamp, limits: Limits, lenient: bool) -> Result<Epoch, Stop> {
        if let State::Open { until, for_s } = self.state {
            if now < until {
                return Err(Stop::Open(until));
            }
            self.state = State::HalfOpen { for_s, probing: 0, well: 0, badly: 0 };
            self.epoch += 1;
        }
        if limits.in_flight.is_some_and(|most| self.in_flight >= most) {
            return Err(Stop::InFlight);
        }
        self.check_rate(now, limits)?;
        if !lenient {
            if let Some(until) = self.cooling_until.filter(|until| now < *until) {
                return Err(Stop::Cooling(until));
            }
            self.forget_adaptive(now);
            if self.adaptive.is_some_and(|adaptive| self.in_flight >= adaptive.limit) {
                return Err(Stop::Adaptive);
            }
        }
        if let State::HalfOpen { probing, .. } = &mut self.state {
            if *probing >= PROBES_MAX {
                return Err(Stop::Open(now.plus_seconds(1)));
            }
            *probing += 1;
        }
        self.in_flight = self.in_flight.saturating_add(1);
        if limits.per_minute.is_some() {
            self.begun.push_back(now);
        }
        Ok(self.epoch)
    }

    /// Gives the place back. `told`: whether [`Self::went`] was called for it.
    pub fn leave(&mut self, epoch: Epoch, told: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if !told
            && epoch == self.epoch
            && let State::HalfOpen { probing, .. } = &mut self.state
        {
            *probing = probing.saturating_sub(1);
        }
    }

    /// Learns how a try went that entered in `epoch`. At most once for each.
    pub fn went(&mut self, now: Timestamp, epoch: Epoch, went: Went) -> Option<Change> {
        match went {
            Went::Limited(retry_after) => self.limited(now, retry_after),
            Went::Well => self.raise(),
            Went::Badly => {}
        }
        if epoch != self.epoch {
            return None;
        }
        let failed = went == Went::Badly;
        match &mut self.state {
            State::Open { .. } => None,
            State::HalfOpen { for_s, probing, well, badly } => {
                *probing = probing.saturating_sub(1);
                if failed {
                    *badly += 1;
                } else {
                    *well += 1;
                }
                if *badly >= PROBES_TO_OPEN {
                    let for_s = for_s.saturating_mul(2).min(OPEN_MAX_S);
                    Some(self.open(now, for_s))
                } else if *well >= PROBES_TO_CLOSE {
                    self.state = State::Closed;
                    self.epoch += 1;
                    self.results.clear();
                    Some(Change::Closed)
                } else {
                    None
                }
            }
            State::Closed => self.record(now, failed),
        }
    }

    /// Learns that an answer that had begun well broke off.
    pub fn broke(&mut self, now: Timestamp, epoch: Epoch) -> Option<Change> {
        if epoch == self.epoch && self.state == State::Closed { self.record(now, true) } else { None }
    }

    /// Whether tries are turned away for failures now.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Open { until, .. } if now < until)
    }
    /// Tries that entered and did not leave yet.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }
    /// The most tries in flight that it learned to send; absent: no limit.
    #[must_use]
    pub fn adaptive_limit(&self) -> Option<u32> {
        self.adaptive.map(|adaptive| adaptive.limit)
    }

    fn record(&mut self, now: Timestamp, failed: bool) -> Option<Change> {
        self.results.push_back((now, failed));
        while self.results.len() > RESULTS_MAX || self.results.front().is_some_and(|(at, _)| old(*at, now)) {
            self.results.pop_front();
        }
        let failures = self.results.iter().filter(|(_, failed)| *failed).count();
        let decided = self.results.len() >= RESULTS_MIN
            && failures.saturating_mul(100) >= self.results.len().saturating_mul(FAILURES_PCT);
        decided.then(|| self.open(now, OPEN_S))
    }

    fn open(&mut self, now: Timestamp, for_s: i64) -> Change {
        let until = now.plus_seconds(for_s);
        self.state = State::Open { until, for_s };
        self.epoch += 1;
        self.results.clear();
        Change::Opened(until)
    }

    fn check_rate(&mut self, now: Timestamp, limits: Limits) -> Result<(), Stop> {
        let Some(most) = limits.per_minute else {
            self.begun.clear();
            return Ok(());
        };
        while self.begun.front().is_some_and(|at| now.micros_since(*at) >= 60_000_000) {
            self.begun.pop_front();
        }
        match self.begun.front() {
            Some(first) if u32::try_from(self.begun.len()).unwrap_or(u32::MAX) >= most => {
                Err(Stop::PerMinute(first.plus_seconds(60)))
            }
            None if most == 0 => Err(Stop::PerMinute(now.plus_seconds(60))),
            Some(_) | None => Ok(()),
        }
    }

    fn limited(&mut self, now: Timestamp, retry_after: Option<i64>) {
        if let Some(seconds) = retry_after.filter(|seconds| *seconds > 0) {
            let until = now.plus_seconds(seconds.min(COOLING_MAX_S));
            self.cooling_until = Some(self.cooling_until.map_or(until, |at| at.max(until)));
        }
        let now_limit = self.adaptive.map_or(self.in_flight, |adaptive| adaptive.limit.min(self.in_flight));
        let limit = (now_limit.saturating_mul(85) / 100).max(IN_FLIGHT_MIN);
        self.adaptive = Some(Adaptive { limit, well: 0, lowered_at: now });
    }

    /// One more at once after as many good answers as may be in flight.
    fn raise(&mut self) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.well += 1;
            if adaptive.well >= adaptive.limit {
                adaptive.well = 0;
                adaptive.limit += 1;
            }
            if adaptive.limit >= IN_FLIGHT_RECOVERED {
                self.adaptive = None;
            }
        }
    }

    fn forget_adaptive(&mut self, now: Timestamp) {
        let since = |adaptive: &Adaptive| now.micros_since(adaptive.lowered_at);
        if self.adaptive.as_ref().is_some_and(|adaptive| since(adaptive) >= ADAPTIVE_S * 1_000_000) {
            self.adaptive = None;
        }
    }
}

fn old(at: Timestamp, now: Timestamp) -> bool {
    now.micros_since(at) > RESULTS_AGE_S * 1_000_000
}

#[cfg(test)]
mod tests;
