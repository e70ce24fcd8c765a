//! `bursar ledger`: what is in suspense, corrections, and proof that the counters are what the entries say.

mod reconcile;
mod repair;
mod rollups;
mod verify;

use super::shared::{self, Page, Server};
use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, money, time};
use serde_json::json;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Recompute every counter from the journal and compare
    Verify(verify::Args),
    /// List attempts whose bill is unknown
    Suspense(Page),
    /// Correct what a window has settled
    Adjust(Adjust),
    /// Take an attempt in suspense off every window
    Forgive(Forgive),
    /// Compare a provider's bill with the records
    Reconcile(reconcile::Args),
    /// Count records again and compare with the roll-ups, or make these anew
    Rollups(rollups::Args),
}

/// A correction.
#[derive(Debug, clap::Args)]
pub(crate) struct Adjust {
    /// The budget's name
    budget: String,
    /// What is added to what was settled, such as `1.50` or `-20`
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
    /// The value of the budget's `per` attribute
    #[arg(long, value_name = "VALUE")]
    per: Option<String>,
    /// Why; kept in the journal
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

/// What is forgiven.
#[derive(Debug, clap::Args)]
pub(crate) struct Forgive {
    /// The id of the attempt, as `bursar ledger suspense` lists it
    id: String,
    /// Why; kept in the journal
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Verify(args) => verify::run(&args, context),
        Command::Reconcile(args) => reconcile::run(&args, context),
        Command::Rollups(args) => rollups::run(&args, context),
        Command::Suspense(page) => {
            let table = Table::new(&[
                "ID",
                "RESERVED AT",
                ">HOLD",
                ">EFFECTIVE",
                ">TOKENS",
                ">WINDOWS",
                "SETTLES AT",
            ]);
            shared::list(context, &page, "/ledger/suspense", &[], table, |row| {
                vec![
                    at(row, "id"),
                    time(row, "reserved_at"),
                    money(&at(row, "hold_usd")),
                    money(&at(row, "hold_effective_usd")),
                    at(row, "hold_tokens"),
                    at(row, "windows"),
                    time(row, "estimate_at"),
                ]
            })
        }
        Command::Adjust(args) => {
            let client = context.client(args.server.url.as_deref())?;
            let body = json!({ "budget": args.budget, "per": args.per, "amount": args.amount, "reason": args.reason });
            let answer = client.post("/ledger/adjust", &body)?;
            shared::show(context, &answer, |answer| {
                format!("{} budget `{}`", at(answer, "result"), args.budget)
            })
        }
        Command::Forgive(args) => {
            let client = context.client(args.server.url.as_deref())?;
            let path = format!("/ledger/suspense/{}/forgive", segment(&args.id));
            let answer = client.post(&path, &json!({ "reason": args.reason }))?;
            shared::show(context, &answer, |answer| format!("{} `{}`", at(answer, "result"), args.id))
        }
    }
}
