//! The conventions' metrics: tokens and durations in steps, and what it cost, by operation, vendor and model. Kept by the
//! exporter's own thread.

use super::names;
use super::told::Told;
use bursar_core::{Usage, UsageClass};
use std::collections::BTreeMap;

/// Series that are kept: fifty providers with forty models. What comes beyond is not measured.
const SERIES_MAX: usize = 2_000;

/// Operation, vendor, model.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Series {
    pub(super) operation: &'static str,
    pub(super) vendor: String,
    pub(super) model: String,
}

/// Observations in steps.
#[derive(Default, Clone, Debug)]
pub(super) struct Steps {
    /// One more than there are upper ends.
    pub(super) counts: Vec<u64>,
    pub(super) sum: u64,
    pub(super) count: u64,
}

/// What one series has measured.
#[derive(Default, Clone, Debug)]
pub(super) struct Measured {
    pub(super) input: Steps,
    pub(super) output: Steps,
    /// Microseconds.
    pub(super) duration: Steps,
    /// Nano-USD at list price.
    pub(super) cost: i64,
}

/// Everything measured since the start.
#[derive(Default)]
pub(super) struct Measures(pub(super) BTreeMap<Series, Measured>);

impl Measures {
    /// Counts one request that was sent.
    pub(super) fn note(&mut self, told: &Told) {
        let Some(last) = told.attempts.last() else { return };
        let series = Series {
            operation: names::operation(told.format),
            vendor: names::vendor(told.vendor.as_deref().unwrap_or(&last.provider)).to_owned(),
            model: last.served_model.clone(),
        };
        if self.0.len() >= SERIES_MAX && !self.0.contains_key(&series) {
            return;
        }
        let measured = self.0.entry(series).or_default();
        let micros = last.ended_at.micros_since(last.sent_at);
        measured.duration.observe(&names::DURATION_STEPS_US, u64::try_from(micros).unwrap_or(0));
        if told.usage != Usage::new() {
            measured.input.observe(&names::TOKEN_STEPS, told.input_tokens());
            measured.output.observe(&names::TOKEN_STEPS, told.usage.get(UsageClass::Output));
        }
        measured.cost = measured.cost.saturating_add(told.list_cost.map_or(0, bursar_core::Usd::nanos));
    }
}

impl Steps {
    fn observe(&mut self, ends: &[u64], value: u64) {
        self.counts.resize(ends.len() + 1, 0);
        let step = ends.iter().position(|end| value <= *end).unwrap_or(ends.len());
        if let Some(count) = self.counts.get_mut(step) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
        self.count += 1;
    }
}
