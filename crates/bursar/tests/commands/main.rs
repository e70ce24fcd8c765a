//! The real binary, run as a person runs it: exit code, standard output and standard error are compared with snapshots.

mod common;
mod offline;
mod recorded;
mod remote;
mod usage;
