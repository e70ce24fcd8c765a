//! What budgets would have done: records in order of time through the pure ledger engine, before anybody turns them on.
//!
//! Each request asks for what it really held, when it really began, and settles at what it really cost, when it really
//! ended. What is refused here spends nothing here. Windows begin empty at the start.

use bursar_core::{Charge, Code, ReservationId, Timestamp};
use bursar_ledger::{
    Budget, BudgetId, Command, Engine, Entry, Mode, Outcome, Reserve, Settle, Sink, Standing, WindowId,
};
use bursar_store::records::{Record, Status};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// What one budget would have done.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The budget; in shadow it is simulated as a hard one.
    pub budget: Arc<Budget>,
    /// Requests that it counted.
    pub admitted: u64,
    /// Requests that it would have refused.
    pub refused: u64,
    /// Of these, those for which only requests in flight were in the way: waiting might have helped.
    pub refused_held: u64,
    /// Of these, those that alone exceed the limit.
    pub refused_too_large: u64,
    /// What the refused ones cost in truth, in the budget's measure.
    pub refused_cost: i64,
    /// When it would have refused first.
    pub first_refusal_at: Option<Timestamp>,
    /// Its windows, the fullest first.
    pub windows: Vec<SimulatedWindow>,
}

/// How one window ends.
#[derive(Clone, Debug)]
pub struct SimulatedWindow {
    /// Its numbers at the end.
    pub standing: Standing,
    /// The most that was held at once.
    pub held_max: i64,
    /// Requests that it would have refused.
    pub refused: u64,
}

/// A simulation under way.
pub struct Simulation {
    engine: Engine,
    budgets: Vec<Tally>,
    /// What ends when: the earliest first.
    ends: BinaryHeap<Reverse<(Timestamp, u128)>>,
    open: BTreeMap<u128, Charge>,
    windows: BTreeMap<WindowId, (BudgetId, i64, u64)>,
    now: Timestamp,
    /// Requests that were asked for.
    pub requests: u64,
    /// Requests that were refused then already: they were never sent, and are not asked for again.
    pub denied_before: u64,
    /// Requests that one budget or another would have refused.
    pub refused: u64,
}

struct Tally {
    budget: Arc<Budget>,
    admitted: u64,
    refused: u64,
    refused_held: u64,
    refused_too_large: u64,
    refused_cost: i64,
    first_refusal_at: Option<Timestamp>,
}

/// The engine's effects are its state: nobody replays a simulation.
struct Nowhere;

impl Sink<Entry> for Nowhere {
    fn push(&mut self, _: Entry) {}
}

impl Simulation {
    /// A simulation of these budgets, with their ids, that begins at `since`.
    ///
    /// # Errors
    /// The name of the first budget that the ledger does not take, and why.
    pub fn new(budgets: Vec<Budget>, since: Timestamp) -> Result<Self, String> {
        let mut simulation = Self {
            engine: Engine::new(),
            budgets: Vec::new(),
            ends: BinaryHeap::new(),
            open: BTreeMap::new(),
            windows: BTreeMap::new(),
            now: since,
            requests: 0,
            denied_before: 0,
            refused: 0,
        };
        for mut budget in budgets {
            if budget.mode == Mode::Shadow {
                budget.mode = Mode::Hard;
            }
            let budget = Arc::new(budget);
            let put = Command::PutBudget(Arc::clone(&budget));
            match simulation.engine.apply(since, put, &mut Nowhere) {
                Outcome::BudgetPut => simulation.budgets.push(Tally::new(budget)),
                Outcome::Rejected(why) => return Err(format!("budget `{}`: {why}", budget.name)),
                other => return Err(format!("budget `{}`: {other:?}", budget.name)),
            }
        }
        Ok(simulation)
    }

