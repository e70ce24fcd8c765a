//! Any sequence of commands: the engine and the naive model agree on every outcome and every counter.

use crate::model::{Expected, Key, Model};
use crate::world::{attribute, attributes, audit, id, nanos, replayed, time};
use bursar_core::{Attributes, Charge, Measure, Timestamp};
use bursar_ledger::{
    Adjust, AdjustmentId, Budget, BudgetId, Command, Engine, Entry, Extend, Missing, Mode, OnExpiry, Outcome,
    Period, PeriodKind, Progress, ProvablyUnbilled, Raise, Reserve, Settle, SuspenseCause, SuspensePolicy,
    Threshold, WindowId, WindowImage, WindowKey, Zone, check_invariants,
};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One step, in the words of the model.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Box<Budget>),
    Remove(u32),
    Reserve {
        n: u128,
        attributes: Box<Attributes>,
        hold: Charge,
        estimate: Charge,
        ttl: i64,
    },
    Extend {
        n: u128,
        more: Charge,
        ttl: i64,
    },
    Progress {
        n: u128,
        estimate: Option<Charge>,
        ttl: i64,
    },
    Settle {
        n: u128,
        charge: Charge,
    },
    Release {
        n: u128,
    },
    Suspend {
        n: u128,
    },
    Forgive {
        n: u128,
    },
    Adjust {
        which: usize,
        delta: i64,
    },
    Pass {
        seconds: i64,
    },
    Expire,
    Recover,
    /// Pages out whatever is cold.
    PageOut,
    /// Goes on with an engine rebuilt from a snapshot.
    Restore,
}

/// The model and what it expects of the last step.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    model: Model,
    version: u64,
    expected: Option<Expected>,
    adjusted: Option<(Key, i64)>,
}

fn charges() -> impl Strategy<Value = Charge> {
    (prop_oneof![Just(0i64), 1i64..40], 0i64..40, 0i64..2).prop_map(|(list, tokens, requests)| Charge {
        tokens,
        requests,
        effective: bursar_core::Usd::from_nanos(list / 2),
        ..nanos(list)
    })
}

fn requests() -> impl Strategy<Value = Attributes> {
    let value = |name: &'static str, values: &[&'static str]| {
        prop::option::of(prop::sample::select(values.to_vec()))
            .prop_map(move |value| value.map(|v| (name, v)))
    };
    let parts = (
        value("project", &["a", "b"]),
        value("user", &["u", "v"]),
        value("model", &["gpt-4o", "gpt-5", "o3"]),
        value("run", &["1", "2"]),
    );
    parts.prop_map(|(a, b, c, d)| attributes(&[a, b, c, d].into_iter().flatten().collect::<Vec<_>>()))
}

