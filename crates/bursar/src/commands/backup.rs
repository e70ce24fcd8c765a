//! `bursar backup`: a copy of the data directory of a running server, made by the server on its own disk.

use super::shared::{self, Body, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::at;

/// Arguments of `bursar backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to call it [default: the time]
    name: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Has it made, and says where it is.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let body = Body::default().with("name", args.name.clone()).into_value();
    let made = client.post_and_wait("/backups", &body)?;
    shared::show(context, &made, |made| at(made, "folder"))?;
    context.console.hint(&format!("`bursar ledger verify --data-dir {}` proves it", at(&made, "folder")));
    Ok(())
}
