//! `bursar ledger reconcile FILE`: compares a provider's bill with the records.
//!
//! Rows with a request id are compared one by one; rows without are compared by day (UTC), provider and model.

mod csv;
mod export;
mod matching;

use crate::commands::shared::{self, Server};
use crate::context::{Context, read_text};
use crate::exit::Failure;
use crate::table::Table;
use bursar_core::amount::PICO_PLACES;
use bursar_core::decimal;
use export::Billed;
use matching::{Comparison, Verdict};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `bursar ledger reconcile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// OpenAI costs or Anthropic cost report as JSON, OpenRouter activity as CSV, or a CSV with the columns
    /// upstream_request_id, provider, model, at, cost_usd
    file: PathBuf,
    /// Who sent the bill, where the file does not say [default: told from the file]
    #[arg(long)]
    provider: Option<String>,
    /// Amounts may differ by so much
    #[arg(long, value_name = "USD", default_value = "0.000001")]
    tolerance: String,
    #[command(flatten)]
    server: Server,
}

/// Records read at most: a month of a busy team.
const RECORDS_MAX: usize = 2_000_000;

/// Compares, shows what differs, and fails where anything does.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let tolerance = export::pico(&args.tolerance)
        .ok_or_else(|| Failure::usage(format!("`--tolerance`: `{}` is no amount in USD", args.tolerance)))?;
    let text = read_text(&args.file)?;
    let billed = export::read(&text, args.provider.as_deref())
        .map_err(|problem| Failure::failed(format!("`{}`: {problem}", args.file.display())))?;
    let (Some(first), Some(last)) =
        (billed.iter().map(|row| row.day.as_str()).min(), billed.iter().map(|row| row.day.as_str()).max())
    else {
        context.console.say("the file bills nothing");
        return Ok(());
    };
    let client = context.client(args.server.url.as_deref())?;
    let until = matching::day_after(last);
    let query = [("from", Some(first)), ("until", Some(until.as_str()))];
    let records = client.all("/requests", &query, RECORDS_MAX)?;
    let compared = matching::compare(&billed, &records, tolerance);
    show(&compared, context)?;
    if compared.iter().all(|row| row.verdict == Verdict::Matched) {
        Ok(())
    } else {
        Err(Failure::failed("the bill and the records differ"))
    }
}

fn show(compared: &[Comparison], context: &mut Context<'_>) -> Result<(), Failure> {
    let count = |verdict: Verdict| compared.iter().filter(|row| row.verdict == verdict).count();
    let usd = |pico: Option<i128>| pico.map(|pico| decimal::format(pico, PICO_PLACES));
    let row = |row: &Comparison| {
        json!({
            "verdict": row.verdict.as_str(),
            "upstream_request_id": row.upstream_request_id,
            "day": row.day,
            "provider": row.provider,
            "model": row.model,
            "billed": usd(row.billed),
            "recorded": usd(row.recorded),
        })
    };
    let sums = matching::drift(compared);
    let drift = |([day, provider, model], sum): (&[&str; 3], &matching::Drift)| {
        json!({
            "day": day,
            "provider": provider,
            "model": model,
            "lines": sum.lines,
            "billed": usd(Some(sum.billed)),
            "recorded": usd(Some(sum.recorded)),
            "drift": usd(Some(sum.billed.saturating_sub(sum.recorded))),
        })
    };
    let answer = json!({
        "drift": sums.iter().map(drift).collect::<Vec<Value>>(),
        "matched": count(Verdict::Matched),
        "missing": count(Verdict::Missing),
        "differing": count(Verdict::Differing),
        "items": compared.iter().filter(|row| row.verdict != Verdict::Matched).map(row).collect::<Vec<Value>>(),
        "next_cursor": null,
    });
    shared::show(context, &answer, |_| {
        let mut table =
            Table::new(&["VERDICT", "DAY", "PROVIDER", "MODEL", "REQUEST", ">BILLED", ">RECORDED"]);
        for row in compared.iter().filter(|row| row.verdict != Verdict::Matched) {
            table.row([
                row.verdict.as_str().to_owned(),
                row.day.clone(),
                row.provider.clone(),
                row.model.clone(),
                row.upstream_request_id.clone().unwrap_or_default(),
                usd(row.billed).unwrap_or_else(|| "-".to_owned()),
                usd(row.recorded).unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        let counts = format!(
            "{} matched, {} missing, {} differing\n",
            count(Verdict::Matched),
            count(Verdict::Missing),
            count(Verdict::Differing)
        );
        let mut drift = Table::new(&["DAY", "PROVIDER", "MODEL", ">LINES", ">BILLED", ">RECORDED", ">DRIFT"]);
        for ([day, provider, model], sum) in sums.iter().filter(|(_, sum)| sum.billed != sum.recorded) {
            let amounts = [sum.billed, sum.recorded, sum.billed.saturating_sub(sum.recorded)];
            let mut cells = [*day, *provider, *model].map(str::to_owned).to_vec();
            cells.push(sum.lines.to_string());
            cells.extend(amounts.map(|pico| usd(Some(pico)).unwrap_or_default()));
            drift.row(cells);
        }
        let drift = if drift.is_empty() { String::new() } else { format!("\n{}", drift.render()) };
        let rows = if table.is_empty() { String::new() } else { table.render() };
        format!("{rows}{counts}{drift}")
    })
}

#[cfg(test)]
mod tests;