fn budgets(version: u64, now: Timestamp) -> impl Strategy<Value = Budget> {
    let matches = prop::sample::select(vec![
        vec![],
        vec![("project", vec!["a"])],
        vec![("model", vec!["gpt-*"])],
        vec![("project", vec!["a", "b"]), ("model", vec!["gpt-4o", "o3"])],
        vec![("project", vec!["b"]), ("user", vec!["*"])],
    ]);
    let per = prop::sample::select(vec![vec![], vec!["user"], vec!["run"], vec!["project", "run"]]);
    let kind =
        prop::sample::select(vec![PeriodKind::Hour, PeriodKind::Day, PeriodKind::Month, PeriodKind::Total]);
    let mode = prop::sample::select(vec![Mode::Hard, Mode::Hard, Mode::Hard, Mode::Soft, Mode::Shadow]);
    let measure = prop::sample::select(vec![Measure::Usd, Measure::Usd, Measure::Tokens, Measure::Requests]);
    let limit = prop::sample::select(vec![None, Some(0), Some(30), Some(100), Some(400)]);
    let missing =
        prop::sample::select(vec![Missing::Shared, Missing::Shared, Missing::Skip, Missing::Refuse]);
    let suspense = prop::sample::select(vec![
        SuspensePolicy::Hold,
        SuspensePolicy::EstimateAfter { seconds: 60 },
        SuspensePolicy::EstimateAfter { seconds: 7_200 },
    ]);
    let thresholds = prop::sample::select(vec![
        vec![],
        vec![Threshold::Percent(80), Threshold::Percent(100)],
        vec![Threshold::Percent(80), Threshold::Amount(25)],
    ]);
    let rest = (prop::sample::select(vec![0u32, 50, 100]), any::<[bool; 5]>(), -90_000i64..0, 1i64..100_000);
    (0u32..6, matches, per, kind, (mode, measure, limit, missing, suspense, thresholds), rest).prop_map(
        move |(id, matches, per, kind, (mode, measure, limit, missing, suspense, thresholds), rest)| {
            let (rollover, [inactive, once, block, raised, zoned], since, until) = rest;
            let mut budget = Budget::new(BudgetId(id), "b", measure, limit, kind);
            for (name, patterns) in matches {
                budget = budget.matching(attribute(name), &patterns);
            }
            for name in per {
                budget = budget.per(attribute(name));
            }
            (budget.version, budget.mode, budget.missing, budget.suspense) =
                (version, mode, missing, suspense);
            (budget.thresholds, budget.rollover_cap_pct) = (thresholds, rollover);
            budget.since = now.plus_seconds(since);
            budget.active = !(inactive && once);
            budget.auto_renew = !(once && block);
            budget.on_expiry = if raised { OnExpiry::Block } else { OnExpiry::Deactivate };
            let raise = Raise { amount: 40, until: now.plus_seconds(until), reason: "r".into() };
            budget.raise = raised.then_some(raise);
            if zoned {
                budget.period = Period { kind, zone: Zone::parse("Asia/Kathmandu").unwrap() };
            }
            budget.idle_after_s = 600;
            budget
        },
    )
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let now = time("2026-03-10T12:00:00Z");
        let model = Model { now, ..Model::default() };
        Just(Self { model, version: 1, expected: None, adjusted: None }).boxed()
    }
    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let n = || 0u128..40;
        let ttl = || prop_oneof![Just(600i64), 1i64..100];
        let reserve = (n(), requests(), charges(), charges(), ttl()).prop_map(
            |(n, attributes, hold, estimate, ttl)| {
                let attributes = Box::new(attributes);
                Step::Reserve { n, attributes, hold, estimate, ttl }
            },
        );
        let seconds =
            prop_oneof![5 => 1i64..300, 2 => 1_000i64..90_000, 1 => -4_000i64..0, 1 => Just(2_700_000)];
        prop_oneof![
            5 => budgets(state.version + 1, state.model.now).prop_map(|budget| Step::Put(Box::new(budget))),
            1 => (0u32..6).prop_map(Step::Remove),
            16 => reserve,
            3 => (n(), charges(), ttl()).prop_map(|(n, more, ttl)| Step::Extend { n, more, ttl }),
            2 => (n(), prop::option::of(charges()), ttl())
                .prop_map(|(n, estimate, ttl)| Step::Progress { n, estimate, ttl }),
            8 => (n(), charges()).prop_map(|(n, charge)| Step::Settle { n, charge }),
            3 => n().prop_map(|n| Step::Release { n }),
            2 => n().prop_map(|n| Step::Suspend { n }),
            2 => n().prop_map(|n| Step::Forgive { n }),
            2 => (any::<usize>(), -30i64..60).prop_map(|(which, delta)| Step::Adjust { which, delta }),
            4 => seconds.prop_map(|seconds| Step::Pass { seconds }),
            3 => Just(Step::Expire),
            1 => Just(Step::Recover),
            2 => Just(Step::PageOut),
            1 => Just(Step::Restore),
        ]
        .boxed()
    }
    fn apply(mut state: Self, step: &Step) -> Self {
        let model = &mut state.model;
        let deadline = |ttl: i64, model: &Model| model.now.plus_seconds(ttl);
        state.expected = match step {
            Step::Put(budget) => {
                state.version += 1;
                Some(model.put(Budget::clone(budget)))
            }
            Step::Remove(id) => Some(model.remove(*id)),
            Step::Reserve { n, attributes, hold, estimate, ttl } => {
                let alarm = deadline(*ttl, model);
                Some(model.reserve(*n, attributes, *hold, *estimate, alarm))
            }
            Step::Extend { n, more, ttl } => {
                let alarm = deadline(*ttl, model);
                Some(model.extend(*n, *more, alarm))
            }
            Step::Progress { n, estimate, ttl } => {
                let alarm = deadline(*ttl, model);
                Some(model.progress(*n, *estimate, alarm))
            }
            Step::Settle { n, charge } => Some(model.settle(*n, *charge)),
            Step::Release { n } => Some(model.release(*n)),
            Step::Suspend { n } => Some(model.suspend(*n)),
            Step::Forgive { n } => Some(model.forgive(*n)),
            Step::Adjust { which, delta } => {
                let keys: Vec<Key> = model.openings.keys().cloned().collect();
                let key = (!keys.is_empty()).then(|| keys[which % keys.len()].clone());
                state.adjusted = key.clone().map(|key| (key, *delta));
                key.map(|key| model.adjust(&key, *delta))
            }
            Step::Pass { seconds } => {
                model.now = model.now.plus_seconds(*seconds);
                None
            }
            Step::Expire => Some(model.expire()),
            Step::Recover => Some(model.recover()),
            Step::PageOut | Step::Restore => None,
        };
        state
    }
}

