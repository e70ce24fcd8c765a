//! Which windows a request touches, and what several of them decide together.

use crate::world::{World, amount, attribute, attributes, daily, id, nanos, usd};
use bursar_core::{Charge, Code, Measure, Scope};
use bursar_ledger::{
    Budget, BudgetError, BudgetId, Command, Crossing, Missing, Mode, Outcome, PeriodKind, Raise, Rejection,
    Threshold, WindowId,
};
use std::sync::Arc;

/// Rules: S1-19, S1-27, S3-08.
#[test]
fn all_windows_or_none() {
    let mut world = World::with(&[
        daily(1, 1_000),
        daily(2, 50).matching(attribute("project"), &["alpha"]),
        daily(3, 1_000).matching(attribute("model"), &["gpt-*"]),
    ]);
    let request = attributes(&[("project", "alpha"), ("model", "gpt-4o")]);
    let denial = world.refuse(1, &request, nanos(51));
    assert_eq!(denial.code, Code::RequestTooLarge);
    assert_eq!((world.counters(1), world.counters(2), world.counters(3)), ((0, 0, 0), (0, 0, 0), (0, 0, 0)));
    assert_eq!(world.engine.windows_in_memory(), 0);
    let held = world.reserve(2, &request, nanos(50));
    let budgets: Vec<u32> = held.windows.iter().map(|window| window.budget.0).collect();
    assert_eq!(budgets, [3, 2, 1], "narrowest scope first");
    assert_eq!(
        (world.counters(1), world.counters(2), world.counters(3)),
        ((0, 0, 50), (0, 0, 50), (0, 0, 50))
    );
}

/// Rules: S1-03, S1-09, S1-27, S3-01.
#[test]
fn a_refusal_names_every_blocking_window_and_says_what_fits() {
    let mut world = World::with(&[
        daily(1, 100),
        daily(2, 90).per(attribute("user")),
        daily(3, 1_000).matching(attribute("provider"), &["openai"]),
    ]);
    let bob = attributes(&[("user", "bob"), ("provider", "openai")]);
    world.spend(1, &bob, nanos(60));
    world.reserve(2, &bob, nanos(20));
    // 25 more: bob's 60 + 20 + 25 > 90, yet 60 + 25 <= 90: held by requests in flight. The platform 80 + 25 > 100: likewise.
    let denial = world.refuse(3, &bob, nanos(25));
    assert_eq!((denial.code, denial.wait_ms), (Code::BudgetHeld, 2_000));
    let scopes: Vec<String> = denial.blocking.iter().map(|b| b.numbers.scope.to_string()).collect();
    assert_eq!(scopes, ["user=bob", "platform"]);
    assert_eq!((denial.room.list, denial.room.effective), (Some(10), Some(20)));
    let numbers = &denial.blocking[0].numbers;
    assert_eq!((numbers.limit, numbers.settled, numbers.held, numbers.requested), (90, 60, 20, 25));
    assert!(numbers.ends_at.is_some() && denial.blocking[0].window.is_some());
    // 45 more: the platform is exhausted even without what is held; it decides, though bob's window is narrower.
    world.change(2, |budget| budget.limit = Some(110));
    let denial = world.refuse(4, &bob, nanos(45));
    assert_eq!((denial.code, denial.wait_ms), (Code::BudgetPlatform, 0));
    let codes: Vec<Code> = denial.blocking.iter().map(|b| b.numbers.code).collect();
    assert_eq!(codes, [Code::BudgetPlatform, Code::BudgetHeld]);
}

/// Rules: S4-29.
#[test]
fn windows_that_only_an_attempt_touches_are_told_apart() {
    let mut world = World::with(&[daily(1, 10).matching(attribute("provider"), &["openai"])]);
    let denial = world.refuse(1, &attributes(&[("provider", "openai")]), nanos(11));
    assert!(denial.blocking[0].per_attempt);
    world.reserve(2, &attributes(&[("provider", "gemini")]), nanos(11));
}

