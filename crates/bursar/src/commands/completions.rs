//! `bursar completions`: completions for a shell.

use crate::context::Context;
use crate::exit::Failure;
use clap_complete::Shell;

/// Arguments of `bursar completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    pub(crate) shell: Shell,
}

/// Writes the completions.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::definition(), "bursar", &mut text);
    context.console.data(&String::from_utf8_lossy(&text))
}
