//! A world for stories: an engine, its journal, a clock, and words that are short.

use bursar_core::{Attribute, Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd, Value};
use bursar_ledger::{
    Audit, Budget, BudgetId, Command, Denial, Engine, Entry, Held, Outcome, PeriodKind, Progress,
    ProvablyUnbilled, Reserve, Settle, Settlement, Standing,
};
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) journal: Vec<Entry>,
    pub(crate) now: Timestamp,
}

impl World {
    /// A world at noon of 2026-03-10 UTC.
    pub(crate) fn new() -> Self {
        Self { engine: Engine::new(), journal: Vec::new(), now: time("2026-03-10T12:00:00Z") }
    }
    pub(crate) fn with(budgets: &[Budget]) -> Self {
        let mut world = Self::new();
        for budget in budgets {
            world.put(budget.clone());
        }
        world
    }
    /// Applies a command, and checks that a replay of the journal gives the same state.
    pub(crate) fn apply(&mut self, command: Command) -> Outcome {
        let outcome = self.engine.apply(self.now, command, &mut self.journal);
        assert_eq!(replayed(&self.journal).state_hash(), self.engine.state_hash(), "replay differs");
        outcome
    }
    pub(crate) fn at(&mut self, text: &str) -> &mut Self {
        self.now = time(text);
        self
    }
    pub(crate) fn pass(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }
    pub(crate) fn put(&mut self, budget: Budget) {
        assert_eq!(self.apply(Command::PutBudget(Arc::new(budget))), Outcome::BudgetPut);
    }
    /// Changes a budget, as its next version.
    pub(crate) fn change(&mut self, id: u32, change: impl FnOnce(&mut Budget)) {
        let mut budget = Budget::clone(self.engine.budget_of(BudgetId(id)).unwrap());
        budget.version += 1;
        change(&mut budget);
        self.put(budget);
    }
    pub(crate) fn try_reserve(&mut self, n: u128, attributes: &Attributes, hold: Charge) -> Outcome {
        let reserve = Reserve::new(id(n), attributes.clone(), hold, self.now.plus_seconds(600));
        self.apply(Command::Reserve(reserve))
    }
    pub(crate) fn reserve(&mut self, n: u128, attributes: &Attributes, hold: Charge) -> Held {
        match self.try_reserve(n, attributes, hold) {
            Outcome::Reserved(held) => held,
            other => panic!("not reserved: {other:?}"),
        }
    }
    pub(crate) fn refuse(&mut self, n: u128, attributes: &Attributes, hold: Charge) -> Denial {
        match self.try_reserve(n, attributes, hold) {
            Outcome::Refused(denial) => *denial,
            other => panic!("not refused: {other:?}"),
        }
    }
    pub(crate) fn try_settle(&mut self, n: u128, charge: Charge) -> Outcome {
        self.apply(Command::Settle(Settle { id: id(n), charge, estimated: false, record: Box::default() }))
    }
    pub(crate) fn settle(&mut self, n: u128, charge: Charge) -> Settlement {
        match self.try_settle(n, charge) {
            Outcome::Settled(settlement) => settlement,
            other => panic!("not settled: {other:?}"),
        }
    }
    /// Spends at once.
    pub(crate) fn spend(&mut self, n: u128, attributes: &Attributes, charge: Charge) {
        self.reserve(n, attributes, charge);
        self.settle(n, charge);
    }
    pub(crate) fn release(&mut self, n: u128) -> Outcome {
        let reason = ProvablyUnbilled::NeverSent;
        self.apply(Command::Release { id: id(n), reason, record: Box::default() })
    }
    pub(crate) fn progress(&mut self, n: u128, deadline: Timestamp) -> Outcome {
        self.apply(Command::Progress(Progress { id: id(n), deadline, estimate: None }))
    }
    pub(crate) fn expire(&mut self) -> Vec<ReservationId> {
        match self.apply(Command::Expire) {
            Outcome::Expired(expiry) => expiry.suspended,
            other => panic!("not expired: {other:?}"),
        }
    }
    pub(crate) fn forgive(&mut self, n: u128) -> Outcome {
        self.apply(Command::Forgive { id: id(n), audit: audit() })
    }
    /// The only current window of a budget.
    pub(crate) fn standing(&self, budget: u32) -> Standing {
        let standings = self.engine.standing(BudgetId(budget), self.now);
        assert_eq!(standings.len(), 1, "{standings:?}");
        standings.into_iter().next().unwrap()
    }
    /// Settled, suspense and held of the only current window of a budget.
    pub(crate) fn counters(&self, budget: u32) -> (i64, i64, i64) {
        let standing = self.standing(budget);
        (standing.settled, standing.suspense, standing.held)
    }
}

pub(crate) fn replayed(journal: &[Entry]) -> Engine {
    let mut engine = Engine::new();
    for entry in journal {
        engine.replay(entry).unwrap();
    }
    engine
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
pub(crate) fn id(n: u128) -> ReservationId {
    ReservationId { request: RequestId::from_u128(n), attempt: 0 }
}
pub(crate) fn audit() -> Audit {
    Audit { actor: "ops@example.com".into(), reason: "the provider confirmed".into() }
}
/// Nano-USD as list and effective cost, and one request.
pub(crate) fn nanos(nanos: i64) -> Charge {
    Charge { list: Usd::from_nanos(nanos), effective: Usd::from_nanos(nanos), tokens: 0, requests: 1 }
}
pub(crate) fn usd(text: &str) -> Charge {
    nanos(amount(text))
}
/// USD as nano-USD.
pub(crate) fn amount(text: &str) -> i64 {
    Usd::parse(text).unwrap().nanos()
}
pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in pairs {
        assert!(attributes.set(&attribute(name), Value::new(value).unwrap()));
    }
    attributes
}
pub(crate) fn attribute(name: &str) -> Attribute {
    Attribute::parse(name).unwrap()
}
/// A hard daily budget in nano-USD for the whole platform.
pub(crate) fn daily(id: u32, limit: i64) -> Budget {
    Budget::new(BudgetId(id), &format!("budget {id}"), Measure::Usd, Some(limit), PeriodKind::Day)
}
