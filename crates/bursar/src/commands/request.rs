//! `bursar request`: records of requests, refusals included.

mod detail;
mod watch;

use super::shared::{self, Page, Server};
use super::which::Which;
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, money, time};
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List requests, newest first
    List(Box<List>),
    /// Show the record of a request
    Show(Show),
    /// Show requests as they end, until interrupted
    Watch(Box<watch::Watch>),
}

/// Which request.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id, as in `x-bursar-request-id`
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Which request, and what of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    named: Named,
    /// What was said instead of the record: headers and bodies, where `records.level` kept them
    #[arg(long)]
    body: bool,
}

/// Which requests, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
    /// At or after: a time or a date
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before: a time or a date
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Show(Show { named, body }) => {
            let client = context.client(named.server.url.as_deref())?;
            let path = format!("/requests/{}", segment(&named.id));
            if body {
                let detail = client.get(&format!("{path}/body"), &[])?;
                return shared::show(context, &detail, detail::text);
            }
            let record = client.get(&path, &[])?;
            shared::show(context, &record, |record| serde_json::to_string_pretty(record).unwrap_or_default())
        }
        Command::Watch(asked) => watch::run(&asked, context),
        Command::List(list) => {
            let mut query = list.which.query();
            query.extend([("from", list.from.as_deref()), ("until", list.until.as_deref())]);
            let table = Table::new(&[
                "AT", "ID", "STATUS", "PROJECT", "USER", "MODEL", "PROVIDER", ">TOKENS", ">COST", "CODE",
            ]);
            shared::list(context, &list.page, "/requests", &query, table, row)
        }
    }
}

fn row(record: &Value) -> Vec<String> {
    let get = |name: &str| match at(record, name).as_str() {
        "" => record.get("attributes").map(|attributes| at(attributes, name)).unwrap_or_default(),
        some => some.to_owned(),
    };
    let mut cells = vec![time(record, "created_at"), at(record, "id")];
    cells.extend(["status", "project", "user", "model", "provider"].iter().map(|name| get(name)));
    cells.push(at(record, "tokens"));
    cells.push(money(&at(record, "list_cost")));
    cells.push(at(record, "code"));
    cells
}
