//! The words of Bursar: amounts, usage, attributes, ids, refusals, limits.
//!
//! Invariant: nothing here does I/O, reads a clock, draws randomness, is async, or serialises itself.

pub mod amount;
pub mod api_format;
pub mod attribute;
pub mod bound;
pub mod decimal;
pub mod durations;
pub mod id;
pub mod ip_range;
pub mod key_limit;
pub mod limits;
pub mod pattern;
pub mod refusal;
pub mod text;
pub mod time;
pub mod trace;
pub mod usage;

pub use amount::{Charge, Measure, Multiplier, Rate, Usd};
pub use api_format::{ApiFormat, Family};
pub use attribute::{Attribute, Attributes, Scope, Value};
pub use bound::RequestBound;
pub use durations::Durations;
pub use id::{RequestId, ReservationId};
pub use ip_range::IpRange;
pub use key_limit::KeyLimit;
pub use pattern::Pattern;
pub use refusal::{Code, Refusal};
pub use time::Timestamp;
pub use trace::{SpanId, Trace, TraceId};
pub use usage::{Usage, UsageClass};
