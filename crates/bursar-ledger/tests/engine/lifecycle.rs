//! The life of a reservation: every row of the operations and hard cases of the protocol, as a story.

use crate::world::{World, audit, daily, id, nanos};
use bursar_core::{Attributes, Charge, Code};
use bursar_ledger::{
    Command, Extend, Outcome, Past, ProvablyUnbilled, Rejection, Reserve, Settle, State, SuspenseCause,
    SuspensePolicy,
};

fn anyone() -> Attributes {
    Attributes::new()
}

/// Rules: S3-07, S3-16.
#[test]
fn a_hold_becomes_the_actual_charge() {
    let mut world = World::with(&[daily(1, 100)]);
    let held = world.reserve(1, &anyone(), nanos(60));
    assert_eq!(held.windows[0].remaining, Some(40));
    assert_eq!(world.counters(1), (0, 0, 60));
    let settlement = world.settle(1, nanos(25));
    assert_eq!((settlement.from, settlement.overage), (State::Live, Charge::ZERO));
    assert_eq!(world.counters(1), (25, 0, 0));
}

/// Rules: S1-11.
#[test]
fn equality_passes_and_one_more_does_not() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(99));
    assert_eq!(world.refuse(2, &anyone(), nanos(2)).code, Code::BudgetHeld);
    world.reserve(3, &anyone(), nanos(1));
    assert_eq!(world.counters(1), (0, 0, 100));
}

#[test]
fn a_refusal_changes_nothing_and_is_not_remembered() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(90));
    let before = world.engine.state_hash();
    world.refuse(2, &anyone(), nanos(20));
    assert_eq!(world.engine.state_hash(), before);
    world.settle(1, nanos(10));
    world.reserve(2, &anyone(), nanos(20));
}

/// Rules: S3-01, S4-30.
#[test]
fn a_repeated_reserve_is_never_held_twice() {
    let mut world = World::with(&[daily(1, 100)]);
    let mut reserve = Reserve::new(id(1), anyone(), nanos(10), world.now.plus_seconds(600));
    reserve.fingerprint = 7;
    assert!(matches!(world.apply(Command::Reserve(reserve.clone())), Outcome::Reserved(_)));
    let live = Past { state: State::Live, fingerprint: 7, charge: nanos(10) };
    assert_eq!(world.apply(Command::Reserve(reserve.clone())), Outcome::Duplicate(live));
    let other = Reserve { fingerprint: 8, ..reserve.clone() };
    assert_eq!(world.apply(Command::Reserve(other)), Outcome::Conflict(live));
    world.settle(1, nanos(4));
    let settled = Past { state: State::Settled, fingerprint: 7, charge: nanos(4) };
    assert_eq!(world.apply(Command::Reserve(reserve)), Outcome::Duplicate(settled));
    assert_eq!(world.counters(1), (4, 0, 0));
}

/// Rules: S1-19, S3-01, S3-16.
#[test]
fn a_repeated_settle_books_once_and_another_amount_conflicts() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(10));
    world.settle(1, nanos(4));
    let first = Past { state: State::Settled, fingerprint: 0, charge: nanos(4) };
    assert_eq!(world.try_settle(1, nanos(4)), Outcome::Duplicate(first));
    assert_eq!(world.try_settle(1, nanos(5)), Outcome::Conflict(first));
    assert_eq!(world.try_settle(2, nanos(5)), Outcome::Unknown);
    assert_eq!(world.counters(1), (4, 0, 0));
}

/// Rules: S3-17.
#[test]
fn only_what_is_provably_unbilled_is_given_back() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(10));
    let reason = ProvablyUnbilled::Rejected { status: 429 };
    let release = Command::Release { id: id(1), reason, record: Box::default() };
    assert_eq!(world.apply(release.clone()), Outcome::Released);
    assert_eq!(world.counters(1), (0, 0, 0));
    let past = Past { state: State::Released, fingerprint: 0, charge: Charge::ZERO };
    assert_eq!(world.apply(release), Outcome::Duplicate(past));
    assert_eq!(world.try_settle(1, nanos(5)), Outcome::Conflict(past));
    world.reserve(2, &anyone(), nanos(10));
    world.settle(2, nanos(1));
    assert!(matches!(world.release(2), Outcome::Conflict(Past { state: State::Settled, .. })));
}

/// Rules: S3-17, S4-35.
#[test]
fn expiry_charges_and_late_truth_corrects() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(40));
    world.pass(599);
    assert_eq!(world.expire(), []);
    world.pass(1);
    assert_eq!(world.expire(), [id(1)]);
    assert_eq!(world.counters(1), (0, 40, 0));
    assert_eq!(world.refuse(2, &anyone(), nanos(61)).code, Code::BudgetPlatform);
    assert_eq!(world.release(1), Outcome::Rejected(Rejection::State(State::Suspense)));
    let settlement = world.settle(1, nanos(15));
    assert_eq!(settlement.from, State::Suspense);
    assert_eq!(world.counters(1), (15, 0, 0));
}

