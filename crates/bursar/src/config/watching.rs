//! `[log]` and `[telemetry]`: what a running server tells about itself, and whom.

mod filter;
mod log;
mod telemetry;

pub use filter::LogFilter;
pub use log::Log;
pub use telemetry::Telemetry;

use super::field::{Field, Takes};
use super::one;
use super::section::{Reading, Section};

/// The section `[log]`.
pub(super) const LOG: Field = Field::new(
    "log",
    Takes::Table(log::FIELDS),
    "",
    "What is said on standard error while serving. Read at the start.",
);
/// The section `[telemetry]`.
pub(super) const TELEMETRY: Field = Field::new(
    "telemetry",
    Takes::Table(telemetry::FIELDS),
    "",
    "Where OpenTelemetry traces and metrics go. Read at the start.",
);

/// Both sections, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watching {
    /// `[log]`
    pub log: Log,
    /// `[telemetry]`
    pub telemetry: Telemetry,
}

pub(super) fn read(sections: &Section<'_>, reading: &mut Reading<'_>) -> Watching {
    let log = one(sections, LOG.name, log::FIELDS, reading);
    let telemetry = one(sections, TELEMETRY.name, telemetry::FIELDS, reading);
    Watching {
        log: log::read(log.as_ref(), reading),
        telemetry: telemetry::read(telemetry.as_ref(), reading),
    }
}
