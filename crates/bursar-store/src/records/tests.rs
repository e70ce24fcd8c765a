//! Stories about records, told through a few helpers.

mod backup;
mod codec;
mod drain;
mod find;
mod golden;
mod retention;
mod usage;

use super::*;
use crate::sqlite::PageRequest;
use bursar_core::{Attribute, Attributes, Charge, Code, RequestId, Usage, UsageClass, Usd, Value};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

/// The record files of a directory of their own.
struct World {
    dir: tempfile::TempDir,
    records: Records,
}

impl World {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }
    fn at(dir: tempfile::TempDir) -> Self {
        let records = Records::open(dir.path(), time("2026-03-15T00:00:00Z")).unwrap();
        Self { dir, records }
    }
    fn reopened(self) -> Self {
        let Self { dir, records } = self;
        drop(records);
        Self::at(dir)
    }
    /// Every record that a filter finds, newest first, in pages of three.
    fn found(&self, filter: &RecordFilter) -> Vec<Record> {
        let mut request = PageRequest::first(3);
        let mut found = Vec::new();
        loop {
            let page = self.records.list(filter, &request).unwrap();
            found.extend(page.items.iter().cloned());
            match request.after(&page) {
                Some(next) => request = next,
                None => return found,
            }
        }
    }
    /// Every month adds up.
    fn check(&self) {
        for month in self.records.months() {
            let recount = self.records.recount(month).unwrap();
            assert_eq!(recount.differences, [], "{month}");
        }
    }
}

/// A completed request of project alpha at that time: 100 tokens in, 10 out, 1,000 nano-USD.
fn completed(n: u128, at: &str) -> Record {
    let at = time(at);
    let id = RequestId::new(at, n << 64 | n);
    let attributes = Attributes::new()
        .with(&Attribute::Project, value("alpha"))
        .with(&Attribute::Key, value("key-1"))
        .with(&Attribute::Model, value("gpt-4o-mini"))
        .with(&Attribute::Provider, value("openai"));
    Record {
        status: Status::Completed,
        finalized_at: Some(at.plus_millis(900)),
        progressed_at: at.plus_millis(900),
        usage: Usage::new().with(UsageClass::Input, 100).with(UsageClass::Output, 10),
        charge: Charge {
            list: Usd::from_nanos(1000),
            effective: Usd::from_nanos(800),
            tokens: 110,
            requests: 1,
        },
        status_code: Some(200),
        total_ms: Some(900),
        ..Record::new(id, at, attributes)
    }
}

/// The same record with another attribute.
fn with(mut record: Record, attribute: &str, text: &str) -> Record {
    record.attributes.set(&Attribute::parse(attribute).unwrap(), value(text));
    record
}

/// What all records add up to, from the records themselves.
fn list_cost(records: &[Record]) -> i64 {
    records.iter().map(|record| record.charge.list.nanos()).sum()
}
