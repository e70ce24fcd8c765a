//! A deterministic simulator of the ledger.
//!
//! One seed decides everything: one thread takes one event after the other from a queue, over the same engine and
//! journal code that ships, on a simulated disk and clock, with clients, an operator, and a provider whose own bill is
//! the ground truth. After each step the rules of the protocol are checked against a second, naive bookkeeping.
//!
//! Invariant: nothing here reads a clock, the environment or a file, or depends on the order of a hash table.

mod book;
mod cluster;
mod faults;
mod node;
mod queue;
mod random;
mod story;
mod violation;
mod workload;
mod world;

pub use cluster::{
    ClusterCounts, ClusterOptions, ClusterStory, Spared, Tamper, WrongCluster, run_cluster,
    run_cluster_with_story, shrink_cluster,
};
pub use faults::{Fault, Faults};
pub use node::WrongShell;
pub use random::Random;
pub use story::{Story, shrink};
pub use violation::{Rule, Violation};
pub use world::{Counts, Options, Report, run};
