//! How fast questions about a year of records are answered.
//!
//! `cargo bench -p bursar-store --bench reports`. `BURSAR_BENCH_RECORDS` says how many (default 10,000,000;
//! 100,000,000 takes ten times the time and room). They are kept in `target/tmp`, or in the folder `BURSAR_BENCH_DIR`, so that
//! the next run does not write them again. Traffic: 365 days, 400 users of 40 projects with 500 keys and 60 agents, 12 models of 5 providers, runs of 50
//! requests, every fifth request with a tag and a cached prompt, 2 % failed, 1 % cancelled, 1 % refused. Records are written
//! as the drainer writes them, so the time they take is part of the figure.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark stops at a failure and talks")]

use bursar_core::{Attribute, Attributes, Charge, Rate, RequestId, Timestamp, Usage, UsageClass, Usd, Value};
use bursar_ledger::{Period, PeriodKind, Zone};
use bursar_store::PageRequest;
use bursar_store::records::{
    Dimension, LineUsed, Month, NameFilter, PriceUsed, Record, RecordFilter, Records, Status,
};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600_000_000;
const DAY: i64 = 86_400_000_000;
const DAYS: i64 = 365;
const BATCH: u64 = 1000;
/// Threads that write the data set: two for each core, since one waits for the disk now and then.
const WRITERS: usize = 4;
/// Times that each question is asked.
const ROUNDS: usize = 40;

fn value(text: &str) -> Value {
    Value::new(text).expect("a value")
}

/// Spreads a number over 64 bits.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ (n >> 32)
}

/// When the `n`th of `of` requests comes.
fn record_time(n: u64, of: u64) -> Timestamp {
    let step = i128::from(n) * i128::from(DAYS * DAY) / i128::from(of);
    Timestamp::from_micros(START + i64::try_from(step).expect("within the year"))
}

/// The `n`th of `of` requests.
fn record(n: u64, of: u64) -> Record {
    let at = record_time(n, of);
    let id = RequestId::new(at, u128::from(mixed(n)) << 64 | u128::from(n));
    // Squared: few users make much of the traffic.
    let who = mixed(n) % 400 * (mixed(n + 7) % 400) / 400;
    let (model, provider) = (mixed(n + 13) % 12, mixed(n + 13) % 5);
    let mut attributes = Attributes::new()
        .with(&Attribute::Project, value(&format!("project-{}", who % 40)))
        .with(&Attribute::User, value(&format!("user-{who}@example.com")))
        .with(
            &Attribute::Key,
            value(&format!("0195e3f0-0000-7000-8000-000000000{:03}", who + (n % 4) / 3 * 100)),
        )
        .with(&Attribute::Agent, value(&format!("agent-{}", who % 60)))
        .with(&Attribute::Run, value(&format!("run-{:012}", n / 50)))
        .with(&Attribute::Model, value(&format!("model-{model}")))
        .with(&Attribute::Provider, value(&format!("provider-{provider}")))
        .with(&Attribute::ApiFormat, value("openai_chat"));
    if n.is_multiple_of(5) {
        attributes.set(&Attribute::Tag(value("feature")), value(&format!("f{}", n % 20)));
    }
    let cached = if n.is_multiple_of(5) { 4000 } else { 0 };
    let usage = Usage::new()
        .with(UsageClass::Input, 1200 + n % 700)
        .with(UsageClass::CacheRead, cached)
        .with(UsageClass::Output, 150 + n % 90);
    let line = |class, units, rate| {
        let rate = Rate::from_pico(rate);
        LineUsed { class: Some(class), units, rate, amount_pico: rate.times(units) }
    };
    let lines = vec![
        line(UsageClass::Input, 1200 + n % 700, 150_000),
        line(UsageClass::CacheRead, cached, 75_000),
        line(UsageClass::Output, 150 + n % 90, 600_000),
    ];
    let cost = Usd::from_nanos(431_250 + i64::try_from(n % 1000).expect("small"));
    let (status, status_code) = match mixed(n + 3) % 100 {
        0 | 1 => (Status::Failed, 503),
        2 => (Status::Cancelled, 499),
        3 => (Status::Denied, 429),
        _answered => (Status::Completed, 200),
    };
    Record {
        status,
        progressed_at: at.plus_millis(1800),
        finalized_at: Some(at.plus_millis(1800)),
        usage,
        charge: Charge { list: cost, effective: cost, tokens: 2200, requests: 1 },
        price: Some(PriceUsed {
            id: format!("provider-{provider}/model-{model}"),
            lines,
            ..PriceUsed::default()
        }),
        status_code: Some(status_code),
        first_byte_ms: Some(400),
        total_ms: Some(1800),
        ..Record::new(id, at, attributes)
    }
}

