//! The throttle: routes away from a provider whose spend is on the way past its budget, before the budget refuses.
//!
//! Proactive, and never the last word: a hard budget denies on its own. What is decided here reaches the data plane as
//! one small snapshot; requests read nothing else. What happens is written to the settings' throttle events, in the
//! transaction of the change it tells of: history for people, and what alerts are made from.

mod evaluate;
mod judge;
mod keeper;
mod moved;
mod rules;
mod text;
mod watch;

pub(crate) use evaluate::{Subjected, subject_of};
pub use judge::{Shown, Spend, Status, Verdict, judge};
pub use keeper::Throttler;
pub(crate) use keeper::{Decision, House};
pub(crate) use moved::{Moved, MovesOfBatch};
pub(crate) use rules::RulesView;
pub use rules::{Projection, Rules};
pub(crate) use watch::{NO_PROVIDER, Subject, Watched, is_watched};

#[cfg(test)]
mod tests;
