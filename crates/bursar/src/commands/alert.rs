//! `bursar alert`: what people were told, and whether channels work.

use super::shared::{self, Body, Page, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, time};
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What happened, and what became of telling each channel
    List(List),
    /// Tell channels something made up, and see whether they take it
    Test(Test),
}

/// Which alerts.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only of this event, such as `exhausted`
    #[arg(long)]
    event: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Which channel.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Only this channel; all unless given
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let table = Table::new(&["AT", "EVENT", "SCOPE", "BUDGET", "DELIVERIES"]);
            let query = [("event", list.event.as_deref())];
            shared::list(context, &list.page, "/alerts", &query, table, |alert| {
                let budget = alert.get("figures").map(|figures| at(figures, "budget")).unwrap_or_default();
                vec![time(alert, "at"), at(alert, "event"), at(alert, "scope"), budget, deliveries(alert)]
            })
        }
        Command::Test(test) => {
            let body = Body::default().with("channel", test.channel);
            let client = context.client(test.server.url.as_deref())?;
            let answer = client.post("/alerts/test", &body.into_value())?;
            let table = Table::new(&["CHANNEL", "TYPE", "RESULT"]);
            shared::listed(context, &answer, table, |item| {
                let result = if is_delivered(item) { "delivered".to_owned() } else { at(item, "problem") };
                vec![at(item, "channel"), at(item, "kind"), result]
            })?;
            let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let failed: Vec<String> =
                items.iter().filter(|item| !is_delivered(item)).map(|item| at(item, "channel")).collect();
            if failed.is_empty() {
                return Ok(());
            }
            Err(Failure::failed(format!("not delivered: {}", failed.join(", "))))
        }
    }
}

fn is_delivered(item: &Value) -> bool {
    item.get("delivered").and_then(Value::as_bool).unwrap_or_default()
}

fn deliveries(alert: &Value) -> String {
    let list = alert.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default();
    let one = |delivery: &Value| match at(delivery, "problem").as_str() {
        "" => format!("{} {}", at(delivery, "channel"), at(delivery, "state")),
        problem => format!("{} {} ({problem})", at(delivery, "channel"), at(delivery, "state")),
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}
