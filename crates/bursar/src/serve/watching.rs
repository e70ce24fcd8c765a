//! Who hears of ended requests, and what readiness asks beyond the control plane.

use super::telemetry::Telemetry;
use bursar_control::{Check, State};
use bursar_core::{RequestId, Timestamp};
use bursar_gateway::upstream::Authorities;
use bursar_govern::kill::KillEvent;
use bursar_govern::ports::Observer;
use bursar_govern::story::Story;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Several observers as one.
struct Both(Arc<dyn Observer>, Arc<dyn Observer>);

impl Observer for Both {
    fn ended(&self, story: &Story) {
        self.0.ended(story);
        self.1.ended(story);
    }
    fn streaming(&self, id: RequestId, now: Timestamp) {
        self.0.streaming(id, now);
        self.1.streaming(id, now);
    }
    fn kill(&self, event: &KillEvent) {
        self.0.kill(event);
        self.1.kill(event);
    }
}

/// The control plane's observer, and the exporter where there is one.
pub(super) fn observers(first: Arc<dyn Observer>, telemetry: Option<Arc<Telemetry>>) -> Arc<dyn Observer> {
    match telemetry {
        Some(telemetry) => Arc::new(Both(first, telemetry)),
        None => first,
    }
}

/// Checks of what only the binary knows: authorities of providers, and whether telemetry arrives.
pub(super) fn more_checks(state: &Arc<State>) -> bursar_control::MoreChecks {
    let (governor, metrics) = (Arc::clone(&state.governor), Arc::clone(&state.metrics));
    Box::new(move || {
        let mut wrong = Vec::new();
        let mut own = 0;
        for provider in &governor.directory().providers {
            let Some(pem) = &provider.authorities else { continue };
            own += 1;
            if let Err(error) = Authorities(Arc::clone(pem)).roots() {
                wrong.push(format!("those of {} {error}", provider.name));
            }
        }
        let reason = match wrong.is_empty() {
            true => format!("{own} providers have their own, all can be read"),
            false => wrong.join("; "),
        };
        let spans = &metrics.spans;
        let (dropped, failed) = (spans.dropped.load(Ordering::Relaxed), spans.failed.load(Ordering::Relaxed));
        let sent = spans.sent.load(Ordering::Relaxed);
        let told = format!("spans since the start: {sent} sent, {dropped} dropped, {failed} failed");
        vec![
            Check::new("authorities", wrong.is_empty(), reason),
            Check::new("telemetry", dropped == 0 && failed == 0, told),
        ]
    })
}
