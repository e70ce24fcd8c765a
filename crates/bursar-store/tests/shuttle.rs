//! The buffer swap and the wake-up under thousands of interleavings, chosen by a scheduler.
//!
//! `cargo test -p bursar-store --features shuttle --test shuttle`
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use bursar_core::{Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd};
use bursar_ledger::{Budget, BudgetId, Entry, PeriodKind, Reserve, Settle};
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::disk::{Operation, SimulatedDisk};
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, MemoryWindows};
use shuttle::future::block_on;
use shuttle::thread;

const SCHEDULES: usize = 4_000;

fn at() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn options(durability: Durability, commits: Commits) -> LedgerOptions {
    LedgerOptions {
        durability,
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 1 << 40,
        boot_id: "boot".to_owned(),
        holder: "shuttle".to_owned(),
        random: 1,
        commits,
    }
}

fn open(disk: &SimulatedDisk, options: &LedgerOptions) -> Arc<Ledger> {
    Ledger::open(Arc::new(disk.clone()), Arc::new(MemoryWindows::default()), options, at()).unwrap().0
}

fn charge() -> Charge {
    Charge { list: Usd::from_nanos(5), effective: Usd::from_nanos(5), tokens: 1, requests: 1 }
}

fn id(number: u128) -> ReservationId {
    ReservationId { request: RequestId::from_u128(number), attempt: 0 }
}

fn reserve(ledger: &Ledger, number: u128) -> Option<Seq> {
    let reserve = Reserve::new(id(number), Attributes::new(), charge(), at().plus_seconds(600));
    ledger.reserve(at(), reserve).ok().map(|reserved| reserved.seq)
}

/// A ledger with one budget; the reservations that a power cut cannot take from `disk`.
fn begin(durability: Durability) -> (SimulatedDisk, Arc<Ledger>) {
    let disk = SimulatedDisk::new(1);
    let ledger = open(&disk, &options(durability, Commits::Thread));
    let budget = Budget::new(BudgetId(1), "all", Measure::Usd, Some(1_000), PeriodKind::Total);
    let _put = ledger.put_budget(at(), Arc::new(budget)).unwrap();
    (disk, ledger)
}

fn survivors(disk: &SimulatedDisk) -> Vec<u128> {
    let mut options = options(Durability::Sync, Commits::ByHand);
    options.boot_id.push('+');
    reserved(&open(&disk.restart(Ending::PowerCut), &options))
}

fn reserved(ledger: &Ledger) -> Vec<u128> {
    let drained = ledger.drain(Seq::NONE, 1_000).unwrap();
    let reserved = drained.entries.into_iter().filter_map(|(_, entry)| match entry {
        Entry::Reserved(reserved) => Some(reserved.id.request.as_u128()),
        _ => None,
    });
    reserved.collect()
}

