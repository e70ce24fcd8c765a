//! Which of its budgets' policies decides how much of an attempt is held.

use super::Engine;
use crate::budget::{Budget, HoldPolicy, Mode};
use bursar_core::{Attributes, Measure, Timestamp};

impl Engine {
    /// How much an attempt with these attributes should hold. One amount is held in all its windows, so the strictest
    /// policy among the hard budgets that limit money or tokens decides; where there are none, that of the shadow budgets,
    /// so that they show what hard ones would do. One comparison where no budget has another policy than the worst case.
    #[must_use]
    pub fn hold_policy(&self, now: Timestamp, attributes: &Attributes) -> HoldPolicy {
        if !self.has_lenient {
            return HoldPolicy::WorstCase;
        }
        let touches = self.touches(now, attributes);
        let strictest = |mode: Mode| {
            let limits = |budget: &Budget| {
                budget.mode == mode && budget.limit.is_some() && budget.measure != Measure::Requests
            };
            let budgets = touches.iter().filter_map(|touch| Some(&*self.budget(touch.budget)?.budget));
            budgets.filter(|budget| limits(budget)).map(|budget| budget.hold).min_by_key(strictness)
        };
        strictest(Mode::Hard).or_else(|| strictest(Mode::Shadow)).unwrap_or_default()
    }
}

/// The strictest first.
const fn strictness(policy: &HoldPolicy) -> u8 {
    match policy {
        HoldPolicy::WorstCase => 0,
        HoldPolicy::Streaming => 1,
        HoldPolicy::Estimate => 2,
    }
}
