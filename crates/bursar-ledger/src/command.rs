//! What can be asked of the engine.

use crate::budget::{Budget, BudgetId};
use crate::reservation::SuspenseCause;
use crate::window::{WindowId, WindowImage};
use bursar_core::{Attributes, Charge, ReservationId, Timestamp};
use std::sync::Arc;

/// Opaque bytes that travel with an entry into the journal and from there into the records. At most
/// [`bursar_core::limits::RECORD_BYTES_MAX`].
pub type Record = Box<[u8]>;

/// A command. The ledger's verbs; there are no others.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a reserve is the common command, made once and moved once: no allocation"
)]
pub enum Command {
    /// Sets aside what one attempt may cost, in every window it touches or in none.
    Reserve(Reserve),
    /// Sets more aside for an attempt in flight.
    Extend(Extend),
    /// Renews an attempt's deadline because it made progress.
    Progress(Progress),
    /// Replaces the hold by what the attempt really cost; also from suspense.
    Settle(Settle),
    /// Gives the hold back.
    Release {
        /// Which.
        id: ReservationId,
        /// Why the provider cannot bill it.
        reason: ProvablyUnbilled,
        /// For the records.
        record: Record,
    },
    /// Charges an attempt at its hold until its bill is known.
    Suspend {
        /// Which.
        id: ReservationId,
        /// Why its bill is unknown.
        cause: SuspenseCause,
        /// For the records.
        record: Record,
    },
    /// Moves what made no progress until its deadline into suspense, and settles at the estimate what has been there for
    /// as long as its budgets allow. At most [`crate::EXPIRE_BATCH_MAX`] each; the outcome says when there is more.
    Expire,
    /// After a restart: every attempt in flight goes into suspense.
    Recover,
    /// Corrects windows by a stated amount.
    Adjust(Adjust),
    /// Releases a reservation that is in suspense, on somebody's responsibility.
    Forgive {
        /// Which.
        id: ReservationId,
        /// Who and why.
        audit: Audit,
    },
    /// Adds or changes a budget.
    PutBudget(Arc<Budget>),
    /// Removes a budget: no new holds; what is in flight settles where it was held. Its id is never used again.
    RemoveBudget(BudgetId),
    /// Drops windows from memory that did not change since their images were stored.
    PageOut(Vec<(WindowId, u64)>),
    /// Brings a stored window back.
    PageIn(Box<WindowImage>),
    /// The authority's grants to this node for a window so far.
    Granted {
        /// Which.
        window: WindowId,
        /// All grants so far; a smaller number is old news.
        total: i64,
    },
    /// Returns unused room to the authority.
    GiveBack {
        /// Which.
        window: WindowId,
        /// How much.
        amount: i64,
    },
}

/// Asks to set aside what one attempt may cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// The attempt. The same id again is answered from memory and never held twice.
    pub id: ReservationId,
    /// Who and what it is about.
    pub attributes: Attributes,
    /// The most it may cost.
    pub hold: Charge,
    /// Whether the model has a price above 0: then the hold must be at least one nano-USD.
    pub priced: bool,
    /// What it is expected to cost, where that is known: what `estimate_after` settles it at. Absent: the hold.
    pub estimate: Option<Charge>,
    /// Tells whether a repeated id is the same request.
    pub fingerprint: u64,
    /// When it expires without progress.
    pub deadline: Timestamp,
    /// Refuse when no budget applies.
    pub require_budget: bool,
    /// The answer to [`crate::NotLoaded`]: everything missing at this page epoch was looked up (with the same `now`), and
    /// what the store had was paged in. What is still missing is new.
    pub looked_up: Option<u64>,
    /// For the records.
    pub record: Record,
}

impl Reserve {
    /// A reservation of `hold` for a priced attempt, without estimate, fingerprint or record.
    #[must_use]
    pub fn new(id: ReservationId, attributes: Attributes, hold: Charge, deadline: Timestamp) -> Self {
        Self {
            id,
            attributes,
            hold,
            priced: false,
            estimate: None,
            fingerprint: 0,
            deadline,
            require_budget: false,
            looked_up: None,
            record: Record::default(),
        }
    }
}

/// Asks to set more aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extend {
    /// Which.
    pub id: ReservationId,
    /// How much more.
    pub more: Charge,
    /// The new deadline; an earlier one than before changes nothing.
    pub deadline: Timestamp,
}

/// Reports that an attempt is alive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Which.
    pub id: ReservationId,
    /// The new deadline; an earlier one than before changes nothing.
    pub deadline: Timestamp,
    /// What it is expected to cost by what was seen so far.
    pub estimate: Option<Charge>,
}

/// Reports what an attempt cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settle {
    /// Which.
    pub id: ReservationId,
    /// What it cost.
    pub charge: Charge,
    /// Whether that is an estimate.
    pub estimated: bool,
    /// For the records.
    pub record: Record,
}

/// Why a provider cannot bill an attempt. There is no other reason to release one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProvablyUnbilled {
    /// No byte of the request was written upstream.
    NeverSent,
    /// The connection or TLS handshake failed.
    ConnectFailed,
    /// A complete answer before any output, with a status that the provider does not bill.
    Rejected {
        /// The HTTP status.
        status: u16,
    },
}

/// Identifies an adjustment, so that a repeat is not booked twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AdjustmentId(pub u128);

/// Corrects windows by stated amounts, all or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adjust {
    /// Its own id.
    pub id: AdjustmentId,
    /// The reservation it is about, if any.
    pub reservation: Option<ReservationId>,
    /// The windows and what is added to what they settled; at most [`crate::WINDOWS_PER_COMMAND_MAX`].
    pub parts: Vec<(WindowId, i64)>,
    /// Who and why.
    pub audit: Audit,
}

/// Who did something and why.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Audit {
    /// Who; at most [`crate::ACTOR_BYTES_MAX`] bytes.
    pub actor: Arc<str>,
    /// Why; at most [`crate::REASON_BYTES_MAX`] bytes.
    pub reason: Arc<str>,
}
