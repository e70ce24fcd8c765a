//! `bursar throttle`: who is routed away from and why, a person's decisions, and what happened.

use super::shared::{self, Body, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, money, time};
use serde_json::Value;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the rules, every provider's projection, and who is routed away from
    Status(Server),
    /// Route away from a provider, or never do so, until it is cleared
    Force(Box<Force>),
    /// Let the projection decide again
    Clear(Clear),
    /// List what happened, newest first
    History(History),
}

/// A person's decision.
#[derive(Debug, clap::Args)]
pub(crate) struct Force {
    /// The provider
    provider: String,
    /// `on` routes away, `off` never does
    #[arg(value_parser = ["on", "off"], default_value = "on")]
    state: String,
    /// Why; kept with the throttle and in the audit
    #[arg(long)]
    reason: String,
    /// Until when: a time, a date, or a duration from now such as `2h`
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// For this project only
    #[arg(long)]
    project: Option<String>,
    /// For this model only
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// What to clear.
#[derive(Debug, clap::Args)]
pub(crate) struct Clear {
    /// The provider
    provider: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// The decision about this project
    #[arg(long)]
    project: Option<String>,
    /// The decision about this model
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Which events.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// Of this provider
    #[arg(long)]
    provider: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Status(server) => {
            let status = context.client(server.url.as_deref())?.get("/throttle", &[])?;
            shared::show(context, &status, status_text)
        }
        Command::Force(force) => {
            let until = force.until.as_deref().map(|text| shared::instant(text, context.now)).transpose()?;
            let body = Body::default()
                .with("provider", Some(force.provider.as_str()))
                .with("throttled", Some(force.state == "on"))
                .with("reason", Some(force.reason.as_str()))
                .with("until", until.map(|until| until.to_string()))
                .with("project", force.project.as_deref())
                .with("model", force.model.as_deref());
            let client = context.client(force.server.url.as_deref())?;
            let row = client.post("/throttle", &body.into_value())?;
            shared::show(context, &row, row_text)
        }
        Command::Clear(clear) => {
            let client = context.client(clear.server.url.as_deref())?;
            let mut path = format!("/throttle/{}", segment(&clear.provider));
            let query = [("project", &clear.project), ("model", &clear.model), ("reason", &clear.reason)];
            let mut sign = '?';
            for (name, value) in query {
                if let Some(value) = value {
                    path.push_str(&format!("{sign}{name}={}", segment(value)));
                    sign = '&';
                }
            }
            client.delete(&path)?;
            context.console.say(&format!("provider `{}` is back to its projection", clear.provider));
            Ok(())
        }
        Command::History(history) => {
            let table = Table::new(&["AT", "EVENT", "PROVIDER", "PROJECT", "MODEL", "BY", "MESSAGE"]);
            let query = [("provider", history.provider.as_deref())];
            shared::list(context, &history.page, "/throttle/history", &query, table, |event| {
                let mut cells = vec![time(event, "at")];
                cells.extend(
                    ["event", "provider", "project", "model", "actor", "message"]
                        .iter()
                        .map(|name| at(event, name)),
                );
                cells
            })
        }
    }
}

fn status_text(status: &Value) -> String {
    let is = |name: &str| status.get(name).and_then(Value::as_bool).unwrap_or_default();
    let mut lines = Vec::new();
    let mode = if is("dry_run") { "dry run: nothing is re-routed" } else { "acts" };
    lines.push(format!(
        "{mode}; throttles at a ratio of {}, releases below {}, by {}",
        at(status, "engage_ratio"),
        at(status, "release_ratio"),
        at(status, "projection")
    ));
    let age = match at(status, "age_s").as_str() {
        "" => "not evaluated yet".to_owned(),
        age => format!("evaluated {age} s ago, next at {}", time(status, "next_evaluation_at")),
    };
    lines.push(age);
    if is("stale") {
        let problem = at(status, "problem");
        lines.push(format!("STALE: {} evaluations were missed: {problem}", at(status, "missed")));
    }
    let mut table = Table::new(&[
        "PROVIDER",
        "PROJECT",
        "MODEL",
        "STATE",
        "BUDGET",
        ">SPENT",
        ">PROJECTED",
        ">LIMIT",
        ">RATIO",
        "STATUS",
    ]);
    let list = |name: &str| status.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for item in list("items") {
        let windows = item.get("windows").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut head = vec![at(&item, "provider"), at(&item, "project"), at(&item, "model"), state(&item)];
        for window in windows.iter().map(Some).chain(windows.is_empty().then_some(None)) {
            let mut cells = std::mem::replace(&mut head, vec![String::new(); 4]);
            let get = |name: &str| window.map(|window| at(window, name)).unwrap_or_default();
            let usd = window.is_some_and(|window| at(window, "measure") == "usd");
            let amount = |name: &str| match get(name).as_str() {
                "" => String::new(),
                text if usd => money(text),
                text => text.to_owned(),
            };
            cells.extend([get("budget"), amount("spent"), amount("projected"), amount("limit")]);
            cells.extend([get("ratio"), get("status")]);
            table.row(cells);
        }
    }
    if table.is_empty() {
        lines.push("no budget speaks of a provider".to_owned());
    } else {
        lines.push(table.render());
    }
    lines.extend(list("items").iter().filter_map(dry_run));
    for item in list("unbudgeted") {
        let cost = money(&at(&item, "effective_cost"));
        lines.push(format!("no budget speaks of `{}`: {cost} in 30 days", at(&item, "provider")));
    }
    lines.join("\n")
}

/// What a dry run would have done so far.
fn dry_run(item: &Value) -> Option<String> {
    let moved = item.get("would_have_moved").filter(|moved| moved.is_object())?;
    let mut who = format!("`{}`", at(item, "provider"));
    for (name, word) in [("project", " for project"), ("model", " with model")] {
        if !at(item, name).is_empty() {
            who.push_str(&format!("{word} `{}`", at(item, name)));
        }
    }
    if at(moved, "requests") == "0" {
        return Some(format!("dry run of {who}: no request would have moved so far"));
    }
    let to = moved.get("to").and_then(Value::as_array).into_iter().flatten();
    let mut parts: Vec<String> =
        to.map(|to| format!("{} to `{}`", at(to, "requests"), at(to, "provider"))).collect();
    if at(moved, "refused") != "0" {
        parts.push(format!("{} would have been refused", at(moved, "refused")));
    }
    let (requests, cost) = (at(moved, "requests"), money(&at(moved, "list_cost")));
    Some(format!(
        "dry run of {who}: {requests} requests that cost {cost} would have moved: {}",
        parts.join(", ")
    ))
}

fn state(item: &Value) -> String {
    let is = |name: &str| item.get(name).and_then(Value::as_bool);
    match (is("forced"), is("throttled"), is("engaged")) {
        (Some(true), ..) => "forced on".to_owned(),
        (Some(false), ..) => "forced off".to_owned(),
        (None, Some(true), _) => "throttled".to_owned(),
        (None, _, Some(true)) => "would be throttled".to_owned(),
        (None, ..) => "open".to_owned(),
    }
}

fn row_text(row: &Value) -> String {
    let mut text = format!("provider `{}`: {}", at(row, "provider"), state(row));
    if !at(row, "forced_until").is_empty() {
        text.push_str(&format!(" until {}", time(row, "forced_until")));
    }
    text.push_str(&format!(": {}", at(row, "reason")));
    text
}
