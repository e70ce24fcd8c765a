//! Admission and settlement as plain functions: identify, route, quote, reserve, settle.
//!
//! Invariant: no HTTP here, no clock, no environment. The gateway brings bytes and instants; the answers are values.

pub mod admit;
pub mod affinity;
pub mod assemble;
pub mod backoff;
pub mod budget;
pub mod calibrate;
pub mod capable;
pub mod capture;
pub mod circuit;
pub mod circuits;
pub mod directory;
mod estimate;
pub mod fit;
pub mod flight;
pub mod governor;
pub mod hold;
pub mod idempotency;
pub mod identify;
pub mod key_limits;
pub mod keys;
pub mod kill;
pub mod learn;
pub mod limits;
pub mod outside;
pub mod ports;
mod queue;
pub mod quote;
pub mod record;
pub mod refuse;
pub mod reprice;
pub mod reservation;
pub mod route;
pub mod seal;
pub mod settle;
pub mod stored;
pub mod story;
pub mod surfaces;
pub mod throttled;
pub mod waiters;

pub use directory::Directory;
pub use governor::Governor;
pub use throttled::{Throttled, Why};
