//! The price book, the cost of a usage, and the worst cost of a request. Pure: no clock, no I/O, no floats.
//!
//! One engine makes the hold ([`quote`]) and the bill ([`cost`]), from the same compiled rows, so that
//! `cost(any usage the request can produce) <= quote(request)`.

mod billing;
mod book;
mod builtin;
mod calibration;
mod class;
mod compile;
mod conditions;
mod cost;
mod deployment;
mod diff;
mod exposure;
pub mod file;
mod fit;
pub mod import;
pub mod limits;
mod lines;
mod merge;
mod quote;
mod rates;
mod row;
mod service_tier;
mod spec;
mod timeline;
mod unknown;
pub mod vendor;

pub use billing::{Billing, Multipliers};
pub use book::{BookError, PriceBook};
pub use builtin::BUILT_IN;
pub use calibration::{Calibration, Ratio};
pub use class::RateClass;
pub use conditions::Conditions;
pub use cost::{Cost, cost};
pub use deployment::DeploymentPrice;
pub use diff::{Changed, Diff, FieldChange, changes, diff};
pub use fit::{affordable_output, affordable_output_effective};
pub use lines::{Line, Lines};
pub use quote::{Quote, Unbounded, quote};
pub use rates::{Rates, Variant};
pub use row::{Card, Place, PriceRow};
pub use spec::{Facts, FreeUses, Period, RowSpec, ServiceTierSpec, TierSpec};
pub use unknown::{PriceSource, Priced, UnknownModel};
