//! Requests as they end, for whoever watches: the newest ones in memory, by a number that rises. What drains the journal
//! feeds it, so watching costs a request nothing.

use bursar_store::records::Record;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Requests that are kept: at a thousand a second a reader may be away for four seconds, and all take some 6 MB.
const KEPT_MAX: usize = 4_096;
/// Readers that may wait at once. Who comes beyond is answered at once and asks again.
const WATCHERS_MAX: usize = 64;

/// The newest requests that ended.
pub(crate) struct Feed {
    /// Tells this run of the process from the next: a cursor of another one is none here.
    epoch: u64,
    kept: Mutex<Kept>,
    bell: Notify,
    watchers: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Default)]
struct Kept {
    /// The number of the next one; the first is 1.
    next: u64,
    records: VecDeque<Arc<Record>>,
}

/// What a reader gets.
pub(crate) struct Read {
    /// Oldest first.
    pub(crate) records: Vec<Arc<Record>>,
    /// Where the next reading begins.
    pub(crate) cursor: String,
    /// Requests that were forgotten before they were read.
    pub(crate) missed: u64,
    /// Whether the cursor was of an earlier run.
    pub(crate) restarted: bool,
}

/// A reader that waits. Dropping it stops waiting.
pub(crate) struct Waiting<'a>(&'a Feed);

impl Feed {
    /// An empty one; `epoch` differs from run to run.
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            kept: Mutex::new(Kept { next: 1, records: VecDeque::new() }),
            bell: Notify::new(),
            watchers: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }
    /// Takes records that were drained: those of requests that ended.
    pub(crate) fn push(&self, records: impl IntoIterator<Item = Arc<Record>>) {
        let mut kept = self.kept.lock();
        let before = kept.next;
        for record in records.into_iter().filter(|record| record.status.is_final()) {
            if kept.records.len() >= KEPT_MAX {
                kept.records.pop_front();
            }
            kept.records.push_back(record);
            kept.next += 1;
        }
        let rings = kept.next > before;
        drop(kept);
        if rings {
            self.bell.notify_waiters();
        }
    }
    /// What came after `cursor` and is wanted, looking at no more than `most`. Without a cursor: nothing, and where to go on from here.
    pub(crate) fn read(&self, cursor: Option<&str>, most: usize, wanted: impl Fn(&Record) -> bool) -> Read {
        let kept = self.kept.lock();
        let known = cursor.map(|cursor| parse(cursor).filter(|(epoch, _)| *epoch == self.epoch));
        let restarted = matches!(known, Some(None));
        let oldest = kept.next.saturating_sub(u64::try_from(kept.records.len()).unwrap_or(0));
        let from = match known {
            None => kept.next,
            // All that ended in this run, as far as it is still known.
            Some(None) => 1,
            Some(Some((_, next))) => next.min(kept.next),
        };
        let missed = oldest.saturating_sub(from);
        let begin = from.max(oldest);
        let skip = usize::try_from(begin.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let mut records = Vec::new();
        let mut looked = 0_u64;
        for record in kept.records.iter().skip(skip) {
            if records.len() >= most {
                break;
            }
            looked += 1;
            if wanted(record) {
                records.push(Arc::clone(record));
            }
        }
        let cursor = format!("{:x}-{}", self.epoch, begin.saturating_add(looked));
        Read { records, cursor, missed, restarted }
    }
    /// A place to wait in; none where too many wait or the process ends.
    pub(crate) fn wait(&self) -> Option<Waiting<'_>> {
        let before = self.watchers.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(self);
        (before < WATCHERS_MAX && !self.closed.load(Ordering::Acquire)).then_some(waiting)
    }
    /// Readers that wait.
    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Acquire)
    }
    /// Sends everybody away who waits: the process ends.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }
}

impl Waiting<'_> {
    /// Until something came, or the process ends. Make it before looking, and nothing that comes meanwhile is missed.
    pub(crate) fn rung(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.bell.notified()
    }
    /// Whether nobody waits any longer.
    pub(crate) fn is_over(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}

fn parse(cursor: &str) -> Option<(u64, u64)> {
    let (epoch, next) = cursor.split_once('-')?;
    Some((u64::from_str_radix(epoch, 16).ok()?, next.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Attributes, RequestId, Timestamp};
    use bursar_store::records::Status;

    fn record(number: u128) -> Arc<Record> {
        Arc::new(ended(number))
    }
    fn ended(number: u128) -> Record {
        let at = Timestamp::from_micros(0);
        let mut record = Record::new(RequestId::from_u128(number), at, Attributes::new());
        record.status = Status::Completed;
        record
    }
    fn numbers(read: &Read) -> Vec<u128> {
        read.records.iter().map(|record| record.id.as_u128()).collect()
    }

    #[test]
    fn a_reader_gets_what_ended_since_and_nothing_twice() {
        let feed = Feed::new(7);
        feed.push([record(1)]);
        let first = feed.read(None, 10, |_| true);
        assert_eq!(numbers(&first), [], "a reader begins now");
        let pending = Arc::new(Record { status: Status::Pending, ..ended(9) });
        feed.push([record(2), pending, record(3), record(4)]);
        let second = feed.read(Some(&first.cursor), 2, |record| record.id.as_u128() != 2);
        assert_eq!((numbers(&second), second.missed, second.restarted), (vec![3, 4], 0, false));
        let third = feed.read(Some(&second.cursor), 2, |_| true);
        assert_eq!(numbers(&third), []);
        assert_eq!(third.cursor, second.cursor);
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed_and_one_of_another_run_that_it_is() {
        let feed = Feed::new(7);
        let cursor = feed.read(None, 1, |_| true).cursor;
        let many = u128::try_from(KEPT_MAX).unwrap() + 5;
        feed.push((1..=many).map(record));
        let late = feed.read(Some(&cursor), 1, |_| true);
        assert_eq!((late.missed, numbers(&late)), (5, vec![6]));
        let other = Feed::new(8);
        other.push([record(1)]);
        let read = other.read(Some(&cursor), 10, |_| true);
        assert_eq!((read.restarted, numbers(&read)), (true, vec![1]));
        assert!(other.read(Some("nonsense"), 10, |_| true).restarted);
    }

    #[tokio::test]
    async fn only_so_many_wait_and_none_after_the_end() {
        let feed = Feed::new(1);
        let waiting: Vec<_> = (0..WATCHERS_MAX).map(|_| feed.wait().expect("a place")).collect();
        assert!(feed.wait().is_none());
        assert_eq!(feed.watchers(), WATCHERS_MAX);
        let bell = waiting[0].rung();
        feed.close();
        bell.await;
        assert!(waiting[0].is_over());
        drop(waiting);
        assert!(feed.wait().is_none() && feed.watchers() == 0);
    }
}
