//! `bursar replay`: drives a gateway with a recorded trace.

use crate::context::Context;
use crate::exit::Failure;
use std::path::PathBuf;

/// Arguments of `bursar replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A trace with the columns TIMESTAMP, ContextTokens, GeneratedTokens; may be gzipped
    #[arg(value_name = "TRACE.csv[.gz]")]
    pub(crate) trace: PathBuf,
    /// How many times faster than recorded; 0 as fast as possible
    #[arg(long, value_name = "FACTOR", default_value_t = 60)]
    pub(crate) speed_up: u32,
    /// Stop after so many rows
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
    /// The gateway to drive; without it one is started in front of the fake provider
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,
    /// The key to present to `--target`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The model to ask for
    #[arg(long, default_value = "gpt-4o-mini")]
    pub(crate) model: String,
    /// A hard budget of the gateway that is started, such as `5 USD`
    #[arg(long, value_name = "LIMIT")]
    pub(crate) limit: Option<String>,
    /// Requests in flight at most
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) connections: usize,
}

/// Replays the trace.
pub(crate) fn run(_args: &Args, _context: &mut Context<'_>) -> Result<(), Failure> {
    Err(Failure::failed("this build has no server"))
}
