//! `bursar provider`: providers as the server knows them.

use super::shared::{self, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List providers
    List(Server),
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List(server) => {
            let table = Table::new(&["NAME", "FAMILY", "BASE URL", "PRICES", "CREDENTIALS"]);
            let names = ["name", "family", "base_url", "prices", "credentials"];
            let client = context.client(server.url.as_deref())?;
            let answer = client.get("/providers", &[])?;
            shared::listed(context, &answer, table, |row| names.iter().map(|name| at(row, name)).collect())
        }
    }
}
