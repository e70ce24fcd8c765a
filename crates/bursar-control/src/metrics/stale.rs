//! Requests in flight that make no progress: told, never touched. The ledger's upkeep ends them in its own time.

use crate::reports::active::is_late;
use crate::state::State;
use bursar_core::Attribute;
use bursar_core::limits::RESERVATION_TTL_S;
use bursar_ledger::OpenReservation;
use bursar_store::records::Record;

/// Attempts whose own record is read to learn their provider's timeout: the others count by the usual one.
const LOOKED_AT_MAX: usize = 1_000;
const SECOND: i64 = 1_000_000;

/// How many of these have made no progress for longer than their provider's idle timeout.
pub(super) fn count(state: &State, live: &[&OpenReservation]) -> usize {
    let now = state.now();
    let directory = state.governor.directory();
    let shortest = directory.providers.iter().map(|provider| provider.timeouts.idle.as_secs()).min();
    let shortest = shortest.and_then(|seconds| i64::try_from(seconds).ok());
    let idle_s = |open: &OpenReservation| {
        let progressed = open.until.map_or(open.reserved.at, |until| until.plus_seconds(-RESERVATION_TTL_S));
        now.micros_since(progressed.max(open.reserved.at)).div_euclid(SECOND)
    };
    // Who is not late by the shortest timeout is late by none.
    let quiet = live.iter().map(|open| (idle_s(open), open)).filter(|(idle_s, _)| is_late(*idle_s, shortest));
    quiet
        .enumerate()
        .filter(|(place, (idle_s, open))| {
            let id = open.reserved.id.request;
            let record: Option<Record> =
                (*place < LOOKED_AT_MAX).then(|| state.records.get(id).ok().flatten()).flatten();
            let provider = record.and_then(|record| record.attributes.get(&Attribute::Provider).cloned());
            let known = provider.and_then(|name| directory.provider(name.as_str()).cloned());
            let timeout_s = known.and_then(|provider| i64::try_from(provider.timeouts.idle.as_secs()).ok());
            is_late(*idle_s, timeout_s)
        })
        .count()
}
