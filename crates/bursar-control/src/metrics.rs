//! `/metrics`: what requests moved and where everything stands, as OpenMetrics text. Labels are bounded; never a key or
//! a user.

mod budgets;
mod catalogue;
mod counters;
mod page;
mod stale;

pub use catalogue::{CATALOGUE, Described, Kind, reference};
pub use counters::{LedgerTimes, Metrics};
pub(crate) use stale::stale_requests;

use crate::state::State;
use axum::extract::State as Shared;
use axum::http::{HeaderName, header};
use bursar_core::Usd;
use bursar_ledger::{OpenReservation, State as Stage};
use catalogue as of;
use page::Page;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts lines of the log that were given up.
pub type LogDrops = Arc<AtomicU64>;

/// What became of spans for the OTLP endpoint.
#[derive(Debug, Default)]
pub struct Spans {
    /// Taken by the endpoint.
    pub sent: AtomicU64,
    /// Given up because the queue was full.
    pub dropped: AtomicU64,
    /// Given up because the endpoint did not take them.
    pub failed: AtomicU64,
}

pub(crate) async fn answer(Shared(state): Shared<Arc<State>>) -> ([(HeaderName, &'static str); 1], String) {
    // Budgets and suspense take the ledger's lock, and stale requests may read their records.
    let text = tokio::task::spawn_blocking(move || write(&state)).await.unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

fn write(state: &State) -> String {
    let mut page = Page::default();
    let metrics = &state.metrics;
    page.begin(&of::BUILD);
    page.sample(&of::BUILD, &[env!("CARGO_PKG_VERSION")], 1);
    page.one(&of::REVISION, state.governor.directory().revision);
    metrics.write_requests(&mut page);
    in_flight(state, &mut page);
    metrics.write_waits(&mut page);
    budgets::write(state, &mut page);
    routes(state, &mut page);
    ledger(state, &mut page);
    metrics.write_alerts(&mut page);
    page.begin(&of::SPANS);
    let spans = &metrics.spans;
    for (result, count) in [("sent", &spans.sent), ("dropped", &spans.dropped), ("failed", &spans.failed)] {
        page.sample(&of::SPANS, &[result], count.load(Ordering::Relaxed));
    }
    page.one(&of::WATCHERS, state.feed.watchers());
    page.end()
}

fn in_flight(state: &State, page: &mut Page) {
    page.one(&of::IN_FLIGHT, state.governor.flights().count());
    page.one(&of::WAITING, state.governor.waiting());
    let open = state.governor.ledger().open_reservations().unwrap_or_default();
    let held = |stage: Stage| {
        let held = open.iter().filter(|open| open.state == stage).map(|open| open.reserved.hold.list);
        held.fold(Usd::ZERO, Usd::saturating_add)
    };
    let live: Vec<&OpenReservation> = open.iter().filter(|open| open.state == Stage::Live).collect();
    page.one(&of::STALE, stale::count(state, &live));
    page.one(&of::SUSPENSE, open.len().saturating_sub(live.len()));
    page.one(&of::SUSPENSE_USD, held(Stage::Suspense));
    page.one(&of::HELD_USD, held(Stage::Live));
}

/// Where providers are avoided, and what is stopped.
fn routes(state: &State, page: &mut Page) {
    let directory = state.governor.directory();
    let providers: Vec<&str> = directory.providers.iter().map(|provider| provider.name.as_str()).collect();
    let open = state.governor.circuits().open(state.now());
    page.begin(&of::CIRCUITS);
    for name in &providers {
        let count = open.iter().filter(|endpoint| endpoint.provider.as_str() == *name).count();
        page.sample(&of::CIRCUITS, &[name], count);
    }
    let throttled = state.governor.throttled();
    page.begin(&of::THROTTLED);
    for name in &providers {
        page.sample(&of::THROTTLED, &[name], u8::from(throttled.providers().any(|own| own == *name)));
    }
    page.one(&of::KILL, state.governor.kills().list(state.now()).len());
}

/// How the journal is written, and how far what is made of it lags behind.
fn ledger(state: &State, page: &mut Page) {
    let ledger = state.governor.ledger();
    page.one(&of::LEDGER_UP, u8::from(ledger.down().is_none()));
    let times = &state.metrics.ledger;
    for (metric, durations) in [(of::LEDGER_BATCH, &times.batch), (of::LEDGER_SYNC, &times.sync)] {
        page.begin(&metric);
        page.steps(&metric, &[], &durations.counted());
    }
    page.one(&of::LEDGER_ENTRIES, ledger.last().number());
    let drain = state.drain_state();
    page.one(&of::DRAIN_LAG, drain.entries);
    page.one(&of::DRAIN_AGE, drain.age_s);
    page.one(&of::RECORDS_DROPPED, drain.dropped);
    page.one(&of::DETAILS_DROPPED, state.governor.capturer().dropped());
    let drops = state.metrics.log.get().map_or(0, |drops| drops.load(Ordering::Relaxed));
    page.one(&of::LOG_DROPPED, drops);
}
