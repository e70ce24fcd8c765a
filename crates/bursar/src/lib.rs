//! The binary's parts: configuration, command line, client of the admin API. `main.rs` only gathers the surroundings.

pub mod config;
pub mod serve;