/// Rules: S4-27, S4-29.
#[test]
fn each_measure_and_cost_basis_counts_its_own_part() {
    let counting =
        |id, measure, limit| Budget::new(BudgetId(id), "b", measure, Some(limit), PeriodKind::Month);
    let mut world = World::with(&[
        counting(1, Measure::Tokens, 100),
        counting(2, Measure::Requests, 2),
        counting(3, Measure::Usd, 1_000),
        counting(4, Measure::Usd, 1_000).matching(attribute("project"), &["alpha"]),
    ]);
    let alpha = attributes(&[("project", "alpha")]);
    let charge = Charge { tokens: 30, requests: 1, effective: nanos(8).list, ..nanos(10) };
    world.spend(1, &alpha, charge);
    let settled = [1, 2, 3, 4].map(|budget| world.standing(budget).settled);
    assert_eq!(settled, [30, 1, 8, 10]);
    // A second attempt of the same request carries no request of its own, and a full requests window lets it pass.
    world.spend(2, &alpha, charge);
    world.reserve(3, &alpha, Charge { requests: 0, ..charge });
    let denial = world.refuse(4, &alpha, Charge { tokens: 0, ..charge });
    assert_eq!((denial.code, denial.blocking[0].numbers.measure), (Code::BudgetPlatform, Measure::Requests));
}

/// Rules: S3-10, S3-12.
#[test]
fn soft_adds_and_shadow_says_what_it_would_have_refused() {
    let mut soft = daily(1, 100);
    soft.mode = Mode::Soft;
    let mut shadow = daily(2, 100);
    shadow.mode = Mode::Shadow;
    let mut world = World::with(&[soft, shadow]);
    let anyone = attributes(&[]);
    world.spend(1, &anyone, nanos(90));
    let held = world.reserve(2, &anyone, nanos(20));
    assert_eq!(held.shadow_refusals.len(), 1);
    assert_eq!(held.shadow_refusals[0].numbers.budget, "budget 2");
    assert_eq!((held.tightest_usd, held.windows[0].remaining), (None, Some(-10)));
    let Some(bursar_ledger::Entry::Reserved(reserved)) = world.journal.last() else { panic!() };
    assert!(!reserved.would_have_refused(0) && reserved.would_have_refused(1));
    world.settle(2, nanos(20));
    assert_eq!((world.standing(1).over_limit, world.standing(2).over_limit), (10, 10));
    assert_eq!(world.standing(1).overage, 0, "nothing was billed above its hold");
}

#[test]
fn who_omits_an_attribute_shares_skips_or_is_refused() {
    let missing = |id, missing| {
        let mut budget = daily(id, 100).per(attribute("user"));
        budget.missing = missing;
        budget
    };
    let mut world = World::with(&[missing(1, Missing::Shared), missing(2, Missing::Skip)]);
    let anyone = attributes(&[]);
    world.reserve(1, &anyone, nanos(60));
    assert_eq!(world.refuse(2, &anyone, nanos(60)).blocking[0].numbers.scope.to_string(), "user");
    world.reserve(3, &attributes(&[("user", "bob")]), nanos(60));
    assert_eq!(world.engine.standing(BudgetId(2), world.now).len(), 1);
    world.put(missing(3, Missing::Refuse));
    assert_eq!(world.refuse(4, &anyone, nanos(1)).code, Code::BadInput);
    world.reserve(5, &attributes(&[("user", "bob")]), nanos(1));
}

#[test]
fn a_shadow_budget_says_that_it_would_have_refused_who_omits_an_attribute() {
    let mut budget = daily(1, 100).per(attribute("user"));
    (budget.missing, budget.mode) = (Missing::Refuse, Mode::Shadow);
    let mut world = World::with(&[budget]);
    let held = world.reserve(1, &attributes(&[]), nanos(1));
    assert_eq!(held.shadow_refusals.len(), 1);
    assert_eq!(held.shadow_refusals[0].numbers.code, Code::BadInput);
    let Some(bursar_ledger::Entry::Reserved(reserved)) = world.journal.last() else { panic!() };
    assert!(reserved.would_have_refused(0), "it counts all the same, and says so");
    assert!(world.reserve(2, &attributes(&[("user", "bob")]), nanos(1)).shadow_refusals.is_empty());
    world.settle(1, nanos(1));
    assert_eq!(world.engine.standing(BudgetId(1), world.now).len(), 2);
}

