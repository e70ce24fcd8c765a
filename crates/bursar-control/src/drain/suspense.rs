//! Records of attempts whose bill became unknown, and what becomes of them once the truth is told.

use bursar_core::Code;
use bursar_ledger::SuspenseCause;
use bursar_store::records::{Record, Status};

/// The record of an attempt that was put into suspense without one of its own.
pub(super) fn given_up(record: &mut Record, cause: SuspenseCause) {
    if cause == SuspenseCause::Expired && !record.status.is_final() {
        // As a gateway says that waited too long itself.
        record.code.get_or_insert(Code::UpstreamTimeout);
        record.status_code.get_or_insert(504);
        let was = record.status;
        let error =
            format!("no progress for too long while {was}: charged at its hold until its bill is known");
        record.error.get_or_insert(error);
    }
    record.error.get_or_insert_with(|| format!("in suspense: {cause:?}"));
    record.status = Status::Failed;
    record.charge = record.hold;
}

/// The late truth about an attempt that was in suspense, in a state that its record may take: what is on record as failed
/// can only turn out to have been completed; what was cancelled after it was given up has failed all the same.
pub(super) fn after_suspense(known: Option<&Record>, mut truth: Record) -> Record {
    if known.is_some_and(|known| !known.status.may_become(truth.status)) && truth.status != Status::Failed {
        truth.notes.push(truth.status.to_string());
        truth.status = Status::Failed;
    }
    truth
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Attributes, Charge, RequestId, Timestamp};

    fn record(status: Status) -> Record {
        let mut record = Record::new(RequestId::from_u128(7), Timestamp::from_micros(1), Attributes::new());
        record.status = status;
        record.hold = Charge { tokens: 9, ..Charge::ZERO };
        record
    }

    /// Rules: S4-33, S4-35.
    #[test]
    fn what_makes_no_progress_fails_as_a_timeout_and_says_in_which_state_it_was() {
        for (was, word) in [(Status::Pending, "pending"), (Status::Streaming, "streaming")] {
            let mut expired = record(was);
            given_up(&mut expired, SuspenseCause::Expired);
            assert_eq!((expired.status, expired.status_code), (Status::Failed, Some(504)));
            assert_eq!((expired.code, expired.charge.tokens), (Some(Code::UpstreamTimeout), 9));
            assert!(expired.error.is_some_and(|error| error.contains(word)));
        }
        // After a restart nobody knows what a provider was about to answer.
        let mut recovered = record(Status::Pending);
        given_up(&mut recovered, SuspenseCause::Restarted);
        assert_eq!((recovered.status, recovered.status_code, recovered.code), (Status::Failed, None, None));
    }

    /// Rules: S4-33.
    #[test]
    fn late_truth_completes_what_failed_and_never_takes_an_unlawful_state() {
        let failed = record(Status::Failed);
        for (known, told, becomes, note) in [
            (Some(&failed), Status::Completed, Status::Completed, None),
            (Some(&failed), Status::Failed, Status::Failed, None),
            (Some(&failed), Status::Cancelled, Status::Failed, Some("cancelled")),
            (None, Status::Cancelled, Status::Cancelled, None),
        ] {
            let truth = after_suspense(known, record(told));
            assert_eq!((truth.status, truth.notes.first().map(String::as_str)), (becomes, note), "{told}");
        }
    }
}
