//! `bursar user`: the people on whose behalf keys are used.

use super::shared::{self, Body, Page, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use serde_json::Value;

/// Where they are in the admin API.
const USERS: shared::Named = shared::Named { path: "/users", text };

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a user
    Create(Change),
    /// List users
    List(Page),
    /// Show a user
    Show(Named),
    /// Change a user; what is not given stays
    Update(Change),
}

/// Which user.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// The user's name
    name: String,
    #[command(flatten)]
    server: Server,
}

/// A user's fields.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// The user's name, which budgets and records use
    name: String,
    /// The name that people are shown
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Where notices go
    #[arg(long)]
    email: Option<String>,
    /// Whether the user's keys work
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(change) => USERS.create(context, &change.server, &change.name, change.body()),
        Command::Update(change) => USERS.change(context, &change.server, &change.name, change.body()),
        Command::Show(named) => USERS.show(context, &named.server, &named.name),
        Command::List(page) => {
            let table = Table::new(&["NAME", "DISPLAY NAME", "EMAIL", "MANAGED BY", "ACTIVE"]);
            let names = ["name", "display_name", "email", "managed_by", "active"];
            shared::list(context, &page, USERS.path, &[], table, |row| {
                names.iter().map(|name| at(row, name)).collect()
            })
        }
    }
}

impl Change {
    fn body(&self) -> Body {
        Body::default()
            .with("display_name", self.display_name.clone())
            .with("email", self.email.clone())
            .with("active", self.active)
    }
}

fn text(user: &Value) -> String {
    fields(&[
        ("name", at(user, "name")),
        ("display name", at(user, "display_name")),
        ("email", at(user, "email")),
        ("managed by", at(user, "managed_by")),
        ("active", at(user, "active")),
        ("created", time(user, "created_at")),
        ("updated", time(user, "updated_at")),
    ])
}