/// The engine, its journal, and a store of images as the shell keeps it.
pub(crate) struct Machine {
    engine: Engine,
    journal: Vec<Entry>,
    store: BTreeMap<Vec<u8>, WindowImage>,
    keys: BTreeMap<Key, WindowId>,
    adjustments: u128,
}

fn key_of(key: &WindowKey) -> Key {
    let per = key.per.iter().map(|value| value.as_ref().map(ToString::to_string)).collect();
    (key.budget.0, key.generation, key.interval, per)
}

impl Machine {
    fn new() -> Self {
        Self {
            engine: Engine::new(),
            journal: Vec::new(),
            store: BTreeMap::new(),
            keys: BTreeMap::new(),
            adjustments: 0,
        }
    }
    fn apply(&mut self, now: Timestamp, command: Command) -> Outcome {
        let from = self.journal.len();
        let outcome = self.engine.apply(now, command, &mut self.journal);
        for entry in &self.journal[from..] {
            if let Entry::Opened(image) = entry {
                self.keys.insert(key_of(&image.key), image.id);
            }
        }
        outcome
    }
    fn bytes(key: &WindowKey) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        bytes
    }
    fn page_in(&mut self, now: Timestamp, key: &WindowKey) {
        if let Some(image) = self.store.remove(&Self::bytes(key)) {
            assert_eq!(self.apply(now, Command::PageIn(Box::new(image))), Outcome::PagedIn);
        }
    }
    fn reserve(&mut self, now: Timestamp, mut reserve: Reserve) -> Outcome {
        loop {
            let missing = match self.apply(now, Command::Reserve(reserve.clone())) {
                Outcome::NotLoaded(missing) if reserve.looked_up != Some(missing.epoch) => missing,
                outcome => return outcome,
            };
            missing.keys.iter().for_each(|key| self.page_in(now, key));
            reserve.looked_up = Some(missing.epoch);
        }
    }
    fn adjust(&mut self, now: Timestamp, key: &Key, delta: i64) -> Outcome {
        self.adjustments += 1;
        let adjust = Adjust {
            id: AdjustmentId(self.adjustments),
            reservation: None,
            parts: vec![(self.keys[key], delta)],
            audit: audit(),
        };
        let outcome = self.apply(now, Command::Adjust(adjust.clone()));
        if !matches!(outcome, Outcome::Rejected(bursar_ledger::Rejection::WindowNotLoaded(_))) {
            return outcome;
        }
        let stored = self.store.values().find(|image| image.id == self.keys[key]).unwrap().key.clone();
        self.page_in(now, &stored);
        self.apply(now, Command::Adjust(adjust))
    }
    fn page_out(&mut self, now: Timestamp) {
        let (images, _) = self.engine.cold(now, 0, u32::MAX);
        if images.is_empty() {
            return;
        }
        let windows = images.iter().map(|image| (image.id, image.changed)).collect();
        assert_eq!(self.apply(now, Command::PageOut(windows)), Outcome::PagedOut(images.len()));
        for image in images {
            self.store.insert(Self::bytes(&image.key), image);
        }
    }
    /// The step as the engine is asked it.
    fn run(&mut self, state: &Reference, step: Step) -> Option<Outcome> {
        let now = state.model.now;
        let record = Box::default;
        Some(match step {
            Step::Put(budget) => self.apply(now, Command::PutBudget(Arc::from(budget))),
            Step::Remove(budget) => self.apply(now, Command::RemoveBudget(BudgetId(budget))),
            Step::Reserve { n, attributes, hold, estimate, ttl } => {
                let mut reserve = Reserve::new(id(n), *attributes, hold, now.plus_seconds(ttl));
                reserve.estimate = Some(estimate);
                self.reserve(now, reserve)
            }
            Step::Extend { n, more, ttl } => {
                self.apply(now, Command::Extend(Extend { id: id(n), more, deadline: now.plus_seconds(ttl) }))
            }
            Step::Progress { n, estimate, ttl } => {
                let deadline = now.plus_seconds(ttl);
                self.apply(now, Command::Progress(Progress { id: id(n), deadline, estimate }))
            }
            Step::Settle { n, charge } => self.apply(
                now,
                Command::Settle(Settle { id: id(n), charge, estimated: false, record: record() }),
            ),
            Step::Release { n } => {
                let reason = ProvablyUnbilled::NeverSent;
                self.apply(now, Command::Release { id: id(n), reason, record: record() })
            }
            Step::Suspend { n } => {
                let cause = SuspenseCause::NoAnswer;
                self.apply(now, Command::Suspend { id: id(n), cause, record: record() })
            }
            Step::Forgive { n } => self.apply(now, Command::Forgive { id: id(n), audit: audit() }),
            Step::Adjust { .. } => {
                state.expected.as_ref()?;
                let (key, delta) = state.adjusted.as_ref()?;
                self.adjust(now, key, *delta)
            }
            Step::Expire => self.apply(now, Command::Expire),
            Step::Recover => self.apply(now, Command::Recover),
            Step::PageOut => {
                self.page_out(now);
                return None;
            }
            Step::Restore => {
                let mut snapshot = Vec::new();
                self.engine.snapshot(&mut snapshot);
                let copy = replayed(&snapshot);
                assert_eq!(copy.state_hash(), self.engine.state_hash());
                (self.engine, self.journal) = (copy, snapshot);
                return None;
            }
            Step::Pass { .. } => return None,
        })
    }
    /// The outcome in the words of the model.
    fn told(&self, outcome: Outcome) -> Expected {
        match outcome {
            Outcome::Reserved(held) => {
                let key = |window: &bursar_ledger::HeldWindow| {
                    let found = self.keys.iter().find(|(_, id)| **id == window.window);
                    found.map(|(key, _)| key.clone()).unwrap()
                };
                Expected::Held {
                    windows: held.windows.iter().map(key).collect(),
                    warned: held.warnings.iter().map(|warning| warning.budget.0).collect(),
                    shadow: held.shadow_refusals.iter().map(|blocked| blocked.budget.0).collect(),
                }
            }
            Outcome::Refused(denial) => {
                let codes = denial.blocking.iter().map(|b| (b.budget.0, b.numbers.code)).collect();
                Expected::Refused { code: denial.code, codes }
            }
            Outcome::Settled(settlement) => {
                Expected::Settled { overage: settlement.overage, crossings: settlement.crossings.len() }
            }
            Outcome::Suspended(crossings) | Outcome::Adjusted(crossings) => {
                Expected::Done { crossings: crossings.len() }
            }
            Outcome::Expired(expiry) => {
                let ids = |ids: Vec<bursar_core::ReservationId>| {
                    ids.into_iter().map(|id| id.request.as_u128()).collect()
                };
                Expected::Expired { suspended: ids(expiry.suspended), estimated: ids(expiry.estimated) }
            }
            Outcome::Extended
            | Outcome::Progressed
            | Outcome::Released
            | Outcome::Forgiven
            | Outcome::BudgetPut
            | Outcome::BudgetRemoved => Expected::Done { crossings: 0 },
            Outcome::Short(_) => Expected::Short,
            Outcome::Duplicate(_) => Expected::Duplicate,
            Outcome::Conflict(_) => Expected::Conflict,
            Outcome::Unknown => Expected::Unknown,
            Outcome::Rejected(bursar_ledger::Rejection::Broken) => panic!("broken"),
            Outcome::Rejected(_) | Outcome::Stale => Expected::Rejected,
            other @ (Outcome::NotLoaded(_)
            | Outcome::PagedOut(_)
            | Outcome::PagedIn
            | Outcome::Granted
            | Outcome::GaveBack) => panic!("{other:?}"),
        }
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Self {
        Self::new()
    }
    fn apply(mut own: Self, state: &Reference, step: Step) -> Self {
        let outcome = own.run(state, step);
        assert_eq!(outcome.map(|outcome| own.told(outcome)), state.expected);
        own
    }
    fn check_invariants(own: &Self, state: &Reference) {
        check_invariants(&own.engine).unwrap();
        let stored = own.store.values().cloned();
        let mut seen = 0;
        for image in own.engine.images(0).into_iter().chain(stored) {
            let counters = state.model.counters(&key_of(&image.key));
            assert_eq!((image.settled, image.suspense, image.held), counters, "{:?}", image.key);
            let opening = state.model.openings[&key_of(&image.key)];
            assert_eq!(image.credit, opening.credit);
            seen += 1;
        }
        assert_eq!(seen, state.model.openings.len());
        assert_eq!(replayed(&own.journal).state_hash(), own.engine.state_hash());
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Rules: S1-19, S3-07.
    #[test]
    fn the_engine_agrees_with_the_model(sequential 1..120 => Machine);
}

#[test]
fn two_runs_of_the_same_commands_give_the_same_state() {
    let run = |key: u64| {
        let mut engine = Engine::with_key(key);
        let mut journal = Vec::new();
        let now = time("2026-03-10T12:00:00Z");
        for n in 0..3u32 {
            let budget = crate::world::daily(n, 5_000).per(attribute("user"));
            let _ = engine.apply(now, Command::PutBudget(Arc::new(budget)), &mut journal);
        }
        for n in 0..2_000u128 {
            let user = format!("user-{}", n * 7_919 % 97);
            let request = attributes(&[("user", &user)]);
            let at = now.plus_seconds(i64::try_from(n).unwrap());
            let reserve =
                Reserve::new(id(n), request, nanos(1 + i64::try_from(n % 50).unwrap()), at.plus_seconds(60));
            let _ = engine.apply(at, Command::Reserve(reserve), &mut journal);
            if n % 3 == 0 {
                let settle = Settle { id: id(n), charge: nanos(1), estimated: false, record: Box::default() };
                let _ = engine.apply(at, Command::Settle(settle), &mut journal);
            }
            let _ = engine.apply(at, Command::Expire, &mut journal);
        }
        (engine.state_hash(), journal)
    };
    assert!(run(1) == run(1), "the same run");
    assert!(run(1) == run(0xdead_beef), "the key of the tables changes nothing");
}