/// The records, written now or by an earlier run, the months of the year side by side.
fn filled(dir: &std::path::Path, count: u64) -> Records {
    std::fs::create_dir_all(dir).expect("a directory");
    let marker = dir.join("complete");
    if marker.exists() {
        println!("{count} records of an earlier run");
        return Records::open(dir, Timestamp::from_micros(START)).expect("records");
    }
    for file in std::fs::read_dir(dir).expect("a directory") {
        std::fs::remove_file(file.expect("a file").path()).expect("removed");
    }
    let records = Records::open(dir, Timestamp::from_micros(START)).expect("records");
    let started = Instant::now();
    // Months hold whole batches but for their last one.
    let mut bounds = vec![0];
    for n in 1..count {
        let month = |n| Month::of(record_time(n, count));
        if n.is_multiple_of(BATCH) && month(n) != month(n - BATCH) {
            let first = (n - BATCH + 1..=n).find(|at| month(*at) != month(at - 1));
            bounds.extend(first);
        }
    }
    bounds.push(count);
    let next = AtomicUsize::new(0);
    let cpu = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                while let Some(&[mut first, end]) =
                    bounds.windows(2).nth(next.fetch_add(1, Ordering::Relaxed))
                {
                    while first < end {
                        let batch: Vec<Record> =
                            (first..(first + BATCH).min(end)).map(|n| record(n, count)).collect();
                        let before = cpu_nanos();
                        records.put(&batch).expect("written");
                        cpu.fetch_add(cpu_nanos() - before, Ordering::Relaxed);
                        first += BATCH;
                    }
                }
            });
        }
    });
    println!(
        "{count} records written in {:.1?} by {WRITERS} threads: {:.1} µs CPU each",
        started.elapsed(),
        cpu.into_inner() as f64 / 1e3 / count as f64
    );
    std::fs::write(marker, "").expect("a marker");
    records
}

/// What this thread has computed, which other load on the machine does not change. 0 where the system does not say.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// Median and 95th percentile of asking, and the mean time of computing.
fn ask(what: &str, mut question: impl FnMut(usize) -> usize) {
    let rows = question(0);
    let before = cpu_nanos();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let started = Instant::now();
            black_box(question(round));
            started.elapsed()
        })
        .collect();
    let cpu = Duration::from_nanos((cpu_nanos() - before) / u64::try_from(ROUNDS).expect("few"));
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).copied();
    println!(
        "{what}: p50 {:.1?}, p95 {:.1?}, CPU {cpu:.1?}, {rows} rows",
        at(50).unwrap_or_default(),
        at(95).unwrap_or_default()
    );
}

