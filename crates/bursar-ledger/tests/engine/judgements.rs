//! Edges of the judgement of a charge, and of what a replay refuses: what mutation testing found untold.

use crate::world::{World, attribute, attributes, daily, id, nanos, replayed};
use bursar_core::{Charge, Code, Measure};
use bursar_ledger::{
    Budget, BudgetId, CHARGE_PART_MAX, Command, Engine, Entry, Extend, Grants, Mode, Outcome, PeriodKind,
    ProvablyUnbilled, Rejection, ReplayError, Reserve, Settle, Threshold, WindowId,
};

fn total(id: u32, limit: i64) -> Budget {
    let mut budget =
        Budget::new(BudgetId(id), &format!("budget {id}"), Measure::Usd, Some(limit), PeriodKind::Total);
    budget.thresholds.clear();
    budget
}

#[test]
fn what_is_as_large_as_the_limit_is_not_too_large_but_exhausted() {
    let mut world = World::with(&[daily(1, 10)]);
    let anyone = attributes(&[]);
    world.spend(1, &anyone, nanos(1));
    assert_eq!(world.refuse(2, &anyone, nanos(10)).code, Code::BudgetPlatform);
    assert_eq!(world.refuse(2, &anyone, nanos(11)).code, Code::RequestTooLarge);
}

#[test]
fn a_window_that_is_not_open_yet_is_named_by_its_values() {
    let mut world = World::with(&[total(1, 5).per(attribute("user")), total(2, 5).per(attribute("run"))]);
    let ann = attributes(&[("user", "ann")]);
    let before = world.refuse(1, &ann, nanos(6));
    world.reserve(2, &ann, nanos(1));
    let after = world.refuse(3, &ann, nanos(6));
    assert_eq!(before.blocking.len(), 2);
    for (before, after) in before.blocking.iter().zip(&after.blocking) {
        assert_eq!((before.window, after.window.is_some()), (None, true));
        assert_eq!(before.numbers.scope, after.numbers.scope);
    }
}

/// Rules: S3-11.
#[test]
fn the_highest_threshold_is_told_whatever_it_is_stated_in() {
    let percent = Threshold::Percent(50);
    for (amount, highest) in [(400, percent), (600, Threshold::Amount(600))] {
        for thresholds in [[percent, Threshold::Amount(amount)], [Threshold::Amount(amount), percent]] {
            let mut budget = daily(1, 1_000);
            budget.thresholds = thresholds.to_vec();
            let world = World::with(&[budget]);
            let decision = world.engine.check(world.now, &attributes(&[]), &nanos(700));
            assert_eq!(decision.warnings[0].threshold, highest, "of {thresholds:?}");
        }
    }
}

/// A budget in which seven eighths of what a counter can hold are held.
fn nearly_full(mode: Mode) -> World {
    let mut budget = daily(1, 100);
    (budget.mode, budget.thresholds) = (Mode::Soft, vec![Threshold::Percent(80)]);
    let mut world = World::with(&[budget]);
    for n in 0..7 {
        world.reserve(n, &attributes(&[]), nanos(CHARGE_PART_MAX));
    }
    world.change(1, |budget| budget.mode = mode);
    world
}

/// Rules: S1-19.
#[test]
fn a_counter_never_overflows() {
    let most = nanos(CHARGE_PART_MAX);
    let mut soft = nearly_full(Mode::Soft);
    assert_eq!(
        soft.try_reserve(9, &attributes(&[]), most),
        Outcome::Rejected(Rejection::Overflow(Measure::Usd))
    );
    let mut hard = nearly_full(Mode::Hard);
    assert!(matches!(hard.try_reserve(9, &attributes(&[]), most), Outcome::Refused(_)));
    let decision = hard.engine.check(hard.now, &attributes(&[]), &most);
    assert_eq!(decision.warnings[0].used, i64::MAX);
}

