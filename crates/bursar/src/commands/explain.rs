//! `bursar explain`: the whole story of one request, in words and numbers.

mod story;

use super::request::Named;
use super::shared;
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;

/// Arguments of `bursar explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    request: Named,
}

/// Tells it.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.request.server.url.as_deref())?;
    let record = client.get(&format!("/requests/{}", segment(&args.request.id)), &[])?;
    shared::show(context, &record, story::tell)
}

#[cfg(test)]
mod tests;