/// Rules: S3-17, S4-35.
#[test]
fn progress_and_extension_renew_the_deadline() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(40));
    world.pass(500);
    let deadline = world.now.plus_seconds(600);
    assert_eq!(world.progress(1, deadline), Outcome::Progressed);
    world.pass(500);
    assert_eq!(world.expire(), []);
    let extend = |more, world: &World| {
        Command::Extend(Extend { id: id(1), more: nanos(more), deadline: world.now.plus_seconds(600) })
    };
    let more = extend(60, &world);
    assert_eq!(world.apply(more), Outcome::Extended);
    assert_eq!(world.counters(1), (0, 0, 100));
    let more = extend(1, &world);
    assert!(matches!(world.apply(more), Outcome::Short(denial) if denial.code == Code::BudgetHeld));
    world.pass(599);
    assert_eq!(world.expire(), []);
    world.pass(1);
    assert_eq!(world.expire(), [id(1)]);
    assert_eq!(world.counters(1), (0, 100, 0));
}

#[test]
fn a_charge_above_its_hold_is_accepted_and_itemised() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(90));
    let settlement = world.settle(1, nanos(130));
    assert_eq!(settlement.overage, Charge { requests: 0, ..nanos(40) });
    let standing = world.standing(1);
    assert_eq!((standing.overage, standing.over_limit, standing.remaining), (40, 30, Some(0)));
    assert_eq!(world.refuse(2, &anyone(), nanos(1)).code, Code::BudgetPlatform);
}

/// Rules: S3-17.
#[test]
fn a_restart_puts_exactly_what_is_in_flight_into_suspense() {
    let mut world = World::with(&[daily(1, 100)]);
    for n in 1..=4 {
        world.reserve(n, &anyone(), nanos(10));
    }
    world.settle(1, nanos(3));
    assert_eq!(world.release(2), Outcome::Released);
    let Outcome::Expired(recovered) = world.apply(Command::Recover) else { panic!() };
    assert_eq!(recovered.suspended, [id(3), id(4)]);
    assert_eq!(world.counters(1), (3, 20, 0));
    assert_eq!(world.forgive(3), Outcome::Forgiven);
    assert_eq!(world.counters(1), (3, 10, 0));
    assert!(matches!(world.forgive(3), Outcome::Duplicate(_)));
    assert!(matches!(world.forgive(1), Outcome::Conflict(_)));
}

#[test]
fn silence_after_sending_is_suspense_at_once() {
    let mut world = World::with(&[daily(1, 100)]);
    world.reserve(1, &anyone(), nanos(10));
    let cause = SuspenseCause::NoAnswer;
    let suspend = Command::Suspend { id: id(1), cause, record: Box::default() };
    assert_eq!(world.apply(suspend.clone()), Outcome::Suspended(vec![]));
    assert!(matches!(world.apply(suspend), Outcome::Duplicate(_)));
    assert_eq!(world.counters(1), (0, 10, 0));
}

#[test]
fn suspense_settles_at_its_estimate_when_every_budget_says_so() {
    let after = |seconds| SuspensePolicy::EstimateAfter { seconds };
    let mut slow = daily(1, 100);
    slow.suspense = after(7_200);
    let mut quick = daily(2, 100);
    quick.suspense = after(3_600);
    let mut world = World::with(&[slow, quick]);
    let mut reserve = Reserve::new(id(1), anyone(), nanos(40), world.now.plus_seconds(600));
    reserve.estimate = Some(nanos(5));
    let _ = world.apply(Command::Reserve(reserve));
    world.pass(600);
    world.expire();
    world.pass(7_199);
    world.expire();
    assert_eq!(world.counters(1), (0, 40, 0));
    world.pass(1);
    world.expire();
    assert_eq!((world.counters(1), world.counters(2)), ((5, 0, 0), (5, 0, 0)));

    world.put(daily(3, 100));
    world.reserve(2, &anyone(), nanos(40));
    world.pass(600);
    world.expire();
    world.pass(1_000_000);
    world.expire();
    let open = world.engine.open();
    assert_eq!((open.len(), open[0].state, open[0].until), (1, State::Suspense, None));
}

#[test]
fn what_is_out_of_bounds_changes_nothing() {
    let mut world = World::with(&[daily(1, 100)]);
    let rejected = |outcome| matches!(outcome, Outcome::Rejected(_));
    assert!(rejected(world.try_reserve(1, &anyone(), nanos(-1))));
    assert!(rejected(world.try_reserve(1, &anyone(), nanos(i64::MAX))));
    let mut unpriced = Reserve::new(id(1), anyone(), Charge::ZERO, world.now);
    unpriced.priced = true;
    assert_eq!(world.apply(Command::Reserve(unpriced)), Outcome::Rejected(Rejection::UnpricedHold));
    world.reserve(1, &anyone(), nanos(10));
    assert!(rejected(world.try_settle(1, nanos(-5))));
    let record = vec![0; 9_000].into();
    let settle = Settle { id: id(1), charge: nanos(5), estimated: false, record };
    assert_eq!(world.apply(Command::Settle(settle)), Outcome::Rejected(Rejection::Record));
    let nobody = bursar_ledger::Audit { actor: "".into(), ..audit() };
    let forgive = Command::Forgive { id: id(1), audit: nobody };
    assert_eq!(world.apply(forgive), Outcome::Rejected(Rejection::Audit));
    assert_eq!(world.counters(1), (0, 0, 10));
}