#[test]
fn an_attempt_touches_sixteen_windows_and_no_more() {
    let budgets: Vec<Budget> = (1..=17).map(|id| total(id, 100)).collect();
    let anyone = attributes(&[]);
    let mut world = World::with(&budgets[..16]);
    let decision = world.engine.check(world.now, &anyone, &nanos(1));
    assert_eq!((decision.denial, decision.windows), (None, 16));
    world.put(budgets[16].clone());
    let decision = world.engine.check(world.now, &anyone, &nanos(1));
    assert_eq!(decision.denial.unwrap().code, Code::TooManyWindows);
    assert_eq!(world.refuse(1, &anyone, nanos(1)).code, Code::TooManyWindows);
}

#[test]
fn nothing_is_extended_backwards() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &attributes(&[]), nanos(10));
    for more in [nanos(-1), nanos(CHARGE_PART_MAX)] {
        let extend = Extend { id: id(1), more, deadline: world.now };
        assert_eq!(world.apply(Command::Extend(extend)), Outcome::Rejected(Rejection::Charge), "{more:?}");
    }
    assert_eq!(world.counters(1), (0, 0, 10));
}

/// Rules: S3-29.
#[test]
fn a_reserve_tells_what_is_left_in_the_tightest_budget() {
    let mut world = World::with(&[daily(1, 100), daily(2, 30), daily(3, 70)]);
    let held = world.reserve(1, &attributes(&[]), nanos(10));
    assert_eq!(held.tightest_usd.unwrap().nanos(), 20);
}

/// An engine whose hard windows spend what an authority grants.
fn under_an_authority(budgets: &[Budget]) -> World {
    let mut world = World::new();
    world.engine = Engine::new().under(Grants::Slices);
    let (mut engine, mut journal) = (world.engine.clone(), Vec::new());
    for budget in budgets {
        let put = Command::PutBudget(std::sync::Arc::new(budget.clone()));
        assert_eq!(engine.apply(world.now, put, &mut journal), Outcome::BudgetPut);
    }
    (world.engine, world.journal) = (engine, journal);
    world
}

/// Reserves; the outcome.
fn ask(world: &mut World, n: u128, hold: Charge) -> Outcome {
    let reserve = Reserve::new(id(n), attributes(&[]), hold, world.now.plus_seconds(600));
    world.engine.apply(world.now, Command::Reserve(reserve), &mut world.journal)
}

#[test]
fn a_share_of_a_window_is_what_was_granted_and_not_given_back() {
    let mut soft = total(2, 5);
    soft.mode = Mode::Soft;
    let mut world = under_an_authority(&[total(1, 100), soft]);
    let Outcome::Short(denial) = ask(&mut world, 1, nanos(10)) else { panic!("nothing is granted yet") };
    assert_eq!(denial.blocking.len(), 1, "a soft window needs no grant");
    let window = denial.blocking[0].window.unwrap();
    let mut apply = |command| world.engine.apply(world.now, command, &mut world.journal);
    assert_eq!(apply(Command::Granted { window, total: 30 }), Outcome::Granted);
    assert_eq!(apply(Command::GiveBack { window, amount: 12 }), Outcome::GaveBack);
    let Outcome::Short(denial) = ask(&mut world, 2, nanos(19)) else { panic!("18 are left") };
    assert_eq!(denial.blocking[0].numbers.limit, 18);
    assert!(matches!(ask(&mut world, 3, nanos(18)), Outcome::Reserved(_)));
}

#[test]
fn too_many_windows_are_no_question_of_grants() {
    let budgets: Vec<Budget> = (1..=17).map(|id| total(id, 100)).collect();
    let mut world = under_an_authority(&budgets);
    let Outcome::Refused(denial) = ask(&mut world, 1, nanos(1)) else { panic!("17 windows") };
    assert_eq!(denial.code, Code::TooManyWindows);
    let mut world = under_an_authority(&budgets[..16]);
    assert!(matches!(ask(&mut world, 1, nanos(1)), Outcome::Short(_)));
}

