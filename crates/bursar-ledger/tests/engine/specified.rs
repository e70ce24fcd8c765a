//! The worked examples of the specification, read from `vectors.json`: the engine must come to their numbers.
//!
//! `vectors.rs` beside this file tells the same examples without the file, and in more detail.

use crate::world::{World, amount, attribute, attributes, nanos, time, usd};
use bursar_core::{Attributes, Charge, Measure};
use bursar_ledger::{Budget, BudgetId, Mode, Outcome, PeriodKind, Standing, Threshold};
use serde_json::Value;
use std::path::PathBuf;

/// One worked example.
struct Vector(Value);

impl Vector {
    /// The example of this id; `None`, loudly, where the file is absent.
    fn load(id: &str) -> Option<Self> {
        let folder = std::env::var_os("BURSAR_SPEC").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec"),
            PathBuf::from,
        );
        let path = folder.join("vectors.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there; set BURSAR_SPEC", path.display());
            return None;
        };
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let found = all.into_iter().find(|vector| vector["id"] == id);
        Some(Self(found.unwrap_or_else(|| panic!("{id} is not in {}", path.display()))))
    }
    fn given(&self, field: &str) -> &Value {
        &self.0["given"][field]
    }
    fn then(&self, field: &str) -> &Value {
        &self.0["then"][field]
    }
    fn when(&self) -> &str {
        self.0["when"].as_str().unwrap()
    }
    /// The amount in dollars that `when` names.
    fn asked_usd(&self) -> Charge {
        let text = self.when().split_once('$').unwrap().1;
        usd(text.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap())
    }
    /// The amount in cents that `when` names.
    fn asked_cents(&self) -> Charge {
        let words: Vec<&str> = self.when().split(' ').collect();
        let at = words.iter().position(|word| word.starts_with("cent")).unwrap();
        cents(words[at - 1])
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
/// Cents as nano-USD.
fn cent(text: &str) -> i64 {
    text.parse::<i64>().unwrap() * 10_000_000
}
fn cents(text: &str) -> Charge {
    nanos(cent(text))
}
fn of_cents(value: &Value) -> i64 {
    cent(text(value))
}
fn money(id: u32, limit: i64, kind: PeriodKind) -> Budget {
    Budget::new(BudgetId(id), &format!("budget {id}"), Measure::Usd, Some(limit), kind)
}
fn project() -> Attributes {
    attributes(&[("project", "p1")])
}

/// The world of a check: one budget of the given scope with something used.
fn world_of_check(vector: &Vector) -> World {
    let mut budget = money(1, amount(text(vector.given("limit_usd"))), PeriodKind::Day);
    if vector.given("scope") == "project" {
        budget = budget.matching(attribute("project"), &["p1"]);
    }
    budget.thresholds = vec![Threshold::Percent(80), Threshold::Percent(95)];
    let mut world = World::with(&[budget]);
    if let Some(used) = vector.given("used_usd").as_str().filter(|used| *used != "0") {
        world.spend(1_000, &project(), usd(used));
    }
    world
}

/// Rules: S1-11, S1-13, S1-14, V K04, V K05, V K07, V K08, V K10, V K11, V K13.
#[test]
fn a_call_is_checked_against_what_is_left() {
    for id in ["K04", "K05", "K07", "K08", "K10", "K11", "K13"] {
        let Some(vector) = Vector::load(id) else { return };
        let mut world = world_of_check(&vector);
        let decision = world.engine.check(world.now, &project(), &vector.asked_usd());
        let denied = decision.denial.as_ref().map(|denial| denial.code.as_str());
        assert_eq!(denied, vector.then("error_code").as_str(), "{id}");
        assert_eq!(denied.is_none(), vector.then("allowed").as_bool().unwrap(), "{id}");
        let highest = decision.warnings.first();
        if let Some(alert) = vector.then("alert").as_str() {
            let warning = highest.unwrap_or_else(|| panic!("{id}: no warning"));
            let level = if warning.threshold == Threshold::Percent(95) { "critical" } else { "warning" };
            let percent = text(vector.then("usage_pct")).parse::<i64>().unwrap();
            assert_eq!((level, warning.permille), (alert, Some(percent * 10)), "{id}");
        } else if denied.is_none() {
            assert_eq!(highest, None, "{id}");
        }
        // A reserve says the same as the check did.
        let reserved = world.try_reserve(1, &project(), vector.asked_usd());
        assert_eq!(matches!(reserved, Outcome::Reserved(_)), denied.is_none(), "{id}");
    }
}

/// Rules: S1-20, V K17.
#[test]
fn a_day_ends_at_midnight_not_a_day_after_the_last_write() {
    let Some(vector) = Vector::load("K17") else { return };
    let limit = amount(text(vector.given("limit_usd")));
    let mut world = World::with(&[money(1, limit, PeriodKind::Day).matching(attribute("project"), &["p1"])]);
    for (n, event) in vector.given("events").as_array().unwrap().iter().enumerate() {
        let n = 100 + u128::try_from(n).unwrap();
        world.at(text(&event["at"])).spend(n, &project(), usd(text(&event["settled_usd"])));
    }
    world.at(vector.when().rsplit(' ').next().unwrap());
    assert_eq!(world.standing(1).settled, amount(text(vector.then("used_usd_today"))));
    assert_eq!(vector.then("allowed"), true);
    world.reserve(1, &project(), vector.asked_usd());
}

/// Rules: S1-15, V K19.
#[test]
fn of_two_calls_at_the_same_instant_one_passes() {
    let Some(vector) = Vector::load("K19") else { return };
    let mut world = world_of_check(&vector);
    let outcomes = [1, 2].map(|n| world.try_reserve(n, &project(), vector.asked_usd()));
    let count = |fits: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| fits(outcome)).count();
    let (held, refused) =
        (count(|o| matches!(o, Outcome::Reserved(_))), count(|o| matches!(o, Outcome::Refused(_))));
    assert_eq!(vector.then("allowed_count"), &Value::from(held));
    assert_eq!(vector.then("denied_count"), &Value::from(refused));
    assert_eq!(world.standing(1).held, amount(text(vector.then("reserved_usd"))));
}

