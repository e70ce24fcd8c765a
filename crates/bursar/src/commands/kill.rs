//! `bursar kill`: stops spending at any scope, at once.

use super::shared::{self, Body, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use bursar_core::Scope;
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Stop everything in a scope, before every budget
    #[command(after_help = "\
When the server does not answer: a file `KILL` in its data directory stops everything (the first line is the reason,
a second line `cut` also ends what is in flight), and so does SIGUSR1 sent to the server (SIGUSR2 takes it back).")]
    On(On),
    /// Take a stop back
    Off(Off),
    /// Which kill switches are on
    Status(Status),
}

/// What to stop, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct On {
    /// What to stop: `platform`, `project=alpha`, `user=ann`, `key=ID`, `agent=a`, `run=r`, `session=s`,
    /// `provider=openai`, `model=gpt-4o`, `tag.team=x`
    #[arg(long, value_parser = scope)]
    scope: Scope,
    /// Why; clients and the audit trail are told
    #[arg(long)]
    reason: String,
    /// When it ends by itself: a time, or a duration such as `2h`; never unless given
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Also end what is in flight
    #[arg(long)]
    cut: bool,
    #[command(flatten)]
    server: Server,
}

/// Which stop.
#[derive(Debug, clap::Args)]
pub(crate) struct Off {
    /// The scope it was turned on with
    #[arg(long, value_parser = scope)]
    scope: Scope,
    #[command(flatten)]
    server: Server,
}

/// Which switches.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Those that were on before, too
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    page: Page,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::On(on) => {
            let until = match &on.until {
                Some(text) => Some(shared::instant(text, context.now)?.to_string()),
                None => None,
            };
            let client = context.client(on.server.url.as_deref())?;
            let body = Body::default()
                .with("scope", Some(on.scope.to_string()))
                .with("reason", Some(on.reason))
                .with("cut", Some(on.cut))
                .with("until", until);
            let kill = client.post("/kill", &body.into_value())?;
            told(context, &kill)
        }
        Command::Off(off) => {
            let client = context.client(off.server.url.as_deref())?;
            let kill = client.delete(&format!("/kill/{}", segment(&off.scope.to_string())))?;
            told(context, &kill)
        }
        Command::Status(Status { history, page }) => {
            let path = if history { "/kill/history" } else { "/kill" };
            let titles = ["scope", "reason", "cut", "since", "until", "actor", "source", "off"];
            let row = |kill: &Value| {
                let mut cells: Vec<String> = ["scope", "reason", "cut"].map(|name| at(kill, name)).into();
                cells.extend(["since", "until"].map(|name| time(kill, name)));
                cells.extend(["actor", "source"].map(|name| at(kill, name)));
                cells.push(time(kill, "lifted_at"));
                cells
            };
            if history {
                return shared::list(context, &page, path, &[], Table::new(&titles), row);
            }
            let answer = context.client(page.server.url.as_deref())?.get(path, &[])?;
            if answer.get("known").and_then(Value::as_bool) == Some(false) {
                context.console.say(
                    "UNKNOWN: the server could not read its kill switches for 30 s: one may be on that is not listed, and \
                     priced requests are refused until it can; `/readyz?verbose` says why",
                );
            }
            shared::listed(context, &answer, Table::new(&titles), row)
        }
    }
}

fn told(context: &mut Context<'_>, kill: &Value) -> Result<(), Failure> {
    if let Some(note) = kill.get("note").and_then(Value::as_str) {
        context.console.hint(note);
    }
    shared::show(context, kill, |kill| {
        fields(&[
            ("scope", at(kill, "scope")),
            ("reason", at(kill, "reason")),
            ("cut", at(kill, "cut")),
            ("actor", at(kill, "actor")),
            ("since", time(kill, "since")),
            ("until", time(kill, "until")),
            ("off", time(kill, "lifted_at")),
        ])
    })
}

fn scope(text: &str) -> Result<Scope, String> {
    let words = bursar_core::Attribute::words().join(", ");
    Scope::parse(text).ok_or_else(|| format!("write `platform`, or ATTRIBUTE=VALUE with one of {words}"))
}
