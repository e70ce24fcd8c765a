//! Edges of what comes after a decision: expiry, adjustments, grants, standings, snapshots. What mutation testing found
//! untold.

use crate::world::{World, attribute, attributes, audit, daily, id, nanos, replayed};
use bursar_core::Measure;
use bursar_core::limits::RECORD_BYTES_MAX;
use bursar_ledger::{
    ADJUSTMENTS_MAX, Adjust, AdjustmentId, Budget, BudgetId, CHARGE_PART_MAX, Command, EXPIRE_BATCH_MAX,
    Engine, Entry, Expiry, Grants, Outcome, PeriodKind, Rejection, ReplayError, Reserve, Standing,
    SuspenseCause, WINDOWS_PER_COMMAND_MAX, WindowId,
};
use std::sync::Arc;

/// A budget of 100 for each user, without end.
fn each_user(id: u32) -> Budget {
    let budget = Budget::new(BudgetId(id), "each", Measure::Usd, Some(100), PeriodKind::Total);
    budget.per(attribute("user"))
}

fn user(name: &str) -> bursar_core::Attributes {
    attributes(&[("user", name)])
}

fn adjust(n: u128, parts: &[(u64, i64)]) -> Command {
    let parts = parts.iter().map(|(window, delta)| (WindowId(*window), *delta)).collect();
    Command::Adjust(Adjust { id: AdjustmentId(n), reservation: None, parts, audit: audit() })
}

#[test]
fn what_is_known_of_a_silent_attempt_is_as_long_as_a_record_may_be() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &attributes(&[]), nanos(10));
    let suspend = |bytes: usize| {
        let record = vec![7; bytes].into_boxed_slice();
        Command::Suspend { id: id(1), cause: SuspenseCause::NoAnswer, record }
    };
    let refused = world.apply(suspend(RECORD_BYTES_MAX + 1));
    assert_eq!(refused, Outcome::Rejected(Rejection::Record));
    assert!(matches!(world.apply(suspend(RECORD_BYTES_MAX)), Outcome::Suspended(_)));
}

/// Expires in an engine that holds so many overdue reservations: how many were moved, and whether more are left.
fn expired(count: usize) -> Vec<(usize, bool)> {
    let (mut engine, mut journal) = (Engine::new(), Vec::new());
    let now = World::new().now;
    for n in 0..count {
        let n = u128::try_from(n).unwrap();
        let reserve = Reserve::new(id(n), attributes(&[]), nanos(1), now.plus_seconds(1));
        let _held: Outcome = engine.apply(now, Command::Reserve(reserve), &mut journal);
    }
    let mut told = Vec::new();
    loop {
        let outcome = engine.apply(now.plus_seconds(2), Command::Expire, &mut journal);
        let Outcome::Expired(Expiry { suspended, more, .. }) = outcome else { panic!("{outcome:?}") };
        told.push((suspended.len(), more));
        if !more {
            return told;
        }
    }
}

#[test]
fn what_is_overdue_expires_in_batches_and_says_when_more_is_left() {
    let most = EXPIRE_BATCH_MAX;
    assert_eq!(expired(most - 1), [(most - 1, false)]);
    assert_eq!(expired(most), [(most, false)]);
    assert_eq!(expired(most + 1), [(most, true), (1, false)]);
}

#[test]
fn only_windows_that_changed_since_are_given() {
    let mut world = World::with(&[each_user(1)]);
    world.spend(1, &user("ann"), nanos(1));
    world.spend(2, &user("bob"), nanos(2));
    let all = world.engine.images(0);
    let (ann, bob) = (all[0].changed, all[1].changed);
    assert_eq!(all.len(), 2);
    assert_eq!(world.engine.images(ann), all[1..]);
    assert_eq!(world.engine.images(bob), []);
}

#[test]
fn one_open_reservation_is_told_as_among_all() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &attributes(&[]), nanos(1));
    world.reserve(2, &attributes(&[]), nanos(2));
    let all = world.engine.open();
    assert_eq!(all.len(), 2);
    assert_eq!(world.engine.open_one(id(2)).as_ref(), Some(&all[1]));
    world.settle(2, nanos(2));
    assert_eq!(world.engine.open_one(id(2)), None);
}

#[test]
fn states_that_differ_have_hashes_that_differ() {
    let mut world = World::with(&[daily(1, 100)]);
    let mut hashes = vec![Engine::new().state_hash(), world.engine.state_hash()];
    for n in 1..4 {
        world.reserve(n, &attributes(&[]), nanos(1));
        hashes.push(world.engine.state_hash());
    }
    assert_eq!(replayed(&world.journal).state_hash(), world.engine.state_hash());
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 5);
}

