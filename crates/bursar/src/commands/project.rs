//! `bursar project`: the units that own keys and are billed.

use super::shared::{self, Body, Page, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use serde_json::Value;

/// Where they are in the admin API.
const PROJECTS: shared::Named = shared::Named { path: "/projects", text };

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a project
    Create(Change),
    /// List projects
    List(Page),
    /// Show a project
    Show(Named),
    /// Change a project; what is not given stays
    Update(Change),
}

/// Which project.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its name
    name: String,
    #[command(flatten)]
    server: Server,
}

/// A project's fields.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// Its name
    name: String,
    /// Time zone of its reports, such as `Asia/Taipei`
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Refuse requests to which no budget applies
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    require_budget: Option<bool>,
    /// What to do for a model without a price
    #[arg(long, value_name = "POLICY", value_parser = ["deny", "fallback_price", "free"])]
    unknown_model_policy: Option<String>,
    /// A hard monthly budget for each user, such as `10 USD`
    #[arg(long, value_name = "LIMIT")]
    default_user_budget: Option<String>,
    /// Whether its keys work
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(change) => PROJECTS.create(context, &change.server, &change.name, change.body()),
        Command::Update(change) => PROJECTS.change(context, &change.server, &change.name, change.body()),
        Command::Show(named) => PROJECTS.show(context, &named.server, &named.name),
        Command::List(page) => {
            let table =
                Table::new(&["NAME", "TIME ZONE", "REQUIRE BUDGET", "UNKNOWN MODEL", "MANAGED BY", "ACTIVE"]);
            let names =
                ["name", "time_zone", "require_budget", "unknown_model_policy", "managed_by", "active"];
            shared::list(context, &page, PROJECTS.path, &[], table, |row| {
                names.iter().map(|name| at(row, name)).collect()
            })
        }
    }
}

impl Change {
    fn body(&self) -> Body {
        Body::default()
            .with("time_zone", self.time_zone.clone())
            .with("require_budget", self.require_budget)
            .with("unknown_model_policy", self.unknown_model_policy.clone())
            .with("default_user_budget", self.default_user_budget.clone())
            .with("active", self.active)
    }
}

fn text(project: &Value) -> String {
    fields(&[
        ("name", at(project, "name")),
        ("time zone", at(project, "time_zone")),
        ("require budget", at(project, "require_budget")),
        ("unknown model", at(project, "unknown_model_policy")),
        ("default user budget", at(project, "default_user_budget")),
        ("managed by", at(project, "managed_by")),
        ("active", at(project, "active")),
        ("created", time(project, "created_at")),
        ("updated", time(project, "updated_at")),
    ])
}
