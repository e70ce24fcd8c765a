//! A window: one budget, one value of each of its `per` attributes, one period. The only thing that has counters.

use crate::budget::{BudgetId, Threshold};
use crate::period::Interval;
use bursar_core::amount::CostBasis;
use bursar_core::{Measure, Value};
use smallvec::SmallVec;
use std::fmt;

/// Identifies a window: counted up, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WindowId(pub u64);

/// The values of a budget's `per` attributes, in their order. Absent: shared by all requests that omit the attribute.
pub type PerValues = SmallVec<[Option<Value>; 2]>;

/// What a window is found by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WindowKey {
    /// Its budget.
    pub budget: BudgetId,
    /// Counts the changes of the budget's `per` and measure: windows from before are never mixed with later ones.
    pub generation: u32,
    /// The period.
    pub interval: Interval,
    /// The values of `per`.
    pub per: PerValues,
}

/// Everything that is known of a window: what pages out, comes back, and stands in a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowImage {
    /// Its id.
    pub id: WindowId,
    /// What it is found by.
    pub key: WindowKey,
    /// What it counts.
    pub measure: Measure,
    /// Which cost it counts, where it counts money.
    pub cost_basis: CostBasis,
    /// Room of the last period that rolled over into this window.
    pub credit: i64,
    /// Ever granted to this node. Embedded: the limit at the opening.
    pub granted: i64,
    /// Ever given back by this node.
    pub returned: i64,
    /// Settled.
    pub settled: i64,
    /// In suspense.
    pub suspense: i64,
    /// Held by requests in flight.
    pub held: i64,
    /// Sum of what settled above its hold, and of adjustments upwards.
    pub overage: i64,
    /// Thresholds crossed so far.
    pub crossed: SmallVec<[Threshold; 4]>,
    /// When it was last used, in UTC microseconds.
    pub used_at: bursar_core::Timestamp,
    /// The number of the entry that changed it last: the same number means the same counters.
    pub changed: u64,
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}
