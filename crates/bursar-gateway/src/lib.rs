//! The data plane: takes a client's request, asks the governor, forwards the bytes, meters the answer, ends it properly.
//!
//! Invariant: bytes pass unchanged but for the declared splices and a usage chunk that Bursar itself asked for. Every way
//! an exchange can end settles, releases or suspends its reservation: the reservation's own type sees to that.

pub mod address;
pub mod answer;
pub mod attempt;
pub mod body;
mod capture;
mod collect;
pub mod control;
pub mod cut;
pub mod exchange;
pub mod finale;
pub mod fit;
mod idempotency;
pub mod intake;
pub mod limits;
pub mod models;
pub mod refusal;
pub mod request;
pub mod server;
pub mod stream;
pub mod upstream;

use crate::control::Control;
use bursar_core::IpRange;
use bursar_govern::Governor;
use bursar_govern::idempotency::Replies;
use bursar_wire::RefusalStatus;
use std::sync::Arc;

pub use server::{Door, Doors, Server, StartError};

/// What the data plane is made of.
pub struct Gateway {
    /// Decides.
    pub governor: Arc<Governor>,
    /// Serves what is not a provider's path: admin API, health, metrics.
    pub control: Arc<dyn Control>,
    /// Memory for request bodies, shared by all workers.
    pub intake: intake::Intake,
    /// What repeats of a request get.
    pub replies: Arc<Replies>,
    /// Which status a spent budget answers with.
    pub refusal_status: RefusalStatus,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpRange>,
}
