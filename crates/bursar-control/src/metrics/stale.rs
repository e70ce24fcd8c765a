//! Requests in flight that make no progress: told, never touched. The ledger's upkeep ends them in its own time.

use crate::reports::active::{Patience, idle_s, is_late};
use crate::state::State;
use bursar_core::Attribute;
use bursar_core::limits::RESERVATION_TTL_S;
use bursar_ledger::{OpenReservation, State as Stage};
use bursar_store::records::Record;

/// Attempts whose own record is read to learn their provider's timeout: the others count by the usual one.
const LOOKED_AT_MAX: usize = 1_000;

/// How many requests in flight have made no progress for longer than their provider's idle timeout; 0 where the ledger is
/// not there.
pub(crate) fn stale_requests(state: &State) -> usize {
    let open = state.governor.ledger().open_reservations().unwrap_or_default();
    let live: Vec<&OpenReservation> = open.iter().filter(|open| open.state == Stage::Live).collect();
    count(state, &live)
}

/// How many of these have made no progress for longer than their provider's idle timeout.
pub(super) fn count(state: &State, live: &[&OpenReservation]) -> usize {
    let now = state.now();
    let directory = state.governor.directory();
    let known = || directory.providers.iter().map(|provider| Patience::of(provider));
    let stale_s = || known().map(|patience| patience.stale_s);
    let longest = stale_s().max().unwrap_or(RESERVATION_TTL_S).max(RESERVATION_TTL_S);
    let shortest = known().map(|patience| patience.idle_s).min();
    let shortest = shortest.zip(stale_s().min()).map(|(idle_s, stale_s)| Patience { idle_s, stale_s });
    // Who is not late by the longest and the shortest is late by none.
    live.iter()
        .filter(|open| is_late(idle_s(open, longest, now), shortest))
        .enumerate()
        .filter(|(place, open)| {
            let id = open.reserved.id.request;
            let record: Option<Record> =
                (*place < LOOKED_AT_MAX).then(|| state.records.get(id).ok().flatten()).flatten();
            let name = record.and_then(|record| record.attributes.get(&Attribute::Provider).cloned());
            let provider = name.and_then(|name| directory.provider(name.as_str()).cloned());
            let patience = provider.map(|provider| Patience::of(&provider));
            let stale_s = patience.map_or(RESERVATION_TTL_S, |patience| patience.stale_s);
            is_late(idle_s(open, stale_s, now), patience)
        })
        .count()
}