/// Rules: S1-09, V K22.
#[test]
fn every_blocking_scope_is_told_from_the_narrowest() {
    let Some(vector) = Vector::load("K22") else { return };
    let budgets = vector.given("budgets").as_array().unwrap();
    let budget = |(n, given): (usize, &Value)| {
        let budget = money(u32::try_from(n).unwrap() + 1, 10, PeriodKind::Day);
        match text(&given["scope"]) {
            "platform" => budget,
            scope => budget.matching(attribute(scope), &["x"]),
        }
    };
    // In any order of configuration.
    let mut budgets: Vec<Budget> = budgets.iter().enumerate().map(budget).collect();
    budgets.reverse();
    let mut world = World::with(&budgets);
    let x = attributes(&[("run", "x"), ("project", "x")]);
    world.spend(1, &x, nanos(10));
    let denial = world.refuse(2, &x, nanos(1));
    assert_eq!(denial.code.as_str(), text(vector.then("error_code")));
    let also: Vec<&str> = denial.blocking[1..].iter().map(|blocked| blocked.numbers.code.as_str()).collect();
    let expected: Vec<&str> = vector.then("also_blocking").as_array().unwrap().iter().map(text).collect();
    assert_eq!(also, expected);
}

/// Whether a window is exhausted: what is used is at or above the limit.
fn is_exhausted(limit: &str, used: &str) -> (bool, Standing) {
    let mut budget = money(1, amount(limit), PeriodKind::Month);
    budget.mode = Mode::Soft;
    let mut world = World::with(&[budget]);
    world.spend(1, &attributes(&[]), usd(used));
    let standing = world.standing(1);
    (standing.remaining == Some(0), standing)
}

/// Rules: S2-14, V U05, V U06.
#[test]
fn exhausted_is_at_or_above_the_limit_and_nought_is_a_limit() {
    let Some(vector) = Vector::load("U05") else { return };
    let cases = vector.given("month_to_date_usd").as_array().unwrap().iter();
    for (used, within) in cases.zip(vector.then("within_budget").as_array().unwrap()) {
        let exhausted = is_exhausted(text(vector.given("limit_usd")), text(used)).0;
        assert_eq!(&Value::from(!exhausted), within, "{used}");
    }
    let Some(vector) = Vector::load("U06") else { return };
    let (exhausted, standing) =
        is_exhausted(text(vector.given("explicit_limit_usd")), text(vector.given("month_to_date_usd")));
    assert_eq!(&Value::from(!exhausted), vector.then("within_budget"));
    assert_eq!(standing.limit, Some(amount(text(vector.then("limit_usd")))));
}

/// The world of the budget that an example gives, in cents.
fn team(vector: &Vector) -> World {
    let given = &vector.given("budgets")[0];
    let mut budget = money(1, of_cents(&given["limit_cents"]), PeriodKind::Month);
    budget.mode = if given["mode"] == "soft" { Mode::Soft } else { Mode::Hard };
    budget.thresholds = match of_cents(&given["warning_threshold_cents"]) {
        0 => Vec::new(),
        threshold => vec![Threshold::Amount(threshold)],
    };
    let mut world = World::with(&[budget]);
    if of_cents(&given["used_cents"]) > 0 {
        world.spend(1_000, &attributes(&[]), nanos(of_cents(&given["used_cents"])));
    }
    world
}

