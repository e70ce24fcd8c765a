//! `bursar price add`, `added` and `withdraw`: the operator's own rows in a running server.

use crate::client::segment;
use crate::commands::shared::{self, Server};
use crate::context::{Context, read_text};
use crate::exit::Failure;
use crate::table::{Table, at, time};
use bursar_pricing::file;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `bursar price add`.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// A price file
    file: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// Arguments of `bursar price added`.
#[derive(Debug, clap::Args)]
pub(crate) struct Added {
    #[command(flatten)]
    server: Server,
}

/// Arguments of `bursar price withdraw`.
#[derive(Debug, clap::Args)]
pub(crate) struct Withdraw {
    /// The row: `provider/model@date`, as `price added` has it
    id: String,
    #[command(flatten)]
    server: Server,
}

/// Reads the whole file first: nothing is given of one with a mistake in it.
pub(crate) fn add(args: &Add, context: &mut Context<'_>) -> Result<(), Failure> {
    let text = read_text(&args.file)?;
    let rows = file::parse(&text).map_err(|wrong| {
        let all: Vec<String> = wrong.iter().map(|wrong| format!("  {wrong}")).collect();
        Failure::failed(format!("`{}` cannot be used:\n{}", args.file.display(), all.join("\n")))
    })?;
    let client = context.client(args.server.url.as_deref())?;
    let mut given = Vec::new();
    for row in &rows {
        given.push(client.post("/prices/overlay", &file::row_to_json(row))?);
    }
    table(context, &json!({ "items": given, "next_cursor": null }))
}

/// Lists what was given, withdrawn rows too.
pub(crate) fn added(args: &Added, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let answer = client.get("/prices/overlay", &[])?;
    table(context, &answer)
}

/// Takes one back: what is below it is in force again.
pub(crate) fn withdraw(args: &Withdraw, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let answer = client.delete(&format!("/prices/overlay/{}", segment(&args.id)))?;
    shared::show(context, &answer, |row| format!("withdrawn: {}\n", at(row, "id")))
}

fn table(context: &mut Context<'_>, answer: &Value) -> Result<(), Failure> {
    let columns = Table::new(&["ID", ">INPUT", ">OUTPUT", "STATE", "CHANGED AT"]);
    shared::listed(context, answer, columns, |item| {
        let row = item.get("row").cloned().unwrap_or_default();
        let state =
            if item.get("active").and_then(Value::as_bool) == Some(true) { "in force" } else { "withdrawn" };
        vec![
            at(item, "id"),
            at(&row, "input"),
            at(&row, "output"),
            state.to_owned(),
            time(item, "updated_at"),
        ]
    })
}
