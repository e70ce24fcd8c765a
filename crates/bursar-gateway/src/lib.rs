//! The data plane: takes a client's request, asks the governor, forwards the bytes, meters the answer, ends it properly.
//!
//! Invariant: bytes pass unchanged but for the declared splices and a usage chunk that Bursar itself asked for. Every way
//! an exchange can end settles, releases or suspends its reservation: the reservation's own type sees to that.

pub mod answer;
pub mod attempt;
pub mod body;
pub mod chain;
pub mod choose;
mod collect;
pub mod control;
pub mod cut;
pub mod exchange;
pub mod finale;
pub mod health;
pub mod intake;
pub mod limits;
pub mod models;
pub mod probe;
pub mod refusal;
pub mod request;
pub mod server;
pub mod stream;
pub mod upstream;

use crate::control::Control;
use bursar_govern::Governor;
use bursar_wire::RefusalStatus;
use std::sync::Arc;

pub use server::{Server, StartError};

/// What the data plane is made of.
pub struct Gateway {
    /// Decides.
    pub governor: Arc<Governor>,
    /// Serves what is not a provider's path: admin API, health, metrics.
    pub control: Arc<dyn Control>,
    /// Memory for request bodies, shared by all workers.
    pub intake: intake::Intake,
    /// Which status a spent budget answers with.
    pub refusal_status: RefusalStatus,
}
