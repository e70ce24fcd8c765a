//! What the engine answers. Refusals are normal outcomes with numbers in them.

use crate::budget::{BudgetError, BudgetId, Threshold};
use crate::reservation::{Past, State};
use crate::window::{WindowId, WindowKey};
use bursar_core::amount::CostBasis;
use bursar_core::refusal::Blocking;
use bursar_core::{Charge, Code, Measure, ReservationId, Timestamp, Usd};
use smallvec::SmallVec;
use std::sync::Arc;

/// The answer to one command.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "a held reserve is the common answer, made once and moved once: no allocation"
)]
pub enum Outcome {
    /// Held in every window.
    Reserved(Held),
    /// A deliberate no; nothing changed.
    Refused(Box<Denial>),
    /// Windows are missing that may be in the store: look them up, page in what is there, and ask again.
    NotLoaded(Box<NotLoaded>),
    /// More is held.
    Extended,
    /// More does not fit; the hold is as before. Of a reserve under an authority: the windows' shares do not suffice, and
    /// asking for more may help; `limit` in the numbers is this node's share.
    Short(Box<Denial>),
    /// The deadline was renewed.
    Progressed,
    /// Charged.
    Settled(Settlement),
    /// Given back; nothing charged.
    Released,
    /// Charged at its hold until the bill is known.
    Suspended(Vec<Crossing>),
    /// What expired.
    Expired(Expiry),
    /// Windows were corrected.
    Adjusted(Vec<Crossing>),
    /// Released from suspense.
    Forgiven,
    /// The budget counts from now on.
    BudgetPut,
    /// The budget no longer counts.
    BudgetRemoved,
    /// The command is older than what is known.
    Stale,
    /// So many windows were dropped from memory.
    PagedOut(usize),
    /// The window is back.
    PagedIn,
    /// The window's room grew.
    Granted,
    /// The window's room shrank.
    GaveBack,
    /// The same command was done before: nothing changed. A duplicate reserve must not be sent again.
    Duplicate(Past),
    /// Another command with this id was done before: the first stands.
    Conflict(Past),
    /// Nothing is known of this id: it never was, or was finished long ago (the records know).
    Unknown,
    /// The command breaks a rule of its own; nothing changed.
    Rejected(Rejection),
}

/// What is held for an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Each window, narrowest scope first.
    pub windows: SmallVec<[HeldWindow; 6]>,
    /// What is left in the tightest hard window that counts money.
    pub tightest_usd: Option<Usd>,
    /// Thresholds that settled + suspense + held + requested reaches and settled + suspense has not crossed: the highest
    /// of each window.
    pub warnings: Vec<Warning>,
    /// What shadow budgets would have refused.
    pub shadow_refusals: Vec<Blocked>,
}

/// One window of a reservation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldWindow {
    /// Its budget.
    pub budget: BudgetId,
    /// Which.
    pub window: WindowId,
    /// The start of its period; absent for `total`.
    pub starts_at: Option<Timestamp>,
    /// What it counts.
    pub measure: Measure,
    /// Which cost it counts, where it counts money.
    pub cost_basis: CostBasis,
    /// What is left in it after this hold; absent: unlimited. Negative in a soft window above its limit.
    pub remaining: Option<i64>,
}

/// A threshold that is reached counting what is held and asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// The budget.
    pub budget: BudgetId,
    /// Its name.
    pub name: Arc<str>,
    /// The highest threshold reached.
    pub threshold: Threshold,
    /// Settled + suspense + held + requested.
    pub used: i64,
    /// The window's limit.
    pub limit: Option<i64>,
    /// `used` in tenths of a percent of the limit, half-even; absent where there is no limit or it is 0.
    pub permille: Option<i64>,
}

/// A threshold that a window crossed, once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Crossing {
    /// The window.
    pub window: WindowId,
    /// Which mark.
    pub threshold: Threshold,
}

