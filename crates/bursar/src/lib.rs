//! The binary's parts: configuration, command line, client of the admin API, and the wiring of a running server.
//! `main.rs` only gathers the surroundings.

pub mod cli;
pub mod client;
mod commands;
pub mod config;
pub mod console;
pub mod context;
pub mod exit;
pub mod serve;
pub mod table;