/// Rules: S3-10, S3-11, V B02, V B03, V B05, V B06, V B27.
#[test]
fn a_reserve_warns_adds_or_refuses() {
    let anyone = attributes(&[]);
    for id in ["B02", "B03", "B05", "B06", "B27"] {
        let Some(vector) = Vector::load(id) else { return };
        let mut world = team(&vector);
        let outcome = world.try_reserve(1, &anyone, vector.asked_cents());
        let standing = world.standing(1);
        match (&outcome, vector.then("allowed").as_bool().unwrap()) {
            (Outcome::Reserved(held), true) => {
                let told = held.warnings.iter().map(|warning| warning.permille.unwrap());
                let percent = |told: i64| format!("{}.{}", told / 10, told % 10);
                let expected: Vec<&str> = vector
                    .then("warnings")
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|warning| text(&warning["usage_percentage"]))
                    .collect();
                if !vector.then("warnings").is_null() {
                    assert_eq!(told.map(percent).collect::<Vec<_>>(), expected, "{id}");
                }
            }
            (Outcome::Refused(denial), false) => {
                let given = &vector.given("budgets")[0];
                let numbers = &denial.blocking[0].numbers;
                assert_eq!(numbers.limit, of_cents(&given["limit_cents"]), "{id}");
                assert_eq!(numbers.requested, vector.asked_cents().list.nanos(), "{id}");
            }
            (outcome, allowed) => panic!("{id}: {outcome:?}, allowed: {allowed}"),
        }
        if let Some(committed) = vector.then("committed_cents").as_str() {
            assert_eq!(standing.settled + standing.held, cent(committed), "{id}");
        }
        if vector.then("exceeded") == true {
            assert!(standing.over_limit > 0, "{id}");
        }
    }
}

/// Rules: S3-16, V B08, V B09.
#[test]
fn a_settle_replaces_the_hold_and_counts_what_is_above_it() {
    for id in ["B08", "B09"] {
        let Some(vector) = Vector::load(id) else { return };
        let mut world = team(&vector);
        let hold = vector.given("reserved_cents").as_str().unwrap_or("100");
        world.reserve(1, &attributes(&[]), cents(hold));
        world.settle(1, vector.asked_cents());
        let standing = world.standing(1);
        for (field, own) in [
            ("used_cents", standing.settled),
            ("settled_cents", standing.settled),
            ("reserved_cents", standing.held),
            ("held_cents", standing.held),
            ("overage_cents", standing.overage),
            ("over_limit_cents", standing.over_limit),
        ] {
            if let Some(expected) = vector.then(field).as_str() {
                assert_eq!(own, cent(expected), "{id}: {field}");
            }
        }
    }
}

