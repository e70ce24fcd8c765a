//! Millions of sessions on a real disk: memory is bounded by what is active, not by what ever was, and so is the journal.

use std::path::Path;
use std::sync::Arc;

use bursar_core::{Attribute, Attributes, Measure, Value};
use bursar_ledger::{Budget, BudgetId, Engine, Outcome, PeriodKind, Reserve, Settle};
use bursar_store::disk::RealDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Ledger, LedgerOptions, SqliteWindows};

use crate::support::{at, id, options, usd};

/// Resident bytes of this process, as Linux says.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

fn open(folder: &Path, seconds: i64) -> Arc<Ledger> {
    let disk = Arc::new(RealDisk::open(&folder.join("ledger")).unwrap());
    let windows = Arc::new(SqliteWindows::open(&folder.join("windows.db"), at(0)).unwrap());
    let options =
        LedgerOptions { segment_bytes: 4 << 20, checkpoint_bytes: 16 << 20, ..options(Durability::Fast) };
    Ledger::open(disk, windows, &options, at(seconds)).unwrap().0
}

/// Each session asks once, a hundred in a second; every tenth request is of a session of long ago, which has 60 left.
fn visit(sessions: u64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ledger")).unwrap();
    let mut ledger = open(folder.path(), 0);
    let mut budget = Budget::new(BudgetId(1), "each session", Measure::Usd, Some(100), PeriodKind::Total)
        .per(Attribute::Session);
    (budget.idle_after_s, budget.windows_max) = (60, 50_000);
    assert_eq!(ledger.put_budget(at(0), Arc::new(budget)).unwrap().outcome, Outcome::BudgetPut);
    let (mut in_memory, mut begun, mut highest) = (0, 0, 0);
    for n in 1..=sessions {
        let seconds = i64::try_from(n / 100).unwrap();
        let again = n % 10 == 0 && n > 20_000;
        // A session of half the way ago, which is no tenth one itself.
        let session = if again { n / 20 * 10 + 1 } else { n };
        let value = Value::new(&format!("session {session}")).unwrap();
        let attributes = Attributes::new().with(&Attribute::Session, value);
        let number = u128::from(n);
        let reserve = Reserve::new(id(number), attributes, usd(40), at(seconds + 600));
        let reserved = ledger.reserve(at(seconds), reserve).unwrap();
        let left = reserved.held.windows[0].remaining.unwrap();
        assert!(if again { left < 60 } else { left == 60 }, "session {session} has {left} left at {n}");
        let settle = Settle { id: id(number), charge: usd(5), estimated: false, record: Box::default() };
        assert!(matches!(ledger.settle(at(seconds), settle).unwrap().outcome, Outcome::Settled(_)));
        if n % 500 == 0 {
            ledger.commit().unwrap();
            ledger.drained(ledger.synced_seq());
            ledger.tend(at(seconds)).unwrap();
            in_memory = in_memory.max(ledger.look(Engine::windows_in_memory).unwrap());
            highest = highest.max(resident());
        }
        if n == sessions / 10 {
            begun = resident();
        }
        if n == sessions / 2 {
            ledger.close().unwrap();
            drop(ledger);
            ledger = open(folder.path(), seconds);
        }
    }
    assert!(in_memory < 20_000, "{in_memory} windows in memory");
    let grown = highest.saturating_sub(begun) / (1 << 20);
    assert!(grown < 256, "memory grew by {grown} MB after the first tenth");
    let files = std::fs::read_dir(folder.path().join("ledger")).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 200 << 20, "the journal has {bytes} bytes");
    let found = ledger.verify().unwrap();
    assert!(found.is_sound(), "{found:#?}");
    eprintln!(
        "{sessions} sessions: at most {in_memory} windows and {} MB in memory, {} MB of journal",
        highest >> 20,
        bytes >> 20
    );
}

#[test]
fn memory_and_journal_are_bounded_by_what_is_active() {
    visit(30_000);
}

#[test]
#[ignore = "a quarter of an hour: make soak"]
fn five_million_sessions() {
    let asked = std::env::var("BURSAR_SOAK_SESSIONS").ok().and_then(|count| count.parse().ok());
    visit(asked.unwrap_or(5_000_000));
}
