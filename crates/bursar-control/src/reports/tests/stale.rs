//! Attempts past their time, counted on a real ledger.

use crate::reports::active::stale;
use bursar_core::{Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd};
use bursar_ledger::{Budget, BudgetId, PeriodKind, Progress, Reserve};
use bursar_store::disk::SimulatedDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, MemoryWindows};
use std::sync::Arc;

/// Rules: S4-35, S4-69, V S03.
#[test]
fn what_is_past_its_time_is_counted_without_changing_it_until_the_sweep_takes_it() {
    let start = Timestamp::parse("2026-03-01T10:00:00Z").unwrap();
    let after = |seconds: i64| start.plus_seconds(seconds);
    let options = LedgerOptions {
        durability: Durability::Fast,
        segment_bytes: 1 << 20,
        checkpoint_bytes: 1 << 20,
        boot_id: "one".to_owned(),
        holder: "a test".to_owned(),
        random: 1,
        commits: Commits::ByHand,
    };
    let windows = Arc::new(MemoryWindows::default());
    let (ledger, _) = Ledger::open(Arc::new(SimulatedDisk::new(1)), windows, &options, start).unwrap();
    let limit = Some(Usd::parse("100").unwrap().nanos());
    let budget = Budget::new(BudgetId(1), "all", Measure::Usd, limit, PeriodKind::Month);
    let _put = ledger.put_budget(start, Arc::new(budget)).unwrap();
    let id = |n| ReservationId { request: RequestId::from_u128(n), attempt: 0 };
    let hold = Charge { list: Usd::from_nanos(5), ..Charge::ZERO };
    for n in [1, 2] {
        let _held = ledger.reserve(start, Reserve::new(id(n), Attributes::new(), hold, after(600))).unwrap();
    }
    // The second one is a stream whose last chunk came at 10:10:58.
    let progress = Progress { id: id(2), deadline: after(658 + 600), estimate: None };
    let _renewed = ledger.progress(after(598), progress).unwrap();
    assert_eq!(stale(&ledger, after(600)), Some(0), "strictly older");
    assert_eq!(stale(&ledger, after(601)), Some(1));
    assert_eq!(stale(&ledger, after(660)), Some(1), "looking changes nothing");
    assert_eq!(ledger.suspense().unwrap().len(), 0);
    assert_eq!(ledger.tend(after(660)).unwrap().suspended, [id(1)]);
    assert_eq!((stale(&ledger, after(660)), ledger.suspense().unwrap().len()), (Some(0), 1));
}
