//! Where budgets stand, what is in flight, whether roll-ups add up.

use super::*;
use crate::reports::budgets::{Stands, stands, status};
use crate::reports::{active, rollups};
use bursar_core::Measure;
use bursar_ledger::{Budget, BudgetId, Engine, PeriodKind, Standing, Threshold};
use bursar_store::settings::{BudgetRow, ManagedBy, Revision};
use std::sync::Arc;

const THRESHOLDS: [Threshold; 3] = [Threshold::Percent(80), Threshold::Percent(95), Threshold::Percent(100)];

/// Rules: S2-14, S3-29, V U05, V U06.
#[test]
fn a_window_is_exhausted_at_its_limit_and_a_limit_of_0_always() {
    let usd = |text: &str| Usd::parse(text).unwrap().nanos();
    let stands = |limit: &str, settled: &str| stands(Some(usd(limit)), &THRESHOLDS, usd(settled), 0);
    let within = ["99.999999", "100", "100.01"].map(|settled| stands("100", settled) != Stands::Exceeded);
    assert_eq!(within, [true, false, false]);
    assert_eq!(stands("0", "0.01"), Stands::Exceeded);
    assert_eq!((stands("100", "79.99"), stands("100", "80")), (Stands::Ok, Stands::Warning));
    assert_eq!(super::super::budgets::stands(None, &THRESHOLDS, 5, 5), Stands::Ok, "unlimited");
    assert_eq!(super::super::budgets::stands(Some(10), &[], 5, 5), Stands::Exceeded, "what is held counts");
}

/// A budget of that limit in USD and a window of it in which so much is settled.
fn window(id: u32, limit: &str, settled: &str) -> (Arc<Budget>, Standing) {
    let limit = Usd::parse(limit).unwrap().nanos();
    let settled = Usd::parse(settled).unwrap().nanos();
    let budget = Budget::new(BudgetId(id), &format!("b{id}"), Measure::Usd, Some(limit), PeriodKind::Month);
    let mut engine = Engine::new();
    let now = time("2026-04-11T00:00:00Z");
    let put = bursar_ledger::Command::PutBudget(Arc::new(budget.clone()));
    let _put = engine.apply(now, put, &mut Vec::new());
    let standing = engine.standing(budget.id, now).remove(0);
    let remaining = Some((limit - settled).max(0));
    (Arc::new(budget), Standing { settled, remaining, limit: Some(limit), ..standing })
}

fn row(id: u32, active: bool) -> BudgetRow {
    let at = time("2026-04-01");
    BudgetRow {
        id,
        name: format!("b{id}"),
        document: serde_json::json!({}),
        managed_by: ManagedBy::Api,
        active,
        deleted_at: None,
        revision: Revision { version: 1, created_at: at, updated_at: at },
    }
}

/// Rules: S3-29, V B17: overlapping budgets are not added up; the tightest is told.
#[test]
fn the_tightest_budget_counts_not_the_sum() {
    let rows = [row(1, true), row(2, true), row(3, false)];
    let windows = vec![window(1, "10", "8.50"), window(2, "20", "20")];
    let told = status(&rows, windows, 10);
    assert_eq!((told.total_budgets, told.active_budgets), (3, 2));
    assert_eq!((told.exceeded_budgets, told.warning_budgets), (1, 1));
    assert_eq!(told.tightest_remaining_usd.as_deref(), Some("0"));
    let order: Vec<_> =
        told.items.iter().map(|row| (row.budget.as_str(), row.state, row.used_pct.as_deref())).collect();
    assert_eq!(order, [("b2", "exceeded", Some("100")), ("b1", "warning", Some("85"))]);
}

/// Rules: S3-11, S3-29, V B27: nothing is divided by a limit of 0, and it is the tightest there is.
#[test]
fn a_limit_of_nothing_is_the_tightest() {
    let told = status(&[row(1, true), row(2, true)], vec![window(1, "10", "9.99"), window(2, "0", "0")], 10);
    let order: Vec<_> = told.items.iter().map(|row| (row.budget.as_str(), row.used_pct.clone())).collect();
    assert_eq!(order, [("b2", None), ("b1", Some("99.9".to_owned()))]);
    assert_eq!(told.exceeded_budgets, 1);
}

/// Rules: S4-36, V S02.
#[test]
fn an_attempt_is_late_strictly_after_its_endpoints_timeout() {
    let of = |idle_s| Some(active::Patience { idle_s, stale_s: 600 });
    let late = [(300, None), (301, None), (301, of(600))].map(|(idle, most)| active::is_late(idle, most));
    assert_eq!(late, [false, true, false]);
    // A stream that goes on tells so once a minute, however short its provider's idle timeout is.
    assert!(!active::is_late(61, of(5)) && !active::is_late(60, of(59)));
    assert!(active::is_late(66, of(5)), "the minute and the timeout have passed");
    // More often where it would count as lost soon.
    let soon = Some(active::Patience { idle_s: 2, stale_s: 20 });
    assert!(!active::is_late(6, soon) && active::is_late(7, soon));
}

/// Rules: S0-19, C6-7: roll-ups tie to the records to the nano-dollar; made anew they do so again.
#[test]
fn roll_ups_are_checked_and_made_anew() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    world.put("2026-02-28T23:59:59Z", "project=p1 tag.team=x", used(1, 1, "0.000000001"));
    world.put("2026-03-10T10:00:00Z", "project=p1", used(1, 1, "0.1"));
    let told = rollups::check(&world.records, None).unwrap();
    let months: Vec<_> =
        told.months.iter().map(|month| (month.month.as_str(), month.records, month.differing)).collect();
    assert_eq!((told.sound, months), (true, vec![("202602", 1, 0), ("202603", 1, 0)]));
    let rebuilt = rollups::rebuild(&world.records, Some(rollups::month("202603").unwrap())).unwrap();
    assert_eq!((rebuilt.months.len(), rebuilt.sound), (1, true));
    assert!(rollups::check(&world.records, None).unwrap().sound);
    assert!(rollups::month("2026-03").is_err());
}