/// Rules: S1-11, S1-12, S3-12.
#[test]
fn limits_act_at_once() {
    let mut world = World::with(&[daily(1, 100)]);
    let anyone = attributes(&[]);
    world.reserve(1, &anyone, nanos(80));
    world.change(1, |budget| budget.limit = Some(50));
    assert_eq!(world.standing(1).over_limit, 30);
    assert_eq!(world.refuse(2, &anyone, nanos(1)).code, Code::BudgetHeld);
    world.settle(1, nanos(40));
    world.reserve(2, &anyone, nanos(10));
    world.change(1, |budget| budget.limit = Some(500));
    world.reserve(3, &anyone, nanos(450));
    world.change(1, |budget| budget.limit = None);
    world.reserve(4, &anyone, nanos(1_000_000));
    world.change(1, |budget| budget.limit = Some(0));
    assert_eq!(world.refuse(5, &anyone, nanos(1)).code, Code::BudgetPlatform);
    world.reserve(6, &anyone, Charge::ZERO);
}

#[test]
fn a_raise_ends_by_itself() {
    let mut budget = daily(1, 100);
    let until = World::new().now.plus_seconds(3_600);
    budget.raise = Some(Raise { amount: 50, until, reason: "launch day".into() });
    let mut world = World::with(&[budget]);
    let anyone = attributes(&[]);
    world.spend(1, &anyone, nanos(150));
    world.pass(3_599);
    assert_eq!(world.standing(1).limit, Some(150));
    world.pass(1);
    let standing = world.standing(1);
    assert_eq!((standing.limit, standing.over_limit, standing.overage), (Some(100), 50, 0));
}

#[test]
fn a_budget_that_is_gone_holds_nothing_new_and_settles_what_it_held() {
    let mut world = World::with(&[daily(1, 100), daily(2, 100)]);
    let anyone = attributes(&[]);
    world.reserve(1, &anyone, nanos(80));
    assert_eq!(world.apply(Command::RemoveBudget(BudgetId(1))), Outcome::BudgetRemoved);
    world.change(2, |budget| budget.active = false);
    assert_eq!(world.reserve(2, &anyone, nanos(1_000)).windows.len(), 0);
    world.settle(1, nanos(30));
    assert_eq!((world.counters(1), world.counters(2)), ((30, 0, 0), (30, 0, 0)));
    let again = Command::PutBudget(Arc::new(daily(1, 5)));
    assert_eq!(world.apply(again), Outcome::Rejected(Rejection::NoBudget(BudgetId(1))));
    assert_eq!(world.apply(Command::RemoveBudget(BudgetId(1))), Outcome::Stale);
    world.change(2, |budget| budget.active = true);
    assert_eq!(world.refuse(3, &anyone, nanos(71)).code, Code::BudgetPlatform);
}

#[test]
fn an_older_version_is_stale() {
    let mut world = World::with(&[daily(1, 100)]);
    let mut older = daily(1, 5);
    assert_eq!(world.apply(Command::PutBudget(Arc::new(older.clone()))), Outcome::Stale);
    older.version = 2;
    assert_eq!(world.apply(Command::PutBudget(Arc::new(older))), Outcome::BudgetPut);
}

/// Rules: S1-04, S2-17, S3-11.
#[test]
fn thresholds_are_crossed_once_by_what_is_spent() {
    let mut budget = daily(1, 100);
    budget.thresholds = vec![Threshold::Percent(50), Threshold::Amount(90), Threshold::Percent(100)];
    let mut world = World::with(&[budget]);
    let anyone = attributes(&[]);
    let held = world.reserve(1, &anyone, nanos(60));
    assert_eq!((held.warnings[0].threshold, held.warnings[0].permille), (Threshold::Percent(50), Some(600)));
    let crossing = |threshold| Crossing { window: WindowId(1), threshold };
    assert_eq!(world.settle(1, nanos(55)).crossings, [crossing(Threshold::Percent(50))]);
    assert_eq!(world.reserve(2, &anyone, nanos(10)).warnings, [], "already crossed");
    assert_eq!(world.settle(2, nanos(10)).crossings, []);
    world.reserve(3, &anyone, nanos(35));
    let both = [crossing(Threshold::Amount(90)), crossing(Threshold::Percent(100))];
    assert_eq!(world.settle(3, nanos(35)).crossings, both);
    // What was crossed stays crossed when the list changes.
    world.change(1, |budget| {
        budget.thresholds = vec![Threshold::Percent(100), Threshold::Percent(110)];
        budget.limit = Some(200);
    });
    world.reserve(4, &anyone, nanos(100));
    assert_eq!(world.settle(4, nanos(100)).crossings, []);
}

