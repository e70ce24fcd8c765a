//! Where a window stands at an instant, for people: counters, burn and projection.

use crate::budget::BudgetId;
use crate::window::{PerValues, WindowId};
use bursar_core::{Scope, Timestamp};

/// A window's numbers at an instant. Amounts are in the budget's measure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The budget.
    pub budget: BudgetId,
    /// The window; absent where nothing was counted yet.
    pub window: Option<WindowId>,
    /// The values of `per`.
    pub per: PerValues,
    /// What it is about.
    pub scope: Scope,
    /// Start of the period; absent for `total`.
    pub starts_at: Option<Timestamp>,
    /// End of the period; absent for `total`.
    pub ends_at: Option<Timestamp>,
    /// The limit with rolled-over room and a raise; absent: unlimited.
    pub limit: Option<i64>,
    /// Settled.
    pub settled: i64,
    /// In suspense.
    pub suspense: i64,
    /// Held by requests in flight.
    pub held: i64,
    /// What is left, never below 0; absent: unlimited.
    pub remaining: Option<i64>,
    /// What settled + suspense + held is above the limit.
    pub over_limit: i64,
    /// Sum of what settled above its hold, and of adjustments upwards.
    pub overage: i64,
    /// Settled / max(exact days elapsed, 1), half-even.
    pub burn_per_day: i64,
    /// Burn x days of the period, half-even; absent for `total`.
    pub projection: Option<i64>,
    /// Whole days until the end; absent for `total`.
    pub days_left: Option<i64>,
    /// When a new window opens; absent for `total` and for a budget that does not renew.
    pub resets_at: Option<Timestamp>,
}
