//! Kill switches as requests meet them: looked up before every budget, again at the moment of sending, and rung through
//! to what is in flight.
//!
//! Where none is on, a look-up is one load and one comparison. The board is filled from three sides that do not wait for
//! each other: what the settings store, the file `KILL`, and the signal.

mod cut;
mod stop;

pub use cut::{Cut, CutBy};
pub use stop::Stop;

use arc_swap::ArcSwap;
use bursar_core::{Attribute, Attributes, Scope, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio_util::sync::CancellationToken;

/// Seconds after which a kill state that nobody confirmed counts as unknown (capabilities S1-16).
pub const KILL_UNKNOWN_S: i64 = 30;

/// One kill switch that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// What it stops.
    pub scope: Scope,
    /// Why.
    pub reason: Arc<str>,
    /// Whether it also ends what is in flight.
    pub cut: bool,
    /// Who turned it on.
    pub actor: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// Until when, where it ends by itself.
    pub until: Option<Timestamp>,
    /// Where it was turned on.
    pub source: KillSource,
}

/// Where a kill switch was turned on, and so where it is turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillSource {
    /// By the admin API: it is stored in the settings.
    Api,
    /// By the file `KILL` in the data directory: it is on as long as the file is there.
    File,
    /// By a signal: it is on until the other signal.
    Signal,
}

/// What happened to a kill switch, for whoever wants to hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillEvent {
    /// What happened.
    pub change: KillChange,
    /// The switch as it is, or was before it went off.
    pub kill: Kill,
    /// Who did it.
    pub actor: Arc<str>,
}

/// What can happen to a kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillChange {
    /// It was turned on, or changed while it was on.
    On,
    /// Somebody turned it off.
    Off,
    /// It will end by itself soon: told once.
    Expiring,
    /// It has ended by itself.
    Expired,
}

/// Every kill switch that is on, from every side.
pub struct Kills {
    on: ArcSwap<Vec<Kill>>,
    sides: Mutex<Vec<Kill>>,
    /// Microseconds at which the stored switches, and the file, were last known; `i64::MIN`: nobody watches.
    confirmed: [AtomicI64; 2],
    bell: ArcSwap<CancellationToken>,
    ending: AtomicBool,
}

impl KillSource {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
            Self::Signal => "signal",
        }
    }
}

impl KillChange {
    /// The event's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "kill.on",
            Self::Off => "kill.off",
            Self::Expiring => "kill.expiring",
            Self::Expired => "kill.expired",
        }
    }
}

impl Kill {
    /// Whether it is still on.
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
    /// Whether it stops a request or attempt with these attributes. A switch on a model also stops deployments that
    /// serve another name's requests by it: what is expensive is the model, whatever it is called here.
    #[must_use]
    fn stops(&self, attributes: &Attributes) -> bool {
        self.scope.contains(attributes) || self.stops_served(attributes)
    }
    fn stops_served(&self, attributes: &Attributes) -> bool {
        match &self.scope {
            Scope::Attribute(Attribute::Model, Some(model)) => {
                attributes.get(&Attribute::ServedModel) == Some(model)
            }
            Scope::Attribute(..) | Scope::Platform => false,
        }
    }
    /// Whether another deployment of the same request is outside.
    fn is_per_attempt(&self, attributes: &Attributes) -> bool {
        match &self.scope {
            Scope::Platform => false,
            Scope::Attribute(attribute, _) => attribute.is_per_attempt() || !self.scope.contains(attributes),
        }
    }
}

impl Kills {
    /// Replaces the switches of one side, and rings where one of them cuts and is new. `confirmed` is when they were
    /// read; sides that nobody has to confirm pass `None`.
    pub fn replace(&self, source: KillSource, kills: Vec<Kill>, confirmed: Option<Timestamp>) {
        let mut sides = self.sides.lock();
        let rings = kills.iter().any(|kill| kill.cut && !sides.contains(kill));
        let others = sides.iter().filter(|kill| kill.source != source).cloned();
        let merged: Vec<Kill> = others.chain(kills).collect();
        if merged != *sides {
            *sides = merged;
            self.on.store(Arc::new(sides.clone()));
        }
        drop(sides);
        if let Some(at) = confirmed {
            self.confirm(source, at);
        }
        if rings {
            self.ring();
        }
    }
    /// Says that what is known of one side was true at `at`.
    pub fn confirm(&self, source: KillSource, at: Timestamp) {
        let [stored, file] = &self.confirmed;
        match source {
            KillSource::Api => stored.store(at.micros(), Ordering::Release),
            KillSource::File => file.store(at.micros(), Ordering::Release),
            KillSource::Signal => {}
        }
    }
    /// The switches that are on.
    #[must_use]
    pub fn list(&self, now: Timestamp) -> Vec<Kill> {
        self.on.load().iter().filter(|kill| kill.is_on(now)).cloned().collect()
    }
    /// Whether one of the sides was not confirmed for more than [`KILL_UNKNOWN_S`]. A clock that jumped counts, too.
    #[must_use]
    pub fn is_unknown(&self, now: Timestamp) -> bool {
        let old =
            |at: i64| at != i64::MIN && now.micros().abs_diff(at) > KILL_UNKNOWN_S.unsigned_abs() * 1_000_000;
        self.confirmed.iter().any(|at| old(at.load(Ordering::Acquire)))
    }
    /// The switch that stops this request or attempt; one that stops the whole request before one of the attempt.
    #[must_use]
    pub fn stop(&self, attributes: &Attributes, now: Timestamp) -> Option<Stop> {
        let on = self.on.load();
        if on.is_empty() {
            return None;
        }
        let stops = on.iter().filter(|kill| kill.is_on(now) && kill.stops(attributes));
        let found = stops.min_by_key(|kill| kill.is_per_attempt(attributes))?;
        Some(Stop { per_attempt: found.is_per_attempt(attributes), kill: found.clone() })
    }
    /// Whether no switch is on at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on.load().is_empty()
    }
    /// Ends everything that is in flight: the process stops.
    pub fn end_all(&self) {
        self.ending.store(true, Ordering::Release);
        self.ring();
    }
    fn ring(&self) {
        // Whoever asks from here on waits for the next ring, and has seen what this one is about.
        self.bell.swap(Arc::new(CancellationToken::new())).cancel();
    }
}

impl Default for Kills {
    fn default() -> Self {
        Self {
            on: ArcSwap::default(),
            sides: Mutex::default(),
            confirmed: [AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN)],
            bell: ArcSwap::from_pointee(CancellationToken::new()),
            ending: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
mod tests;
