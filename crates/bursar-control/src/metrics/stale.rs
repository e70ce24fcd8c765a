//! Requests in flight that make no progress: told, never touched. The ledger's upkeep ends them in its own time.

use crate::reports::active::is_late;
use crate::state::State;
use bursar_core::Attribute;
use bursar_core::limits::RESERVATION_TTL_S;
use bursar_govern::directory::Provider;
use bursar_ledger::OpenReservation;
use bursar_store::records::Record;

/// Attempts whose own record is read to learn their provider's timeout: the others count by the usual one.
const LOOKED_AT_MAX: usize = 1_000;
const SECOND: i64 = 1_000_000;

/// How many of these have made no progress for longer than their provider's idle timeout.
pub(super) fn count(state: &State, live: &[&OpenReservation]) -> usize {
    let now = state.now();
    let directory = state.governor.directory();
    let shortest = directory.providers.iter().map(|provider| idle_timeout_s(provider)).min();
    let longest = directory.providers.iter().map(|provider| provider.timeouts.stale_s).max();
    let longest = longest.unwrap_or(RESERVATION_TTL_S).max(RESERVATION_TTL_S);
    // A reservation ends so long after its last progress; who is not late by the longest and the shortest is late by none.
    let idle_s = |open: &OpenReservation, stale_s: i64| {
        let progressed = open.until.map_or(open.reserved.at, |until| until.plus_seconds(-stale_s));
        now.micros_since(progressed.max(open.reserved.at)).div_euclid(SECOND)
    };
    live.iter()
        .filter(|open| is_late(idle_s(open, longest), shortest))
        .enumerate()
        .filter(|(place, open)| {
            let id = open.reserved.id.request;
            let record: Option<Record> =
                (*place < LOOKED_AT_MAX).then(|| state.records.get(id).ok().flatten()).flatten();
            let name = record.and_then(|record| record.attributes.get(&Attribute::Provider).cloned());
            let provider = name.and_then(|name| directory.provider(name.as_str()).cloned());
            let stale_s = provider.as_ref().map_or(RESERVATION_TTL_S, |provider| provider.timeouts.stale_s);
            is_late(idle_s(open, stale_s), provider.map(|provider| idle_timeout_s(&provider)))
        })
        .count()
}

fn idle_timeout_s(provider: &Provider) -> i64 {
    i64::try_from(provider.timeouts.idle.as_secs()).unwrap_or(i64::MAX)
}