/// Rules: S3-21, S3-22, V B11.
#[test]
fn which_budgets_apply() {
    let Some(vector) = Vector::load("B11") else { return };
    let budget = |(n, given): (usize, &Value)| {
        let mut budget = money(u32::try_from(n).unwrap() + 1, 0, PeriodKind::Month);
        budget.name = text(&given["name"]).into();
        for (field, word) in [("allowed_models", "model"), ("allowed_api_formats", "api_format")] {
            let values: Vec<&str> = given[field].as_array().into_iter().flatten().map(text).collect();
            if !values.is_empty() {
                budget = budget.matching(attribute(word), &values);
            }
        }
        budget
    };
    let budgets: Vec<Budget> =
        vector.given("budgets").as_array().unwrap().iter().enumerate().map(budget).collect();
    let world = World::with(&budgets);
    let pairs = vector.when().split('(').skip(1).map(|pair| pair.split(')').next().unwrap());
    let mut applicable = Vec::new();
    for pair in pairs {
        let (model, format) = pair.split_once(", ").unwrap();
        let asked = attributes(&[("model", model), ("api_format", format)]);
        let touched = world.engine.windows_of(&asked, world.now);
        applicable.push(touched.iter().map(|touched| touched.budget.name.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(vector.then("applicable"), &serde_json::json!(applicable));
}

/// Rules: S3-13, S3-24, V B12, V B29.
#[test]
fn renewal_goes_to_the_period_of_now() {
    let anyone = attributes(&[]);
    for id in ["B12", "B29"] {
        let Some(vector) = Vector::load(id) else { return };
        let budget = vector.given("budget");
        let limit = budget["limit_cents"].as_str().unwrap_or("1000");
        let mut world = World::with(&[money(1, cent(limit), PeriodKind::Month)]);
        if let Some(used) = budget["used_cents"].as_str() {
            world.at(text(&budget["period_start"])).spend(1, &anyone, cents(used));
        }
        world.at(text(vector.given("now")));
        if vector.then("allowed") == true {
            world.reserve(2, &anyone, vector.asked_cents());
        }
        let standing = world.standing(1);
        let day = |field| Some(time(text(vector.then(field))));
        assert_eq!((standing.starts_at, standing.ends_at), (day("period_start"), day("period_end")), "{id}");
        if let Some(committed) = vector.then("committed_cents").as_str() {
            assert_eq!((standing.settled, standing.held), (0, cent(committed)), "{id}");
        }
    }
}

/// Rules: S3-25, V B14.
#[test]
fn room_rolls_over_once_and_never_compounds() {
    let Some(vector) = Vector::load("B14") else { return };
    let given = vector.given("budget");
    let base = of_cents(&given["base_limit_cents"]);
    let mut budget = money(1, base, PeriodKind::Month);
    budget.rollover_cap_pct = text(&given["rollover_cap_pct"]).parse().unwrap();
    budget.since = time("2026-01-01");
    let mut world = World::with(&[budget]);
    let used = vector.given("used_by_period_cents").as_array().unwrap();
    for (n, expected) in vector.then("allowance_cents").as_array().unwrap().iter().enumerate() {
        world.at(&format!("2026-{:02}-10", n + 1));
        let spent = used.get(n).map_or(0, of_cents);
        world.spend(u128::try_from(n).unwrap(), &attributes(&[]), nanos(spent));
        assert_eq!(world.standing(1).limit, Some(of_cents(expected)), "period {n}");
    }
    assert_eq!(world.engine.budget_of(BudgetId(1)).unwrap().limit, Some(base));
}

/// Rules: S3-28, V B15.
#[test]
fn burn_projection_and_days_left() {
    let Some(vector) = Vector::load("B15") else { return };
    let given = vector.given("budget");
    let mut world = World::with(&[money(1, i64::MAX / 4, PeriodKind::Month)]);
    world.at(text(&given["period_start"])).spend(1, &attributes(&[]), nanos(of_cents(&given["used_cents"])));
    world.at(text(vector.given("now")));
    let standing = world.standing(1);
    assert_eq!(standing.ends_at, Some(time(text(&given["period_end"]))));
    assert_eq!(standing.burn_per_day, amount(text(vector.then("daily_burn_usd"))));
    assert_eq!(standing.projection, Some(amount(text(vector.then("projected_usd")))));
    assert_eq!(standing.days_left, vector.then("days_remaining").as_i64());
}

/// Rules: S3-29, V B17.
#[test]
fn budgets_are_not_added_up_the_tightest_counts() {
    let Some(vector) = Vector::load("B17") else { return };
    let key = attributes(&[("key", "k")]);
    let given = vector.given("budgets").as_array().unwrap();
    let mut world = World::new();
    for (n, given) in given.iter().enumerate() {
        let n = u32::try_from(n).unwrap() + 1;
        let model = format!("m{n}");
        let budget = money(n, of_cents(&given["limit_cents"]), PeriodKind::Month);
        let mut budget = budget.matching(attribute("agent"), &[&model]);
        budget.thresholds = vec![Threshold::Amount(of_cents(&given["warning_threshold_cents"]))];
        world.put(budget);
        let spender = attributes(&[("key", "k"), ("agent", &model)]);
        world.spend(u128::from(n), &spender, nanos(of_cents(&given["used_cents"])));
    }
    // Only now do they apply to everything that the key does.
    for n in 1..=u32::try_from(given.len()).unwrap() {
        world.change(n, |budget| budget.matches.clear());
    }
    let decision = world.engine.check(world.now, &key, &Charge::ZERO);
    let touched = world.engine.windows_of(&key, world.now);
    let exceeded = touched.iter().filter(|one| one.standing.remaining == Some(0)).count();
    assert_eq!(&Value::from(touched.len()), vector.then("total_budgets"));
    assert_eq!(&Value::from(decision.windows), vector.then("active_budgets"));
    assert_eq!(&Value::from(exceeded), vector.then("exceeded_budgets"));
    let warned = decision.warnings.len() - exceeded;
    assert_eq!(&Value::from(warned), vector.then("warning_budgets"));
    let tightest = decision.tightest_usd.unwrap().nanos();
    assert_eq!(tightest, of_cents(vector.then("tightest_remaining_cents")));
}

/// Rules: S3-30, V B18.
#[test]
fn the_budget_that_every_user_has() {
    let Some(vector) = Vector::load("B18") else { return };
    let limit = amount(text(vector.given("limit_dollars")));
    let mut budget = money(1, limit, PeriodKind::Month).per(attribute("user"));
    budget.name = text(vector.then("name")).into();
    let mut world = World::with(&[budget]);
    world.at(text(vector.given("now"))).reserve(1, &attributes(&[("user", "u")]), nanos(1));
    let standing = world.standing(1);
    let day = |field| Some(time(text(vector.then(field))));
    assert_eq!((standing.starts_at, standing.ends_at), (day("period_start"), day("period_end")));
    let budget = world.engine.budget_of(BudgetId(1)).unwrap();
    assert_eq!(budget.limit, Some(of_cents(vector.then("limit_cents"))));
    assert_eq!(
        (budget.mode, Value::from(budget.auto_renew)),
        (Mode::Hard, vector.then("auto_renew").clone())
    );
    let Threshold::Percent(percent) = budget.thresholds[0] else { panic!("{:?}", budget.thresholds) };
    let threshold = limit / 100 * i64::from(percent);
    assert_eq!(threshold, of_cents(vector.then("warning_threshold_cents")));
}

/// Rules: S3-18, V B24.
#[test]
fn money_that_ends_after_midnight_stays_in_its_month() {
    let Some(vector) = Vector::load("B24") else { return };
    let mut world = World::with(&[money(1, amount("10"), PeriodKind::Month)]);
    world.at(text(vector.given("reserved_at"))).reserve(
        1,
        &attributes(&[]),
        usd(text(vector.given("reserved_usd"))),
    );
    world.at(text(vector.given("settled_at"))).settle(1, usd(text(vector.given("actual_usd"))));
    assert_eq!(world.standing(1).settled, amount(text(vector.then("february_used_usd"))));
    let january = world.at(text(vector.given("reserved_at"))).standing(1);
    assert_eq!(january.settled, amount(text(vector.then("january_used_usd"))));
    assert_eq!(january.held, amount(text(vector.then("january_reserved_usd"))));
}

/// Rules: S3-16, V B26.
#[test]
fn a_second_settle_says_already_settled() {
    let Some(vector) = Vector::load("B26") else { return };
    let mut world = World::with(&[money(1, amount("10"), PeriodKind::Month)]);
    world.reserve(1, &attributes(&[]), usd(text(vector.given("reserved_usd"))));
    world.settle(1, vector.asked_usd());
    assert_eq!(vector.then("second_result"), "already_settled");
    assert!(matches!(world.try_settle(1, vector.asked_usd()), Outcome::Duplicate(_)));
    assert_eq!(world.standing(1).settled, amount(text(vector.then("used_usd"))));
}

/// Whether a call fits a quota of one key, and what was left before.
fn quota(case: &Value, asked: &str) -> (bool, Option<i64>) {
    let member = case["kind"] == "member";
    let (limit, used) = if member { ("quota", "used") } else { ("balance", "balance_used") };
    let mut budget = money(1, 0, PeriodKind::Total).per(attribute("key"));
    (budget.limit, budget.mode) = (case[limit].as_str().map(amount), Mode::Soft);
    let mut world = World::with(&[budget]);
    let key = attributes(&[("key", "k")]);
    world.spend(1, &key, usd(text(&case[used])));
    world.change(1, |budget| budget.mode = Mode::Hard);
    let fits = world.engine.check(world.now, &key, &usd(asked)).denial.is_none();
    (fits, world.standing(1).remaining)
}

/// Rules: S4-37, S4-38, S4-39, S4-40, V Q01, V Q02.
#[test]
fn quotas_and_balances_are_budgets_of_a_key() {
    let Some(vector) = Vector::load("Q01") else { return };
    for (n, case) in vector.given("cases").as_array().unwrap().iter().enumerate() {
        let (fits, remaining) = quota(case, text(&case["estimate"]));
        assert_eq!(Value::from(fits), vector.then("allowed")[n], "case {n}");
        // The example names no remainder for administrators; here they have one like everybody.
        if case["role"] != "admin" {
            assert_eq!(remaining, vector.then("remaining")[n].as_str().map(amount), "case {n}");
        }
    }
    let Some(vector) = Vector::load("Q02") else { return };
    for (n, case) in vector.given("cases").as_array().unwrap().iter().enumerate() {
        let (fits, _) = quota(case, text(&case["minimum_reservation"]));
        assert_eq!(Value::from(fits), vector.then("allowed")[n], "case {n}");
    }
}
