//! Scripted fake providers with a bill of their own, and a load client to drive them.
//!
//! Invariant: the bill counts what was really generated, at prices of its own and by arithmetic of its own, so that
//! it can judge a ledger. Nothing here sleeps on a thread; every task belongs to a tracker that shutdown waits for.

mod answer;
mod asked;
mod behaviour;
mod bill;
mod body;
mod control;
mod dialect;
mod draw;
mod io;
mod journal;
mod json;
pub mod limits;
pub mod load;
mod produce;
mod recorded;
mod respond;
mod route;
mod script;
mod server;
mod stated;
mod ticket;
mod tokens;
mod wishes;
mod zip;

pub use behaviour::{AfterDisconnect, Behaviour, Billed, DirectiveError, Fault, Gzip, UsageReport};
pub use bill::{Bill, BillLine, Ending, Price, Tally};
pub use journal::{Journal, Received};
pub use recorded::{Recorded, RecordedError, Recording};
pub use script::{Rule, Script, ScriptError, Word};
pub use server::Mock;
pub use stated::{CostShape, StatedCost};
