//! `bursar price reprice`: corrects past requests whose price row turned out to be another.

use crate::commands::shared::{self, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, money};
use bursar_core::Usd;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Arguments of `bursar price reprice`.
#[derive(Debug, clap::Args)]
pub(crate) struct Reprice {
    /// Requests created at or after this time or date
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Requests created before this time or date [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Served by this provider
    #[arg(long)]
    provider: Option<String>,
    /// That asked for this model
    #[arg(long)]
    model: Option<String>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Why; kept in the journal with each correction
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// What all steps together did.
#[derive(Default)]
struct Sum {
    examined: u64,
    repriced: u64,
    skipped: BTreeMap<String, u64>,
    /// By provider, model and rows: requests, and what is added to list and effective cost.
    models: BTreeMap<[String; 4], (u64, Usd, Usd)>,
}

/// Goes through the records step by step and shows what changed.
pub(crate) fn run(args: &Reprice, context: &mut Context<'_>) -> Result<(), Failure> {
    let until = args.until.clone().unwrap_or_else(|| context.now.to_string());
    let client = context.client(args.server.url.as_deref())?;
    let mut sum = Sum::default();
    let mut cursor = Value::Null;
    loop {
        let body = json!({
            "since": args.since, "until": until, "provider": args.provider, "model": args.model,
            "dry_run": args.dry_run, "reason": args.reason, "cursor": cursor,
        });
        let step = client.post("/prices/reprice", &body)?;
        sum.add(&step);
        cursor = step.get("next_cursor").cloned().unwrap_or_default();
        if cursor.is_null() {
            break;
        }
    }
    shared::show(context, &sum.as_json(args.dry_run), |_| sum.text(args.dry_run))
}

impl Sum {
    fn add(&mut self, step: &Value) {
        let count = |name: &str| step.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.examined += count("examined");
        self.repriced += count("repriced");
        for (reason, skipped) in step.get("skipped").and_then(Value::as_object).into_iter().flatten() {
            *self.skipped.entry(reason.clone()).or_default() += skipped.as_u64().unwrap_or(0);
        }
        for model in step.get("models").and_then(Value::as_array).into_iter().flatten() {
            let key = ["provider", "model", "from_row", "to_row"].map(|name| at(model, name));
            let usd = |name: &str| Usd::parse(&at(model, name)).unwrap_or_default();
            let (requests, list, effective) = self.models.entry(key).or_default();
            *requests += model.get("requests").and_then(Value::as_u64).unwrap_or(0);
            *list = list.saturating_add(usd("list_cost"));
            *effective = effective.saturating_add(usd("effective_cost"));
        }
    }

    fn as_json(&self, dry_run: bool) -> Value {
        let model = |([provider, model, from_row, to_row], (requests, list, effective)): (
            &[String; 4],
            &(u64, Usd, Usd),
        )| {
            json!({
                "provider": provider, "model": model, "from_row": from_row, "to_row": to_row,
                "requests": requests, "list_cost": list.to_string(), "effective_cost": effective.to_string(),
            })
        };
        let skipped: Map<String, Value> =
            self.skipped.iter().map(|(reason, count)| (reason.clone(), (*count).into())).collect();
        json!({
            "dry_run": dry_run, "examined": self.examined, "repriced": self.repriced, "skipped": skipped,
            "items": self.models.iter().map(model).collect::<Vec<_>>(), "next_cursor": null,
        })
    }

    fn text(&self, dry_run: bool) -> String {
        let mut table =
            Table::new(&["PROVIDER", "MODEL", "FROM ROW", "TO ROW", ">REQUESTS", ">LIST COST", ">EFFECTIVE"]);
        for ([provider, model, from_row, to_row], (requests, list, effective)) in &self.models {
            table.row([
                provider.clone(),
                model.clone(),
                from_row.clone(),
                to_row.clone(),
                requests.to_string(),
                money(&list.to_string()),
                money(&effective.to_string()),
            ]);
        }
        let mut out = if table.is_empty() { String::new() } else { table.render() };
        let verb = if dry_run { "would be repriced" } else { "repriced" };
        out.push_str(&format!("{} of {} requests {verb}", self.repriced, self.examined));
        for (reason, count) in &self.skipped {
            out.push_str(&format!(", {count} skipped ({reason})"));
        }
        out.push('\n');
        out
    }
}
