//! Why the ledger does not do what it was asked. Refusals are among them, but they are no errors.

use std::error::Error;
use std::sync::Arc;

use bursar_ledger::{Denial, Past, Rejection};

use crate::disk::LockError;
use crate::journal::JournalError;
use crate::ledger::{CheckpointError, WindowStoreError};

/// The ledger takes no commands any more: its disk failed, or it was closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is unavailable: {reason}")]
pub struct LedgerDown {
    /// Why, with the whole chain of causes.
    pub reason: Arc<str>,
}

impl LedgerDown {
    /// Because of `error` and all its causes.
    pub(super) fn because(error: &dyn Error) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        Self { reason: reason.into() }
    }
    /// For a reason that is no error.
    pub(super) fn new(reason: &str) -> Self {
        Self { reason: reason.into() }
    }
}

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// A deliberate no, with the numbers.
    #[error("it does not fit")]
    Refused(Box<Denial>),
    /// The same reservation was made before: it must not be sent again.
    #[error("the same reservation was made before")]
    Duplicate(Past),
    /// Another reservation has this id.
    #[error("another reservation has this id")]
    Conflict(Past),
    /// The command breaks a rule.
    #[error("the reservation breaks a rule")]
    Rejected(#[source] Rejection),
    /// The ledger cannot write: every priced request is refused.
    #[error(transparent)]
    Unavailable(#[from] LedgerDown),
}

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or the lock file cannot be used.
    #[error("cannot lock the ledger")]
    Lock(#[from] LockError),
    /// The checkpoint cannot be read.
    #[error("cannot read the checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The journal cannot be read, or not be continued.
    #[error("cannot read the journal")]
    Journal(#[from] JournalError),
    /// The store of cold windows cannot be used.
    #[error("cannot use the store of cold windows")]
    Windows(#[from] WindowStoreError),
    /// The ledger went down at once.
    #[error(transparent)]
    Down(#[from] LedgerDown),
    /// The writer thread cannot be started.
    #[error("cannot start the ledger's thread")]
    Thread(#[source] std::io::Error),
}