/// Why a reservation does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denial {
    /// The code that decides the answer: the first of `blocking` that is not "held by requests in flight", else that.
    pub code: Code,
    /// Every window that blocks, the one that `code` speaks of first, then narrowest scope first.
    pub blocking: Vec<Blocked>,
    /// What would fit in every hard window now.
    pub room: Room,
    /// How long waiting may help, in milliseconds: the least of the blocking budgets; 0 unless all that blocks is held.
    pub wait_ms: u32,
}

/// One window that blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocked {
    /// Its budget.
    pub budget: BudgetId,
    /// Which; absent where it is not open yet.
    pub window: Option<WindowId>,
    /// Whether another deployment may not touch it.
    pub per_attempt: bool,
    /// Code, names and numbers.
    pub numbers: Blocking,
}

/// The largest charge that fits, by measure and cost basis; absent: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// List cost in nano-USD.
    pub list: Option<i64>,
    /// Effective cost in nano-USD.
    pub effective: Option<i64>,
    /// Tokens.
    pub tokens: Option<i64>,
    /// Requests.
    pub requests: Option<i64>,
}

/// Windows that may be in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotLoaded {
    /// What to look up.
    pub keys: Vec<WindowKey>,
    /// The page epoch that [`crate::Reserve::looked_up`] repeats.
    pub epoch: u64,
}

/// What a settle did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// Live, or suspense.
    pub from: State,
    /// What was held.
    pub hold: Charge,
    /// Actual minus hold, part by part, where positive.
    pub overage: Charge,
    /// Thresholds that were crossed.
    pub crossings: Vec<Crossing>,
}

/// What an expire did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expiry {
    /// Now in suspense, in the order of their deadlines.
    pub suspended: Vec<ReservationId>,
    /// Settled at their estimate.
    pub estimated: Vec<ReservationId>,
    /// Thresholds that were crossed.
    pub crossings: Vec<Crossing>,
    /// Whether more is due: ask again.
    pub more: bool,
}

/// What a dry run finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Why it would be refused; absent: it fits.
    pub denial: Option<Box<Denial>>,
    /// The highest threshold of each window that settled + suspense + held + requested reaches, crossed before or not.
    pub warnings: Vec<Warning>,
    /// What shadow budgets would have refused.
    pub shadow_refusals: Vec<Blocked>,
    /// What is left in the tightest hard window that counts money, before this request.
    pub tightest_usd: Option<Usd>,
    /// How many windows it touches.
    pub windows: usize,
    /// Windows that may be in the store; the answer is exact once they are paged in.
    pub not_loaded: Vec<WindowKey>,
}

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A part of a charge is negative or above [`crate::CHARGE_PART_MAX`].
    #[error("a part of the charge is negative or too large")]
    Charge,
    /// A priced attempt holds nothing.
    #[error("a priced attempt holds nothing")]
    UnpricedHold,
    /// A counter would overflow.
    #[error("a counter of {} would overflow", .0.as_str())]
    Overflow(Measure),
    /// The record is too large.
    #[error("the record is too large")]
    Record,
    /// Too many reservations are open.
    #[error("too many reservations are open")]
    TooManyReservations,
    /// The reservation is not in a state that allows this.
    #[error("the reservation is not in a state that allows this")]
    State(State),
    /// Too many windows, or none.
    #[error("no or too many windows")]
    Windows,
    /// The window is not in memory.
    #[error("window {0:?} is not in memory")]
    WindowNotLoaded(WindowId),
    /// Settled would fall below zero, or more would be returned than is free.
    #[error("window {0:?} would fall below zero")]
    BelowZero(WindowId),
    /// The window is in memory already, or its budget is not known.
    #[error("the image of window {0:?} does not belong here")]
    Image(WindowId),
    /// Actor or reason is empty or too long.
    #[error("actor or reason is empty or too long")]
    Audit,
    /// The budget is not acceptable.
    #[error("the budget is not acceptable")]
    Budget(#[source] BudgetError),
    /// The budget was removed, or never was.
    #[error("budget {0:?} was removed or never was")]
    NoBudget(BudgetId),
    /// A bug: the effects of a command do not apply. The ledger must stop.
    #[error("the effects of a command do not apply")]
    Broken,
}
