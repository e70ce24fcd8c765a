//! `bursar alert`: what people were told, and whether channels work.

use super::shared::{self, Body, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What happened, and what became of telling each channel
    List(List),
    /// Tell channels something made up, and see whether they take it
    Test(Test),
    /// Addresses, tokens and passwords of channels, sealed in the server's settings
    #[command(subcommand)]
    Secret(Secret),
}

/// What to do with a secret.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Secret {
    /// Set a secret to what standard input says; channels name it by `{ sealed = "NAME" }`
    Set(Named),
    /// List secrets, without what they are
    List(Server),
    /// Delete a secret
    Delete(Named),
}

/// Which secret.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its name
    name: String,
    #[command(flatten)]
    server: Server,
}

/// Bytes of a secret: what the server takes, and a line break.
const SECRET_BYTES_MAX: usize = 2_050;

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
        Command::Secret(command) => secret(command, context),
    }
}

fn secret(command: Secret, context: &mut Context<'_>) -> Result<(), Failure> {
    const PATH: &str = "/alerts/secrets";
    match command {
        Secret::Set(named) => {
            let bytes = context.console.read_input(SECRET_BYTES_MAX)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::failed("standard input is no text in UTF-8".to_owned()))?;
            let body = Body::default().with("name", Some(named.name)).with("secret", Some(text.trim()));
            let set = context.client(named.server.url.as_deref())?.post(PATH, &body.into_value())?;
            shared::show(context, &set, |secret| {
                let version = at(secret, "version");
                fields(&[("name", at(secret, "name")), ("used by", used_by(secret)), ("version", version)])
            })?;
            if used_by(&set).is_empty() {
                let name = at(&set, "name");
                context.console.hint(&format!(
                    "no channel names it yet: write `{{ sealed = \"{name}\" }}` in its section, then `bursar reload`"
                ));
            }
            Ok(())
        }
        Secret::List(server) => {
            let answer = context.client(server.url.as_deref())?.get(PATH, &[])?;
            let table = Table::new(&["NAME", "USED BY", "VERSION", "CHANGED"]);
            shared::listed(context, &answer, table, |secret| {
                let changed = time(secret, "updated_at");
                vec![at(secret, "name"), used_by(secret), at(secret, "version"), changed]
            })
        }
        Secret::Delete(named) => {
            let client = context.client(named.server.url.as_deref())?;
            client.delete(&format!("{PATH}/{}", segment(&named.name)))?;
            context.console.say(&format!("deleted the secret `{}`", named.name));
            Ok(())
        }
    }
}

fn used_by(secret: &Value) -> String {
    let names = secret.get("used_by").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
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
