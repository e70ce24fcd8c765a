//! Hears of ended requests: counts them, and keeps the records that no journal entry carries for the drainer.

use crate::alert::Refusals;
use crate::metrics::Metrics;
use crate::request_log;
use bursar_govern::kill::KillEvent;
use bursar_govern::ports::Observer;
use bursar_govern::record;
use bursar_govern::story::Story;
use bursar_store::records::Record;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Records of refusals and unbilled failures that may wait for the drainer: at 1 kB each 64 MB. What comes beyond is
/// counted and dropped: telemetry fails open.
const WAITING_MAX: usize = 65_536;

/// The data plane's observer.
pub struct Watcher {
    metrics: Arc<Metrics>,
    waiting: Mutex<Vec<Record>>,
    dropped: AtomicU64,
    pub(crate) refusals: Refusals,
}

impl Watcher {
    /// A watcher that counts into `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            waiting: Mutex::default(),
            dropped: AtomicU64::new(0),
            refusals: Refusals::default(),
        })
    }
    /// What waits, for the drainer.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.waiting.lock())
    }
    /// Records that were dropped because the drainer did not keep up.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Observer for Watcher {
    fn kill(&self, event: &KillEvent) {
        let KillEvent { change, kill, actor } = event;
        let until =
            kill.until.map_or_else(|| "nobody asked for an end".to_owned(), |until| until.to_string());
        tracing::warn!(event = change.as_str(), scope = %kill.scope, source = kill.source.as_str(), cut = kill.cut,
            %actor, reason = %kill.reason, %until, "kill switch");
    }
    fn ended(&self, story: &Story) {
        self.metrics.count(story);
        request_log::write(story);
        self.refusals.hear(story);
        if story.journalled {
            return;
        }
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING_MAX {
            waiting.push(record::of(story));
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
