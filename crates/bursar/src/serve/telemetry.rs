//! OpenTelemetry: requests that ended become spans, and tokens and durations become metrics, for an OTLP/HTTP endpoint.
//!
//! Invariant: no request waits for it. A story is copied into a bounded queue when its request has ended; a thread of its
//! own does the rest. What does not fit is counted and given up. Prompts, answers, keys and headers are in no story, so
//! they cannot be sent.

mod encode;
mod export;
mod measure;
mod names;
mod protobuf;
mod told;

pub(super) use export::Telemetry;
pub use export::TelemetryError;

/// Which requests are told: of traces that begin here, how many percent; 0 where nothing is sent.
#[must_use]
pub(super) fn sample_pct(config: &crate::config::Telemetry) -> u32 {
    if config.endpoint.is_some() { config.sample_pct } else { 0 }
}
