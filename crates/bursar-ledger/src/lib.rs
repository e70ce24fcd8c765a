//! The ledger engine: budgets, windows and reservations, decided by one pure function and replayed from its effects.
//!
//! Invariant: nothing here does I/O, reads a clock, draws randomness, is async, or depends on the order of a hash table.

pub mod authority;
mod budget;
mod codec;
mod command;
mod deadlines;
mod engine;
mod entry;
mod hash;
mod history;
mod ids;
mod index;
mod limits;
mod outcome;
mod period;
pub mod projection;
mod reservation;
mod slab;
mod standing;
mod variant;
mod window;
mod zone;

pub use budget::{
    Budget, BudgetError, BudgetId, Fit, HoldPolicy, Missing, Mode, OnExpiry, Raise, SuspensePolicy, Threshold,
};
pub use codec::DecodeError;
pub use command::{
    Adjust, AdjustmentId, Audit, Command, Extend, Progress, ProvablyUnbilled, Record, Reserve, Settle,
};
pub use engine::{Broken, Current, Engine, Grants, OpenReservation, ReplayError, Touched, check_invariants};
pub use entry::{Entry, Image, Reserved, Settled, Sink, WindowIds};
pub use jiff::civil::{Date, Weekday};
pub use limits::{
    ACTOR_BYTES_MAX, ADJUSTMENTS_MAX, BUDGETS_PER_BUCKET_MAX, CHARGE_PART_MAX, CYCLE_DAYS_MAX,
    EXPIRE_BATCH_MAX, FINISHED_MAX, IDLE_AFTER_S_DEFAULT, MATCHES_MAX, NAME_BYTES_MAX, PATTERNS_MAX, PER_MAX,
    PERCENT_MAX, REASON_BYTES_MAX, RESERVATIONS_MAX, SHAPES_MAX, THRESHOLDS_MAX, WINDOWS_PER_COMMAND_MAX,
};
pub use outcome::{
    Blocked, Crossing, Decision, Denial, Expiry, Held, HeldWindow, NotLoaded, Outcome, Rejection, Room,
    Settlement, Warning,
};
pub use period::{ANCHOR_DEFAULT, Interval, Period, PeriodKind};
pub use reservation::{Past, State, SuspenseCause};
pub use standing::Standing;
pub use variant::Variant;
pub use window::{PerValues, WindowId, WindowImage, WindowKey};
pub use zone::{UnknownZone, Zone};
