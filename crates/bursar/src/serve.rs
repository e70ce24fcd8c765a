//! `bursar serve`: opens the stores, wires the planes, and ends them in order.

mod budgets;
mod control;
mod first_start;
mod install;
pub mod local;
mod reconcile;
pub(crate) mod surroundings;
mod wiring;

pub use control::ControlPlane;
pub use first_start::{ADMIN_TOKEN, FirstStartError, first_key, has_keys};
pub use install::{InstallError, install};
pub use reconcile::{Difference, ReconcileError, reconcile};
pub use surroundings::{SystemClock, boot_id, random};
pub use wiring::{PRICES, Running, ServeError, reload, start};
