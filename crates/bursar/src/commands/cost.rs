//! `bursar cost`: prices a usage with the engine that makes holds and bills. No server needed.

mod usage;

use super::price::{self, book_with};
use crate::config::nearest;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at};
use bursar_core::amount::PICO_PLACES;
use bursar_core::{ApiFormat, Multiplier, Timestamp, decimal};
use bursar_pricing::{Conditions, Cost, PriceBook, PriceRow, vendor};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `bursar cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who answered, such as `anthropic`
    #[arg(long)]
    provider: String,
    /// The model's name at that provider
    #[arg(long)]
    model: String,
    /// Flat counts such as `{"input": 1200, "output": 80}`; with `--api-format` the provider's own; `-` reads standard input
    #[arg(long, value_name = "JSON")]
    usage: String,
    /// `--usage` is the provider's own object of this API format, such as `anthropic_messages`
    #[arg(long, value_name = "FORMAT", value_parser = api_format)]
    api_format: Option<ApiFormat>,
    /// A price file laid over the built-in book; may be repeated, the last wins
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
    /// When it was sent: a time or a date [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Factor from list cost to effective cost
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = multiplier)]
    multiplier: Multiplier,
    /// The service tier that answered, in the provider's word
    #[arg(long, value_name = "TIER")]
    service_tier: Option<String>,
    /// The region that answered, in the provider's word
    #[arg(long)]
    region: Option<String>,
}

/// Prices the usage and writes the lines and totals as JSON.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let text = match args.usage.as_str() {
        "-" => String::from_utf8_lossy(&context.console.read_input(usage::USAGE_BYTES_MAX)?).into_owned(),
        text => text.to_owned(),
    };
    let usage = usage::read(&text, args.api_format, &args.provider)?;
    let at = price::at(args.at.as_ref(), context)?;
    let book = book_with(&args.prices)?;
    let provider = vendor::named(&args.provider).unwrap_or(&args.provider);
    let Some(row) = book.find(provider, &args.model, at) else {
        return Err(no_price(&book, provider, &args.model, at));
    };
    let conditions = Conditions {
        api_format: args.api_format,
        service_tier: args.service_tier.as_deref(),
        region: args.region.as_deref(),
        ..Conditions::at(at)
    };
    let cost = bursar_pricing::cost(row, &usage, &conditions);
    for class in &cost.unpriced {
        context.console.warn(&format!("`{class}` was used and has no rate: it is charged at nothing"));
    }
    if let Some(asked) = args.service_tier.as_deref().filter(|tier| !row.has_service_tier(tier)) {
        context.console.warn(&format!("`{asked}` has no rates of its own in that row: charged as standard"));
    }
    let answer = shown(&cost, row, args.multiplier);
    if context.json || !context.console.charts {
        return context.console.json(&answer);
    }
    context.console.data(&told(&answer))
}

/// For people at a terminal.
fn told(answer: &Value) -> String {
    let mut table = Table::new(&["CLASS", ">UNITS", ">USD PER UNIT", ">AMOUNT USD"]);
    for line in answer.get("lines").and_then(Value::as_array).into_iter().flatten() {
        table.row(["class", "units", "rate", "amount"].map(|name| at(line, name)));
    }
    let price = answer.get("price").cloned().unwrap_or_default();
    let rates = match at(answer, "rates").as_str() {
        "" => "base rates".to_owned(),
        path => format!("`{path}`, for a prompt of {} tokens", at(answer, "tier_context")),
    };
    format!(
        "{}list cost {} USD, effective cost {} USD\nrow `{}`, {rates}\n",
        table.render(),
        at(answer, "list_cost"),
        at(answer, "effective_cost"),
        at(&price, "id"),
    )
}

fn shown(cost: &Cost, row: &PriceRow, multiplier: Multiplier) -> Value {
    let line = |line: &bursar_pricing::Line| {
        json!({
            "class": line.class.as_str(),
            "units": line.units,
            "rate": line.rate.per_unit(),
            "amount": exact(line.amount_pico),
        })
    };
    let mut shown = json!({
        "lines": cost.lines.iter().map(line).collect::<Vec<_>>(),
        "list_cost": cost.list.to_string(),
        "effective_cost": cost.effective(multiplier).to_string(),
        "tier_index": cost.tier_index,
        "tier_context": cost.tier_context,
        "service_tier": row.service_tier(cost.place),
        "rates": row.path(cost.place),
        "price": {
            "id": row.id().as_ref(),
            "effective_from": row.effective_from().map(|at| at.to_string()),
            "source": row.source(),
        },
    });
    if !cost.unpriced.is_empty()
        && let Value::Object(map) = &mut shown
    {
        let words: Vec<&str> = cost.unpriced.iter().map(|class| class.as_str()).collect();
        map.insert("unpriced".to_owned(), json!(words));
    }
    shown
}

/// Pico-USD as decimal USD, all twelve places where they are needed.
fn exact(pico: u128) -> String {
    decimal::format(i128::try_from(pico).unwrap_or(i128::MAX), PICO_PLACES)
}

/// No price, no call: the same answer as the gateway gives.
fn no_price(book: &PriceBook, provider: &str, model: &str, at: Timestamp) -> Failure {
    let message = format!("E-PRICE-001: no price for model `{model}` at provider `{provider}` at {at}");
    let rows = book.rows();
    let models = rows.iter().filter(|row| row.provider() == provider).map(|row| row.model());
    let hint = if let Some(first) = book.history(provider, model).first() {
        let from = first.effective_from().map(|at| at.to_string()).unwrap_or_default();
        format!("its first price is effective from {from}")
    } else if let Some(near) = nearest(model, models) {
        format!("did you mean `{near}`?")
    } else if let Some(seller) = book.provider_of(model) {
        format!("the price book has it at provider `{seller}`")
    } else {
        "`bursar price list` shows what has a price; `--prices FILE` adds to it".to_owned()
    };
    Failure::refused(message).hint(hint)
}

/// Reads the word of an API format.
pub(super) fn api_format(word: &str) -> Result<ApiFormat, String> {
    ApiFormat::parse(word).ok_or_else(|| {
        let words: Vec<&str> = ApiFormat::ALL.iter().map(|format| format.as_str()).collect();
        format!("known: {}", words.join(", "))
    })
}

fn multiplier(text: &str) -> Result<Multiplier, String> {
    Multiplier::parse(text).map_err(|error| error.to_string())
}
