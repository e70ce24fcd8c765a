//! `bursar request`: records of requests, refusals included.

mod watch;

use super::shared::{self, Page, Server};
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
    Show(Named),
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

/// Which requests.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Of this project
    #[arg(long)]
    project: Option<String>,
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// Of this key, by id
    #[arg(long)]
    key: Option<String>,
    /// Of this agent
    #[arg(long)]
    agent: Option<String>,
    /// Of this run
    #[arg(long)]
    run: Option<String>,
    /// Of this session
    #[arg(long)]
    session: Option<String>,
    /// With this tag, such as `team=x`
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Option<String>,
    /// Answered by this provider
    #[arg(long)]
    provider: Option<String>,
    /// For this model
    #[arg(long)]
    model: Option<String>,
    /// In this state
    #[arg(long, value_parser = ["pending", "streaming", "completed", "failed", "cancelled", "denied"])]
    status: Option<String>,
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

impl Which {
    /// As the admin API is asked.
    fn query(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("project", self.project.as_deref()),
            ("user", self.user.as_deref()),
            ("key", self.key.as_deref()),
            ("agent", self.agent.as_deref()),
            ("run", self.run.as_deref()),
            ("session", self.session.as_deref()),
            ("tag", self.tag.as_deref()),
            ("provider", self.provider.as_deref()),
            ("model", self.model.as_deref()),
            ("status", self.status.as_deref()),
        ]
    }
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Show(named) => {
            let client = context.client(named.server.url.as_deref())?;
            let record = client.get(&format!("/requests/{}", segment(&named.id)), &[])?;
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
