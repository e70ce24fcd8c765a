//! The worked examples of the specification that the engine alone decides, by their ids.

use crate::world::{World, amount, attribute, attributes, nanos, time, usd};
use bursar_core::{Attributes, Charge, Code, Measure};
use bursar_ledger::{Budget, BudgetId, Mode, Outcome, Past, PeriodKind, State, Threshold};

/// A cent in nano-USD.
const CENT: i64 = 10_000_000;

fn money(id: u32, limit: i64, kind: PeriodKind) -> Budget {
    Budget::new(BudgetId(id), "b", Measure::Usd, Some(limit), kind)
}

/// A world with one daily budget of project p1, thresholds at 80 and 95, and something used.
fn project(limit: &str, used: &str) -> (World, Attributes) {
    let mut budget = money(1, amount(limit), PeriodKind::Day).matching(attribute("project"), &["p1"]);
    budget.thresholds = vec![Threshold::Percent(80), Threshold::Percent(95)];
    let mut world = World::with(&[budget]);
    let p1 = attributes(&[("project", "p1")]);
    if amount(used) > 0 {
        world.spend(1_000, &p1, usd(used));
    }
    (world, p1)
}

/// Checks a call: permille of the limit and the highest threshold reached, where it fits; else the code.
fn check(limit: &str, used: &str, call: &str) -> Result<Option<(i64, Threshold)>, Code> {
    let (world, p1) = project(limit, used);
    let decision = world.engine.check(world.now, &p1, &usd(call));
    match decision.denial {
        Some(denial) => Err(denial.code),
        None => Ok(decision.warnings.first().map(|w| (w.permille.unwrap(), w.threshold))),
    }
}

/// Rules: S1-11, S1-13, V K04.
#[test]
fn k04_equality_passes() {
    assert_eq!(check("10", "9.99", "0.01"), Ok(Some((1_000, Threshold::Percent(95)))));
}

/// Rules: S1-11, S1-13, V K05.
#[test]
fn k05_a_little_more_is_exhausted() {
    assert_eq!(check("10", "9.99", "0.0100001"), Err(Code::BudgetProject));
    let (mut world, p1) = project("10", "9.99");
    let denial = world.refuse(1, &p1, usd("0.0100001"));
    let numbers = &denial.blocking[0].numbers;
    assert_eq!((numbers.settled, numbers.limit), (amount("9.99"), amount("10")));
}

/// Rules: S1-11, S1-13, V K07, V K08.
#[test]
fn k07_and_k08_warn_by_what_is_used_and_asked() {
    assert_eq!(check("100", "94.99", "0.01"), Ok(Some((950, Threshold::Percent(95)))));
    assert_eq!(check("100", "79.98", "0.01"), Ok(None));
}

/// Rules: S1-11, S1-13, V K10, V K11.
#[test]
fn k10_and_k11_a_limit_of_nothing() {
    assert_eq!(check("0", "0", "0"), Ok(None));
    assert_eq!(check("0", "0", "0.000001"), Err(Code::BudgetProject));
}

/// Rules: S1-14, V K13.
#[test]
fn k13_a_platform_limit_of_nothing() {
    let mut world = World::with(&[money(1, 0, PeriodKind::Day)]);
    assert_eq!(world.refuse(1, &attributes(&[]), usd("0.01")).code, Code::BudgetPlatform);
}

/// Rules: S1-20, V K17.
#[test]
fn k17_a_day_ends_at_midnight() {
    let mut budget = money(1, amount("10"), PeriodKind::Day).matching(attribute("project"), &["p1"]);
    budget.thresholds.clear();
    let mut world = World::with(&[budget]);
    let p1 = attributes(&[("project", "p1")]);
    world.at("2026-03-01T23:50:00Z").spend(1, &p1, usd("9"));
    world.at("2026-03-02T00:10:00Z").reserve(2, &p1, usd("2"));
    assert_eq!(world.standing(1).settled, 0);
}

/// Rules: S1-15, V K19.
#[test]
fn k19_of_two_calls_at_once_one_passes() {
    let (mut world, p1) = project("10", "9");
    world.reserve(1, &p1, usd("0.6"));
    world.refuse(2, &p1, usd("0.6"));
    assert_eq!(world.standing(1).held, amount("0.6"));
}

