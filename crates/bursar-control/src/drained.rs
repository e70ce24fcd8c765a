//! How far draining is, told by the drainer and asked by metrics and readiness.

use crate::drain::Drainer;
use crate::state::State;
use bursar_core::Timestamp;
use parking_lot::Mutex;

/// Draining at an instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DrainState {
    /// Synced entries that are not drained yet.
    pub(crate) entries: u64,
    /// Seconds since there was last nothing left to drain; 0 before the first time.
    pub(crate) age_s: i64,
    /// Records that were given up.
    pub(crate) dropped: u64,
    /// Why the last try failed.
    pub(crate) problem: Option<String>,
}

/// What the drainer told last.
#[derive(Debug, Default)]
pub(crate) struct DrainMarks(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    upto: u64,
    done_at: Option<Timestamp>,
    dropped: u64,
    problem: Option<String>,
}

impl State {
    /// Notes how far the drainer is, and why it did not come to the end where it did not.
    pub fn note_drained(&self, drainer: &Drainer, problem: Option<String>) {
        let now = self.now();
        let mut marks = self.drained.0.lock();
        marks.upto = drainer.upto().number();
        marks.dropped = drainer.dropped();
        if problem.is_none() {
            marks.done_at = Some(now);
        }
        marks.problem = problem;
    }

    pub(crate) fn drain_state(&self) -> DrainState {
        let synced = self.governor.ledger().synced_seq().number();
        let now = self.now();
        let marks = self.drained.0.lock();
        DrainState {
            entries: synced.saturating_sub(marks.upto),
            age_s: marks.done_at.map_or(0, |at| now.micros_since(at).div_euclid(1_000_000).max(0)),
            dropped: marks.dropped,
            problem: marks.problem.clone(),
        }
    }
}
