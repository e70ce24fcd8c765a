//! `bursar serve`: opens the stores, wires the planes, and ends them in order.

mod alerts;
pub(crate) mod budgets;
mod control;
mod edges;
mod first_start;
mod install;
mod keeping;
mod kill_watch;
pub mod local;
pub mod log;
mod probing;
mod reconcile;
mod recounting;
mod sealing;
pub(crate) mod surroundings;
mod telemetry;
mod threads;
mod timed_disk;
mod watching;
mod wiring;

pub use control::ControlPlane;
pub use edges::EdgeError;
pub use first_start::{ADMIN_TOKEN, FirstStartError, first_key, has_keys};
pub use install::{InstallError, install};
pub use kill_watch::{KILL_FILE, signal_off, signal_on};
pub use reconcile::{Difference, ReconcileError, reconcile};
pub use sealing::{SEAL_KEY, SealingError, sealer};
pub use surroundings::{SystemClock, boot_id, random};
pub use telemetry::TelemetryError;
pub use wiring::{PRICES, Running, ServeError, check_prices, reload, start, start_at};