/// Users a to e with 10, 20 … 50 settled, in a budget of their own each.
fn five_users() -> World {
    let mut world = World::with(&[each_user(1), each_user(2)]);
    for (n, name) in (1u8..).zip(["a", "b", "c", "d", "e"]) {
        world.spend(n.into(), &user(name), nanos(i64::from(n) * 10));
    }
    world
}

fn settled(standings: &[Standing]) -> Vec<i64> {
    standings.iter().map(|standing| standing.settled).collect()
}

/// Rules: S3-29.
#[test]
fn standings_are_read_in_pages() {
    let world = five_users();
    let (engine, now) = (&world.engine, world.now);
    let all = engine.standing(BudgetId(1), now);
    assert_eq!(settled(&all), [10, 20, 30, 40, 50]);
    let page = |after: Option<WindowId>, most| engine.standings_after(BudgetId(1), now, after, most);
    for most in 1..7 {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let next = page(after, most);
            assert!(next.len() <= most);
            let Some(last) = next.last() else { break };
            after = last.window;
            read.extend(next);
        }
        assert_eq!(read, all, "{most} at once");
    }
    assert_eq!(settled(&page(all[1].window, 2)), [30, 40]);
    assert_eq!(settled(&page(all[1].window, 3)), [30, 40, 50]);
    assert_eq!(engine.standings_after(BudgetId(9), now, None, 5), []);
}

#[test]
fn a_window_is_told_by_its_id_and_by_its_image() {
    let mut world = five_users();
    world.reserve(6, &user("b"), nanos(7));
    let (engine, now) = (&world.engine, world.now);
    assert_eq!((engine.window_count(BudgetId(1)), engine.window_count(BudgetId(9))), (5, 0));
    for standing in engine.standing(BudgetId(2), now) {
        let window = standing.window.unwrap();
        assert!(engine.has_window(window));
        assert_eq!(engine.spent(window), Some(standing.settled));
        assert_eq!(engine.standing_of(window, now).as_ref(), Some(&standing));
        let image = engine.images(0).into_iter().find(|image| image.id == window).unwrap();
        assert_eq!(engine.standing_of_image(&image, now), Some(standing));
    }
    let nobody = WindowId(99);
    assert!(!engine.has_window(nobody));
    assert_eq!((engine.spent(nobody), engine.standing_of(nobody, now)), (None, None));
    // In suspense it is spent, held it is not.
    let bob = engine.standing(BudgetId(1), now)[1].clone();
    assert_eq!((bob.settled, bob.held, engine.spent(bob.window.unwrap())), (20, 7, Some(20)));
    world.pass(700);
    world.expire();
    assert_eq!(world.engine.spent(bob.window.unwrap()), Some(27));
}

/// Rules: S3-29.
#[test]
fn a_standing_tells_what_is_left_and_what_is_over() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &attributes(&[]), nanos(60));
    assert_eq!((world.standing(1).remaining, world.standing(1).over_limit), (Some(40), 0));
    world.settle(1, nanos(100));
    let full = world.standing(1);
    assert_eq!((full.remaining, full.over_limit, full.overage), (Some(0), 0, 40));
    let _adjusted = world.apply(adjust(1, &[(full.window.unwrap().0, 5)]));
    let over = world.standing(1);
    assert_eq!((over.remaining, over.over_limit, over.overage), (Some(0), 5, 45));
    world.change(1, |budget| budget.limit = None);
    let free = world.standing(1);
    assert_eq!((free.limit, free.remaining, free.over_limit), (None, None, 0));
    // Nothing was counted yet: all of the limit is left, to the end of the day.
    world.at("2026-03-11T06:00:00Z").change(1, |budget| budget.limit = Some(100));
    let fresh = world.standing(1);
    assert_eq!((fresh.window, fresh.settled, fresh.remaining), (None, 0, Some(100)));
    assert_eq!((fresh.projection, fresh.resets_at.is_some()), (Some(0), true));
}

#[test]
fn only_windows_of_now_and_of_this_generation_are_current() {
    let mut world = World::with(&[daily(1, 100).per(attribute("user"))]);
    world.spend(1, &user("ann"), nanos(1));
    let before = world.engine.current(BudgetId(1), world.now).unwrap();
    assert_eq!((before.budget, before.generation), (BudgetId(1), 0));
    assert!(before.interval.contains(world.now));
    world.pass(24 * 3_600);
    assert_eq!(world.engine.standing(BudgetId(1), world.now), []);
    world.spend(2, &user("ann"), nanos(2));
    assert_eq!(settled(&world.engine.standing(BudgetId(1), world.now)), [2]);
    // Measured otherwise, the day begins anew.
    world.change(1, |budget| budget.measure = Measure::Requests);
    assert_eq!(world.engine.standing(BudgetId(1), world.now), []);
    assert_eq!(world.engine.standings_after(BudgetId(1), world.now, None, 9), []);
    let after = world.engine.current(BudgetId(1), world.now).unwrap();
    assert_eq!((after.generation, after.interval.contains(world.now)), (1, true));
    assert_eq!(world.engine.window_count(BudgetId(1)), 2, "they are in memory all the same");
}

