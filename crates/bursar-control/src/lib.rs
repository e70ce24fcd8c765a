//! The control plane: the admin API and what is drained from the journal.
//!
//! Invariant: nothing here can slow a request down or block it. There is no second, private API: command line and pages
//! use what is served here.

mod access;
pub mod alert;
mod api;
mod auth;
pub mod backup;
mod drain;
mod drained;
pub mod export;
mod feed;
mod health;
mod idempotency;
mod key_use;
mod kill;
pub mod metrics;
mod observer;
mod overlay;
mod page;
mod problem;
mod recall;
mod recount;
mod reports;
mod request_log;
pub mod retention;
pub mod simulate;
mod state;
pub mod throttle;
mod token_use;

pub use access::access;
pub use api::{Probe, Probed, openapi, router};
pub use drain::{DrainError, Drainer};
pub use health::{Check, CheckState, MoreChecks};
pub use kill::{EXPIRING_S, KillOrder};
pub use metrics::Metrics;
pub use observer::Watcher;
pub use recount::{RecountError, Recounted, recount_daily};
pub use state::{ControlError, Reload, Reloaded, State};