fn main() {
    let count: u64 = std::env::var("BURSAR_BENCH_RECORDS")
        .map_or(10_000_000, |text| text.parse().expect("BURSAR_BENCH_RECORDS is a number"));
    let kept = std::env::var("BURSAR_BENCH_DIR").map(PathBuf::from);
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("reports-{count}"));
    let dir = kept.unwrap_or(own);
    let records = filled(&dir, count);
    let day = |n: i64| Timestamp::from_micros(START + n * DAY);
    let (year, month) = ((day(0), day(DAYS)), (day(334), day(365)));
    let all = NameFilter::new();
    let days = |zone: &str| {
        let period = Period { kind: PeriodKind::Day, zone: Zone::parse(zone).expect("a zone") };
        let mut edges = vec![period.window_at(year.0).starts_at.expect("a start")];
        while edges.last().is_some_and(|last| *last < year.1) {
            edges.push(edges.last().and_then(|last| period.window_at(*last).ends_at).expect("an end"));
        }
        edges
    };
    let total = |answer: Vec<Vec<_>>| answer.iter().map(Vec::len).sum();
    let by = |edges: &[Timestamp], by: &[Dimension], filter: &NameFilter| {
        total(records.usage_by_period(edges, by, filter).expect("read"))
    };
    let one = |dimension, name: &str| NameFilter::from([(dimension, name.to_owned())]);
    let user = one(Dimension::User, "user-7@example.com");
    let project = one(Dimension::Project, "project-7");
    let key = one(Dimension::Key, "0195e3f0-0000-7000-8000-000000000007");
    for zone in ["UTC", "Asia/Taipei", "Asia/Kolkata"] {
        let edges = days(zone);
        ask(&format!("heat map of a year, {zone}"), |_| by(&edges, &[], &all));
        ask(&format!("heat map of a year of a project, {zone}"), |_| by(&edges, &[], &project));
    }
    let utc = days("UTC");
    ask("heat map of a year of a user, UTC", |_| by(&utc, &[], &user));
    for zone in ["Asia/Taipei", "Asia/Kolkata"] {
        let edges = days(zone);
        ask(&format!("heat map of a year of a user, {zone}"), |_| by(&edges, &[], &user));
    }
    let december = [month.0, month.1];
    ask("month by model", |_| by(&december, &[Dimension::Model], &all));
    ask("month by day and model", |_| by(&utc[334..], &[Dimension::Model], &all));
    ask("month of a project by model", |_| by(&december, &[Dimension::Model], &project));
    ask("top users of a month", |_| by(&december, &[Dimension::User], &all));
    let taipei = days("Asia/Taipei");
    let there = [taipei[334], taipei[365]];
    ask("top users of a month, Asia/Taipei", |_| by(&there, &[Dimension::User], &all));
    ask("month by model, Asia/Taipei", |_| by(&there, &[Dimension::Model], &all));
    let half = [days("Asia/Kolkata")[334], days("Asia/Kolkata")[365]];
    ask("top users of a month, Asia/Kolkata", |_| by(&half, &[Dimension::User], &all));
    ask("top users of 23 days", |_| by(&[month.0, day(357)], &[Dimension::User], &all));
    ask("a key's month by model", |_| by(&december, &[Dimension::Model], &key));
    ask("top users of a year", |_| by(&[year.0, year.1], &[Dimension::User], &all));
    // The last week up to now, which is no full hour.
    let now = day(364).plus_seconds(40_000);
    let week = [now.plus_seconds(-168 * 3600), now];
    ask("caching of a week", |_| by(&week, &[], &all));
    ask("caching of a week by model", |_| by(&week, &[Dimension::Model], &all));
    ask("caching of a year by model", |_| by(&[year.0, year.1], &[Dimension::Model], &all));
    ask("errors of a month by code", |_| by(&december, &[Dimension::Code], &all));
    ask("a key's day by model", |round| {
        let at = i64::try_from(round * 9 % 364).expect("a day");
        by(&[day(at), day(at + 1)], &[Dimension::Model], &key)
    });
    ask("a key's day, its newest 100 records", |round| {
        let at = i64::try_from(round * 9 % 364).expect("a day");
        let filter = RecordFilter {
            from: Some(day(at)),
            until: Some(day(at + 1)),
            key: Some("0195e3f0-0000-7000-8000-000000000007".to_owned()),
            ..RecordFilter::default()
        };
        records.list(&filter, &PageRequest::first(100)).expect("read").items.len()
    });
    ask("a user's gaps of a week", |_| {
        records.moments(week[0], week[1], &user, usize::MAX).expect("read").items.len()
    });
    let bytes: u64 = std::fs::read_dir(&dir)
        .expect("a directory")
        .map(|file| file.and_then(|file| file.metadata()).map_or(0, |meta| meta.len()))
        .sum();
    println!("{} bytes a record on disk", bytes / count.max(1));
}
