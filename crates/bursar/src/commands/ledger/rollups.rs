//! `bursar ledger rollups`: the proof that roll-ups and records of a running server tell the same.

use crate::commands::shared::{self, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at};
use serde_json::{Value, json};

/// Arguments of `bursar ledger rollups`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this month in UTC, such as `202603`
    #[arg(long, value_name = "YYYYMM")]
    month: Option<String>,
    /// Make the roll-ups anew from their records
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    server: Server,
}

/// Checks or rebuilds; fails where roll-ups differ and were left so.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let answer = if args.rebuild {
        client.post("/usage/rollups/rebuild", &json!({ "month": args.month }))?
    } else {
        client.get("/usage/rollups", &[("month", args.month.as_deref())])?
    };
    shared::show(context, &answer, text)?;
    if args.rebuild {
        context.console.say("the roll-ups are made anew; what differed before is shown");
    } else if answer.get("sound").and_then(Value::as_bool) != Some(true) {
        return Err(Failure::failed("roll-ups are not what their records add up to")
            .hint("`--rebuild` makes them anew"));
    }
    Ok(())
}

fn text(answer: &Value) -> String {
    let months = answer.get("months").and_then(Value::as_array);
    let mut table = Table::new(&["MONTH", ">RECORDS", ">ROWS", ">DIFFERING"]);
    let mut differences = String::new();
    for month in months.into_iter().flatten() {
        table.row(["month", "records", "rows", "differing"].map(|name| at(month, name)));
        for difference in month.get("differences").and_then(Value::as_array).into_iter().flatten() {
            differences.push_str(difference.as_str().unwrap_or_default());
            differences.push('\n');
        }
    }
    table.render() + &differences
}
