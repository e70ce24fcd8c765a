//! The throttle: routes away from a provider whose spend is on the way past its budget, before the budget refuses.
//!
//! Proactive, and never the last word: a hard budget denies on its own. What is decided here reaches the data plane as
//! one small snapshot; requests read nothing else.

mod judge;
mod rules;

pub use judge::{Spend, Status, Verdict, judge};
pub use rules::{Projection, Rules};
