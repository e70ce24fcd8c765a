//! The book: what the entries say, added up independently of the engine and without any of its tables.

mod fold;
mod judge;

pub(crate) use judge::Look;

use crate::violation::{Rule, Violation, broken};
use bursar_core::amount::CostBasis;
use bursar_core::{Attributes, Charge, Measure, ReservationId, Timestamp};
use bursar_ledger::{Budget, Engine, State, Threshold, WindowKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One window's account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) key: WindowKey,
    pub(crate) measure: Measure,
    pub(crate) basis: CostBasis,
    pub(crate) credit: i64,
    pub(crate) settled: i128,
    pub(crate) suspense: i128,
    pub(crate) held: i128,
    pub(crate) in_memory: bool,
}

impl Account {
    pub(crate) fn part(&self, charge: &Charge) -> i128 {
        i128::from(charge.of(self.measure, self.basis))
    }
    pub(crate) fn used(&self) -> i128 {
        self.settled + self.suspense + self.held
    }
}

/// One reservation's line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) state: State,
    pub(crate) hold: Charge,
    pub(crate) estimate: Charge,
    pub(crate) charge: Charge,
    pub(crate) estimated: bool,
    pub(crate) windows: Vec<u64>,
}

impl Line {
    /// What the ledger holds or charges for it now.
    pub(crate) fn amount(&self) -> Charge {
        match self.state {
            State::Live | State::Suspense => self.hold,
            State::Settled => self.charge,
            State::Released => Charge::ZERO,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BookBudget {
    pub(crate) budget: Arc<Budget>,
    pub(crate) generation: u32,
    pub(crate) removed: bool,
}

/// What a reserve asked for, kept until its entry is folded.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) attributes: Attributes,
    pub(crate) hold: Charge,
}

/// Everything the entries said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) budgets: BTreeMap<u32, BookBudget>,
    pub(crate) accounts: BTreeMap<u64, Account>,
    pub(crate) keys: BTreeMap<WindowKey, u64>,
    pub(crate) lines: BTreeMap<ReservationId, Line>,
    pub(crate) crossed: BTreeSet<(u64, Threshold)>,
    pub(crate) adjusted: BTreeSet<u128>,
    pub(crate) adjustments: Vec<(u64, i64)>,
}

/// What is known beside the entry while it is checked.
pub(crate) struct Context<'a> {
    /// The node's clock.
    pub(crate) now: Timestamp,
    /// What was asked, for a reserve.
    pub(crate) asked: Option<&'a Asked>,
    /// The charge that was reported, for a settle that somebody asked for.
    pub(crate) reported: Option<Charge>,
}

impl Book {
    /// Compares windows of the engine that changed after so many entries with their accounts.
    pub(crate) fn compare(&self, engine: &Engine, after: u64) -> Result<(), Violation> {
        for image in engine.images(after) {
            let Some(account) = self.accounts.get(&image.id.0) else {
                return Err(broken(Rule::Isolation, format!("window {} was never opened", image.id)));
            };
            let own = (i128::from(image.settled), i128::from(image.suspense), i128::from(image.held));
            let sums = (account.settled, account.suspense, account.held);
            if own != sums || !account.in_memory {
                let text = format!("window {}: the engine has {own:?}, the entries say {sums:?}", image.id);
                return Err(broken(Rule::Counters, text));
            }
        }
        Ok(())
    }
    /// Adds everything up again from the lines, and compares with the accounts.
    pub(crate) fn recount(&self) -> Result<(), Violation> {
        let mut sums: BTreeMap<u64, (i128, i128, i128)> = BTreeMap::new();
        for (window, delta) in &self.adjustments {
            sums.entry(*window).or_default().0 += i128::from(*delta);
        }
        for line in self.lines.values() {
            for window in &line.windows {
                let Some(account) = self.accounts.get(window) else { continue };
                let sum = sums.entry(*window).or_default();
                match line.state {
                    State::Live => sum.2 += account.part(&line.hold),
                    State::Suspense => sum.1 += account.part(&line.hold),
                    State::Settled => sum.0 += account.part(&line.charge),
                    State::Released => {}
                }
            }
        }
        for (id, account) in &self.accounts {
            let own = sums.get(id).copied().unwrap_or_default();
            if (account.settled, account.suspense, account.held) != own {
                let text = format!("window w{id}: {account:?}, its reservations have {own:?}");
                return Err(broken(Rule::Counters, text));
            }
        }
        Ok(())
    }
}
