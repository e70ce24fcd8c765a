//! Reports over records that a story puts there. Each test names the rules it shows.

mod analyses;
mod stale;
mod standings;
mod totals;

use super::query::UsageQuery;
use bursar_core::{Attribute, Attributes, Charge, RequestId, Timestamp, Usage, UsageClass, Usd, Value};
use bursar_ledger::Zone;
use bursar_store::records::{Record, Records, Status};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Record files of their own, and what they are asked.
struct World {
    _dir: tempfile::TempDir,
    records: Records,
    now: Timestamp,
    put: u128,
}

impl World {
    fn at(now: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path(), time(now)).unwrap();
        Self { _dir: dir, records, now: time(now), put: 0 }
    }
    /// Puts a completed request with these names: `project=p1 agent=a1`.
    fn put(&mut self, at: &str, names: &str, change: impl FnOnce(&mut Record)) {
        self.put += 1;
        let at = time(at);
        let mut attributes = Attributes::new();
        for pair in names.split_whitespace() {
            let (name, text) = pair.split_once('=').unwrap();
            attributes.set(&Attribute::parse(name).unwrap(), Value::new(text).unwrap());
        }
        let id = RequestId::new(at, self.put << 64 | self.put);
        let mut record = Record { status: Status::Completed, ..Record::new(id, at, attributes) };
        record.finalized_at = Some(at);
        change(&mut record);
        self.records.put(&[record]).unwrap();
    }
}

/// Sets tokens and list cost.
fn used(input: u64, output: u64, cost: &str) -> impl FnOnce(&mut Record) {
    let cost = Usd::parse(cost).unwrap();
    move |record| {
        record.usage = Usage::new().with(UsageClass::Input, input).with(UsageClass::Output, output);
        let tokens = i64::try_from(input + output).unwrap();
        record.charge = Charge { list: cost, effective: cost, tokens, requests: 1 };
    }
}

/// A question, as the address of a report says it.
fn ask(text: &str) -> UsageQuery {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    let value = |(name, text): (&str, &str)| {
        let number = matches!(name, "hours" | "days" | "limit").then(|| text.parse::<i64>().unwrap());
        (name.to_owned(), number.map_or_else(|| text.into(), serde_json::Value::from))
    };
    serde_json::from_value(serde_json::Value::Object(pairs.map(value).collect())).unwrap()
}
