//! Which policy decides how much of an attempt is held: the strictest of the hard budgets that limit what it costs.

use crate::world::World;
use bursar_core::{Attribute, Attributes, Measure, Value};
use bursar_ledger::{Budget, BudgetId, HoldPolicy, Mode, PeriodKind};

fn budget(id: u32, mode: Mode, hold: HoldPolicy) -> Budget {
    let mut budget = Budget::new(BudgetId(id), &format!("b{id}"), Measure::Usd, Some(1_000), PeriodKind::Day);
    (budget.mode, budget.hold) = (mode, hold);
    budget
}

fn policy(budgets: &[Budget]) -> HoldPolicy {
    let world = World::with(budgets);
    world.engine.hold_policy(world.now, &Attributes::new())
}

#[test]
fn the_strictest_hard_budget_decides() {
    use HoldPolicy::{Estimate, Streaming, WorstCase};
    for (policies, expected) in [
        (&[][..], WorstCase),
        (&[WorstCase], WorstCase),
        (&[Streaming], Streaming),
        (&[Estimate], Estimate),
        (&[Estimate, Streaming], Streaming),
        (&[Estimate, Streaming, WorstCase], WorstCase),
    ] {
        let budgets: Vec<Budget> =
            (1..).zip(policies).map(|(id, hold)| budget(id, Mode::Hard, *hold)).collect();
        assert_eq!(policy(&budgets), expected, "{policies:?}");
    }
}

#[test]
fn what_promises_nothing_decides_nothing() {
    let streaming = budget(1, Mode::Hard, HoldPolicy::Streaming);
    let mut unlimited = budget(2, Mode::Hard, HoldPolicy::WorstCase);
    unlimited.limit = None;
    let mut requests = budget(3, Mode::Hard, HoldPolicy::WorstCase);
    requests.measure = Measure::Requests;
    let soft = budget(4, Mode::Soft, HoldPolicy::WorstCase);
    let shadow = budget(5, Mode::Shadow, HoldPolicy::WorstCase);
    let elsewhere = budget(6, Mode::Hard, HoldPolicy::WorstCase).matching(Attribute::Project, &["other"]);
    assert_eq!(
        policy(&[streaming, unlimited, requests, soft, shadow, elsewhere.clone()]),
        HoldPolicy::Streaming
    );
    let world = World::with(&[budget(1, Mode::Hard, HoldPolicy::Streaming), elsewhere]);
    let mut attributes = Attributes::new();
    attributes.set(&Attribute::Project, Value::new("other").unwrap());
    assert_eq!(world.engine.hold_policy(world.now, &attributes), HoldPolicy::WorstCase);
}

#[test]
fn shadow_budgets_by_themselves_show_what_hard_ones_would_do() {
    assert_eq!(policy(&[budget(1, Mode::Shadow, HoldPolicy::Streaming)]), HoldPolicy::Streaming);
    assert_eq!(policy(&[budget(1, Mode::Soft, HoldPolicy::Streaming)]), HoldPolicy::WorstCase);
}

#[test]
fn a_changed_policy_counts_at_once() {
    let mut world = World::with(&[budget(1, Mode::Hard, HoldPolicy::WorstCase)]);
    world.change(1, |budget| budget.hold = HoldPolicy::Estimate);
    assert_eq!(world.engine.hold_policy(world.now, &Attributes::new()), HoldPolicy::Estimate);
}

#[test]
fn a_policy_counts_after_a_restart_too() {
    let restored = |world: &World| {
        let mut snapshot = Vec::new();
        world.engine.snapshot(&mut snapshot);
        World { engine: crate::world::replayed(&snapshot), journal: snapshot, now: world.now }
    };
    let policy = |world: &World| world.engine.hold_policy(world.now, &Attributes::new());
    let lenient = World::with(&[budget(1, Mode::Hard, HoldPolicy::Streaming)]);
    assert_eq!(policy(&restored(&lenient)), HoldPolicy::Streaming);
    let mut strict = restored(&World::with(&[budget(1, Mode::Hard, HoldPolicy::WorstCase)]));
    assert_eq!(policy(&strict), HoldPolicy::WorstCase);
    strict.change(1, |budget| budget.hold = HoldPolicy::Estimate);
    assert_eq!(policy(&strict), HoldPolicy::Estimate);
}
