//! `bursar check`: names every mistake in the configuration, and what a reload would change.

mod plan;

use super::shared::Server;
use crate::config::{Checked, Config, Report, Severity};
use crate::context::Context;
use crate::exit::Failure;
use crate::serve::{self, ServeError};
use serde_json::{Value, json};

/// Arguments of `bursar check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ask the running server what a reload would change
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    server: Server,
}

/// Checks; fails where there is a mistake.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let checked = match context.read_config()? {
        Ok(checked) => checked,
        Err(report) => return fail(&report, context),
    };
    serve::check_prices(&checked.config, &context.surroundings()).map_err(unpriced)?;
    let plan = if args.diff {
        let client = context.client(args.server.url.as_deref())?;
        Some(plan::plan(&checked.config, &client)?)
    } else {
        None
    };
    if context.json {
        let mut shown = as_json(&checked.warnings);
        if let (Value::Object(map), Some(plan)) = (&mut shown, &plan) {
            map.insert("plan".to_owned(), plan.iter().map(plan::Step::as_json).collect());
        }
        return context.console.json(&shown);
    }
    say(&checked, context);
    match plan {
        None => Ok(()),
        Some(plan) => context.console.data(&plan::text(&plan)),
    }
}

/// Every row of the price file that is wrong, or what else keeps the prices from being used.
fn unpriced(error: ServeError) -> Failure {
    match error {
        ServeError::Prices(book) => {
            let all: Vec<String> = book.wrong.iter().map(|wrong| format!("  {wrong}")).collect();
            Failure::failed(format!(
                "`{}` in the data directory cannot be used:\n{}",
                book.origin,
                all.join("\n")
            ))
        }
        other => Failure::from(anyhow::Error::from(other)),
    }
}

fn fail(report: &Report, context: &mut Context<'_>) -> Result<(), Failure> {
    if context.json {
        context.console.json(&as_json(report))?;
    } else {
        context.console.say(&report.to_string());
    }
    Err(Failure::Silent)
}

fn say(checked: &Checked, context: &mut Context<'_>) {
    if !checked.warnings.items.is_empty() {
        context.console.say(&checked.warnings.to_string());
    }
    let file = context.config_file();
    let name = file.map_or_else(|| "the environment".to_owned(), |path| format!("`{}`", path.display()));
    let config = &checked.config;
    context.console.say(&format!("{name} has no mistakes: {}", counts(config)));
}

fn counts(config: &Config) -> String {
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    [
        count(config.providers.len(), "provider"),
        count(config.models.len(), "model"),
        count(config.projects.len(), "project"),
        count(config.users.len(), "user"),
        count(config.keys.len(), "key"),
        count(config.budgets.len(), "budget"),
    ]
    .join(", ")
}

fn as_json(report: &Report) -> Value {
    let item = |item: &crate::config::ReportItem| {
        json!({
            "severity": match item.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "line": item.at.map(|(line, _)| line),
            "column": item.at.map(|(_, column)| column),
            "variable": item.variable,
            "field": item.field,
            "message": item.message,
            "help": item.help,
        })
    };
    json!({ "file": report.file, "mistakes": report.items.iter().map(item).collect::<Vec<_>>() })
}
