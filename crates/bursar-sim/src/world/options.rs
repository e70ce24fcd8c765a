//! What a run is asked to be, and what it was.

use crate::faults::Faults;
use crate::node::WrongShell;
use bursar_ledger::Engine;

/// What one run is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// How many requests clients make.
    pub requests: u32,
    /// How many budgets there are at first.
    pub budgets: u32,
    /// What may go wrong; absent: what the seed says.
    pub faults: Option<Faults>,
    /// Whether an idle journal notes what is synced, as the shell's does.
    pub notes: bool,
    /// Keeps the last lines of what happened.
    pub story: bool,
    /// A rule of the shell that is broken on purpose.
    pub wrong: Option<WrongShell>,
    /// Breaks a rule of each engine on purpose.
    pub tamper: Option<fn(&mut Engine)>,
}

impl Options {
    /// A run of this seed as the tests make it.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            requests: 300,
            budgets: 6,
            faults: None,
            notes: true,
            story: false,
            wrong: None,
            tamper: None,
        }
    }
    /// What may go wrong in it.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.unwrap_or_else(|| Faults::of_seed(self.seed))
    }
}

/// How often things happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Events.
    pub steps: u64,
    /// Requests by clients.
    pub requests: u64,
    /// Reservations held.
    pub held: u64,
    /// Refusals with numbers.
    pub refused: u64,
    /// Refusals because the ledger was not there.
    pub unavailable: u64,
    /// Attempts sent.
    pub sent: u64,
    /// Ends of the process.
    pub crashes: u64,
    /// Failures of the journal.
    pub fenced: u64,
    /// Reservations that went into suspense.
    pub suspended: u64,
    /// Windows that left memory.
    pub paged_out: u64,
    /// Settled above a hold.
    pub overages: u64,
    /// Holds forgotten by a power cut under `fast`.
    pub forgotten: u64,
    /// Damage that recovery refused.
    pub damage_refused: u64,
}

impl Counts {
    /// Adds another run's.
    pub const fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.requests += other.requests;
        self.held += other.held;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.sent += other.sent;
        self.crashes += other.crashes;
        self.fenced += other.fenced;
        self.suspended += other.suspended;
        self.paged_out += other.paged_out;
        self.overages += other.overages;
        self.forgotten += other.forgotten;
        self.damage_refused += other.damage_refused;
    }
}

/// A run in which every rule held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// How often things happened.
    pub counts: Counts,
    /// Tells two runs apart: equal for equal seeds, always.
    pub trace: u64,
}
