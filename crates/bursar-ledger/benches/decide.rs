//! Decisions in process: reserve and settle with five windows each. Figures go to docs/benchmarks.md.
//!
//! `cargo bench -p bursar-ledger --bench decide`, and for instructions per decision
//! `valgrind --tool=callgrind target/release/deps/decide-* callgrind 100000`; for memory `decide-* memory 1000000`;
//! for times at a rate `decide-* paced 50000 5`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where something is wrong"
)]

use bursar_core::{Attribute, Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd, Value};
use bursar_ledger::{Budget, BudgetId, Command, Engine, Entry, Outcome, PeriodKind, Reserve, Settle, Sink};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Encodes as the shell does, into a buffer that is reused.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Sink<Entry> for Buffer {
    fn push(&mut self, entry: Entry) {
        if self.0.len() > 1 << 20 {
            self.0.clear();
        }
        entry.encode(&mut self.0);
    }
}

/// Encodes and keeps everything.
struct Whole<'a>(&'a mut Vec<u8>);

impl Sink<Entry> for Whole<'_> {
    fn push(&mut self, entry: Entry) {
        entry.encode(self.0);
    }
}

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(second)
}

/// Platform, project, user, key and model budgets, and `others` more that other projects match.
fn engine(others: u32) -> Engine {
    let mut engine = Engine::new();
    let mut journal = Buffer::default();
    let limit = Some(i64::MAX / 4);
    let mut put = |budget: Budget| {
        let outcome = engine.apply(at(0), Command::PutBudget(Arc::new(budget)), &mut journal);
        assert_eq!(outcome, Outcome::BudgetPut);
    };
    put(Budget::new(BudgetId(1), "platform day", Measure::Usd, limit, PeriodKind::Day));
    let month = |id, name: &str| Budget::new(BudgetId(id), name, Measure::Usd, limit, PeriodKind::Month);
    put(month(2, "project month").matching(Attribute::Project, &["alpha"]));
    put(month(3, "each user").matching(Attribute::Project, &["alpha"]).per(Attribute::User));
    put(month(4, "each key").per(Attribute::Key));
    put(month(5, "each model").matching(Attribute::Model, &["gpt-*"]).per(Attribute::Model));
    for n in 0..others {
        let project = format!("project-{}", n / 2);
        put(month(10 + n, "other").matching(Attribute::Project, &[&project]));
    }
    engine
}

struct Traffic {
    attributes: Vec<Attributes>,
    next: u128,
}

impl Traffic {
    fn new() -> Self {
        let attributes = |n: u32| {
            Attributes::new()
                .with(&Attribute::Project, value("alpha"))
                .with(&Attribute::User, value(&format!("user-{}", n % 500)))
                .with(&Attribute::Key, value(&format!("key-{}", n % 700)))
                .with(
                    &Attribute::Model,
                    value(["gpt-4o", "gpt-4o-mini", "gpt-4.1"][usize::try_from(n % 3).unwrap()]),
                )
        };
        Self { attributes: (0..4096).map(attributes).collect(), next: 1 }
    }
    fn reserve(&mut self) -> Reserve {
        self.next += 1;
        let id = ReservationId { request: RequestId::from_u128(self.next << 64 | 0x7000), attempt: 0 };
        let which = usize::try_from(self.next % 4096).unwrap();
        let hold = charge(30_000_000);
        let now = i64::try_from(self.next / 50_000).unwrap();
        Reserve::new(id, self.attributes[which].clone(), hold, at(now + 600))
    }
}

fn charge(nanos: i64) -> Charge {
    Charge { list: Usd::from_nanos(nanos), effective: Usd::from_nanos(nanos), tokens: 4_000, requests: 1 }
}

fn pair(engine: &mut Engine, journal: &mut Buffer, reserve: Reserve) {
    let id = reserve.id;
    let outcome = engine.apply(at(1), Command::Reserve(reserve), journal);
    assert!(matches!(black_box(outcome), Outcome::Reserved(_)));
    settle(engine, journal, id);
}

fn settle(engine: &mut Engine, journal: &mut Buffer, id: ReservationId) {
    let settle = Settle { id, charge: charge(2_000_000), estimated: false, record: Box::default() };
    let outcome = engine.apply(at(2), Command::Settle(settle), journal);
    assert!(matches!(black_box(outcome), Outcome::Settled(_)));
}

/// Times so many reserves; what they hold is settled outside of the measured time.
fn reserves(engine: &mut Engine, journal: &mut Buffer, traffic: &mut Traffic, count: u64) -> Duration {
    let (mut elapsed, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let batch: Vec<Reserve> = (0..left.min(4096)).map(|_| traffic.reserve()).collect();
        left -= left.min(4096);
        let ids: Vec<ReservationId> = batch.iter().map(|reserve| reserve.id).collect();
        let start = Instant::now();
        for reserve in batch {
            assert!(matches!(engine.apply(at(1), Command::Reserve(reserve), journal), Outcome::Reserved(_)));
        }
        elapsed += start.elapsed();
        for id in ids {
            settle(engine, journal, id);
        }
    }
    elapsed
}

/// Times so many reserves, each settled at once.
fn pairs(engine: &mut Engine, journal: &mut Buffer, traffic: &mut Traffic, count: u64) -> Duration {
    let (mut elapsed, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let batch: Vec<Reserve> = (0..left.min(4096)).map(|_| traffic.reserve()).collect();
        left -= left.min(4096);
        let start = Instant::now();
        for reserve in batch {
            pair(engine, journal, reserve);
        }
        elapsed += start.elapsed();
    }
    elapsed
}

fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("five windows");
    group.throughput(Throughput::Elements(1));
    for others in [0, 100_000] {
        let (mut engine, mut journal, mut traffic) = (engine(others), Buffer::default(), Traffic::new());
        group.bench_function(format!("reserve, {others} other budgets"), |b| {
            b.iter_custom(|count| reserves(&mut engine, &mut journal, &mut traffic, count));
        });
        group.bench_function(format!("reserve and settle, {others} other budgets"), |b| {
            b.iter_custom(|count| pairs(&mut engine, &mut journal, &mut traffic, count));
        });
        let attributes = &traffic.attributes[7];
        group.bench_function(format!("check, {others} other budgets"), |b| {
            b.iter(|| black_box(engine.check(at(1), attributes, &charge(5))));
        });
    }
    group.finish();
}

/// So many pairs and nothing else, for callgrind.
fn bare(pairs: u32) {
    let (mut engine, mut journal, mut traffic) = (engine(0), Buffer::default(), Traffic::new());
    for _ in 0..pairs {
        pair(&mut engine, &mut journal, traffic.reserve());
    }
}

/// Two threads decide behind one mutex at a fixed rate for some seconds; each pair's time counts from when it was due, so
/// what waits behind a pause is counted too.
#[expect(clippy::print_stdout, reason = "a benchmark's figures go to stdout")]
fn paced(per_second: u64, seconds: u64) {
    let shared = std::sync::Mutex::new((engine(0), Buffer::default()));
    let gap = Duration::from_nanos(2_000_000_000 / per_second);
    let one = |thread: u128| {
        let mut traffic = Traffic { next: thread << 60, ..Traffic::new() };
        let mut nanos = Vec::new();
        let started = Instant::now();
        for n in 0..u32::try_from(per_second * seconds / 2).unwrap() {
            let (due, reserve) = (started + gap * n, traffic.reserve());
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            let mut guard = shared.lock().unwrap();
            let (engine, journal) = &mut *guard;
            pair(engine, journal, reserve);
            drop(guard);
            nanos.push(u64::try_from(due.elapsed().as_nanos()).unwrap());
        }
        nanos
    };
    let mut nanos: Vec<u64> = std::thread::scope(|scope| {
        let threads = [1, 2].map(|thread| {
            scope.spawn({
                let one = &one;
                move || one(thread)
            })
        });
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    nanos.sort_unstable();
    let at = |permille: usize| nanos[nanos.len() * permille / 1000];
    println!(
        "{per_second} reserves and as many settles a second, two threads: p50 {} ns, p90 {} ns, p99 {} ns, p99.9 {} ns",
        at(500),
        at(900),
        at(990),
        at(999)
    );
}

/// Resident bytes of this process, as Linux says.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Bytes of an open reservation in five windows, and of a window.
#[expect(clippy::print_stdout, reason = "a benchmark's figures go to stdout")]
fn memory(count: u32) {
    let (mut engine, mut journal, mut traffic) = (engine(0), Buffer::default(), Traffic::new());
    for _ in 0..10_000 {
        pair(&mut engine, &mut journal, traffic.reserve());
    }
    let before = resident();
    for _ in 0..count {
        let outcome = engine.apply(at(1), Command::Reserve(traffic.reserve()), &mut journal);
        assert!(matches!(outcome, Outcome::Reserved(_)));
    }
    println!("{} bytes for each of {count} open reservations", (resident() - before) / u64::from(count));

    let mut image = Vec::new();
    let start = Instant::now();
    engine.snapshot(&mut Whole(&mut image));
    println!(
        "snapshot of it: {:?}, {} bytes each",
        start.elapsed(),
        image.len() / usize::try_from(count).unwrap()
    );
    let (start, mut copy, mut rest) = (Instant::now(), Engine::new(), image.as_slice());
    while !rest.is_empty() {
        let (entry, used) = Entry::decode(rest).unwrap();
        copy.replay(&entry).unwrap();
        rest = &rest[used..];
    }
    println!("replay of it: {:?}", start.elapsed());

    let mut engine = Engine::new();
    let mut budget = Budget::new(BudgetId(1), "session", Measure::Usd, Some(1_000), PeriodKind::Total);
    budget.windows_max = u32::MAX;
    let _ = engine.apply(at(0), Command::PutBudget(Arc::new(budget.per(Attribute::Session))), &mut journal);
    let before = resident();
    for n in 0..count {
        let session = Attributes::new().with(&Attribute::Session, value(&format!("session-{n:08}")));
        let reserve = Reserve { attributes: session, hold: charge(1), ..traffic.reserve() };
        pair(&mut engine, &mut journal, reserve);
    }
    println!("{} bytes for each of {count} windows", (resident() - before) / u64::from(count));
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, pairs, ..] = arguments.as_slice()
        && word == "callgrind"
    {
        return bare(pairs.parse().unwrap());
    }
    if let [_, word, per_second, seconds, ..] = arguments.as_slice()
        && word == "paced"
    {
        return paced(per_second.parse().unwrap(), seconds.parse().unwrap());
    }
    if let [_, word, count, ..] = arguments.as_slice()
        && word == "memory"
    {
        return memory(count.parse().unwrap());
    }
    let mut criterion = Criterion::default().configure_from_args();
    decide(&mut criterion);
    criterion.final_summary();
}
