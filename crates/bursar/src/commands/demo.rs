//! `bursar demo`: two fake providers, three projects, one runaway agent.

use crate::context::Context;
use crate::exit::Failure;

/// Arguments of `bursar demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep running, and print a base URL, a key and a line to try
    #[arg(long)]
    pub(crate) stay: bool,
    /// How long the traffic runs
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Makes every draw; the same number gives the same traffic
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Runs the demonstration.
pub(crate) fn run(_args: &Args, _context: &mut Context<'_>) -> Result<(), Failure> {
    Err(Failure::failed("this build has no server"))
}
