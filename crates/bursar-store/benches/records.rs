//! How fast records are written with their roll-ups, found by id, and turned into bytes.
//!
//! `cargo bench -p bursar-store --bench records`. Traffic: 50 users and keys of 10 projects, 4 models of 2 providers,
//! runs of 20 requests, every fifth request with a tag; drained in batches of 500 as the journal would.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark stops at a failure and talks")]

use bursar_core::{Attribute, Attributes, Charge, Rate, RequestId, Timestamp, Usage, UsageClass, Usd, Value};
use bursar_store::PageRequest;
use bursar_store::journal::Seq;
use bursar_store::records::{
    Dimension, LineUsed, NameFilter, PriceUsed, Record, RecordFilter, Records, Status, WindowUsed,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// 2026-03-01T00:00:00Z.
const START: i64 = 1_772_323_200_000_000;
const BATCH: u64 = 500;

fn value(text: &str) -> Value {
    Value::new(text).expect("a value")
}

/// The `n`th request: 200 a second.
fn record(n: u64) -> Record {
    let at = Timestamp::from_micros(START + i64::try_from(n).expect("small") * 5000);
    // Any well-spread bits do for the random part of the id.
    let id = RequestId::new(at, u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    let (user, provider) = (n * 7 % 50, n % 2);
    let mut attributes = Attributes::new()
        .with(&Attribute::Project, value(&format!("project-{}", user % 10)))
        .with(&Attribute::User, value(&format!("user-{user}@example.com")))
        .with(&Attribute::Key, value(&format!("0195e3f0-0000-7000-8000-0000000000{user:02}")))
        .with(&Attribute::Agent, value(&format!("agent-{}", user % 5)))
        .with(&Attribute::Run, value(&format!("run-{:012}", n / 20)))
        .with(&Attribute::Model, value(&format!("model-{}", n % 4)))
        .with(&Attribute::ServedModel, value(&format!("model-{}-2026-01-01", n % 4)))
        .with(&Attribute::Provider, value(&format!("provider-{provider}")))
        .with(&Attribute::Endpoint, value(&format!("provider-{provider}")))
        .with(&Attribute::Credential, value("main"))
        .with(&Attribute::ApiFormat, value("openai_chat"));
    if n.is_multiple_of(5) {
        attributes.set(&Attribute::Tag(value("feature")), value(&format!("f{}", n % 3)));
    }
    let usage = Usage::new()
        .with(UsageClass::Input, 1200 + n % 700)
        .with(UsageClass::CacheRead, 800)
        .with(UsageClass::Output, 150 + n % 90);
    let line = |class, units, rate| {
        let rate = Rate::from_pico(rate);
        LineUsed { class: Some(class), units, rate, amount_pico: rate.times(units) }
    };
    let charge = Charge {
        list: Usd::from_nanos(431_250),
        effective: Usd::from_nanos(431_250),
        tokens: 2200,
        requests: 1,
    };
    Record {
        status: Status::Completed,
        progressed_at: at.plus_millis(1800),
        finalized_at: Some(at.plus_millis(1800)),
        answered_model: Some(format!("model-{}-2026-01-01", n % 4)),
        upstream_request_id: Some(format!("chatcmpl-{n:029}")),
        stream: true,
        usage,
        hold: Charge { list: Usd::from_nanos(9_000_000), ..charge },
        charge,
        price: Some(PriceUsed {
            id: format!("provider-{provider}/model-{}@2026-01-01", n % 4),
            tier_context: 2000,
            lines: vec![
                line(UsageClass::Input, 1200 + n % 700, 150_000),
                line(UsageClass::CacheRead, 800, 75_000),
                line(UsageClass::Output, 150 + n % 90, 600_000),
            ],
            ..PriceUsed::default()
        }),
        windows: (0..4)
            .map(|budget| WindowUsed {
                budget,
                starts_at: Some(Timestamp::from_micros(START)),
                held: 9_000_000,
                charged: 431_250,
            })
            .collect(),
        status_code: Some(200),
        first_byte_ms: Some(400),
        total_ms: Some(1800),
        ..Record::new(id, at, attributes)
    }
}

fn batch(first: u64) -> Vec<(Seq, Record)> {
    (first..first + BATCH).map(|n| (Seq::new(n + 1), record(n))).collect()
}

/// What this thread has computed, which other load on the machine does not change. 0 where the system does not say.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn drain(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let records = Records::open(dir.path(), Timestamp::from_micros(START)).expect("records");
    let mut next = 0;
    let mut group = c.benchmark_group("records");
    group.throughput(Throughput::Elements(BATCH)).sample_size(50);
    group.bench_function("drain 500 with roll-ups", |bencher| {
        bencher.iter_batched(
            || {
                next += BATCH;
                batch(next - BATCH)
            },
            |batch| records.drain(&batch, batch.last().expect("not empty").0).expect("drained"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("checkpoint after 500", |bencher| {
        bencher.iter_batched(
            || {
                next += BATCH;
                let batch = batch(next - BATCH);
                records.drain(&batch, batch.last().expect("not empty").0).expect("drained");
            },
            |()| records.checkpoint().expect("safe"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    let batches: Vec<_> = (0..40).map(|n| batch(next + n * BATCH)).collect();
    next += 40 * BATCH;
    for (what, later) in [("insert", 0), ("replace by a later state", 20_000)] {
        let before = cpu_nanos();
        for batch in &batches {
            let batch: Vec<_> = batch.iter().map(|(seq, record)| (seq.plus(later), record.clone())).collect();
            records.drain(&batch, batch.last().expect("not empty").0).expect("drained");
        }
        let spent = (cpu_nanos() - before).max(1);
        let per_second = 20_000_000_000_000 / spent;
        println!(
            "{what}: {} ns of CPU per record, {per_second} records per second of one core",
            spent / 20_000
        );
    }

    let mut group = c.benchmark_group("records of a filled file");
    let mut n = 0;
    group.bench_function("get by id", |bencher| {
        bencher.iter(|| {
            n = (n + 7919) % next;
            black_box(records.get(record(n).id).expect("read").expect("found"))
        });
    });
    group.bench_function("make an id, to be subtracted", |bencher| {
        bencher.iter(|| {
            n = (n + 7919) % next;
            black_box(record(n).id)
        });
    });
    let filter = RecordFilter { user: Some("user-7@example.com".to_owned()), ..RecordFilter::default() };
    group.bench_function("newest 20 of a user", |bencher| {
        bencher.iter(|| black_box(records.list(&filter, &PageRequest::default()).expect("read")));
    });
    let (from, until) = (Timestamp::from_micros(START), Timestamp::from_micros(START + 10 * 86_400_000_000));
    let all = NameFilter::new();
    let one = NameFilter::from([(Dimension::Key, "0195e3f0-0000-7000-8000-000000000007".to_owned())]);
    for (name, by, filter) in [
        ("ten days by model, from days", vec![Dimension::Model], &all),
        ("ten days by user, from days", vec![Dimension::User], &all),
        ("ten days by run, from days", vec![Dimension::Run], &all),
        ("ten days by user and model, from hours", vec![Dimension::User, Dimension::Model], &all),
        ("ten days of a key by model, from hours", vec![Dimension::Model], &one),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(records.usage(from, until, &by, filter).expect("read")));
        });
    }
    let month = records.months().into_iter().next().expect("a month");
    let started = std::time::Instant::now();
    let recount = records.recount(month).expect("read");
    assert_eq!(recount.differing, 0);
    println!(
        "recounted {} records against {} roll-up rows in {:?}",
        recount.records,
        recount.rows,
        started.elapsed()
    );
    group.finish();
    let bytes = std::fs::metadata(dir.path().join("records-202603.db")).map_or(0, |file| file.len());
    println!("{next} records, {bytes} bytes: {} per record", bytes / next.max(1));
}

fn codec(c: &mut Criterion) {
    let record = record(5);
    let mut out = Vec::new();
    record.encode(&mut out);
    println!("{} bytes in the journal", out.len());
    c.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&record).encode(&mut out);
        });
    });
    c.bench_function("decode", |bencher| bencher.iter(|| Record::decode(black_box(&out))));
}

criterion_group!(benches, drain, codec);
criterion_main!(benches);
