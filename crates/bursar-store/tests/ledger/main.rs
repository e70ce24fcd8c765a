//! The ledger's tests, one binary: stories, faults at every operation, group commit, upkeep, verification.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and their numbers are small"
)]

mod commits;
mod faults;
mod golden;
mod random;
mod repair;
mod soak;
mod stories;
mod support;
mod upkeep;
mod verify;