/// Rules: S1-09, V K22.
#[test]
fn k22_every_blocking_scope_is_told_narrowest_first() {
    let of = |id, word: &str| money(id, 10, PeriodKind::Day).matching(attribute(word), &["x"]);
    let mut world = World::with(&[money(3, 10, PeriodKind::Day), of(2, "project"), of(1, "run")]);
    let x = attributes(&[("run", "x"), ("project", "x")]);
    world.spend(1, &x, nanos(10));
    let denial = world.refuse(2, &x, nanos(1));
    let codes: Vec<&str> = denial.blocking.iter().map(|blocked| blocked.numbers.code.as_str()).collect();
    assert_eq!(
        (denial.code.as_str(), codes),
        ("E-BUDGET-001", vec!["E-BUDGET-001", "E-BUDGET-002", "E-BUDGET-003"])
    );
}

/// Rules: S2-14, V U05, V U06.
#[test]
fn u05_and_u06_exhausted_is_used_at_or_above_the_limit() {
    let exhausted = |limit: &str, used: &str| {
        let mut budget = money(1, amount(limit), PeriodKind::Month);
        budget.mode = Mode::Soft;
        let mut world = World::with(&[budget]);
        world.spend(1, &attributes(&[]), usd(used));
        world.standing(1).remaining == Some(0)
    };
    let cases =
        [("100", "99.999999", false), ("100", "100", true), ("100", "100.01", true), ("0", "0.01", true)];
    for (limit, used, expected) in cases {
        assert_eq!(exhausted(limit, used), expected, "{used} of {limit}");
    }
}

/// A budget of so many cents with a threshold at so many, and something used.
fn team(limit: i64, threshold: i64, used: i64, mode: Mode) -> World {
    let mut budget = money(1, limit * CENT, PeriodKind::Month);
    (budget.name, budget.mode) = ("Team".into(), mode);
    budget.thresholds = if threshold > 0 { vec![Threshold::Amount(threshold * CENT)] } else { Vec::new() };
    let mut world = World::with(&[budget]);
    if used > 0 {
        world.spend(1_000, &attributes(&[]), cents(used));
    }
    world
}
fn cents(cents: i64) -> Charge {
    nanos(cents * CENT)
}

/// Rules: S3-11, V B02.
#[test]
fn b02_a_warning_with_its_percentage() {
    let mut world = team(1_000, 800, 750, Mode::Hard);
    let held = world.reserve(1, &attributes(&[]), cents(60));
    assert_eq!((held.warnings[0].permille, held.warnings[0].used), (Some(810), 810 * CENT));
    assert_eq!(world.settle(1, cents(60)).crossings.len(), 1);
}

/// Rules: S3-11, V B03.
#[test]
fn b03_no_second_warning() {
    let mut world = team(1_000, 800, 810, Mode::Hard);
    assert_eq!(world.reserve(1, &attributes(&[]), cents(10)).warnings, []);
}

/// Rules: S3-10, V B05.
#[test]
fn b05_a_hard_budget_refuses_and_keeps_its_counter() {
    let mut world = team(1_000, 800, 950, Mode::Hard);
    let denial = world.refuse(1, &attributes(&[]), cents(100));
    let numbers = &denial.blocking[0].numbers;
    assert_eq!((numbers.limit, numbers.settled, numbers.requested), (1_000 * CENT, 950 * CENT, 100 * CENT));
    assert_eq!((denial.room.effective, world.standing(1).settled), (Some(50 * CENT), 950 * CENT));
}

/// Rules: S3-10, V B06.
#[test]
fn b06_a_soft_budget_adds() {
    let mut world = team(1_000, 800, 950, Mode::Soft);
    world.spend(1, &attributes(&[]), cents(100));
    let standing = world.standing(1);
    assert_eq!((standing.settled, standing.over_limit), (1_050 * CENT, 50 * CENT));
}

/// Rules: S3-16, V B08, V B09.
#[test]
fn b08_and_b09_settle_replaces_the_hold() {
    let mut world = team(1_000, 800, 500, Mode::Hard);
    world.reserve(1, &attributes(&[]), cents(100));
    world.settle(1, cents(30));
    assert_eq!(world.counters(1), (530 * CENT, 0, 0));

    let mut world = team(1_000, 800, 880, Mode::Hard);
    world.reserve(1, &attributes(&[]), cents(100));
    world.settle(1, cents(130));
    let standing = world.standing(1);
    assert_eq!((standing.settled, standing.held), (1_010 * CENT, 0));
    assert_eq!((standing.overage, standing.over_limit), (30 * CENT, 10 * CENT));
}

