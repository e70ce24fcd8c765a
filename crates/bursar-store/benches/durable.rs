//! Durable admits of a real ledger on a real disk, beside the raw `fdatasync` of the same disk in the same run; then
//! recovery of a million open reservations. Prints tables. Figures go to docs/benchmarks.md.
//!
//! `cargo bench -p bursar-store --bench durable -- [all|admits|round|recovery] [DIRECTORY]`; `round` is one round of
//! admits; the directory (default: the target
//! directory's `tmp`) decides which disk is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops at the first surprise"
)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::{Attribute, Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd, Value};
use bursar_ledger::{Budget, BudgetId, PeriodKind, Reserve, Settle};
use bursar_store::disk::RealDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, MemoryWindows};
use bursar_store::limits::{CHECKPOINT_BYTES_DEFAULT, SEGMENT_BYTES_DEFAULT};

const CALLERS: usize = 256;
const ROUNDS: usize = 5;
const PER_ROUND: Duration = Duration::from_secs(3);
const OPEN: u64 = 1_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let what = arguments.next().unwrap_or_else(|| "all".to_owned());
    let directory =
        arguments.next().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let directory = directory.join("durable-bench");
    let _old = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    match what.as_str() {
        "round" => all_admits(&directory, 1),
        "admits" => all_admits(&directory, ROUNDS),
        "recovery" => recovery(&directory),
        _ => {
            all_admits(&directory, ROUNDS);
            recovery(&directory);
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

fn all_admits(directory: &Path, rounds: usize) {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(8);

    println!(
        "durable admits: {CALLERS} callers on {workers} threads, 5 windows each, {rounds} rounds of {PER_ROUND:?}"
    );
    println!("| round | what | per second | p50 us | p99 us | p99.9 us | p99 / raw p99 | syncs/s |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut p99s = Vec::new();
    for round in 1..=rounds {
        // A, B, B, A: what the disk does of its own accord hits both.
        let before = raw(directory);
        let sync = admits(directory, Durability::Sync, workers);
        let fast = admits(directory, Durability::Fast, workers);
        let after = raw(directory);
        let raw_p99 = (before.percentile(990) + after.percentile(990)) / 2;
        before.print(round, "raw fdatasync of 4 kB", raw_p99);
        sync.print(round, "sync: reserve, durable", raw_p99);
        fast.print(round, "fast: reserve, written", raw_p99);
        after.print(round, "raw fdatasync of 4 kB", raw_p99);
        p99s.push((sync.rate(), sync.percentile(990) as f64 / raw_p99 as f64, fast.rate()));
    }
    let median = |pick: fn(&(f64, f64, f64)) -> f64| {
        let mut all: Vec<f64> = p99s.iter().map(pick).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!();
    println!(
        "sync: median {:.0} durable admits/s, p99 {:.1} x raw p99",
        median(|one| one.0),
        median(|one| one.1)
    );
    println!("fast: median {:.0} admits/s", median(|one| one.2));
    println!();
}

/// Latencies of one measurement.
struct Times {
    micros: Vec<u64>,
    took: Duration,
    syncs: Option<u64>,
}

impl Times {
    fn new(mut micros: Vec<u64>, took: Duration, syncs: Option<u64>) -> Self {
        micros.sort_unstable();
        Self { micros, took, syncs }
    }
    fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.took.as_secs_f64()
    }
    fn percentile(&self, permille: usize) -> u64 {
        let place = self.micros.len() * permille / 1000;
        self.micros[place.min(self.micros.len() - 1)].max(1)
    }
    fn print(&self, round: usize, what: &str, raw_p99: u64) {
        let syncs = self
            .syncs
            .map_or(String::new(), |syncs| format!("{:.0}", syncs as f64 / self.took.as_secs_f64()));
        println!(
            "| {round} | {what} | {:.0} | {} | {} | {} | {:.1} | {syncs} |",
            self.rate(),
            self.percentile(500),
            self.percentile(990),
            self.percentile(999),
            self.percentile(990) as f64 / raw_p99 as f64,
        );
    }
}

/// One caller that overwrites zero-filled blocks and waits for each.
fn raw(directory: &Path) -> Times {
    let path = directory.join("raw");
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).unwrap();
    file.write_all_at(&vec![0; 16 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let mut micros = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        let one = Instant::now();
        let place = (micros.len() % 4096) as u64;
        file.write_all_at(&[7; 4096], place * 4096).unwrap();
        file.sync_data().unwrap();
        micros.push(one.elapsed().as_micros() as u64);
    }
    Times::new(micros, started.elapsed(), None)
}

fn at() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

fn open(directory: &Path, durability: Durability) -> (Arc<Ledger>, bursar_store::ledger::Recovery) {
    let options = LedgerOptions {
        durability,
        segment_bytes: SEGMENT_BYTES_DEFAULT,
        checkpoint_bytes: CHECKPOINT_BYTES_DEFAULT,
        boot_id: "bench".to_owned(),
        holder: "the benchmark".to_owned(),
        random: 1,
        commits: Commits::Thread,
    };
    let disk = Arc::new(RealDisk::open(directory).unwrap());
    Ledger::open(disk, Arc::new(MemoryWindows::default()), &options, at()).unwrap()
}

/// Platform, project, each user, each key and each model: five windows.
fn put_budgets(ledger: &Ledger) {
    let month =
        |id, name: &str| Budget::new(BudgetId(id), name, Measure::Usd, Some(i64::MAX / 4), PeriodKind::Month);
    for budget in [
        month(1, "platform"),
        month(2, "project").matching(Attribute::Project, &["alpha"]),
        month(3, "each user").per(Attribute::User),
        month(4, "each key").per(Attribute::Key),
        month(5, "each model").per(Attribute::Model),
    ] {
        let _put = ledger.put_budget(at(), Arc::new(budget)).unwrap();
    }
    ledger.commit().unwrap();
}

fn attributes(caller: usize) -> Attributes {
    Attributes::new()
        .with(&Attribute::Project, value("alpha"))
        .with(&Attribute::User, value(&format!("user {}", caller % 40)))
        .with(&Attribute::Key, value(&format!("key {}", caller % 60)))
        .with(&Attribute::Model, value(&format!("model {}", caller % 5)))
}

fn charge() -> Charge {
    Charge { list: Usd::from_nanos(20_000), effective: Usd::from_nanos(20_000), tokens: 900, requests: 1 }
}

fn id(number: u128) -> ReservationId {
    ReservationId { request: RequestId::from_u128(number), attempt: 0 }
}

/// Each caller reserves, waits until that is durable, settles with a record, and begins again.
fn admits(directory: &Path, durability: Durability, workers: usize) -> Times {
    let directory = directory.join(durability.as_str());
    let _old = std::fs::remove_dir_all(&directory);
    let (ledger, _) = open(&directory, durability);
    put_budgets(&ledger);
    let started = Instant::now();
    let micros: Vec<u64> = std::thread::scope(|scope| {
        let worker = |worker: usize| {
            let ledger = Arc::clone(&ledger);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let callers = tokio::task::LocalSet::new();
                let tasks: Vec<_> = (0..CALLERS / workers)
                    .map(|caller| {
                        callers.spawn_local(caller_of(Arc::clone(&ledger), worker * CALLERS + caller))
                    })
                    .collect();
                callers.block_on(&runtime, async {
                    let mut micros = Vec::new();
                    for task in tasks {
                        micros.extend(task.await.unwrap());
                    }
                    micros
                })
            }
        };
        let threads: Vec<_> = (0..workers).map(|number| scope.spawn(worker(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let took = started.elapsed();
    let times = Times::new(micros, took, Some(ledger.syncs()));
    ledger.close().unwrap();
    times
}

async fn caller_of(ledger: Arc<Ledger>, caller: usize) -> Vec<u64> {
    let attributes = attributes(caller);
    let record: Box<[u8]> =
        b"a record of a request as the gateway writes it, a few hundred bytes. ".repeat(5).into();
    let mut micros = Vec::new();
    let started = Instant::now();
    let mut number = (caller as u128) << 64;
    while started.elapsed() < PER_ROUND {
        number += 1;
        let one = Instant::now();
        let reserve = Reserve::new(id(number), attributes.clone(), charge(), at().plus_seconds(600));
        let reserved = ledger.reserve(at(), reserve).unwrap();
        ledger.durable(reserved.seq).await.unwrap();
        micros.push(one.elapsed().as_micros() as u64);
        let settle = Settle { id: id(number), charge: charge(), estimated: false, record: record.clone() };
        let _settled = ledger.settle(at(), settle).unwrap();
        tokio::task::yield_now().await;
    }
    micros
}

/// Opens a ledger with a million reservations in flight: all of them go into suspense.
fn recovery(directory: &Path) {
    let directory = directory.join("recovery");
    let (ledger, _) = open(&directory, Durability::Fast);
    put_budgets(&ledger);
    let before = resident();
    for number in 0..OPEN {
        let attributes = attributes(number as usize % CALLERS);
        let reserve = Reserve::new(id(u128::from(number)), attributes, charge(), at().plus_seconds(600));
        let _held = ledger.reserve(at(), reserve).unwrap();
    }
    let memory = resident().saturating_sub(before);
    drop(ledger);
    println!("recovery of {OPEN} open reservations ({} bytes each in memory)", memory / OPEN);
    println!("| from | opened in ms | of that, CPU ms (user, kernel) | replayed | put into suspense |");
    println!("|---|---|---|---|---|");
    let (started, before) = (Instant::now(), cpu());
    let (ledger, recovery) = open(&directory, Durability::Fast);
    let (took, used) = (started.elapsed().as_millis(), since(before));
    println!("| journal | {took} | {used} | {} | {} |", recovery.replayed, recovery.suspended.len());
    let started = Instant::now();
    ledger.checkpoint().unwrap();
    let made = started.elapsed().as_millis();
    ledger.close().unwrap();
    drop(ledger);
    let (started, before) = (Instant::now(), cpu());
    let (ledger, recovery) = open(&directory, Durability::Fast);
    let (took, used) = (started.elapsed().as_millis(), since(before));
    println!(
        "| checkpoint (made in {made} ms) | {took} | {used} | {} | {} |",
        recovery.replayed,
        recovery.suspended.len()
    );
    let started = Instant::now();
    let verified = ledger.verify().unwrap();
    println!(
        "verified in {} ms: {} entries, sound: {}",
        started.elapsed().as_millis(),
        verified.entries,
        verified.is_sound()
    );
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// CPU time of this process so far in hundredths of a second, in user and kernel mode, as Linux says: what a machine that
/// is busy with other things changes least.
fn cpu() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
    (field(11), field(12))
}

fn since(before: (u64, u64)) -> String {
    let now = cpu();
    format!("{} + {}", (now.0 - before.0) * 10, (now.1 - before.1) * 10)
}
