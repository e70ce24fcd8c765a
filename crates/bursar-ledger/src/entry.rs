//! What the journal holds: effects, never commands or refusals. Replaying them rebuilds exactly the same engine.

use crate::budget::{Budget, BudgetId};
use crate::command::{AdjustmentId, Audit, ProvablyUnbilled, Record};
use crate::outcome::Crossing;
use crate::reservation::{State, SuspenseCause};
use crate::window::{WindowId, WindowImage};
use bursar_core::{Charge, ReservationId, Timestamp};
use smallvec::SmallVec;
use std::sync::Arc;

/// Windows of one reservation, narrowest scope first.
pub type WindowIds = SmallVec<[WindowId; 6]>;

/// Where effects go. A `Vec` is one; the shell's append buffer is another.
pub trait Sink<T> {
    /// Takes one item, in order.
    fn push(&mut self, item: T);
}

impl<T> Sink<T> for Vec<T> {
    fn push(&mut self, item: T) {
        Self::push(self, item);
    }
}

/// One effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A window was opened and its whole limit granted. Counters stand at zero.
    Opened(Box<WindowImage>),
    /// An attempt holds its charge in each window.
    Reserved(Reserved),
    /// An attempt holds more.
    Extended {
        /// When.
        at: Timestamp,
        /// Which.
        id: ReservationId,
        /// How much more.
        more: Charge,
        /// The deadline from now on.
        deadline: Timestamp,
    },
    /// An attempt is alive. Needs no sync: a restart puts it in suspense anyway.
    Progressed {
        /// When.
        at: Timestamp,
        /// Which.
        id: ReservationId,
        /// The deadline from now on.
        deadline: Timestamp,
        /// What it is expected to cost.
        estimate: Charge,
    },
    /// An attempt was charged. This entry is the record of it.
    Settled(Settled),
    /// An attempt was given back.
    Released {
        /// When.
        at: Timestamp,
        /// Which.
        id: ReservationId,
        /// Why the provider cannot bill it.
        reason: ProvablyUnbilled,
        /// For the records.
        record: Record,
    },
    /// An attempt is charged at its hold until its bill is known.
    Suspended {
        /// When.
        at: Timestamp,
        /// Which.
        id: ReservationId,
        /// Why.
        cause: SuspenseCause,
        /// When it settles at its estimate; absent: never by itself.
        until: Option<Timestamp>,
        /// Thresholds crossed by it.
        crossings: Vec<Crossing>,
        /// For the records.
        record: Record,
    },
    /// A reservation in suspense was let go.
    Forgiven {
        /// When.
        at: Timestamp,
        /// Which.
        id: ReservationId,
        /// Who and why.
        audit: Audit,
    },
    /// Windows were corrected.
    Adjusted {
        /// When.
        at: Timestamp,
        /// Its own id.
        id: AdjustmentId,
        /// The reservation it is about.
        reservation: Option<ReservationId>,
        /// What was added to what each window settled.
        parts: Vec<(WindowId, i64)>,
        /// Thresholds crossed by it.
        crossings: Vec<Crossing>,
        /// Who and why.
        audit: Audit,
    },
    /// A budget was added or changed.
    BudgetPut {
        /// When.
        at: Timestamp,
        /// All of it.
        budget: Arc<Budget>,
    },
    /// A budget was removed.
    BudgetRemoved {
        /// When.
        at: Timestamp,
        /// Which.
        budget: BudgetId,
    },
    /// Windows left memory; their images are in the store.
    PagedOut {
        /// When.
        at: Timestamp,
        /// Which.
        windows: Vec<WindowId>,
    },
    /// A window came back from the store.
    PagedIn {
        /// When.
        at: Timestamp,
        /// All of it.
        image: Box<WindowImage>,
    },
    /// The authority granted this node so much of a window in all.
    Granted {
        /// When.
        at: Timestamp,
        /// Which.
        window: WindowId,
        /// In all.
        total: i64,
    },
    /// This node gave back so much of a window.
    GaveBack {
        /// When.
        at: Timestamp,
        /// Which.
        window: WindowId,
        /// How much this time.
        amount: i64,
    },
    /// Part of a snapshot.
    Image(Image),
}

/// An attempt's hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// When.
    pub at: Timestamp,
    /// Which attempt.
    pub id: ReservationId,
    /// Tells whether a repeat is the same request.
    pub fingerprint: u64,
    /// When it expires without progress.
    pub deadline: Timestamp,
    /// Each window holds the part of this that it counts.
    pub hold: Charge,
    /// What it is expected to cost.
    pub estimate: Charge,
    /// The windows.
    pub windows: WindowIds,
    /// One bit for each of `windows`, lowest first: set where a shadow budget would have refused.
    pub shadow: u16,
    /// For the records.
    pub record: Record,
}

/// An attempt's charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// When.
    pub at: Timestamp,
    /// Which attempt.
    pub id: ReservationId,
    /// Live, or suspense.
    pub from: State,
    /// What it cost.
    pub charge: Charge,
    /// What was held.
    pub hold: Charge,
    /// Whether the charge is an estimate.
    pub estimated: bool,
    /// The windows that were charged.
    pub windows: WindowIds,
    /// Thresholds crossed by it.
    pub crossings: Vec<Crossing>,
    /// For the records.
    pub record: Record,
}

/// One piece of a snapshot. Replayed into an empty engine, in the order given, the pieces rebuild the state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Image {
    /// Counters of the engine itself. Comes first.
    Marks {
        /// Entries applied so far.
        entries: u64,
        /// The next window's id.
        next_window: u64,
        /// How often windows were paged out.
        page_epoch: u64,
    },
    /// A budget, also a removed one.
    Budget {
        /// The last version.
        budget: Arc<Budget>,
        /// Changes of `per` and measure so far.
        generation: u32,
        /// Windows in the store.
        paged: u64,
        /// Whether it was removed.
        removed: bool,
    },
    /// A window in memory.
    Window(Box<WindowImage>),
    /// An open reservation.
    Reservation {
        /// As it was held, with deadline and estimate of now.
        reserved: Reserved,
        /// Live, or suspense.
        state: State,
        /// When a suspense settles at its estimate.
        until: Option<Timestamp>,
    },
    /// A finished reservation that is still remembered, oldest first.
    Finished {
        /// Which.
        id: ReservationId,
        /// Settled, or released.
        state: State,
        /// Tells whether a repeat is the same request.
        fingerprint: u64,
        /// What it cost.
        charge: Charge,
    },
    /// An adjustment that is still remembered, oldest first.
    Adjustment(AdjustmentId),
}

impl Entry {
    /// Whether something outside may happen only once this entry is durable: a dispatch, or an answer to an operator.
    /// Other entries ride along with the next sync; losing them charges more, never less.
    #[must_use]
    pub const fn needs_sync(&self) -> bool {
        match self {
            Self::Reserved(_)
            | Self::Extended { .. }
            | Self::Forgiven { .. }
            | Self::Adjusted { .. }
            | Self::BudgetPut { .. }
            | Self::BudgetRemoved { .. }
            | Self::Granted { .. }
            | Self::GaveBack { .. } => true,
            Self::Opened(_)
            | Self::Progressed { .. }
            | Self::Settled(_)
            | Self::Released { .. }
            | Self::Suspended { .. }
            | Self::PagedOut { .. }
            | Self::PagedIn { .. }
            | Self::Image(_) => false,
        }
    }
}

impl Reserved {
    /// Whether a shadow budget would have refused at the window of this position.
    #[must_use]
    pub const fn would_have_refused(&self, position: u32) -> bool {
        position < 16 && self.shadow & (1 << position) != 0
    }
}
