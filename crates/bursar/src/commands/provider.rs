//! `bursar provider`: providers as the server knows them, and the credentials used towards them.

mod credential;

use super::shared::{self, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at};
use serde_json::{Value, json};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List providers
    List(Server),
    /// Ask a provider for its models with each of its credentials; costs nothing
    Test(Named),
    /// Credentials that are given here instead of in the configuration
    #[command(subcommand)]
    Credential(credential::Command),
}

/// Which provider.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// The provider's name
    provider: String,
    #[command(flatten)]
    server: Server,
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
        Command::Test(named) => test(&named, context),
        Command::Credential(command) => credential::run(command, context),
    }
}

fn test(named: &Named, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(named.server.url.as_deref())?;
    let answer = client.post(&format!("/providers/{}/test", segment(&named.provider)), &json!({}))?;
    let table = Table::new(&["CREDENTIAL", "OK", ">STATUS", ">MS", "WHY"]);
    let names = ["credential", "ok", "status_code", "total_ms", "error"];
    shared::listed(context, &answer, table, |row| names.iter().map(|name| at(row, name)).collect())?;
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let failed = items.filter(|row| row.get("ok") != Some(&Value::Bool(true))).count();
    match failed {
        0 => Ok(()),
        n => Err(Failure::failed(format!("{n} of the credentials of `{}` did not work", named.provider))),
    }
}
