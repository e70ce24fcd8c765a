//! What a replay came to: pace, latency, cost, refusals, overspend.

use crate::serve::local::Stand;
use crate::table::fields;
use bursar_core::{Measure, Usd};
use bursar_mock::load;
use serde_json::{Value, json};
use std::time::Duration;

/// The replay's ledger and bill, where it started the gateway itself.
pub(super) struct Books {
    pub(super) stands: Vec<Stand>,
    pub(super) billed: Usd,
    /// The same small request, straight to the fake provider and through the gateway, side by side under the load.
    pub(super) direct: load::Report,
    pub(super) through: load::Report,
}

/// What a replay came to.
pub(super) struct Outcome {
    pub(super) load: load::Report,
    pub(super) refused: u64,
    pub(super) odd: u64,
    /// Sum of the gateway's `x-bursar-cost-usd` headers; plain answers carry it.
    pub(super) told: Usd,
    pub(super) books: Option<Books>,
}

impl Books {
    fn sum(&self, amount: impl Fn(&bursar_ledger::Standing) -> i64) -> Usd {
        Usd::from_nanos(self.stands.iter().flat_map(|stand| &stand.1).map(amount).sum())
    }
    /// What the gateway adds at a percentile.
    fn added(&self, per_mille: u64) -> u64 {
        micros(self.through.latency.per_mille(per_mille))
            .saturating_sub(micros(self.direct.latency.per_mille(per_mille)))
    }
}

impl Outcome {
    /// What is wrong; nothing where all agrees.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.odd > 0 {
            complaints.push(format!("{} requests were neither answered nor refused", self.odd));
        }
        if let Some(books) = &self.books {
            let charged = books.sum(|window| window.settled.saturating_add(window.suspense));
            if charged != books.billed {
                complaints.push(format!(
                    "the ledger charged {charged} USD and the provider billed {} USD",
                    books.billed
                ));
            }
            let (over, held) = (books.sum(|window| window.over_limit), books.sum(|window| window.held));
            if over > Usd::ZERO {
                complaints.push(format!("overspent by {over} USD"));
            }
            if held != Usd::ZERO {
                complaints.push(format!("{held} USD is still held"));
            }
        }
        complaints
    }
    /// For people and programs: the same names.
    pub(super) fn json(&self) -> Value {
        let latency = |report: &load::Report| {
            let at = |per_mille| micros(report.latency.per_mille(per_mille));
            json!({"p50": at(500), "p90": at(900), "p99": at(990)})
        };
        let usd = |amount: Usd| Measure::Usd.format(amount.nanos());
        let mut value = json!({
            "requests": self.load.requests, "answered": self.load.of_status(200), "refused": self.refused,
            "failed": self.odd, "elapsed_ms": millis(self.load.elapsed), "requests_per_s": self.load.per_second(),
            "latency_us": latency(&self.load),
        });
        let more = match &self.books {
            None => json!({"cost": usd(self.told)}),
            Some(books) => {
                let limit = books.stands.first().and_then(|stand| stand.0.limit);
                json!({
                    "limit": limit.map(|limit| Measure::Usd.format(limit)),
                    "settled": usd(books.sum(|window| window.settled)),
                    "suspense": usd(books.sum(|window| window.suspense)),
                    "held": usd(books.sum(|window| window.held)),
                    "over_limit": usd(books.sum(|window| window.over_limit)),
                    "billed": usd(books.billed),
                    "direct_latency_us": latency(&books.direct), "through_latency_us": latency(&books.through),
                    "added_latency_us": {"p50": books.added(500), "p90": books.added(900), "p99": books.added(990)},
                    "latency_samples": books.through.latency.count(),
                })
            }
        };
        if let (Some(value), Some(more)) = (value.as_object_mut(), more.as_object()) {
            value.extend(more.clone());
        }
        value
    }
    /// For people.
    pub(super) fn text(&self) -> String {
        let value = self.json();
        let pairs = value.as_object().into_iter().flatten();
        let pairs: Vec<(&str, String)> =
            pairs.map(|(name, value)| (name.as_str(), crate::table::cell(value))).collect();
        fields(&pairs)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
