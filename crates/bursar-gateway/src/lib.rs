//! The data plane: takes a client's request, asks the governor, forwards the bytes, meters the answer, ends it properly.
//!
//! Invariant: bytes pass unchanged but for the declared splices and a usage chunk that Bursar itself asked for. Every way
//! an exchange can end settles, releases or suspends its reservation: the reservation's own type sees to that.

pub mod address;
pub mod answer;
mod arrival;
pub mod attempt;
mod attending;
mod bell;
pub mod body;
mod capture;
pub mod chain;
pub mod choose;
mod collect;
pub mod control;
mod counting;
mod declared;
pub mod default_key;
mod driven;
mod dry_run;
pub mod exchange;
pub mod finale;
pub mod fit;
pub mod health;
mod heartbeat;
mod host;
mod idempotency;
pub mod intake;
pub mod limits;
mod lingering;
pub mod models;
mod patience;
pub mod probe;
pub mod proxies;
pub mod refusal;
pub mod request;
mod road;
mod sending;
pub mod server;
pub mod stream;
mod trace;
pub mod upstream;
pub mod upstream_body;

use crate::control::Control;
use crate::default_key::DefaultKey;
use crate::proxies::Proxies;
use bursar_core::IpRange;
use bursar_govern::Governor;
use bursar_govern::idempotency::Replies;
use bursar_wire::RefusalStatus;
use std::sync::Arc;
use std::time::Duration;

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
    /// Keys of clients that send none.
    pub default_keys: Vec<DefaultKey>,
    /// Proxies on the way to providers.
    pub proxies: Proxies,
    /// How long a client may take to send a request's head.
    pub client_wait: Duration,
    /// Of the traces that begin here, how many percent are recorded.
    pub sample_pct: u32,
}