#[test]
fn a_replay_refuses_what_was_never_decided() {
    let mut world = World::with(&[total(1, 100).per(attribute("user"))]);
    world.spend(1, &attributes(&[("user", "ann")]), nanos(1));
    world.reserve(2, &attributes(&[("user", "ann")]), nanos(1));
    let opened = world.journal.iter().find_map(|entry| match entry {
        Entry::Opened(image) => Some(image.clone()),
        _ => None,
    });
    let opened = opened.unwrap();
    let reserved = world.journal.iter().rfind(|entry| matches!(entry, Entry::Reserved(_))).unwrap();
    let mut engine = replayed(&world.journal);
    assert_eq!(engine.replay(reserved), Err(ReplayError::ReservationTwice));

    // The same window under another id, another window under the same id, an id from before.
    let mut twin = opened.clone();
    twin.id = WindowId(opened.id.0 + 1);
    assert_eq!(engine.replay(&Entry::Opened(twin)), Err(ReplayError::WindowTwice));
    let mut other = opened.clone();
    other.key.per = std::iter::once(Some(bursar_core::Value::new("bob").unwrap())).collect();
    assert_eq!(engine.replay(&Entry::Opened(other.clone())), Err(ReplayError::WindowTwice));
    let back = Entry::PagedIn { at: world.now, image: other.clone() };
    assert_eq!(engine.replay(&back), Err(ReplayError::Undecided), "nothing of this budget left memory");
    let mut later = replayed(&world.journal);
    other.id = WindowId(opened.id.0 + 7);
    later.replay(&Entry::Opened(other.clone())).unwrap();
    let (mut early, mut third) = (other.clone(), other);
    (early.id, third.id) = (WindowId(opened.id.0 + 3), WindowId(opened.id.0 + 8));
    early.key.per = std::iter::once(None).collect();
    assert_eq!(later.replay(&Entry::Opened(early)), Err(ReplayError::WindowTwice), "ids only grow");
    // A window in which something is held does not leave memory.
    let out = Entry::PagedOut { at: world.now, windows: vec![opened.id] };
    assert_eq!(replayed(&world.journal).replay(&out), Err(ReplayError::Window));
    // The same values in another period are another window.
    third.key.interval.starts_at = Some(world.now);
    later.replay(&Entry::Opened(third)).unwrap();
}

#[test]
fn a_record_is_as_long_as_it_may_be() {
    let mut world = World::with(&[daily(1, 100)]);
    let longest = bursar_core::limits::RECORD_BYTES_MAX;
    let record = |bytes: usize| vec![7; bytes].into_boxed_slice();
    let (now, anyone) = (world.now, attributes(&[]));
    let reserve = |n, bytes| {
        let reserve = Reserve::new(id(n), anyone.clone(), nanos(10), now.plus_seconds(600));
        Command::Reserve(Reserve { record: record(bytes), ..reserve })
    };
    let settle = |n, bytes| {
        Command::Settle(Settle { id: id(n), charge: nanos(5), estimated: false, record: record(bytes) })
    };
    let release = |n, bytes| {
        let reason = ProvablyUnbilled::NeverSent;
        Command::Release { id: id(n), reason, record: record(bytes) }
    };
    let too_long = Outcome::Rejected(Rejection::Record);
    assert_eq!(world.apply(reserve(1, longest + 1)), too_long);
    assert!(matches!(world.apply(reserve(1, longest)), Outcome::Reserved(_)));
    assert_eq!(world.apply(settle(1, longest + 1)), too_long);
    assert!(matches!(world.apply(settle(1, longest)), Outcome::Settled(_)));
    world.reserve(2, &anyone, nanos(1));
    assert_eq!(world.apply(release(2, longest + 1)), too_long);
    assert_eq!(world.apply(release(2, longest)), Outcome::Released);
}

#[test]
fn a_settle_overflows_only_where_the_counter_would() {
    let most = nanos(CHARGE_PART_MAX);
    let mut world = nearly_full(Mode::Soft);
    assert_eq!(world.settle(0, most).hold, most, "what replaces itself always fits");
    world.reserve(10, &attributes(&[]), Charge::ZERO);
    assert_eq!(world.try_settle(10, most), Outcome::Rejected(Rejection::Overflow(Measure::Usd)));
}

