//! `bursar price import` and `price diff`: price lists of other programs, and what they would change.

use super::{at, book_with};
use crate::context::{Context, read_text};
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_pricing::file;
use bursar_pricing::import::{self, ImportOptions, Imported, SourceFormat};
use bursar_pricing::{Diff, diff};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A price list.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// The price list; `-` reads standard input
    file: PathBuf,
    /// Whose list it is [default: told from the text]
    #[arg(long, value_name = "FORMAT", value_parser = source_format)]
    from: Option<SourceFormat>,
    /// Where the list came from, for rows that do not name a source
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// From when rows without a date of their own apply
    #[arg(long, value_name = "DATE")]
    effective_from: Option<String>,
    /// Take over the dates that the list states
    #[arg(long)]
    own_dates: bool,
}

/// Arguments of `bursar price import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    #[command(flatten)]
    list: List,
    /// Write the price file there instead of standard output; an existing file is not overwritten
    #[arg(long, short, value_name = "FILE", conflicts_with = "dry_run")]
    output: Option<PathBuf>,
    /// Only say what laying it over the book would change, as `price diff` does, and what could not be taken over
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: a price file laid over the built-in book; may be repeated, the last wins
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    prices: Vec<PathBuf>,
}

/// Arguments of `bursar price diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    list: List,
    /// A price file laid over the built-in book; may be repeated, the last wins
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
    /// Compare with what is in force at this time or date [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

fn source_format(word: &str) -> Result<SourceFormat, String> {
    SourceFormat::parse(word).ok_or_else(|| {
        let words: Vec<&str> = SourceFormat::ALL.iter().map(|format| format.as_str()).collect();
        format!("known: {}", words.join(", "))
    })
}

fn read(list: &List, context: &mut Context<'_>) -> Result<Imported, Failure> {
    let name = list.file.display().to_string();
    let text = if name == "-" {
        String::from_utf8_lossy(&context.console.read_input(bursar_pricing::limits::FILE_BYTES_MAX)?)
            .into_owned()
    } else {
        read_text(&list.file)?
    };
    let effective_from = match &list.effective_from {
        None => None,
        Some(_) => Some(at(list.effective_from.as_ref(), context)?),
    };
    let source = list
        .source
        .clone()
        .unwrap_or_else(|| list.file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let options = ImportOptions { effective_from, source, own_dates: list.own_dates };
    import::import(&text, list.from, &options)
        .map_err(|error| Failure::failed(format!("`{name}` is {error}")))
}

/// Writes the list as a price file, and says what could not be taken over.
pub(crate) fn run(args: &Import, context: &mut Context<'_>) -> Result<(), Failure> {
    let imported = read(&args.list, context)?;
    if args.dry_run {
        let now = context.now;
        tell(&diff(&book_with(&args.prices)?, &imported.rows, now), context)?;
        context.console.say(imported.report.to_string().trim_end());
        return Ok(());
    }
    let text = file::to_toml(&imported.rows);
    if let Some(path) = &args.output {
        if path.exists() {
            return Err(Failure::refused(format!("`{}` exists and is not overwritten", path.display())));
        }
        std::fs::write(path, &text).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    if context.json {
        let report = &imported.report;
        context.console.json(&json!({
            "models": report.models,
            "rows": report.rows,
            "unpriced": report.unpriced,
            "affected": report.affected(),
            "rounded": report.rounded,
            "contradictions": report.contradictions,
            "price_file": if args.output.is_some() { Value::Null } else { Value::from(text) },
        }))?;
    } else if args.output.is_none() {
        context.console.data(&text)?;
    }
    context.console.say(imported.report.to_string().trim_end());
    Ok(())
}

/// Says what laying the list over the book would change.
pub(crate) fn compare(args: &Compare, context: &mut Context<'_>) -> Result<(), Failure> {
    let imported = read(&args.list, context)?;
    let book = book_with(&args.prices)?;
    let found = diff(&book, &imported.rows, at(args.at.as_ref(), context)?);
    tell(&found, context)
}

fn tell(found: &Diff, context: &mut Context<'_>) -> Result<(), Failure> {
    if context.json {
        return context.console.json(&as_json(found));
    }
    let mut out = String::new();
    for row in &found.added {
        out.push_str(&format!("+ {}/{}\n", row.provider, row.model));
    }
    for changed in &found.changed {
        out.push_str(&format!("~ {}/{} ({})\n", changed.provider, changed.model, changed.row));
        for field in &changed.fields {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            out.push_str(&format!("    {}: {} -> {}\n", field.field, text(&field.from), text(&field.to)));
        }
    }
    context.console.data(&out)?;
    context.console.say(&format!(
        "{} new, {} changed, {} the same, {} only in the book",
        found.added.len(),
        found.changed.len(),
        found.same,
        found.only_in_book
    ));
    Ok(())
}

fn as_json(found: &Diff) -> Value {
    let added: Vec<Value> =
        found.added.iter().map(|row| json!({ "provider": row.provider, "model": row.model })).collect();
    let field = |field: &bursar_pricing::FieldChange| json!({ "field": field.field, "from": field.from, "to": field.to });
    let changed = |row: &bursar_pricing::Changed| {
        json!({
            "provider": row.provider,
            "model": row.model,
            "price": row.row,
            "fields": row.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    json!({
        "added": added,
        "changed": found.changed.iter().map(changed).collect::<Vec<_>>(),
        "same": found.same,
        "only_in_book": found.only_in_book,
    })
}
