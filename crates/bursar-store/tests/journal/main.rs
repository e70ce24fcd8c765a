//! The journal's tests, one binary: healthy disks, every fault at every operation, damage, old formats, random stories.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::panic,
    reason = "tests fail by panicking, and their numbers are small"
)]

mod damage;
mod faults;
mod garbage;
mod golden;
mod healthy;
mod random;
mod support;
