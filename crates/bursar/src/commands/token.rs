//! `bursar token`: who may use the admin API. A token's text is shown once, when it is made.

use super::shared::{self, Body, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token; its text is shown this once
    Create(Create),
    /// List tokens, revoked ones too
    List(Page),
    /// End a token for good
    Revoke(Named),
}

/// A token's fields.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// The token's name, which the audit trail shows
    name: String,
    /// What its bearer may do
    #[arg(long, value_parser = ["admin", "project_admin", "member", "viewer"])]
    role: String,
    /// Within this project only
    #[arg(long)]
    project: Option<String>,
    /// As this user
    #[arg(long)]
    user: Option<String>,
    /// When it stops working: a time, a date, or a duration from now such as `30d`
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Which token.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id, as in the list
    id: String,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let expires =
                create.expires.as_deref().map(|text| shared::instant(text, context.now)).transpose()?;
            let body = Body::default()
                .with("name", Some(create.name))
                .with("role", Some(create.role))
                .with("project", create.project)
                .with("user", create.user)
                .with("expires_at", expires.map(|at| at.to_string()));
            let client = context.client(create.server.url.as_deref())?;
            let token = client.post("/tokens", &body.into_value())?;
            shared::show(context, &token, text)?;
            context.console.hint("the token is shown this once");
            Ok(())
        }
        Command::List(page) => {
            let table = Table::new(&[
                "NAME", "ID", "PREFIX", "ROLE", "PROJECT", "USER", "USED", "EXPIRES", "REVOKED",
            ]);
            let names = ["name", "id", "prefix", "role", "project", "user"];
            shared::list(context, &page, "/tokens", &[], table, |row| {
                let times = ["last_used_at", "expires_at", "revoked_at"].map(|name| time(row, name));
                names.iter().map(|name| at(row, name)).chain(times).collect()
            })
        }
        Command::Revoke(named) => {
            let client = context.client(named.server.url.as_deref())?;
            let token = client.delete(&format!("/tokens/{}", segment(&named.id)))?;
            shared::show(context, &token, text)
        }
    }
}

fn text(token: &Value) -> String {
    fields(&[
        ("token", at(token, "token")),
        ("name", at(token, "name")),
        ("id", at(token, "id")),
        ("prefix", at(token, "prefix")),
        ("role", at(token, "role")),
        ("project", at(token, "project")),
        ("user", at(token, "user")),
        ("expires", time(token, "expires_at")),
        ("revoked", time(token, "revoked_at")),
        ("last used", time(token, "last_used_at")),
    ])
}