/// Rules: S2-17.
#[test]
fn what_settles_from_suspense_is_not_counted_twice_towards_a_threshold() {
    let mut budget = daily(1, 100);
    budget.thresholds = vec![Threshold::Percent(80)];
    let mut world = World::with(&[budget]);
    world.reserve(1, &attributes(&[]), nanos(50));
    world.pass(601);
    assert_eq!(world.expire(), [id(1)]);
    assert_eq!(world.settle(1, nanos(60)).crossings, []);
    world.reserve(2, &attributes(&[]), nanos(20));
    assert_eq!(world.settle(2, nanos(20)).crossings.len(), 1);
}

/// A daily budget of 100 for each user, of which as many percent roll over.
fn each_user(rollover_cap_pct: u32) -> World {
    let mut budget = daily(1, 100).per(attribute("user"));
    (budget.rollover_cap_pct, budget.since) = (rollover_cap_pct, World::new().now);
    World::with(&[budget])
}

/// Rules: S3-25.
#[test]
fn each_user_has_the_room_that_it_left_itself() {
    let mut world = each_user(100);
    let user = |name| attributes(&[("user", name)]);
    world.spend(1, &user("ann"), nanos(40));
    world.spend(2, &user("bob"), nanos(100));
    world.spend(3, &attributes(&[]), nanos(70));
    world.pass(86_400);
    for (name, limit) in [("ann", 160), ("bob", 100), ("cem", 200)] {
        let touched = world.engine.windows_of(&user(name), world.now);
        assert_eq!(touched[0].standing.limit, Some(limit), "{name}");
    }
}

#[test]
fn only_what_is_needed_is_looked_up() {
    for (rollover, ann, bob) in [(0, 1, 1), (100, 1, 2)] {
        let mut world = each_user(rollover);
        let user = |name| attributes(&[("user", name)]);
        world.spend(1, &user("bob"), nanos(40));
        world.pass(7_200);
        let (images, _) = world.engine.cold(world.now, 0, 100);
        let windows = images.iter().map(|image| (image.id, image.changed)).collect();
        assert_eq!(world.apply(Command::PageOut(windows)), Outcome::PagedOut(1));
        let mut reserve = Reserve::new(id(2), user("ann"), nanos(1), world.now.plus_seconds(600));
        let Outcome::NotLoaded(missing) = world.apply(Command::Reserve(reserve.clone())) else { panic!() };
        reserve.looked_up = Some(missing.epoch);
        assert!(matches!(world.apply(Command::Reserve(reserve)), Outcome::Reserved(_)));
        world.pass(86_400);
        for (n, name, keys) in [(3, "ann", ann), (4, "bob", bob)] {
            let outcome = world.try_reserve(n, &user(name), nanos(1));
            let Outcome::NotLoaded(missing) = outcome else { panic!("{name}: {outcome:?}") };
            assert_eq!(missing.keys.len(), keys, "{name} with {rollover} % rolling over");
            assert!(keys < 2 || missing.keys[0].interval.ends_at == missing.keys[1].interval.starts_at);
        }
    }
}

#[test]
fn a_window_in_memory_is_not_looked_up_because_another_is_missing() {
    let mut world = World::with(&[total(1, 100).per(attribute("user")), total(2, 100).per(attribute("run"))]);
    let of = |user, run| attributes(&[("user", user), ("run", run)]);
    world.spend(1, &of("bob", "r1"), nanos(1));
    world.pass(7_200);
    world.reserve(2, &attributes(&[("user", "ann"), ("run", "r2")]), nanos(1));
    let (images, _) = world.engine.cold(world.now, 0, 100);
    let windows = images.iter().map(|image| (image.id, image.changed)).collect();
    assert_eq!(world.apply(Command::PageOut(windows)), Outcome::PagedOut(2));
    let Outcome::NotLoaded(missing) = world.try_reserve(3, &of("ann", "r3"), nanos(1)) else { panic!() };
    let budgets: Vec<BudgetId> = missing.keys.iter().map(|key| key.budget).collect();
    assert_eq!(budgets, [BudgetId(2)]);
}
