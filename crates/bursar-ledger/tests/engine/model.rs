//! The naive model: no counter, no index, no table. Every number is recomputed from the list of what happened.

use bursar_core::amount::CostBasis;
use bursar_core::{Attributes, Charge, Code, Measure, Scope, Timestamp};
use bursar_ledger::{Budget, Interval, Missing, Mode, OnExpiry, Raise, State, SuspensePolicy, Threshold};
use std::collections::{BTreeMap, BTreeSet};

/// Budget, generation, interval, values of `per`.
pub(crate) type Key = (u32, u32, Interval, Vec<Option<String>>);

#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) hold: Charge,
    pub(crate) estimate: Charge,
    pub(crate) charge: Charge,
    pub(crate) state: State,
    pub(crate) windows: Vec<Key>,
    pub(crate) alarm: Option<Timestamp>,
}

/// What is decided when a window opens and never changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) measure: Measure,
    pub(crate) basis: CostBasis,
    pub(crate) credit: i64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: Timestamp,
    /// Budget, generation, removed.
    pub(crate) budgets: BTreeMap<u32, (Budget, u32, bool)>,
    pub(crate) holds: BTreeMap<u128, Hold>,
    pub(crate) openings: BTreeMap<Key, Opening>,
    pub(crate) adjustments: Vec<(Key, i64)>,
    pub(crate) crossed: BTreeSet<(Key, Threshold)>,
}

/// Settled, suspense, held.
pub(crate) type Counters = (i64, i64, i64);

/// What the model expects of one command, in its own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    Held { windows: Vec<Key>, warned: Vec<u32>, shadow: Vec<u32> },
    Refused { code: Code, codes: Vec<(u32, Code)> },
    Done { crossings: usize },
    Settled { overage: Charge, crossings: usize },
    Expired { suspended: Vec<u128>, estimated: Vec<u128> },
    Duplicate,
    Conflict,
    Rejected,
    Unknown,
    Short,
}

struct Look {
    key: Key,
    opening: Opening,
    amount: i64,
    limit: Option<i64>,
    counters: Counters,
    closed: Option<Code>,
    /// It omits what a budget counts by that refuses those who do.
    omits: bool,
}

fn sum(counters: Counters) -> i64 {
    counters.0 + counters.1 + counters.2
}

