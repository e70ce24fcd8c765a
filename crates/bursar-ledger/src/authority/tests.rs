//! Grants, repeats, fences and recounts, as stories.

use super::*;
use crate::budget::BudgetId;
use crate::period::Interval;

fn key(n: u32) -> WindowKey {
    WindowKey {
        budget: BudgetId(n),
        generation: 0,
        interval: Interval::ALWAYS,
        per: [].into_iter().collect(),
    }
}
fn call(node: u32, epoch: u64, request: u64) -> Call {
    Call { node: NodeId(node), epoch, generation: 0, request }
}
fn want(need: i64, wants: i64) -> [Want; 1] {
    [Want { key: key(1), need, wants }]
}
fn granted(total: i64) -> Answer {
    Answer::Granted(vec![(key(1), total)])
}
fn totals(granted: i64, returned: i64, used: i64) -> [Totals; 1] {
    [Totals { key: key(1), base: 0, granted, returned, used }]
}
/// Two nodes and a limit of 100.
fn authority() -> Authority {
    let mut authority = Authority::new();
    authority.set_limit(key(1), Some(100));
    for node in [1, 2] {
        assert_eq!(authority.register(&call(node, 1, 0), &[]), Answer::Granted(vec![]));
    }
    authority
}

#[test]
fn slices_shrink_towards_the_limit_and_needs_are_met_to_the_last_unit() {
    let mut authority = authority();
    assert_eq!(authority.acquire(&call(1, 1, 1), &want(1, 1_000)), granted(25));
    assert_eq!(authority.acquire(&call(2, 1, 1), &want(1, 1_000)), granted(18));
    assert_eq!(authority.acquire(&call(2, 1, 2), &want(57, 57)), granted(75));
    assert_eq!(authority.committed(&key(1)), 100);
    assert_eq!(authority.acquire(&call(1, 1, 2), &want(1, 1)), granted(25));
}

#[test]
fn a_node_that_nobody_knows_is_fenced() {
    let mut authority = authority();
    assert_eq!(authority.acquire(&call(3, 1, 1), &want(1, 1)), Answer::Fenced);
}

#[test]
fn a_repeated_request_is_answered_and_not_done_again() {
    let mut authority = authority();
    let first = authority.acquire(&call(1, 1, 7), &want(10, 10));
    assert_eq!(authority.acquire(&call(1, 1, 7), &want(10, 10)), first);
    assert_eq!(authority.committed(&key(1)), 10);
    assert_eq!(authority.acquire(&call(1, 1, 6), &want(10, 10)), Answer::Fenced, "an older one is late");
}

#[test]
fn a_new_life_gives_back_what_the_old_one_did_not_use() {
    let mut authority = authority();
    assert_eq!(authority.acquire(&call(1, 1, 1), &want(60, 60)), granted(60));
    let used = [(key(1), 15)];
    assert_eq!(authority.register(&call(1, 2, 0), &used), Answer::Granted(vec![]));
    assert_eq!(authority.committed(&key(1)), 15);
    assert_eq!(authority.register(&call(1, 1, 0), &[]), Answer::Fenced);
    assert_eq!(authority.acquire(&call(1, 1, 2), &want(1, 1)), Answer::Fenced);
    assert_eq!(authority.acquire(&call(1, 2, 1), &want(85, 85)), granted(85));
    assert_eq!(authority.register(&call(1, 2, 0), &used), Answer::Granted(vec![]), "the same message again");
    assert_eq!(authority.committed(&key(1)), 100);
}

#[test]
fn room_comes_back_and_overspending_is_committed() {
    let mut authority = authority();
    assert_eq!(authority.acquire(&call(1, 1, 1), &want(50, 50)), granted(50));
    assert_eq!(authority.sync(&call(1, 1, 2), &totals(50, 20, 10)), granted(50));
    assert_eq!(
        authority.sync(&call(1, 1, 3), &totals(50, 10, 10)),
        granted(50),
        "an older total changes nothing"
    );
    assert_eq!(authority.committed(&key(1)), 30);
    assert_eq!(authority.sync(&call(1, 1, 4), &totals(50, 20, 130)), granted(150));
    assert_eq!(authority.committed(&key(1)), 130);
    assert_eq!(authority.acquire(&call(2, 1, 1), &want(1, 1)), granted(0));
}

#[test]
fn after_a_failover_nothing_is_granted_until_every_node_was_counted() {
    let mut authority = authority();
    let before = authority.clone();
    assert_eq!(authority.acquire(&call(1, 1, 1), &want(70, 70)), granted(70));
    authority = before;
    authority.fail_over(1, &[NodeId(1), NodeId(2)]);
    let recount = Answer::Recount { generation: 1 };
    let at = |node, request| Call { generation: 1, ..call(node, 1, request) };
    assert_eq!(authority.acquire(&call(2, 1, 1), &want(70, 70)), recount);
    assert_eq!(authority.sync(&at(2, 2), &totals(0, 0, 0)), recount, "the other one is missing");
    assert_eq!(authority.sync(&at(1, 2), &totals(70, 0, 5)), granted(70));
    assert_eq!(authority.acquire(&at(2, 3), &want(31, 31)), granted(0));
    assert_eq!(authority.acquire(&at(2, 4), &want(30, 30)), granted(30));
}
