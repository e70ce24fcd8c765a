//! `bursar budget`: limits, and where their windows stand.

mod apply;
mod change;
mod simulate;
mod text;

use super::shared::{self, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at};
use change::Change;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a budget
    Create(Box<Change>),
    /// List budgets
    List(Page),
    /// Show a budget and its windows
    Show(Named),
    /// Change a budget; what is not given stays
    Update(Box<Change>),
    /// Delete a budget for good
    Delete(Named),
    /// Make the server's budgets those of a file
    Apply(apply::Args),
    /// Say what the budgets of a file would have refused, held and left
    Simulate(simulate::Args),
}

/// Which budget.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its name
    name: String,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(change) => {
            let body = change.body(context)?.with("name", Some(change.name.as_str()));
            let client = context.client(change.server.url.as_deref())?;
            let budget = client.post("/budgets", &body.into_value())?;
            shared::show(context, &budget, text::budget)
        }
        Command::Update(change) => {
            let body = change.body(context)?;
            if body.is_empty() {
                return Err(Failure::usage("nothing to change: give at least one option"));
            }
            let client = context.client(change.server.url.as_deref())?;
            let budget = client.patch(&path(&change.name), &body.into_value())?;
            shared::show(context, &budget, text::budget)
        }
        Command::Show(named) => {
            let client = context.client(named.server.url.as_deref())?;
            let budget = client.get(&path(&named.name), &[])?;
            shared::show(context, &budget, text::budget)
        }
        Command::Delete(named) => {
            let client = context.client(named.server.url.as_deref())?;
            client.delete(&path(&named.name))?;
            context.console.say(&format!("deleted budget `{}`", named.name));
            Ok(())
        }
        Command::List(page) => {
            let table = Table::new(&[
                "NAME",
                ">LIMIT",
                "PERIOD",
                "MATCH",
                "PER",
                "MODE",
                "MANAGED BY",
                "ACTIVE",
                "WOULD HAVE REFUSED",
            ]);
            shared::list(context, &page, "/budgets", &[], table, |row| {
                let limit = match at(row, "limit").as_str() {
                    "" => "unlimited".to_owned(),
                    limit => limit.to_owned(),
                };
                let mode = text::or(row, "mode", "hard");
                let mut cells = vec![at(row, "name"), limit, text::or(row, "period", "month")];
                cells.extend([
                    at(row, "match"),
                    at(row, "per"),
                    mode,
                    at(row, "managed_by"),
                    at(row, "active"),
                    text::refused(row, &text::or(row, "measure", "usd")),
                ]);
                cells
            })
        }
        Command::Apply(args) => apply::run(&args, context),
        Command::Simulate(args) => simulate::run(&args, context),
    }
}

fn path(name: &str) -> String {
    format!("/budgets/{}", segment(name))
}
