//! `bursar man`: the manual page, or one page per command.

use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use std::path::PathBuf;

/// Arguments of `bursar man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write one page per command into this folder instead of one page to standard output
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// Writes the manual.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let definition = crate::cli::definition();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        clap_mangen::generate_to(definition, folder)
            .with_context(|| format!("the pages cannot be written to `{}`", folder.display()))?;
        return Ok(());
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(definition).render(&mut page)?;
    context.console.data(&String::from_utf8_lossy(&page))
}