#[test]
fn an_adjustment_is_within_its_bounds() {
    let mut world = World::with(&[each_user(1)]);
    let ids = 1..=u8::try_from(WINDOWS_PER_COMMAND_MAX - 1).unwrap();
    world.spend(1_000, &user("first"), nanos(1));
    for n in ids {
        let _held = world.engine.apply(
            world.now,
            Command::Reserve(Reserve::new(id(n.into()), user(&format!("u{n}")), nanos(1), world.now)),
            &mut world.journal,
        );
    }
    let first = world.engine.standing(BudgetId(1), world.now)[0].window.unwrap().0;
    let many = u64::try_from(WINDOWS_PER_COMMAND_MAX).unwrap();
    let parts: Vec<(u64, i64)> = (first..first + many).map(|window| (window, 1)).collect();
    let rejected = |world: &mut World, parts: &[(u64, i64)], why| {
        assert_eq!(world.apply(adjust(1, parts)), Outcome::Rejected(why), "{parts:?}");
    };
    rejected(&mut world, &[], Rejection::Windows);
    let one_more = [parts.as_slice(), &[(first + many, 1)]].concat();
    rejected(&mut world, &one_more, Rejection::Windows);
    rejected(&mut world, &[(first, 1), (first + 1, 1), (first, 1)], Rejection::Charge);
    rejected(&mut world, &[(first, CHARGE_PART_MAX + 1)], Rejection::Charge);
    rejected(&mut world, &[(first, -2)], Rejection::BelowZero(WindowId(first)));
    rejected(&mut world, &[(first + many, 1)], Rejection::WindowNotLoaded(WindowId(first + many)));
    assert!(matches!(world.apply(adjust(2, &parts)), Outcome::Adjusted(_)));
    assert!(matches!(world.apply(adjust(3, &[(first, -2)])), Outcome::Adjusted(_)), "to nothing exactly");
    assert!(matches!(world.apply(adjust(4, &[(first, CHARGE_PART_MAX)])), Outcome::Adjusted(_)));
    let standing = world.engine.standing_of(WindowId(first), world.now).unwrap();
    assert_eq!((standing.settled, standing.overage), (CHARGE_PART_MAX, CHARGE_PART_MAX + 1));
    // Seven eighths of what a counter can hold; the last eighth would be one too many.
    for n in 5..11 {
        assert!(matches!(world.apply(adjust(n, &[(first, CHARGE_PART_MAX)])), Outcome::Adjusted(_)));
    }
    rejected(&mut world, &[(first, CHARGE_PART_MAX)], Rejection::Overflow(Measure::Usd));
    assert!(matches!(world.apply(adjust(11, &[(first, CHARGE_PART_MAX - 1)])), Outcome::Adjusted(_)));
}

#[test]
fn as_many_adjustments_are_remembered_as_may_be() {
    let mut world = World::with(&[each_user(1)]);
    world.spend(1, &user("ann"), nanos(1));
    let (now, window) = (world.now, world.engine.images(0)[0].id.0);
    let mut apply = |n: usize| {
        let command = adjust(u128::try_from(n).unwrap(), &[(window, 1)]);
        matches!(world.engine.apply(now, command, &mut world.journal), Outcome::Adjusted(_))
    };
    assert!((0..ADJUSTMENTS_MAX).all(&mut apply), "each is booked");
    assert!(!(0..ADJUSTMENTS_MAX).any(&mut apply), "and each is known");
    assert!(apply(ADJUSTMENTS_MAX), "one more");
    assert!(!apply(1), "the second is still known");
    assert!(apply(0), "the first is not");
}

#[test]
fn an_adjustment_counts_towards_thresholds_with_what_was_spent() {
    let mut budget = daily(1, 100);
    budget.thresholds = vec![bursar_ledger::Threshold::Amount(15)];
    let mut world = World::with(&[budget]);
    world.spend(1, &attributes(&[]), nanos(10));
    let window = world.standing(1).window.unwrap().0;
    assert_eq!(world.apply(adjust(1, &[(window, -1)])), Outcome::Adjusted(Vec::new()));
    assert_eq!(world.apply(adjust(2, &[(window, 5)])), Outcome::Adjusted(Vec::new()));
    let Outcome::Adjusted(crossings) = world.apply(adjust(3, &[(window, 1)])) else { panic!() };
    assert_eq!(crossings.len(), 1);
    assert_eq!(world.standing(1).settled, 15);
}