impl Model {
    pub(crate) fn counters(&self, key: &Key) -> Counters {
        let Some(opening) = self.openings.get(key) else { return (0, 0, 0) };
        let part = |charge: &Charge| charge.of(opening.measure, opening.basis);
        let mut counters = (0, 0, 0);
        for hold in self.holds.values().filter(|hold| hold.windows.contains(key)) {
            match hold.state {
                State::Live => counters.2 += part(&hold.hold),
                State::Suspense => counters.1 += part(&hold.hold),
                State::Settled => counters.0 += part(&hold.charge),
                State::Released => {}
            }
        }
        counters.0 +=
            self.adjustments.iter().filter(|(own, _)| own == key).map(|(_, delta)| delta).sum::<i64>();
        counters
    }
    fn limit(&self, budget: &Budget, credit: i64) -> Option<i64> {
        let raise = |raise: &Raise| if self.now < raise.until { raise.amount } else { 0 };
        budget.limit.map(|limit| limit + credit + budget.raise.as_ref().map_or(0, raise))
    }
    fn key(&self, budget: &Budget, generation: u32, interval: Interval, attributes: &Attributes) -> Key {
        let value = |attribute| attributes.get(attribute).map(ToString::to_string);
        (budget.id.0, generation, interval, budget.per.iter().map(value).collect())
    }
    fn looks(&self, attributes: &Attributes, charge: &Charge) -> Vec<Look> {
        let mut looks = Vec::new();
        for (budget, generation, removed) in self.budgets.values() {
            let matches = budget.matches.iter().all(|(attribute, patterns)| {
                let value = attributes.get(attribute);
                value.is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value.as_str())))
            });
            if *removed || !budget.active || !matches {
                continue;
            }
            let interval = budget.period.window_at(self.now);
            let hard = budget.mode == Mode::Hard;
            let over = interval.starts_at.is_some_and(|start| start > budget.since);
            let before = interval.ends_at.is_some_and(|end| end <= budget.since);
            let missing = budget.per.iter().any(|attribute| attributes.get(attribute).is_none());
            let mut closed = None;
            if !budget.auto_renew && (over || before) {
                if before || !hard || budget.on_expiry == OnExpiry::Deactivate {
                    continue;
                }
                closed = Some(Code::BudgetExpired);
            } else if missing && budget.missing == Missing::Skip {
                continue;
            } else if missing && budget.missing == Missing::Refuse && hard {
                closed = Some(Code::BadInput);
            }
            let key = self.key(budget, *generation, interval, attributes);
            let opening = self.openings.get(&key).copied().unwrap_or_else(|| Opening {
                measure: budget.measure,
                basis: budget.cost_basis,
                credit: if closed.is_none() { self.rolled_over(budget, &key) } else { 0 },
            });
            looks.push(Look {
                amount: charge.of(opening.measure, opening.basis),
                limit: self.limit(budget, opening.credit),
                counters: self.counters(&key),
                opening,
                key,
                closed,
                omits: missing && budget.missing == Missing::Refuse,
            });
        }
        looks.sort_by_key(|look| {
            let budget = &self.budgets[&look.key.0].0;
            (budget.narrowest().is_none(), budget.narrowest().cloned(), budget.id)
        });
        looks
    }
    fn rolled_over(&self, budget: &Budget, key: &Key) -> i64 {
        let (Some(limit), Some(start)) = (budget.limit, key.2.starts_at) else { return 0 };
        if budget.since >= start {
            return 0;
        }
        let before = (
            key.0,
            key.1,
            budget.period.window_at(Timestamp::from_micros(start.micros() - 1)),
            key.3.clone(),
        );
        let credit = self.openings.get(&before).map_or(0, |opening| opening.credit);
        let unused = (limit + credit - sum(self.counters(&before))).clamp(0, limit);
        unused.min(limit * i64::from(budget.rollover_cap_pct) / 100)
    }
    fn blocks(&self, look: &Look) -> bool {
        let full = look.limit.is_some_and(|limit| sum(look.counters) + look.amount > limit);
        look.closed.is_some() || (look.amount > 0 && full)
    }
    fn code(&self, look: &Look) -> Code {
        let limit = look.limit.unwrap_or(i64::MAX);
        let budget = &self.budgets[&look.key.0].0;
        let scope = budget.narrowest().map_or(Scope::Platform, |a| Scope::Attribute(a.clone(), None));
        match look.closed {
            Some(code) => code,
            None if limit > 0 && look.amount > limit => Code::RequestTooLarge,
            None if look.counters.0 + look.counters.1 + look.amount <= limit => Code::BudgetHeld,
            None => Code::exhausted(&scope),
        }
    }
    fn reaches(threshold: Threshold, amount: i64, limit: Option<i64>) -> bool {
        match threshold {
            Threshold::Amount(mark) => amount >= mark,
            Threshold::Percent(percent) => {
                limit.is_some_and(|limit| amount > 0 && amount * 100 >= limit * i64::from(percent))
            }
        }
    }

    pub(crate) fn reserve(
        &mut self,
        n: u128,
        attributes: &Attributes,
        hold: Charge,
        estimate: Charge,
        alarm: Timestamp,
    ) -> Expected {
        if self.holds.contains_key(&n) {
            return Expected::Duplicate;
        }
        let looks = self.looks(attributes, &hold);
        let mode = |look: &Look| self.budgets[&look.key.0].0.mode;
        let blocking: Vec<&Look> =
            looks.iter().filter(|look| mode(look) == Mode::Hard && self.blocks(look)).collect();
        if !blocking.is_empty() {
            let mut codes: Vec<(u32, Code)> =
                blocking.iter().map(|look| (look.key.0, self.code(look))).collect();
            if let Some(first) = codes.iter().position(|(_, code)| *code != Code::BudgetHeld) {
                let first = codes.remove(first);
                codes.insert(0, first);
            }
            return Expected::Refused { code: codes[0].1, codes };
        }
        let shadow: Vec<u32> = looks
            .iter()
            .filter(|look| mode(look) == Mode::Shadow && (look.omits || self.blocks(look)))
            .map(|look| look.key.0)
            .collect();
        let warns = |look: &&Look| {
            self.budgets[&look.key.0].0.thresholds.iter().any(|threshold| {
                let after = sum(look.counters) + look.amount;
                !self.crossed.contains(&(look.key.clone(), *threshold))
                    && Self::reaches(*threshold, after, look.limit)
            })
        };
        let warned: Vec<u32> = looks.iter().filter(warns).map(|look| look.key.0).collect();
        let windows: Vec<Key> = looks.iter().map(|look| look.key.clone()).collect();
        for look in &looks {
            self.openings.entry(look.key.clone()).or_insert(look.opening);
        }
        let (state, charge) = (State::Live, Charge::ZERO);
        let alarm = Some(alarm);
        self.holds.insert(n, Hold { hold, estimate, charge, state, windows: windows.clone(), alarm });
        Expected::Held { windows, warned, shadow }
    }
    pub(crate) fn extend(&mut self, n: u128, more: Charge, alarm: Timestamp) -> Expected {
        let Some(hold) = self.holds.get(&n) else { return Expected::Unknown };
        if let Some(other) = Self::not_live(hold) {
            return other;
        }
        let blocks = |key: &Key| {
            let (budget, opening) = (&self.budgets[&key.0].0, self.openings[key]);
            let amount = more.of(opening.measure, opening.basis);
            let limit = self.limit(budget, opening.credit);
            budget.mode == Mode::Hard
                && amount > 0
                && limit.is_some_and(|limit| sum(self.counters(key)) + amount > limit)
        };
        if hold.windows.iter().any(blocks) {
            return Expected::Short;
        }
        let hold = self.holds.get_mut(&n).unwrap();
        hold.hold.list = hold.hold.list.checked_add(more.list).unwrap();
        hold.hold.effective = hold.hold.effective.checked_add(more.effective).unwrap();
        hold.hold.tokens += more.tokens;
        hold.hold.requests += more.requests;
        hold.alarm = hold.alarm.max(Some(alarm));
        Expected::Done { crossings: 0 }
    }
    fn not_live(hold: &Hold) -> Option<Expected> {
        match hold.state {
            State::Live => None,
            State::Suspense => Some(Expected::Rejected),
            State::Settled | State::Released => Some(Expected::Conflict),
        }
    }
    pub(crate) fn progress(&mut self, n: u128, estimate: Option<Charge>, alarm: Timestamp) -> Expected {
        let Some(hold) = self.holds.get_mut(&n) else { return Expected::Unknown };
        if let Some(other) = Self::not_live(hold) {
            return other;
        }
        hold.estimate = estimate.unwrap_or(hold.estimate);
        hold.alarm = hold.alarm.max(Some(alarm));
        Expected::Done { crossings: 0 }
    }
    pub(crate) fn settle(&mut self, n: u128, charge: Charge) -> Expected {
        let Some(hold) = self.holds.get(&n) else { return Expected::Unknown };
        match hold.state {
            State::Settled if hold.charge == charge => return Expected::Duplicate,
            State::Settled | State::Released => return Expected::Conflict,
            State::Live | State::Suspense => {}
        }
        let positive = |actual: i64, held: i64| (actual - held).max(0);
        let usd = |actual: bursar_core::Usd, held: bursar_core::Usd| {
            bursar_core::Usd::from_nanos(positive(actual.nanos(), held.nanos()))
        };
        let overage = Charge {
            list: usd(charge.list, hold.hold.list),
            effective: usd(charge.effective, hold.hold.effective),
            tokens: positive(charge.tokens, hold.hold.tokens),
            requests: positive(charge.requests, hold.hold.requests),
        };
        self.finish(n, State::Settled, charge);
        let crossings = self.cross(n);
        Expected::Settled { overage, crossings }
    }
    fn finish(&mut self, n: u128, state: State, charge: Charge) {
        let hold = self.holds.get_mut(&n).unwrap();
        (hold.state, hold.charge, hold.alarm) = (state, charge, None);
    }
    /// Marks the thresholds that the windows of a reservation reach by now; says how many.
    fn cross(&mut self, n: u128) -> usize {
        let windows = self.holds[&n].windows.clone();
        windows.iter().map(|key| self.cross_window(key)).sum()
    }
    fn cross_window(&mut self, key: &Key) -> usize {
        let budget = self.budgets[&key.0].0.clone();
        let (settled, suspense, _) = self.counters(key);
        let limit = self.limit(&budget, self.openings[key].credit);
        let reached =
            budget.thresholds.iter().filter(|mark| Self::reaches(**mark, settled + suspense, limit));
        reached.filter(|mark| self.crossed.insert((key.clone(), **mark))).count()
    }
    pub(crate) fn release(&mut self, n: u128) -> Expected {
        let Some(hold) = self.holds.get(&n) else { return Expected::Unknown };
        match hold.state {
            State::Live => {}
            State::Suspense => return Expected::Rejected,
            State::Settled => return Expected::Conflict,
            State::Released => return Expected::Duplicate,
        }
        self.finish(n, State::Released, Charge::ZERO);
        Expected::Done { crossings: 0 }
    }
    pub(crate) fn suspend(&mut self, n: u128) -> Expected {
        let Some(hold) = self.holds.get(&n) else { return Expected::Unknown };
        match hold.state {
            State::Live => Expected::Done { crossings: self.suspend_now(n) },
            State::Suspense => Expected::Duplicate,
            State::Settled | State::Released => Expected::Conflict,
        }
    }
    fn suspend_now(&mut self, n: u128) -> usize {
        let policies = self.holds[&n].windows.iter().map(|key| self.budgets[&key.0].0.suspense);
        let seconds = |policy| match policy {
            SuspensePolicy::Hold => None,
            SuspensePolicy::EstimateAfter { seconds } => Some(seconds),
        };
        let all: Option<Vec<u32>> = policies.map(seconds).collect();
        let longest = all.and_then(|seconds| seconds.into_iter().max());
        let now = self.now;
        let hold = self.holds.get_mut(&n).unwrap();
        hold.state = State::Suspense;
        hold.alarm = longest.map(|seconds| now.plus_seconds(i64::from(seconds)));
        self.cross(n)
    }
    pub(crate) fn forgive(&mut self, n: u128) -> Expected {
        let Some(hold) = self.holds.get(&n) else { return Expected::Unknown };
        match hold.state {
            State::Live => return Expected::Rejected,
            State::Settled => return Expected::Conflict,
            State::Released => return Expected::Duplicate,
            State::Suspense => {}
        }
        self.finish(n, State::Released, Charge::ZERO);
        Expected::Done { crossings: 0 }
    }
    pub(crate) fn expire(&mut self) -> Expected {
        let due = |(n, hold): (&u128, &Hold)| hold.alarm.filter(|at| *at <= self.now).map(|at| (at, *n));
        let due: BTreeSet<(Timestamp, u128)> = self.holds.iter().filter_map(due).collect();
        let (mut suspended, mut estimated) = (Vec::new(), Vec::new());
        for (_, n) in due {
            if self.holds[&n].state == State::Live {
                self.suspend_now(n);
                suspended.push(n);
            } else {
                self.finish(n, State::Settled, self.holds[&n].estimate);
                self.cross(n);
                estimated.push(n);
            }
        }
        Expected::Expired { suspended, estimated }
    }
    pub(crate) fn recover(&mut self) -> Expected {
        let live = self.holds.iter().filter(|(_, hold)| hold.state == State::Live);
        let suspended: Vec<u128> = live.map(|(n, _)| *n).collect();
        for n in &suspended {
            self.suspend_now(*n);
        }
        Expected::Expired { suspended, estimated: Vec::new() }
    }
    pub(crate) fn adjust(&mut self, key: &Key, delta: i64) -> Expected {
        if self.counters(key).0 + delta < 0 {
            return Expected::Rejected;
        }
        self.adjustments.push((key.clone(), delta));
        Expected::Done { crossings: self.cross_window(key) }
    }
    pub(crate) fn put(&mut self, budget: Budget) -> Expected {
        let id = budget.id.0;
        let generation = match self.budgets.get(&id) {
            Some((_, _, true)) => return Expected::Rejected,
            Some((old, generation, false)) => {
                // A threshold that leaves the list is forgotten.
                let gone = |mark: &Threshold| !budget.thresholds.contains(mark);
                self.crossed.retain(|(key, mark)| key.0 != id || !gone(mark));
                generation + u32::from(old.per != budget.per || old.measure != budget.measure)
            }
            None => 0,
        };
        self.budgets.insert(id, (budget, generation, false));
        Expected::Done { crossings: 0 }
    }
    pub(crate) fn remove(&mut self, id: u32) -> Expected {
        match self.budgets.get_mut(&id) {
            None | Some((_, _, true)) => Expected::Rejected,
            Some((_, _, removed)) => {
                *removed = true;
                Expected::Done { crossings: 0 }
            }
        }
    }
}
