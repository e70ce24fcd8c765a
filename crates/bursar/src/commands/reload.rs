//! `bursar reload`: makes the server read its configuration again.

use super::shared::{self, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table;
use serde_json::{Value, json};

/// Arguments of `bursar reload`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: Server,
}

/// Asks for the reload; a configuration with mistakes leaves the old one in force.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let answer = client.post("/reload", &json!({}))?;
    shared::show(context, &answer, |answer| format!("reloaded: revision {}", table::at(answer, "revision")))?;
    let fields = answer.get("needs_restart").and_then(Value::as_array).into_iter().flatten();
    let fields: Vec<&str> = fields.filter_map(Value::as_str).collect();
    if !fields.is_empty() {
        context.console.warn(&format!("in force only after a restart: {}", fields.join(", ")));
    }
    Ok(())
}