#[test]
fn what_durable_says_is_on_the_platter_and_everybody_hears_it() {
    shuttle::check_random(
        || {
            let (disk, ledger) = begin(Durability::Sync);
            let threads: Vec<_> = (1..=3u128)
                .map(|caller| {
                    let ledger = Arc::clone(&ledger);
                    thread::spawn(move || {
                        for number in [caller * 10, caller * 10 + 1] {
                            let seq = reserve(&ledger, number).unwrap();
                            block_on(ledger.durable(seq)).unwrap();
                            assert!(ledger.synced_seq() >= seq);
                            let settle = Settle {
                                id: id(number),
                                charge: charge(),
                                estimated: false,
                                record: Box::default(),
                            };
                            let _settled = ledger.settle(at(), settle).unwrap();
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(survivors(&disk).len(), 6);
            ledger.close().unwrap_err();
        },
        SCHEDULES,
    );
}

#[test]
fn callers_of_one_batch_are_all_woken_by_its_one_sync() {
    shuttle::check_random(
        || {
            let (_, ledger) = begin(Durability::Sync);
            let callers: Vec<_> = (1..=4u128)
                .map(|caller| {
                    let ledger = Arc::clone(&ledger);
                    thread::spawn(move || {
                        let seq = reserve(&ledger, caller).unwrap();
                        block_on(ledger.durable(seq)).unwrap();
                    })
                })
                .collect();
            // Nothing else happens, so no later sync can make up for a lost wake.
            for caller in callers {
                caller.join().unwrap();
            }
            ledger.close().unwrap();
        },
        SCHEDULES,
    );
}

#[test]
fn fast_syncs_by_itself_what_nobody_waits_for() {
    let until_synced = |ledger: &Arc<Ledger>, seq: Seq| {
        while ledger.synced_seq() < seq {
            thread::yield_now();
        }
    };
    shuttle::check_random(
        move || {
            let (_, ledger) = begin(Durability::Fast);
            let callers: Vec<_> = (1..=2u128)
                .map(|caller| {
                    let ledger = Arc::clone(&ledger);
                    thread::spawn(move || reserve(&ledger, caller).unwrap())
                })
                .collect();
            let last = callers.into_iter().map(|caller| caller.join().unwrap()).max().unwrap();
            until_synced(&ledger, last);
            ledger.close().unwrap();
        },
        SCHEDULES,
    );
}

#[test]
fn what_fast_acknowledged_outlives_a_kill_whoever_wrote_it() {
    shuttle::check_random(
        || {
            let (disk, ledger) = begin(Durability::Fast);
            let callers: Vec<_> = (1..=3u128)
                .map(|caller| {
                    let ledger = Arc::clone(&ledger);
                    thread::spawn(move || {
                        let seq = reserve(&ledger, caller).unwrap();
                        block_on(ledger.durable(seq)).unwrap();
                        assert!(ledger.durable_seq() >= seq);
                        let charge = charge();
                        let settle =
                            Settle { id: id(caller), charge, estimated: false, record: Box::default() };
                        let settled = ledger.settle_gathered(at(), settle).unwrap();
                        // As an answer in hand does, and as a stream does at its end.
                        match caller {
                            1 => ledger.write_now(settled.seq).unwrap(),
                            _ => block_on(ledger.handed_over(settled.seq)).unwrap(),
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
            let options = options(Durability::Fast, Commits::ByHand);
            let after = Ledger::open(
                Arc::new(disk.restart(Ending::Killed)),
                Arc::new(MemoryWindows::default()),
                &options,
                at(),
            );
            let (after, recovery) = after.unwrap();
            assert!(recovery.suspended.is_empty(), "every settle was there: {:?}", recovery.suspended);
            after.commit().unwrap();
            let mut there = reserved(&after);
            there.sort_unstable();
            assert_eq!(there, [1, 2, 3]);
            ledger.close().unwrap_err();
        },
        SCHEDULES,
    );
}

#[test]
fn closing_while_others_reserve_loses_nothing_that_was_acknowledged() {
    for durability in [Durability::Sync, Durability::Fast] {
        shuttle::check_random(
            move || {
                let (disk, ledger) = begin(durability);
                let callers: Vec<_> = (1..=2u128)
                    .map(|caller| {
                        let ledger = Arc::clone(&ledger);
                        thread::spawn(move || {
                            let seq = reserve(&ledger, caller)?;
                            block_on(ledger.durable(seq)).ok().map(|()| caller)
                        })
                    })
                    .collect();
                ledger.close().unwrap();
                let told: Vec<u128> =
                    callers.into_iter().filter_map(|caller| caller.join().unwrap()).collect();
                let there = survivors(&disk);
                assert!(told.iter().all(|number| there.contains(number)), "{told:?} {there:?}");
            },
            SCHEDULES,
        );
    }
}

#[test]
fn a_disk_that_fails_leaves_nobody_waiting() {
    for durability in [Durability::Sync, Durability::Fast] {
        shuttle::check_random(
            move || {
                let (disk, ledger) = begin(durability);
                disk.set_hook(Box::new(|asked| {
                    (asked.operation == Operation::Sync).then_some(Fault::Broken)
                }));
                let callers: Vec<_> = (1..=3u128)
                    .map(|caller| {
                        let ledger = Arc::clone(&ledger);
                        thread::spawn(move || {
                            let kept = reserve(&ledger, caller).map(|seq| block_on(ledger.durable(seq)));
                            assert!(durability == Durability::Fast || kept.is_none_or(|kept| kept.is_err()));
                        })
                    })
                    .collect();
                for caller in callers {
                    caller.join().unwrap();
                }
                ledger.close().unwrap_err();
            },
            SCHEDULES,
        );
    }
}
