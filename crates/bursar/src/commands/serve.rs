//! `bursar serve`: runs the server.

use crate::context::Context;
use crate::exit::Failure;

/// Arguments of `bursar serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the server until it is told to stop.
pub(crate) fn run(_args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let _config = context.checked_config()?;
    Err(Failure::failed("this build has no server"))
}
