//! A real process on a real disk, killed without warning at random moments, again and again on the same files. What it
//! said is durable must be there; what was in flight must be in suspense; the limit must hold.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests fail by panicking; the child is told where to work and says what it did"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::{Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd};
use bursar_ledger::{Budget, BudgetId, PeriodKind, Reserve, Settle, State};
use bursar_store::disk::RealDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, Recovery, ReserveError, SqliteWindows};

const DIRECTORY: &str = "BURSAR_TEST_KILL_DIRECTORY";
const LIVES: u128 = 8;
const LIMIT: i64 = 200_000;

fn at() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn id(number: u128) -> ReservationId {
    ReservationId { request: RequestId::from_u128(number), attempt: 0 }
}

fn charge(nanos: i64) -> Charge {
    Charge { list: Usd::from_nanos(nanos), effective: Usd::from_nanos(nanos), tokens: 1, requests: 1 }
}

fn open(directory: &Path, commits: Commits) -> (Arc<Ledger>, Recovery) {
    let fast = directory.ends_with("fast");
    let options = LedgerOptions {
        durability: if fast { Durability::Fast } else { Durability::Sync },
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 100_000,
        boot_id: "boot".to_owned(),
        holder: format!("process {}", std::process::id()),
        random: 7,
        commits,
    };
    let disk = Arc::new(RealDisk::open(directory).unwrap());
    let windows = Arc::new(SqliteWindows::open(&directory.join("windows.db"), at()).unwrap());
    Ledger::open(disk, windows, &options, at()).unwrap()
}

/// The process that is killed: reserves and settles on four threads and says what is durable. Only the test below, which
/// starts it, says where; otherwise there is nothing to do.
#[test]
fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let (ledger, _) = open(Path::new(&directory), Commits::Thread);
    let mut budget = Budget::new(BudgetId(1), "all", Measure::Usd, Some(LIMIT), PeriodKind::Total);
    budget.version = 1;
    let _put = ledger.put_budget(at(), Arc::new(budget)).unwrap();
    let first = u128::from(ledger.last().number()) << 32;
    std::thread::scope(|scope| {
        for thread in 0..4u128 {
            let ledger = &ledger;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for number in 0.. {
                    let number = first + number * 4 + thread;
                    let reserve =
                        Reserve::new(id(number), Attributes::new(), charge(10), at().plus_seconds(600));
                    match ledger.reserve(at(), reserve) {
                        Ok(reserved) => runtime.block_on(ledger.durable(reserved.seq)).unwrap(),
                        Err(ReserveError::Refused(_)) => {
                            println!("full");
                            break;
                        }
                        Err(other) => panic!("{other}"),
                    }
                    println!("held {number}");
                    if number % 5 == 0 {
                        continue;
                    }
                    let record = b"what was billed".to_vec().into();
                    let settle = Settle { id: id(number), charge: charge(7), estimated: false, record };
                    let settled = ledger.settle(at(), settle).unwrap();
                    if number % 7 == 0 {
                        runtime.block_on(ledger.durable(settled.seq)).unwrap();
                        println!("settled {number}");
                    }
                    if number % 50 == 0 {
                        ledger.drained(ledger.synced_seq());
                        let _tended = ledger.tend(at()).unwrap();
                    }
                }
            });
        }
    });
}

/// Rules: S1-17, S1-21.
#[test]
fn a_killed_process_loses_nothing_it_promised() {
    for durability in ["sync", "fast"] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let directory = folder.path().join(durability);
        // What each reservation was last said to be.
        let mut told: BTreeMap<u128, State> = BTreeMap::new();
        for life in 0..LIVES {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture", "child"])
                .env(DIRECTORY, &directory)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let (mut started, mut heard) = (None, 0);
            for line in lines {
                let line = line.unwrap();
                let mut words = line.split(' ');
                heard += 1;
                let state = match words.next() {
                    Some("held") => State::Live,
                    Some("settled") => State::Settled,
                    _ => continue,
                };
                told.insert(words.next().unwrap().parse().unwrap(), state);
                let began = *started.get_or_insert_with(Instant::now);
                let lives_for = Duration::from_millis(30 + u64::try_from(life * 37 % 120).unwrap());
                if began.elapsed() > lives_for {
                    child.kill().unwrap();
                }
            }
            child.wait().unwrap();
            assert!(heard > 0, "life {life} of `{durability}` did something");
            judge(&directory, &told);
        }
    }
}

fn judge(directory: &Path, told: &BTreeMap<u128, State>) {
    let (ledger, recovery) = open(directory, Commits::ByHand);
    assert!(!recovery.rebooted && recovery.damaged_checkpoints.is_empty());
    for (number, state) in told {
        let known = ledger.past(id(*number)).unwrap();
        let known = known.unwrap_or_else(|| panic!("{number} was {state:?} and is forgotten"));
        match state {
            State::Settled => assert_eq!((known.state, known.charge), (State::Settled, charge(7))),
            _ => assert!(matches!(known.state, State::Suspense | State::Settled), "{number}: {known:?}"),
        }
    }
    let standing = ledger.standing(BudgetId(1), at()).unwrap().remove(0);
    assert!(standing.settled + standing.suspense + standing.held <= LIMIT && standing.over_limit == 0);
    assert_eq!(standing.held, 0, "nothing is in flight");
    let verified = ledger.verify().unwrap();
    assert!(verified.is_sound(), "{verified:#?}");
    // Killed here as well: without closing.
}
