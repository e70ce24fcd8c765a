//! `bursar budget simulate FILE`: what the budgets of a file would have done with the requests that there were.

use super::apply::read;
use crate::commands::shared::{self, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, amount, at, time};
use bursar_core::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `bursar budget simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file with `[[budgets]]`, as in `bursar.toml`
    file: PathBuf,
    /// From when on: a time, a date, or how long ago, such as `30d`
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
    /// Until when: a time or a date; default: now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Asks the server, which changes nothing.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let budgets = read(&args.file, context)?;
    let since = ago(&args.since, context.now)?;
    let body = json!({ "budgets": budgets, "since": since.to_string(), "until": args.until });
    let answer = context.client(args.server.url.as_deref())?.post("/simulate", &body)?;
    if answer.get("cut").and_then(Value::as_bool).unwrap_or_default() {
        let until = time(&answer, "until");
        context.console.say(&format!("it took too long and was cut: this is what there was until {until}"));
    }
    shared::show(context, &answer, text)
}

/// A time, a date, or a duration before now.
fn ago(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    match (Timestamp::parse(text), crate::config::duration_s(text)) {
        (Some(at), _) => Ok(at),
        (None, Ok(seconds)) => Ok(now.plus_seconds(-seconds)),
        (None, Err(_)) => Err(Failure::usage(format!(
            "`{text}` is no time: write `2026-12-31`, `2026-12-31T12:00:00Z`, or `30d` for 30 days ago"
        ))),
    }
}

fn text(answer: &Value) -> String {
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut table =
        Table::new(&["BUDGET", "PER", "FROM", ">LIMIT", ">SETTLED", ">LEFT", ">HELD AT MOST", ">REFUSED"]);
    let mut notes = Vec::new();
    for item in list(answer, "items") {
        let name = at(&item, "name");
        let measure = at(&item, "measure");
        for window in list(&item, "windows") {
            table.row([
                name.clone(),
                at(&window, "per"),
                time(&window, "starts_at"),
                amount(&window, "limit", &measure),
                amount(&window, "settled", &measure),
                amount(&window, "remaining", &measure),
                amount(&window, "held_max", &measure),
                at(&window, "refused"),
            ]);
        }
        notes.push(match at(&item, "refused").as_str() {
            "0" => format!("`{name}` would have refused none of {}", at(&item, "admitted")),
            refused => format!(
                "`{name}` would have refused {refused} that cost {}, the first at {}; {} of them only for requests in flight, \
                 {} larger than the limit alone",
                amount(&item, "refused_cost", &measure),
                time(&item, "first_refusal_at"),
                at(&item, "refused_held"),
                at(&item, "refused_too_large"),
            ),
        });
    }
    let mut text = format!(
        "{} requests from {} to {}; {} would have been refused, {} were in truth\n",
        at(answer, "requests"),
        time(answer, "since"),
        time(answer, "until"),
        at(answer, "refused"),
        at(answer, "denied_before"),
    );
    if !table.is_empty() {
        text.push_str(table.render().trim_end());
        text.push('\n');
    }
    text.push_str(&notes.join("\n"));
    text
}
