//! `bursar budget apply FILE`: makes the server's budgets those of a file.

use super::path;
use crate::client::Client;
use crate::commands::shared::Server;
use crate::config::budget_field_names;
use crate::context::{Context, read_text};
use crate::exit::Failure;
use crate::table::Table;
use anyhow::Context as _;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `bursar budget apply`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file with `[[budgets]]`, as in `bursar.toml`
    file: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
}

/// What is to be done with one budget.
struct Step {
    name: String,
    action: &'static str,
    changes: Vec<String>,
    body: Value,
}

/// Makes what is not there, changes what differs, leaves the rest alone. Every budget is checked before the first change.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let wanted = read(&args.file, context)?;
    let client = context.client(args.server.url.as_deref())?;
    let mut steps = Vec::new();
    for budget in wanted {
        steps.push(step(&client, budget)?);
    }
    if !args.dry_run {
        for step in &steps {
            match step.action {
                "create" => drop(client.post("/budgets", &step.body)?),
                "change" => drop(client.patch(&path(&step.name), &step.body)?),
                _ => {}
            }
        }
    }
    if context.json {
        let items: Vec<Value> = steps
            .iter()
            .map(|step| json!({ "name": step.name, "action": step.action, "fields": step.changes }))
            .collect();
        return context
            .console
            .json(&json!({ "items": items, "next_cursor": null, "dry_run": args.dry_run }));
    }
    let mut table = Table::new(&["BUDGET", "ACTION", "FIELDS"]);
    for step in &steps {
        table.row([step.name.clone(), step.action.to_owned(), step.changes.join(", ")]);
    }
    context.console.data(&table.render())
}

/// The budgets of the file as JSON, after every check that `bursar check` makes.
pub(super) fn read(file: &Path, context: &mut Context<'_>) -> Result<Vec<Map<String, Value>>, Failure> {
    let text = read_text(file)?;
    if let Err(report) = crate::config::read_budgets_alone(&text, file, &context.surroundings()) {
        context.console.say(&report.to_string());
        return Err(Failure::Silent);
    }
    let table: toml::Table = text.parse().with_context(|| format!("`{}` is not TOML", file.display()))?;
    let budgets = table.get("budgets").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    if budgets.is_empty() {
        return Err(Failure::failed(format!("`{}` has no `[[budgets]]`", file.display())));
    }
    let object = |value: toml::Value| match as_json(value) {
        Value::Object(map) => Some(map),
        _ => None,
    };
    Ok(budgets.into_iter().filter_map(object).collect())
}

/// TOML as JSON; instants and dates become texts, tags in tables of their own become `tag.NAME`.
fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(n) => Value::from(n),
        toml::Value::Float(n) => Value::from(n),
        toml::Value::Boolean(truth) => Value::from(truth),
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            let mut map = Map::new();
            for (name, value) in table {
                match (name.as_str(), value) {
                    ("tag", toml::Value::Table(tags)) => {
                        map.extend(
                            tags.into_iter().map(|(tag, value)| (format!("tag.{tag}"), as_json(value))),
                        );
                    }
                    (_, value) => drop(map.insert(name, as_json(value))),
                }
            }
            Value::Object(map)
        }
    }
}

/// Compares one budget with the server's. What the file leaves out goes back to its default.
fn step(client: &Client, wanted: Map<String, Value>) -> Result<Step, Failure> {
    let name = wanted.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(current) = client.find(&path(&name))? else {
        let changes = wanted.keys().filter(|field| *field != "name").cloned().collect();
        return Ok(Step { name, action: "create", changes, body: Value::Object(wanted) });
    };
    let mut body = Map::new();
    for field in budget_field_names().filter(|field| *field != "name") {
        let there = current.get(field).filter(|value| !is_default(field, value));
        match (wanted.get(field), there) {
            (Some(value), there) if !same(value, there) => drop(body.insert(field.to_owned(), value.clone())),
            (None, Some(_)) => {
                let default = if field == "active" { json!(true) } else { Value::Null };
                body.insert(field.to_owned(), default);
            }
            (Some(_), _) | (None, None) => {}
        }
    }
    let action = if body.is_empty() { "keep" } else { "change" };
    Ok(Step { name, action, changes: body.keys().cloned().collect(), body: Value::Object(body) })
}

/// Whether the server shows a field that a file would leave out.
fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "active" => value == &json!(true),
        "measure" | "cost_basis" => true,
        _ => value.is_null() || value == &json!([]) || value == &json!({}),
    }
}

/// Whether two values mean the same: one text and a list of it do.
fn same(wanted: &Value, there: Option<&Value>) -> bool {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    match (wanted, there) {
        (_, None) => false,
        (Value::Object(a), Some(Value::Object(b))) => {
            a.len() == b.len() && a.iter().all(|(name, value)| same(value, b.get(name)))
        }
        (Value::String(a), Some(Value::String(b))) => {
            let limit = |text: &str| crate::config::Limit::parse(text).ok();
            a == b || (limit(a).is_some() && limit(a) == limit(b))
        }
        (a, Some(b)) => list(a) == list(b),
    }
}