    /// Asks for one record's request. Records come in order of their creation.
    pub fn ask(&mut self, record: &Record) {
        if record.status == Status::Denied {
            self.denied_before += 1;
            return;
        }
        self.settle_until(record.created_at);
        self.now = self.now.max(record.created_at);
        self.requests += 1;
        let id = ReservationId { request: record.id, attempt: 0 };
        let hold = larger(&record.hold, &record.charge);
        let reserve = Reserve::new(id, record.attributes.clone(), hold, Timestamp::from_micros(i64::MAX));
        match self.engine.apply(self.now, Command::Reserve(reserve), &mut Nowhere) {
            Outcome::Reserved(held) => {
                for window in &held.windows {
                    let standing = self.engine.standing_of(window.window, self.now);
                    let held = standing.map_or(0, |standing| standing.held);
                    let tally = self.windows.entry(window.window).or_insert((window.budget, 0, 0));
                    tally.1 = tally.1.max(held);
                    if let Some(own) = self.budgets.iter_mut().find(|own| own.budget.id == window.budget) {
                        own.admitted += 1;
                    }
                }
                if let Some(ended) = record.finalized_at {
                    self.open.insert(record.id.as_u128(), record.charge);
                    self.ends.push(Reverse((ended.max(self.now), record.id.as_u128())));
                }
            }
            Outcome::Refused(denial) => {
                self.refused += 1;
                for blocked in &denial.blocking {
                    if let Some(window) = blocked.window {
                        self.windows.entry(window).or_insert((blocked.budget, 0, 0)).2 += 1;
                    }
                    if let Some(own) = self.budgets.iter_mut().find(|own| own.budget.id == blocked.budget) {
                        own.refuse(blocked.numbers.code, &record.charge, self.now);
                    }
                }
            }
            other => tracing::debug!(?other, "a record was not simulated"),
        }
    }

    /// What each budget would have done until `until`.
    #[must_use]
    pub fn finish(mut self, until: Timestamp, windows_max: usize) -> Vec<Simulated> {
        self.settle_until(until);
        let mut of: BTreeMap<BudgetId, Vec<SimulatedWindow>> = BTreeMap::new();
        for (window, (budget, held_max, refused)) in &self.windows {
            let Some(standing) = self.engine.standing_of(*window, until) else { continue };
            let window = SimulatedWindow { standing, held_max: *held_max, refused: *refused };
            of.entry(*budget).or_default().push(window);
        }
        let done = |own: Tally| {
            let mut windows = of.remove(&own.budget.id).unwrap_or_default();
            windows.sort_by_key(|window| {
                (Reverse(window.refused), Reverse(window.standing.settled), window.standing.starts_at)
            });
            windows.truncate(windows_max);
            Simulated {
                budget: own.budget,
                admitted: own.admitted,
                refused: own.refused,
                refused_held: own.refused_held,
                refused_too_large: own.refused_too_large,
                refused_cost: own.refused_cost,
                first_refusal_at: own.first_refusal_at,
                windows,
            }
        };
        self.budgets.into_iter().map(done).collect()
    }

    /// Settles what ended at or before an instant, in order.
    fn settle_until(&mut self, at: Timestamp) {
        while let Some(Reverse((ended, id))) = self.ends.peek().copied() {
            if ended > at {
                return;
            }
            self.ends.pop();
            let Some(charge) = self.open.remove(&id) else { continue };
            let id = ReservationId { request: bursar_core::RequestId::from_u128(id), attempt: 0 };
            let settle = Settle { id, charge, estimated: false, record: Box::default() };
            self.now = self.now.max(ended);
            let outcome = self.engine.apply(self.now, Command::Settle(settle), &mut Nowhere);
            debug_assert!(matches!(outcome, Outcome::Settled(_)), "{outcome:?}");
        }
    }
}

impl Tally {
    fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            admitted: 0,
            refused: 0,
            refused_held: 0,
            refused_too_large: 0,
            refused_cost: 0,
            first_refusal_at: None,
        }
    }
    fn refuse(&mut self, code: Code, charge: &Charge, now: Timestamp) {
        self.refused += 1;
        self.refused_held += u64::from(code == Code::BudgetHeld);
        self.refused_too_large += u64::from(code == Code::RequestTooLarge);
        let cost = charge.of(self.budget.measure, self.budget.cost_basis);
        self.refused_cost = self.refused_cost.saturating_add(cost);
        self.first_refusal_at.get_or_insert(now);
    }
}

/// A request held at least what it was charged by its ledger then; a record of several attempts tells the largest hold
/// and the sum of charges.
fn larger(hold: &Charge, charge: &Charge) -> Charge {
    Charge {
        list: hold.list.max(charge.list),
        effective: hold.effective.max(charge.effective),
        tokens: hold.tokens.max(charge.tokens),
        requests: hold.requests.max(charge.requests),
    }
}

#[cfg(test)]
mod tests;
