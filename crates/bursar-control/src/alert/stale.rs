//! Requests that hang: told once two sweeps in a row have found some, since one sweep may meet what is about to go on.

use super::limits::STALE_SWEEP_S;
use super::sources::{SourceError, note_new};
use crate::metrics::stale_requests;
use crate::state::State;
use bursar_core::Timestamp;
use bursar_store::settings::{AlertEvent, NewAlert};
use serde_json::json;

/// When was swept last, and whether something was found then. What is found is told and not touched: the ledger's upkeep
/// gives it up in its own time.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    at: Timestamp,
    found: bool,
}

impl Sweeps {
    /// Sweeps where it is time to.
    pub(super) fn sweep(&mut self, state: &State, now: Timestamp) -> Result<(), SourceError> {
        if !self.is_due(now) {
            return Ok(());
        }
        let alert = self.note(stale_requests(state), now);
        note_new(state, alert.into_iter().collect())
    }
    /// A clock that was set back makes it due, too.
    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.at.plus_seconds(STALE_SWEEP_S) || now < self.at
    }
    /// What a sweep that found so many has to tell.
    fn note(&mut self, count: usize, now: Timestamp) -> Option<NewAlert> {
        let again = self.found && count > 0;
        *self = Self { at: now, found: count > 0 };
        again.then(|| alert(count, now))
    }
}

/// Once an hour: what hangs for longer is the same fault.
fn alert(count: usize, now: Timestamp) -> NewAlert {
    let event = AlertEvent::StaleRequests;
    NewAlert {
        dedup_key: format!("{event}:{}", now.seconds().div_euclid(3_600)),
        at: now,
        event,
        scope: "platform".to_owned(),
        document: json!({ "count": count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-69.
    #[test]
    fn what_hangs_in_two_sweeps_in_a_row_is_told() {
        let at = |second: i64| Timestamp::from_micros((1_772_323_200 + second) * 1_000_000);
        let told = |counts: &[usize]| {
            let (mut sweeps, mut seconds) = (Sweeps::default(), (0..).step_by(60));
            let sweep = |count: &usize| sweeps.note(*count, at(seconds.next().unwrap())).is_some();
            counts.iter().map(sweep).collect::<Vec<_>>()
        };
        assert_eq!(told(&[0, 1, 0, 2, 0]), [false; 5], "each was gone by the next");
        assert_eq!(told(&[1, 1, 3, 0, 1]), [false, true, true, false, false]);
        let sweeps = Sweeps { at: at(0), found: false };
        assert_eq!([59, 60, -1].map(|second| sweeps.is_due(at(second))), [false, true, true]);
        assert_eq!(alert(1, at(0)).dedup_key, alert(5, at(3_599)).dedup_key, "once an hour");
    }
}
