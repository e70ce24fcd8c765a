//! Exports of many records through the real binary: every record is in the file, and neither side's memory grows with it.

use crate::house::priced;
use crate::process::Process;
use bursar_core::{Attribute, Attributes, Charge, RequestId, Timestamp, Usage, UsageClass, Usd, Value};
use bursar_mock::Mock;
use bursar_store::records::{Record, Records, Status};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const MEGABYTE: u64 = 1024 * 1024;
/// What the peak of a process may grow by from one chunk to many: two chunks of text, and what an allocator keeps.
const GROWTH_MAX: u64 = 48 * MEGABYTE;
const BATCH: u64 = 1_000;

/// The `n`th record of a second ago and before, ten milliseconds apart.
fn record(now: Timestamp, n: u64) -> Record {
    let at = now.plus_millis(-1_000 - 10 * i64::try_from(n).unwrap());
    let value = |text: String| Value::new(&text).unwrap();
    let attributes = Attributes::new()
        .with(&Attribute::Project, value("alpha".to_owned()))
        .with(&Attribute::User, value(format!("user-{}", n % 50)))
        .with(&Attribute::Run, value(format!("run-{}", n / 20)))
        .with(&Attribute::Model, value("small".to_owned()))
        .with(&Attribute::Provider, value("fake".to_owned()));
    let cost = Usd::from_nanos(431_250);
    Record {
        status: Status::Completed,
        finalized_at: Some(at.plus_millis(900)),
        usage: Usage::new().with(UsageClass::Input, 1_200).with(UsageClass::Output, 150),
        charge: Charge { list: cost, effective: cost, tokens: 1_350, requests: 1 },
        upstream_request_id: Some(format!("chatcmpl-{n:029}")),
        status_code: Some(200),
        ..Record::new(RequestId::new(at, u128::from(n) << 64 | u128::from(n)), at, attributes)
    }
}

/// Writes records where the next process finds them.
fn write(folder: &Path, now: Timestamp, from: u64, until: u64) {
    let records = Records::open(folder, now).expect("record files");
    for first in (from..until).step_by(usize::try_from(BATCH).unwrap()) {
        let batch: Vec<Record> = (first..until.min(first + BATCH)).map(|n| record(now, n)).collect();
        records.put(&batch).expect("they are written");
    }
    records.checkpoint().expect("they are safe");
}

/// The most memory that a process ever had, in bytes; `None` once it has ended.
fn peak(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") * 1024)
}

/// Exports everything into a file: the file, and the peak of the command's memory.
fn export(process: &Process, format: &str, name: &str) -> (PathBuf, u64) {
    let path = process.folder.path().join(name);
    let mut child = Command::new(env!("CARGO_BIN_EXE_bursar"))
        .args(["export", "--format", format, "--url", &process.base, "--output"])
        .arg(&path)
        .env("BURSAR_ADMIN_TOKEN", process.token())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut most = 0;
    loop {
        most = most.max(peak(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("it can be asked") {
            assert!(status.success(), "{format}: {status}");
            return (path, most);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How many records an export has.
fn rows(path: &Path, format: &str) -> u64 {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let file = std::fs::File::open(path).expect("a file");
    if format == "parquet" {
        let reader = SerializedFileReader::new(file).expect("Parquet");
        return u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap();
    }
    let lines = u64::try_from(std::io::BufReader::new(file).lines().count()).unwrap();
    // CSV has a head.
    if format == "jsonl" { lines } else { lines - 1 }
}

async fn exported(few: u64, many: u64, formats: &[&str]) {
    if peak(std::process::id()).is_none() {
        eprintln!("SKIPPED: this system does not tell how much memory a process has");
        return;
    }
    let mock = Mock::start(priced()).await.expect("the mock starts");
    let mut process = Process::new(&mock);
    process.start().await;
    process.kill();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap());
    let folder = process.data_dir().join("records");
    assert!(folder.is_dir(), "record files are elsewhere: {}", folder.display());
    let mut told: Vec<Vec<(u64, u64)>> = Vec::new();
    for (from, until) in [(0, few), (few, many)] {
        tokio::task::block_in_place(|| write(&folder, now, from, until));
        process.start().await;
        let mut peaks = Vec::new();
        for format in formats {
            let name = format!("{until}.{format}");
            let (path, client) = tokio::task::block_in_place(|| export(&process, format, &name));
            assert_eq!(rows(&path, format), until, "{format}");
            std::fs::remove_file(path).expect("it is removed");
            peaks.push((client, peak(process.id()).expect("it runs")));
        }
        told.push(peaks);
        process.kill();
    }
    let [few, many] = told.as_slice() else { panic!("two rounds") };
    for ((format, few), many) in formats.iter().zip(few).zip(many) {
        let mb = |bytes: &u64| bytes / MEGABYTE;
        println!(
            "{format}: peaks of command and server {} and {} MB, before {} and {} MB",
            mb(&many.0),
            mb(&many.1),
            mb(&few.0),
            mb(&few.1)
        );
        assert!(
            many.0 < few.0 + GROWTH_MAX && many.1 < few.1 + GROWTH_MAX,
            "{format}: {few:?}, then {many:?}"
        );
    }
}

/// Six chunks instead of one are six times the file and the same memory.
///
/// Rules: C5.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_many_chunks_takes_the_memory_of_one() {
    exported(5_000, 30_000, &["jsonl", "parquet"]).await;
}

/// `BURSAR_EXPORT_RECORDS` says how many: ten million take an hour to write in a debug build.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a million records and exports them four times: part of `make soak`"]
async fn an_export_of_a_million_records_takes_the_memory_of_a_few() {
    let many = std::env::var("BURSAR_EXPORT_RECORDS").ok().and_then(|text| text.parse().ok());
    exported(5_000, many.unwrap_or(1_000_000), &["csv", "jsonl", "focus", "parquet"]).await;
}
