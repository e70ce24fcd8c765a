//! What requests move: counted once when a request ends, with one lookup and no allocation beyond its key.

use super::page::Page;
use super::{LogDrops, Spans, catalogue as of};
use bursar_core::{ApiFormat, Code, Durations, UsageClass, Usd};
use bursar_govern::story::{AttemptEnd, Status, Story};
use bursar_store::settings::Tried;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

/// Series of requests: fifty providers with forty priced models each. What comes beyond counts as `other`.
const SERIES_MAX: usize = 2_000;
const OTHER: &str = "other";

/// The journal's disk, as the process measures it.
#[derive(Debug, Default)]
pub struct LedgerTimes {
    /// From the write of a batch to the end of its sync.
    pub batch: Durations,
    /// One sync.
    pub sync: Durations,
}

/// Format, provider, model.
type Series = (ApiFormat, String, String);

/// What one series has counted.
#[derive(Default)]
struct Sums {
    by_status: BTreeMap<&'static str, u64>,
    tokens: BTreeMap<UsageClass, u64>,
    /// Nano-USD.
    list: i64,
    effective: i64,
}

/// How long a provider's answers took.
#[derive(Default)]
struct Waits {
    first_byte: Durations,
    whole: Durations,
}

/// Counters that requests, alerts and the process move.
#[derive(Default)]
pub struct Metrics {
    series: Mutex<BTreeMap<Series, Sums>>,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    attempts: Mutex<BTreeMap<(String, &'static str), u64>>,
    alerts: Mutex<BTreeMap<(String, &'static str), u64>>,
    waits: Mutex<BTreeMap<String, Arc<Waits>>>,
    added: Durations,
    /// Nano-USD.
    overage: AtomicI64,
    /// The journal's disk.
    pub ledger: Arc<LedgerTimes>,
    pub(super) log: OnceLock<LogDrops>,
    /// What became of spans.
    pub spans: Arc<Spans>,
}

impl Metrics {
    /// Counts what a try with so many alerts brought.
    pub(crate) fn alert(&self, channel: &str, tried: &Tried, alerts: usize) {
        let result = match tried {
            Tried::Delivered => "delivered",
            Tried::Again(..) => "retried",
            Tried::GaveUp(_) => "failed",
        };
        let count = u64::try_from(alerts).unwrap_or(u64::MAX);
        *self.alerts.lock().entry((channel.to_owned(), result)).or_default() += count;
    }
    /// Adds to what was billed above a hold, at list price.
    pub(crate) fn overage(&self, more: Usd) {
        self.overage.fetch_add(more.nanos().max(0), Ordering::Relaxed);
    }
    /// Where lines of the log are counted that were given up; the first one counts.
    pub fn count_log_drops(&self, drops: LogDrops) {
        // A second one is of a second log, which no process has.
        drop(self.log.set(drops));
    }
    /// Counts one ended request. A model that was never priced is not a label: clients could make it anything.
    pub fn count(&self, story: &Story) {
        let provider = story.attempts.last().map_or("", |attempt| &*attempt.provider);
        let model = story.price.as_ref().map_or("", |price| price.row.model());
        self.count_series(story, provider, model);
        if let (Status::Denied, Some(refusal)) = (story.status, &story.refusal) {
            *self.refusals.lock().entry(refusal.code.as_str()).or_default() += 1;
        }
        for told in &story.attempts {
            let Some(end) = told.end.as_ref().map(AttemptEnd::as_str) else { continue };
            *self.attempts.lock().entry((told.provider.clone(), end)).or_default() += 1;
        }
        let micros = |micros: i64| u64::try_from(micros).unwrap_or(0);
        if let Some(added) = story.added_us() {
            self.added.observe_us(micros(added));
        }
        if !story.attempts.is_empty() {
            let waits = self.waits_of(provider);
            if let Some(at) = story.first_byte_at {
                waits.first_byte.observe_us(micros(at.micros_since(story.created_at)));
            }
            if let Some(at) = story.finalized_at {
                waits.whole.observe_us(micros(at.micros_since(story.created_at)));
            }
        }
    }

    fn count_series(&self, story: &Story, provider: &str, model: &str) {
        let mut series = self.series.lock();
        let mut key = (story.api_format, provider.to_owned(), model.to_owned());
        if series.len() >= SERIES_MAX && !series.contains_key(&key) {
            key = (story.api_format, OTHER.to_owned(), OTHER.to_owned());
        }
        let sums = series.entry(key).or_default();
        *sums.by_status.entry(story.status.as_str()).or_default() += 1;
        for class in UsageClass::TOKENS {
            let count = story.usage.get(class);
            if count > 0 {
                let sum = sums.tokens.entry(class).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        sums.list = sums.list.saturating_add(story.cost.as_ref().map_or(0, |cost| cost.list.nanos()));
        sums.effective = sums.effective.saturating_add(story.effective.nanos());
    }

    /// Providers are the configuration's: there are only so many.
    fn waits_of(&self, provider: &str) -> Arc<Waits> {
        let mut waits = self.waits.lock();
        if let Some(found) = waits.get(provider) {
            return Arc::clone(found);
        }
        Arc::clone(waits.entry(provider.to_owned()).or_default())
    }

    /// Writes what requests moved.
    pub(super) fn write_requests(&self, page: &mut Page) {
        let series = self.series.lock();
        page.begin(&of::REQUESTS);
        for ((format, provider, model), sums) in series.iter() {
            for (status, count) in &sums.by_status {
                page.sample(&of::REQUESTS, &[format.as_str(), provider, model, status], count);
            }
        }
        page.begin(&of::REFUSALS);
        for code in Code::ALL {
            let count = self.refusals.lock().get(code.as_str()).copied().unwrap_or(0);
            page.sample(&of::REFUSALS, &[code.as_str()], count);
        }
        page.begin(&of::ATTEMPTS);
        for ((provider, end), count) in self.attempts.lock().iter() {
            page.sample(&of::ATTEMPTS, &[provider, end], count);
        }
        // Formats are no label here: what a model cost is asked by provider and model.
        let mut tokens: BTreeMap<(UsageClass, &str, &str), u64> = BTreeMap::new();
        let mut costs: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
        for ((_, provider, model), sums) in series.iter() {
            for (class, count) in &sums.tokens {
                let sum = tokens.entry((*class, provider, model)).or_default();
                *sum = sum.saturating_add(*count);
            }
            for (basis, nanos) in [("list", sums.list), ("effective", sums.effective)] {
                let sum = costs.entry((basis, provider, model)).or_default();
                *sum = sum.saturating_add(nanos);
            }
        }
        page.begin(&of::TOKENS);
        for ((class, provider, model), count) in tokens {
            page.sample(&of::TOKENS, &[class.as_str(), provider, model], count);
        }
        page.begin(&of::COST);
        for ((basis, provider, model), nanos) in costs {
            page.sample(&of::COST, &[basis, provider, model], Usd::from_nanos(nanos));
        }
        page.one(&of::OVERAGE, Usd::from_nanos(self.overage.load(Ordering::Relaxed)));
    }

    /// Writes how long things took.
    pub(super) fn write_waits(&self, page: &mut Page) {
        page.begin(&of::ADDED);
        page.steps(&of::ADDED, &[], &self.added.counted());
        let waits: Vec<(String, Arc<Waits>)> =
            self.waits.lock().iter().map(|(name, waits)| (name.clone(), Arc::clone(waits))).collect();
        page.begin(&of::FIRST_BYTE);
        for (provider, waits) in &waits {
            page.steps(&of::FIRST_BYTE, &[provider], &waits.first_byte.counted());
        }
        page.begin(&of::DURATION);
        for (provider, waits) in &waits {
            page.steps(&of::DURATION, &[provider], &waits.whole.counted());
        }
    }

    /// Writes what alerts moved.
    pub(super) fn write_alerts(&self, page: &mut Page) {
        page.begin(&of::ALERTS);
        for ((channel, result), count) in self.alerts.lock().iter() {
            page.sample(&of::ALERTS, &[channel, result], count);
        }
    }
}
