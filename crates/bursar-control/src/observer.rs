//! Hears of ended requests: counts them, and keeps the records that no journal entry carries for the drainer.

use crate::alert::Refusals;
use crate::metrics::Metrics;
use crate::request_log;
use bursar_core::{RequestId, Timestamp};
use bursar_govern::kill::KillEvent;
use bursar_govern::ports::Observer;
use bursar_govern::record;
use bursar_govern::story::Story;
use bursar_store::records::Record;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Records of refusals and unbilled failures that may wait for the drainer: at 1 kB each 64 MB. What comes beyond is
/// counted and dropped: telemetry fails open.
const WAITING_MAX: usize = 65_536;

/// The data plane's observer.
pub struct Watcher {
    metrics: Arc<Metrics>,
    waiting: Mutex<Vec<Record>>,
    /// Requests whose output comes, and since when they are known to.
    streaming: Mutex<Vec<(RequestId, Timestamp)>>,
    dropped: AtomicU64,
    /// Records are switched off: nothing is kept for the drainer, and it keeps nothing of the journal.
    off: AtomicBool,
    pub(crate) refusals: Refusals,
}

impl Watcher {
    /// A watcher that counts into `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            waiting: Mutex::default(),
            streaming: Mutex::default(),
            dropped: AtomicU64::new(0),
            off: AtomicBool::new(false),
            refusals: Refusals::default(),
        })
    }
    /// Switches records on or off. Counters, totals of keys and the ledger go on either way.
    pub fn keep_records(&self, keep: bool) {
        self.off.store(!keep, Ordering::Release);
    }
    /// Whether requests leave records and roll-ups.
    #[must_use]
    pub fn keeps_records(&self) -> bool {
        !self.off.load(Ordering::Acquire)
    }
    /// What waits, for the drainer.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.waiting.lock())
    }
    /// What the drainer took and could not write: it waits again, before what came since, as far as there is room.
    pub(crate) fn give_back(&self, mut unwritten: Vec<Record>) {
        let mut waiting = self.waiting.lock();
        let room = WAITING_MAX.saturating_sub(waiting.len());
        let lost = unwritten.len().saturating_sub(room);
        self.dropped.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
        // The oldest wait at the front.
        unwritten.truncate(room);
        unwritten.append(&mut waiting);
        *waiting = unwritten;
    }
    /// Requests whose output comes, for the drainer.
    pub(crate) fn take_streaming(&self) -> Vec<(RequestId, Timestamp)> {
        std::mem::take(&mut *self.streaming.lock())
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
    fn streaming(&self, id: RequestId, now: Timestamp) {
        let mut streaming = self.streaming.lock();
        if self.keeps_records() && streaming.len() < WAITING_MAX {
            streaming.push((id, now));
        }
    }
    fn ended(&self, story: &Story) {
        self.metrics.count(story);
        request_log::write(story);
        self.refusals.hear(story);
        if story.journalled || !self.keeps_records() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Attributes;

    fn record(number: u128) -> Record {
        let at = Timestamp::from_micros(1_772_323_200_000_000);
        Record::new(RequestId::new(at, number), at, Attributes::new())
    }

    #[test]
    fn what_could_not_be_written_waits_before_what_came_since() {
        let watcher = Watcher::new(Arc::default());
        watcher.waiting.lock().extend([record(1), record(2)]);
        let taken = watcher.take();
        watcher.waiting.lock().push(record(3));
        watcher.give_back(taken);
        assert_eq!(watcher.take(), [1, 2, 3].map(record));
        assert_eq!(watcher.dropped(), 0);
    }

    #[test]
    fn what_comes_back_takes_no_more_room_than_there_is() {
        let watcher = Watcher::new(Arc::default());
        *watcher.waiting.lock() = vec![record(9); WAITING_MAX - 1];
        watcher.give_back(vec![record(1), record(2)]);
        let waiting = watcher.take();
        assert_eq!((waiting.len(), &waiting[0], &waiting[1]), (WAITING_MAX, &record(1), &record(9)));
        assert_eq!(watcher.dropped(), 1);
    }
}