#[test]
fn what_was_used_last_is_used_by_an_adjustment_too() {
    let mut world = World::with(&[each_user(1)]);
    world.spend(1, &user("ann"), nanos(1));
    let before = world.engine.images(0).remove(0);
    world.pass(60);
    let _adjusted = world.apply(adjust(1, &[(before.id.0, 1)]));
    let after = world.engine.images(0).remove(0);
    assert_eq!(after.used_at, world.now);
    assert!(after.changed > before.changed, "what was stored of it is old");
}

/// Windows under an authority: a story of one that was granted 30 of its 100.
#[test]
fn only_what_is_granted_and_free_is_given_back() {
    let (mut engine, mut journal) = (Engine::new().under(Grants::Slices), Vec::new());
    let now = World::new().now;
    let mut apply = |now, command| {
        let outcome: Outcome = engine.apply(now, command, &mut journal);
        (outcome, engine.images(0).pop())
    };
    let mut budget = each_user(1);
    budget.per.clear();
    let _put = apply(now, Command::PutBudget(Arc::new(budget)));
    let ask =
        |n, hold| Command::Reserve(Reserve::new(id(n), attributes(&[]), nanos(hold), now.plus_seconds(600)));
    assert!(matches!(apply(now, ask(1, 10)).0, Outcome::Short(_)));
    let (_, image) = apply(now, Command::Expire);
    let window = image.unwrap().id;
    let later = now.plus_seconds(1);
    let (granted, image) = apply(later, Command::Granted { window, total: 30 });
    assert_eq!((granted, image.as_ref().map(|image| image.used_at)), (Outcome::Granted, Some(later)));
    let changed = image.unwrap().changed;
    assert_eq!(apply(later, Command::Granted { window, total: 30 }).0, Outcome::Stale);
    assert_eq!(apply(later, Command::Granted { window, total: 29 }).0, Outcome::Stale);
    assert!(matches!(apply(later, ask(2, 10)).0, Outcome::Reserved(_)));
    let refused = Outcome::Rejected(Rejection::BelowZero(window));
    for amount in [-1, 0, 21] {
        assert_eq!(apply(later, Command::GiveBack { window, amount }).0, refused, "{amount}");
    }
    let latest = now.plus_seconds(2);
    let (gave, image) = apply(latest, Command::GiveBack { window, amount: 15 });
    let image = image.unwrap();
    assert_eq!((gave, image.returned, image.granted, image.used_at), (Outcome::GaveBack, 15, 30, latest));
    assert!(image.changed > changed);
    assert_eq!(apply(latest, Command::GiveBack { window, amount: 6 }).0, refused);
    assert_eq!(apply(latest, Command::GiveBack { window, amount: 5 }).0, Outcome::GaveBack);
    let missing = Outcome::Rejected(Rejection::WindowNotLoaded(WindowId(99)));
    assert_eq!(apply(latest, Command::GiveBack { window: WindowId(99), amount: 1 }).0, missing);
    assert_eq!(apply(latest, Command::Granted { window: WindowId(99), total: 1 }).0, missing);
    // What is not free any more is not given back by a replay either.
    let again = Entry::GaveBack { at: latest, window, amount: 1 };
    assert_eq!(engine.replay(&again), Err(ReplayError::Undecided));
}

#[test]
fn budgets_are_told_until_they_are_removed() {
    let mut world = World::with(&[daily(1, 100), daily(2, 100)]);
    let told = |world: &World| world.engine.budgets().map(|budget| budget.id.0).collect::<Vec<u32>>();
    assert_eq!(told(&world), [1, 2]);
    assert_eq!(world.apply(Command::RemoveBudget(BudgetId(1))), Outcome::BudgetRemoved);
    assert_eq!(told(&world), [2]);
}

#[test]
fn a_window_that_would_open_is_told_by_the_values_it_would_have() {
    let mut full = each_user(1);
    (full.windows_max, full.mode) = (1, bursar_ledger::Mode::Soft);
    let mut world = World::with(&[full, each_user(2)]);
    let told = |world: &World, name| -> Vec<Option<String>> {
        let touched = world.engine.windows_of(&user(name), world.now);
        touched.iter().map(|touched| touched.standing.per[0].as_ref().map(ToString::to_string)).collect()
    };
    let ann = Some("ann".to_owned());
    assert_eq!(told(&world, "ann"), [ann.clone(), ann.clone()]);
    world.reserve(1, &user("ann"), nanos(1));
    assert_eq!(told(&world, "ann"), [ann.clone(), ann]);
    // The first budget has no window left for a second user, who shares one with whoever comes later.
    assert_eq!(told(&world, "bob"), [None, Some("bob".to_owned())]);
}
