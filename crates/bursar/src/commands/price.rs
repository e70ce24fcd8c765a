//! `bursar price`: the price book. Only repricing and giving rows need a server.

mod import;
mod overlay;
mod reprice;

use crate::context::{Context, read_text};
use crate::exit::Failure;
use crate::table::Table;
use bursar_core::{Pattern, Timestamp, UsageClass};
use bursar_pricing::{PriceBook, PriceRow, RateClass, file, vendor};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List prices
    List(List),
    /// Show every row of a model
    Show(Show),
    /// Turn a price list of LiteLLM, models.dev or genai-prices into a price file
    Import(import::Import),
    /// Compare a price list with the book
    Diff(import::Compare),
    /// Give a running server the rows of a price file: they win over the built-in ones, field by field
    Add(overlay::Add),
    /// The rows that a running server was given
    Added(overlay::Added),
    /// Withdraw a row that a running server was given
    Withdraw(overlay::Withdraw),
    /// Correct past requests whose price row turned out to be another
    Reprice(reprice::Reprice),
}

/// Which prices.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Of this provider
    #[arg(long)]
    provider: Option<String>,
    /// Of models meant by this name or pattern
    #[arg(long, value_name = "PATTERN")]
    model: Option<String>,
    /// In force at this time or date [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A price file laid over the built-in book; may be repeated, the last wins
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
}

/// Which model.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The model's name, or `provider/model`
    model: String,
    /// Of this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only the row in force at this time or date [default: every row]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A price file laid over the built-in book; may be repeated, the last wins
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List(list) => run_list(&list, context),
        Command::Show(show) => run_show(&show, context),
        Command::Import(args) => import::run(&args, context),
        Command::Diff(args) => import::compare(&args, context),
        Command::Add(args) => overlay::add(&args, context),
        Command::Added(args) => overlay::added(&args, context),
        Command::Withdraw(args) => overlay::withdraw(&args, context),
        Command::Reprice(args) => reprice::run(&args, context),
    }
}

/// The built-in book with price files laid over it.
pub(crate) fn book_with(files: &[PathBuf]) -> Result<PriceBook, Failure> {
    let mut book = PriceBook::builtin().overlay(Vec::new(), "none").map_err(anyhow::Error::from)?;
    for path in files {
        let text = read_text(path)?;
        book = book.overlay_toml(&text, &path.display().to_string()).map_err(|error| {
            let all: Vec<String> = error.wrong.iter().map(|wrong| format!("  {wrong}")).collect();
            Failure::failed(format!("`{}` cannot be used:\n{}", path.display(), all.join("\n")))
        })?;
    }
    Ok(book)
}

/// A time of the command line, or now.
pub(crate) fn at(text: Option<&String>, context: &Context<'_>) -> Result<Timestamp, Failure> {
    let read = |text: &String| {
        Timestamp::parse(text).ok_or_else(|| {
            Failure::usage(format!("`--at`: `{text}` is no time such as `2026-12-31T12:00:00Z`"))
        })
    };
    text.map_or(Ok(context.now), read)
}

fn run_list(list: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let book = book_with(&list.prices)?;
    let at = at(list.at.as_ref(), context)?;
    let provider = list.provider.as_deref().map(|name| vendor::named(name).unwrap_or(name));
    let pattern = list.model.as_deref().map(Pattern::new);
    let is_meant = |row: &&&Arc<PriceRow>| {
        let in_force = row.effective_from().is_none_or(|from| from <= at)
            && row.effective_until().is_none_or(|until| at < until);
        in_force
            && provider.is_none_or(|name| name == row.provider())
            && pattern.as_ref().is_none_or(|pattern| pattern.matches(row.model()))
            && book.find(row.provider(), row.model(), at).is_some_and(|current| current.id() == row.id())
    };
    let all = book.rows();
    let rows: Vec<&Arc<PriceRow>> = all.iter().filter(is_meant).copied().collect();
    if context.json {
        let items: Vec<Value> = rows.iter().map(|row| as_json(row)).collect();
        return context.console.json(&json!({ "items": items, "next_cursor": null }));
    }
    let mut table =
        Table::new(&["PROVIDER", "MODEL", ">INPUT", ">OUTPUT", ">CACHE READ", ">CONTEXT", "FROM", "ORIGIN"]);
    for row in &rows {
        let rate = |class: UsageClass| {
            row.spec().rates.get(class).map(|rate| rate.per_million()).unwrap_or_default()
        };
        let from =
            row.effective_from().map(|at| at.to_string().chars().take(10).collect()).unwrap_or_default();
        let context = row.facts().context.map(|tokens| tokens.to_string()).unwrap_or_default();
        let rates = [UsageClass::Input, UsageClass::Output, UsageClass::CacheRead].map(rate);
        let mut cells = vec![row.provider().to_owned(), row.model().to_owned()];
        cells.extend(rates);
        cells.extend([context, from, row.origin().to_string()]);
        table.row(cells);
    }
    if rows.is_empty() {
        context.console.say("none");
        return Ok(());
    }
    context.console.data(&table.render())?;
    context.console.say(&format!("{} rows; USD per million tokens, list price", rows.len()));
    Ok(())
}

fn run_show(show: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let book = book_with(&show.prices)?;
    let (provider, model) = match (&show.provider, show.model.split_once('/')) {
        (Some(provider), _) => (provider.clone(), show.model.clone()),
        // A name with a slash may be a model's own: such as those of resellers.
        (None, Some((provider, model))) if !book.history(named(provider), model).is_empty() => {
            (provider.to_owned(), model.to_owned())
        }
        (None, _) => (book.provider_of(&show.model).unwrap_or_default().to_owned(), show.model.clone()),
    };
    let rows = book.history(named(&provider), &model);
    let in_force = match show.at {
        None => None,
        Some(_) => Some(book.find(named(&provider), &model, at(show.at.as_ref(), context)?)),
    };
    let rows: Vec<&Arc<PriceRow>> = match in_force {
        None => rows.iter().collect(),
        Some(found) => found.into_iter().collect(),
    };
    if rows.is_empty() {
        let hint = "`bursar price list --model 'PATTERN*'` finds names";
        let then = show.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        return Err(
            Failure::refused(format!("E-PRICE-001: no price for model `{}`{then}", show.model)).hint(hint)
        );
    }
    if context.json {
        let items: Vec<Value> = rows.iter().map(|row| as_json(row)).collect();
        return context.console.json(&json!({ "items": items, "next_cursor": null }));
    }
    let texts: Vec<String> = rows
        .iter()
        .map(|row| format!("# {}, from {}\n{}", row.id(), row.origin(), file::row_to_toml(row.spec())))
        .collect();
    context.console.data(&texts.join("\n"))
}

fn named(provider: &str) -> &str {
    vendor::named(provider).unwrap_or(provider)
}

/// A row with its stated base rates, in USD per unit.
fn as_json(row: &PriceRow) -> Value {
    let rate =
        |(class, rate): (RateClass, bursar_core::Rate)| (class.to_string(), Value::from(rate.per_unit()));
    let rates: Map<String, Value> = row.spec().rates.iter().map(rate).collect();
    json!({
        "id": row.id().as_ref(),
        "provider": row.provider(),
        "model": row.model(),
        "effective_from": row.effective_from().map(|at| at.to_string()),
        "effective_until": row.effective_until().map(|at| at.to_string()),
        "source": row.source(),
        "origin": row.origin().as_ref(),
        "rates": rates,
        "context": row.facts().context,
        "max_output": row.facts().max_output,
    })
}
