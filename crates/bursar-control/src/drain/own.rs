//! The records that journal entries carry, without the beginnings that the same batch overtakes.

use bursar_core::RequestId;
use bursar_ledger::{Entry, State};
use bursar_store::records::{Record, Status};
use std::collections::HashSet;
use std::sync::Arc;

/// The record that each entry carries itself, in the order of the entries.
///
/// A request that began and went on within one batch is written once, as the last of its states: its beginning is passed
/// over, unread. Nothing is lost by that: what is pending may become anything, and what it may not replace it would not
/// have replaced either.
pub(super) fn own_records<S>(entries: &[(S, Entry)]) -> Vec<Option<Arc<Record>>> {
    let mut goes_on: HashSet<RequestId> = HashSet::new();
    let mut records: Vec<Option<Arc<Record>>> = Vec::with_capacity(entries.len());
    for (_, entry) in entries.iter().rev() {
        let (id, bytes, needs_before) = match entry {
            Entry::Reserved(reserved) => (reserved.id.request, &reserved.record, false),
            Entry::Settled(settled) => (settled.id.request, &settled.record, settled.from == State::Suspense),
            Entry::Suspended { id, record, .. } | Entry::Released { id, record, .. } => {
                (id.request, record, false)
            }
            Entry::Forgiven { id, .. } => {
                goes_on.remove(&id.request);
                records.push(None);
                continue;
            }
            Entry::Opened(_)
            | Entry::Extended { .. }
            | Entry::Progressed { .. }
            | Entry::Adjusted { .. }
            | Entry::BudgetPut { .. }
            | Entry::BudgetRemoved { .. }
            | Entry::PagedOut { .. }
            | Entry::PagedIn { .. }
            | Entry::Granted { .. }
            | Entry::GaveBack { .. }
            | Entry::Image(_) => {
                records.push(None);
                continue;
            }
        };
        if goes_on.contains(&id) && Record::status_of(bytes) == Some(Status::Pending) {
            records.push(None);
            continue;
        }
        let own = decode(bytes);
        if own.is_some() && !needs_before {
            goes_on.insert(id);
        } else {
            // It is made of the state before it.
            goes_on.remove(&id);
        }
        records.push(own.map(Arc::new));
    }
    records.reverse();
    records
}

fn decode(bytes: &[u8]) -> Option<Record> {
    match Record::decode(bytes) {
        Ok(record) => Some(record),
        Err(error) => {
            if !bytes.is_empty() {
                tracing::error!(%error, "a journal entry carries no readable record");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Attributes, Charge, ReservationId, Timestamp};
    use bursar_ledger::{Audit, Reserved, Settled, WindowIds};

    fn id(request: u128) -> ReservationId {
        ReservationId { request: RequestId::from_u128(request), attempt: 1 }
    }
    fn bytes(request: u128, status: Status) -> Box<[u8]> {
        let mut record =
            Record::new(RequestId::from_u128(request), Timestamp::from_micros(1), Attributes::new());
        record.status = status;
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        bytes.into()
    }
    fn reserved(request: u128, status: Status) -> Entry {
        Entry::Reserved(Reserved {
            at: Timestamp::from_micros(1),
            id: id(request),
            fingerprint: 0,
            deadline: Timestamp::from_micros(2),
            hold: Charge::ZERO,
            estimate: Charge::ZERO,
            windows: WindowIds::new(),
            shadow: 0,
            record: bytes(request, status),
        })
    }
    fn settled(request: u128, from: State, record: Box<[u8]>) -> Entry {
        Entry::Settled(Settled {
            at: Timestamp::from_micros(3),
            id: id(request),
            from,
            charge: Charge::ZERO,
            hold: Charge::ZERO,
            estimated: false,
            windows: WindowIds::new(),
            crossings: Vec::new(),
            record,
        })
    }
    fn statuses(entries: Vec<Entry>) -> Vec<Option<Status>> {
        let entries: Vec<(u64, Entry)> = (1..).zip(entries).collect();
        own_records(&entries).into_iter().map(|own| own.map(|record| record.status)).collect()
    }
    const DONE: Option<Status> = Some(Status::Completed);
    const BEGUN: Option<Status> = Some(Status::Pending);

    /// Rules: S4-24, S4-26.
    #[test]
    fn a_beginning_is_passed_over_only_where_its_batch_has_what_follows() {
        let done = |request| settled(request, State::Live, bytes(request, Status::Completed));
        let begun = |request| reserved(request, Status::Pending);
        assert_eq!(statuses(vec![begun(1), begun(2), done(1)]), [None, BEGUN, DONE]);
        // Of two attempts the second begins anew.
        assert_eq!(statuses(vec![begun(1), begun(1), done(1)]), [None, None, DONE]);
        // What follows must be behind it, and readable.
        assert_eq!(statuses(vec![done(1), begun(1)]), [DONE, BEGUN]);
        let unreadable = settled(1, State::Live, Box::from(*b"nonsense"));
        assert_eq!(statuses(vec![begun(1), unreadable]), [BEGUN, None]);
        // A state that not every other may follow is kept.
        assert_eq!(statuses(vec![reserved(1, Status::Streaming), done(1)]), [Some(Status::Streaming), DONE]);
    }

    /// Rules: S4-35.
    #[test]
    fn what_is_made_of_the_state_before_it_finds_that_state() {
        let begun = || reserved(1, Status::Pending);
        let late = settled(1, State::Suspense, bytes(1, Status::Completed));
        assert_eq!(statuses(vec![begun(), late]), [BEGUN, DONE]);
        let amounts_alone = settled(1, State::Live, Box::default());
        assert_eq!(statuses(vec![begun(), amounts_alone]), [BEGUN, None]);
        let audit = Audit { actor: "ann".into(), reason: "a mistake".into() };
        let forgiven = Entry::Forgiven { id: id(1), at: Timestamp::from_micros(4), audit };
        let done = settled(1, State::Live, bytes(1, Status::Completed));
        assert_eq!(statuses(vec![begun(), forgiven, done]), [BEGUN, None, DONE]);
    }
}