#[test]
fn at_most_sixteen_windows() {
    let budgets: Vec<Budget> = (1..=17).map(|id| daily(id, 100)).collect();
    let mut world = World::with(&budgets[..16]);
    let anyone = attributes(&[]);
    assert_eq!(world.reserve(1, &anyone, nanos(1)).windows.len(), 16);
    world.put(budgets[16].clone());
    let denial = world.refuse(2, &anyone, nanos(1));
    assert_eq!((denial.code, denial.blocking.len()), (Code::TooManyWindows, 17));
}

#[test]
fn windows_of_one_budget_are_bounded() {
    let each = |id, mode| {
        let mut budget = daily(id, 100).per(attribute("run"));
        (budget.windows_max, budget.mode) = (2, mode);
        budget
    };
    let mut world = World::with(&[each(1, Mode::Hard)]);
    for (n, run) in [(1, "a"), (2, "b")] {
        world.reserve(n, &attributes(&[("run", run)]), nanos(10));
    }
    let c = attributes(&[("run", "c")]);
    assert_eq!(world.refuse(3, &c, nanos(10)).code, Code::TooManyWindows);
    world.reserve(4, &attributes(&[("run", "a")]), nanos(10));
    // A soft budget counts the rest together.
    let mut world = World::with(&[each(2, Mode::Soft)]);
    for (n, run) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        world.reserve(n, &attributes(&[("run", run)]), nanos(10));
    }
    let held: Vec<(Option<String>, i64)> = world
        .engine
        .standing(BudgetId(2), world.now)
        .iter()
        .map(|standing| (standing.per[0].as_ref().map(ToString::to_string), standing.held))
        .collect();
    assert_eq!(held, [(Some("a".to_owned()), 10), (Some("b".to_owned()), 10), (None, 20)]);
}

/// Rules: S3-03.
#[test]
fn a_request_that_needs_a_budget_and_has_none_is_refused() {
    let mut world = World::with(&[daily(1, 100).matching(attribute("project"), &["alpha"])]);
    let mut reserve = bursar_ledger::Reserve::new(id(1), attributes(&[]), nanos(1), world.now);
    reserve.require_budget = true;
    assert!(
        matches!(world.apply(Command::Reserve(reserve)), Outcome::Refused(d) if d.code == Code::BudgetRequired)
    );
}

/// Rules: S3-19.
#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let mut world = World::with(&[daily(1, amount("10"))]);
    let anyone = attributes(&[]);
    world.spend(1, &anyone, usd("7.5"));
    let before = world.engine.state_hash();
    let decision = world.engine.check(world.now, &anyone, &usd("0.6"));
    assert_eq!(decision.denial, None);
    assert_eq!(decision.warnings[0].permille, Some(810));
    assert_eq!(decision.tightest_usd, Some(usd("2.5").list));
    let denied = world.engine.check(world.now, &anyone, &usd("2.6")).denial.unwrap();
    assert_eq!(denied.code, Code::BudgetPlatform);
    assert_eq!(world.engine.state_hash(), before);
    assert_eq!(*denied, world.refuse(2, &anyone, usd("2.6")));
}

#[test]
fn another_per_or_measure_begins_new_windows() {
    let mut world = World::with(&[daily(1, 100).per(attribute("user"))]);
    let same = attributes(&[("user", "x"), ("key", "x")]);
    world.spend(1, &same, nanos(90));
    world.reserve(2, &same, nanos(5));
    world.change(1, |budget| budget.per[0] = attribute("key"));
    world.reserve(3, &same, nanos(90));
    world.settle(2, nanos(5));
    let standings = world.engine.standing(BudgetId(1), world.now);
    assert_eq!(standings.len(), 1);
    assert_eq!((standings[0].settled, standings[0].held), (0, 90));
}