/// Rules: S3-22, V B11.
#[test]
fn b11_which_budgets_apply() {
    let mut only = money(1, 0, PeriodKind::Month).matching(attribute("model"), &["gpt-4o"]);
    only.name = "only-4o".into();
    let mut chat = money(2, 0, PeriodKind::Month).matching(attribute("api_format"), &["openai_chat"]);
    chat.name = "chat".into();
    let world = World::with(&[only, chat]);
    let applicable = |model, format| {
        let asked = attributes(&[("model", model), ("api_format", format)]);
        let touched = world.engine.windows_of(&asked, world.now);
        touched.iter().map(|touched| touched.budget.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(applicable("claude-sonnet-4-6", "openai_embeddings"), Vec::<String>::new());
    assert_eq!(applicable("gpt-4o", "openai_embeddings"), ["only-4o"]);
    assert_eq!(applicable("gpt-4o", "openai_chat"), ["only-4o", "chat"]);
}

/// Rules: S3-13, S3-24, V B12.
#[test]
fn b12_renewal_goes_to_the_period_of_now() {
    let mut world = World::with(&[money(1, 1_000 * CENT, PeriodKind::Month)]);
    let anyone = attributes(&[]);
    world.at("2026-01-15").spend(1, &anyone, cents(1_000));
    world.at("2026-04-10").reserve(2, &anyone, cents(100));
    let standing = world.standing(1);
    assert_eq!((standing.starts_at, standing.ends_at), (Some(time("2026-04-01")), Some(time("2026-05-01"))));
    assert_eq!((standing.settled, standing.held), (0, 100 * CENT));
}

/// Rules: S3-25, V B14.
#[test]
fn b14_rollover_never_compounds() {
    let mut budget = money(1, 1_000 * CENT, PeriodKind::Month);
    (budget.rollover_cap_pct, budget.since) = (100, time("2026-01-01"));
    let mut world = World::with(&[budget]);
    let anyone = attributes(&[]);
    let mut allowance = Vec::new();
    for (n, (at, used)) in [("2026-01-10", 400), ("2026-02-10", 0), ("2026-03-10", 0)].into_iter().enumerate()
    {
        let n = u128::try_from(n).unwrap();
        world.at(at).spend(n, &anyone, cents(used));
        allowance.push(world.standing(1).limit.unwrap() / CENT);
    }
    assert_eq!(allowance, [1_000, 1_600, 2_000]);
}

/// Rules: S3-28, V B15.
#[test]
fn b15_burn_projection_and_days_left() {
    let mut world = World::with(&[money(1, 10_000 * CENT, PeriodKind::Month)]);
    world.at("2026-04-05").spend(1, &attributes(&[]), cents(3_000));
    world.at("2026-04-11");
    let standing = world.standing(1);
    assert_eq!(
        (standing.burn_per_day, standing.projection, standing.days_left),
        (300 * CENT, Some(9_000 * CENT), Some(20))
    );
    assert_eq!(standing.resets_at, Some(time("2026-05-01")));
}

/// Rules: S3-29, V B17.
#[test]
fn b17_the_tightest_counts() {
    let mut first = money(1, 1_000 * CENT, PeriodKind::Month);
    first.mode = Mode::Soft;
    let mut second = money(2, 2_000 * CENT, PeriodKind::Month).per(attribute("key"));
    second.mode = Mode::Soft;
    let mut world = World::with(&[first, second]);
    let key = attributes(&[("key", "k")]);
    world.spend(1, &key, cents(850));
    world.spend(2, &attributes(&[("key", "other")]), cents(0));
    world.change(1, |budget| budget.mode = Mode::Hard);
    world.change(2, |budget| {
        budget.mode = Mode::Hard;
        budget.limit = Some(850 * CENT);
    });
    let decision = world.engine.check(world.now, &key, &Charge::ZERO);
    assert_eq!((decision.windows, decision.tightest_usd.unwrap().nanos()), (2, 0));
}

/// Rules: S3-30, V B18.
#[test]
fn b18_the_default_budget_of_a_user() {
    let mut world = World::with(&[money(1, 1_000 * CENT, PeriodKind::Month).per(attribute("user"))]);
    world.at("2026-12-15T10:00:00Z").reserve(1, &attributes(&[("user", "u")]), cents(1));
    let standing = world.standing(1);
    assert_eq!((standing.starts_at, standing.ends_at), (Some(time("2026-12-01")), Some(time("2027-01-01"))));
    let budget = world.engine.budget_of(BudgetId(1)).unwrap();
    assert_eq!(
        (budget.mode, budget.auto_renew, budget.thresholds[0]),
        (Mode::Hard, true, Threshold::Percent(80))
    );
}

/// Rules: S3-18, V B24.
#[test]
fn b24_money_that_ends_after_midnight_stays_in_its_month() {
    let mut world = World::with(&[money(1, amount("10"), PeriodKind::Month)]);
    world.at("2026-01-31T23:59:59Z").reserve(1, &attributes(&[]), usd("1"));
    world.at("2026-02-01T00:00:05Z").settle(1, usd("0.4"));
    assert_eq!(world.standing(1).settled, 0);
    world.at("2026-01-31T23:59:59Z");
    assert_eq!(world.counters(1), (amount("0.4"), 0, 0));
}

/// Rules: S3-16, V B26.
#[test]
fn b26_the_second_settle_says_already_settled() {
    let mut world = World::with(&[money(1, amount("10"), PeriodKind::Month)]);
    world.reserve(1, &attributes(&[]), usd("1"));
    world.settle(1, usd("0.4"));
    let past = Past { state: State::Settled, fingerprint: 0, charge: usd("0.4") };
    assert_eq!(world.try_settle(1, usd("0.4")), Outcome::Duplicate(past));
    assert_eq!(world.standing(1).settled, amount("0.4"));
}

/// Rules: S3-11, V B27.
#[test]
fn b27_nothing_is_divided_by_a_limit_of_nothing() {
    let mut world = team(0, 0, 0, Mode::Hard);
    world.refuse(1, &attributes(&[]), cents(1));
    let mut percent = money(2, 0, PeriodKind::Month);
    percent.mode = Mode::Soft;
    let mut world = World::with(&[percent]);
    let held = world.reserve(1, &attributes(&[]), cents(1));
    assert_eq!(held.warnings[0].permille, None);
}

/// Rules: S3-24, V B29.
#[test]
fn b29_a_month_after_the_31st() {
    let mut world = World::with(&[money(1, 1_000, PeriodKind::Month)]);
    world.at("2026-02-01T00:00:00Z");
    let standing = world.standing(1);
    assert_eq!((standing.starts_at, standing.ends_at), (Some(time("2026-02-01")), Some(time("2026-03-01"))));
}

/// Whether a call fits a quota, and what was left before.
fn quota(limit: Option<&str>, used: &str, call: &str) -> (bool, Option<i64>) {
    let mut budget = money(1, 0, PeriodKind::Total).per(attribute("key"));
    (budget.limit, budget.mode) = (limit.map(amount), Mode::Soft);
    let mut world = World::with(&[budget]);
    let key = attributes(&[("key", "k")]);
    world.spend(1, &key, usd(used));
    world.change(1, |budget| budget.mode = Mode::Hard);
    let fits = world.engine.check(world.now, &key, &usd(call)).denial.is_none();
    (fits, world.standing(1).remaining)
}

/// Rules: S4-37, S4-38, S4-39, V Q01.
#[test]
fn q01_quotas() {
    let cases = [
        (Some("100"), "30", "0", true, Some("70")),
        (Some("100"), "99", "5", false, Some("1")),
        (Some("100"), "99", "1", true, Some("1")),
        (None, "1000", "5", true, None),
        (Some("50"), "10", "40", true, Some("40")),
        (Some("10"), "9", "5", false, Some("1")),
        (None, "999", "5", true, None),
        (Some("10"), "12", "0", true, Some("0")),
        // Administrators are budgeted like everybody; the vector's own remaining for them is the document's.
        (Some("0"), "1000", "5", false, Some("0")),
    ];
    for (limit, used, call, fits, remaining) in cases {
        let expected = (fits, remaining.map(amount));
        assert_eq!(quota(limit, used, call), expected, "{call} of {limit:?} with {used} used");
    }
}

/// Rules: S4-40, V Q02.
#[test]
fn q02_a_spent_quota_admits_nothing_that_has_a_price() {
    assert!(!quota(Some("100"), "100", "0.000001").0);
    assert!(!quota(Some("10"), "12", "0.000001").0);
}