#[test]
fn adjustments_are_booked_once_and_never_below_zero() {
    let mut world = World::with(&[daily(1, 100), daily(2, 100)]);
    world.spend(1, &attributes(&[]), nanos(50));
    let adjust = |n, parts: &[(u64, i64)]| {
        Command::Adjust(bursar_ledger::Adjust {
            id: bursar_ledger::AdjustmentId(n),
            reservation: Some(id(1)),
            parts: parts.iter().map(|(window, delta)| (WindowId(*window), *delta)).collect(),
            audit: crate::world::audit(),
        })
    };
    assert_eq!(world.apply(adjust(1, &[(1, -20), (2, -20)])), Outcome::Adjusted(vec![]));
    assert!(matches!(world.apply(adjust(1, &[(1, -20), (2, -20)])), Outcome::Duplicate(_)));
    let below = Outcome::Rejected(Rejection::BelowZero(WindowId(2)));
    assert_eq!(world.apply(adjust(2, &[(1, 10), (2, -31)])), below);
    assert_eq!((world.standing(1).settled, world.standing(2).settled), (30, 30));
    assert!(matches!(world.apply(adjust(3, &[(1, 75)])), Outcome::Adjusted(crossed) if crossed.len() == 3));
    assert_eq!((world.standing(1).overage, world.standing(1).over_limit), (75, 5));
    assert_eq!(world.apply(adjust(4, &[(9, 1)])), Outcome::Rejected(Rejection::WindowNotLoaded(WindowId(9))));
}

/// Rules: S4-37.
#[test]
fn budgets_are_checked_before_they_count() {
    let mut world = World::new();
    let mut bad = |change: fn(&mut Budget), error| {
        let mut budget = daily(1, 100);
        change(&mut budget);
        let outcome = world.apply(Command::PutBudget(Arc::new(budget)));
        assert_eq!(outcome, Outcome::Rejected(Rejection::Budget(error)));
    };
    bad(|b| b.limit = Some(-1), BudgetError::Limit);
    bad(|b| b.name = "".into(), BudgetError::Name);
    bad(|b| b.matches = vec![(attribute("user"), vec![])], BudgetError::Match);
    bad(|b| b.per = [attribute("user"), attribute("user")].into_iter().collect(), BudgetError::Per);
    bad(|b| b.thresholds = vec![Threshold::Percent(0)], BudgetError::Thresholds);
    bad(|b| b.windows_max = 0, BudgetError::WindowsMax);
    bad(|b| b.raise = Some(Raise { amount: -1, until: b.since, reason: "".into() }), BudgetError::Raise);
    bad(|b| b.rollover_cap_pct = 5_000, BudgetError::Rollover);
    bad(
        |b| b.period.kind = PeriodKind::Days { days: 0, anchor: bursar_ledger::ANCHOR_DEFAULT },
        BudgetError::Period,
    );
    let alike = |n| daily(n, 100).matching(attribute("model"), &["gpt-*"]);
    for n in 1..=256 {
        assert_eq!(world.apply(Command::PutBudget(Arc::new(alike(n)))), Outcome::BudgetPut);
    }
    let one_more = world.apply(Command::PutBudget(Arc::new(alike(257))));
    assert_eq!(one_more, Outcome::Rejected(Rejection::Budget(BudgetError::Bucket)));
    world.change(5, |budget| budget.limit = Some(7));
}

/// Rules: S1-02, S3-21.
#[test]
fn the_scope_of_a_window_is_its_narrowest_attribute() {
    let budget = daily(1, 1).matching(attribute("project"), &["alpha"]).per(attribute("user"));
    let per = [Some(bursar_core::Value::new("bob").unwrap())].into_iter().collect();
    assert_eq!(budget.scope(&per), Scope::parse("user=bob").unwrap());
    assert_eq!(daily(1, 1).scope(&[].into_iter().collect()), Scope::Platform);
    let two = daily(1, 1).matching(attribute("model"), &["a", "b"]);
    assert_eq!(two.scope(&[].into_iter().collect()).to_string(), "model");
}
