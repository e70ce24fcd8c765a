//! `bursar usage`: where the money went.

mod chart;
mod options;
mod text;

use super::shared::{self, Server};
use super::which::Whose;
use crate::context::Context;
use crate::exit::Failure;
use options::{Asked, Ended, Subject};
use serde_json::Value;

/// What to tell.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What was used, by period and names
    Summary(Box<Summary>),
    /// The usage of one project, user, key, agent, run or session, by model
    Show(Box<Show>),
    /// Who used most
    Top(Box<Top>),
    /// Daily activity of a year
    Heatmap(Box<Heatmap>),
    /// What prompt caching saved
    Cache(Box<Grouped>),
    /// For how long prompt caches should be kept
    Ttl(Box<Grouped>),
    /// Gaps between requests over time
    Timeline(Box<Grouped>),
    /// How long answers took
    Latency(Box<Grouped>),
    /// Refusals and failures by code
    Errors(Box<Plain>),
    /// Where budgets stand
    Budgets(Box<Standing>),
    /// Requests in flight and what they hold
    Active(Box<Standing>),
    /// Spend that no budget counted
    Unbudgeted(Box<Grouped>),
}

/// Arguments of `bursar usage summary`.
#[derive(Debug, clap::Args)]
pub(crate) struct Summary {
    /// Cut into `hour`, `day`, `week`, `month` or `year`
    #[arg(long)]
    period: Option<String>,
    /// Group by names, with commas: project, user, key, agent, run, session, provider, model, tag, code
    #[arg(long, value_name = "NAMES")]
    by: Option<String>,
    /// `next_cursor` of the page before
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    ended: Ended,
    #[command(flatten)]
    asked: Asked,
}

/// Arguments of `bursar usage show`.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// `hour`, `day`, `week`, `month`, `year` or `total`
    #[arg(long, default_value = "day")]
    period: String,
    /// The instant whose period is meant: a time or a date [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    ended: Ended,
    #[command(flatten)]
    subject: Subject,
}

/// Arguments of `bursar usage top`.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    /// Rank project, user, key, agent, run, session, provider, model, tag or code
    #[arg(long, default_value = "user", value_name = "NAME")]
    by: String,
    /// By cost, effective_cost, tokens, requests, unbudgeted or refused
    #[arg(long, default_value = "cost")]
    order: String,
    #[command(flatten)]
    ended: Ended,
    #[command(flatten)]
    asked: Asked,
}

/// Arguments of `bursar usage heatmap`.
#[derive(Debug, clap::Args)]
pub(crate) struct Heatmap {
    /// Days that end with today
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Shade by requests, cost, effective_cost, tokens, unbudgeted or refused
    #[arg(long, default_value = "requests")]
    order: String,
    /// Shade in proportion to the busiest day instead of by quarters of the days with use
    #[arg(long)]
    linear: bool,
    #[command(flatten)]
    subject: Subject,
}

/// Arguments of reports that may be grouped.
#[derive(Debug, clap::Args)]
pub(crate) struct Grouped {
    /// Group by a name such as user, key, model or project
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// Arguments of reports that are not.
#[derive(Debug, clap::Args)]
pub(crate) struct Plain {
    /// That went wrong so: a code such as E-BUDGET-002, or a status such as 503
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// Arguments of reports about now.
#[derive(Debug, clap::Args)]
pub(crate) struct Standing {
    /// Rows, 1 to 500
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: Option<u32>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Summary(args) => {
            let own = [
                ("period", args.period.as_deref()),
                ("by", args.by.as_deref()),
                ("cursor", args.cursor.as_deref()),
            ];
            let answer = args.asked.get(context, "/usage", &args.ended.with(&own))?;
            told(context, &answer, text::summary)?;
            more(context, &answer);
            Ok(())
        }
        Command::Show(args) => {
            let own = [("period", Some(args.period.as_str())), ("at", args.at.as_deref())];
            let answer = args.subject.get(context, "/usage/report", &args.ended.with(&own))?;
            told(context, &answer, text::report)
        }
        Command::Top(args) => {
            let own = [("by", Some(args.by.as_str())), ("order", Some(args.order.as_str()))];
            let answer = args.asked.get(context, "/usage/top", &args.ended.with(&own))?;
            told(context, &answer, text::top)
        }
        Command::Heatmap(args) => {
            let days = args.days.to_string();
            let own = [("days", Some(days.as_str())), ("order", Some(args.order.as_str()))];
            let answer = args.subject.get(context, "/usage/heatmap", &own)?;
            let level = if args.linear { "level" } else { "quantile" };
            let drawn = context.console.charts;
            shared::show(context, &answer, |answer| text::heatmap(answer, level, drawn))
        }
        Command::Cache(args) => grouped(&args, context, "/usage/cache", text::cache),
        Command::Ttl(args) => grouped(&args, context, "/usage/ttl", text::ttl),
        Command::Timeline(args) => grouped(&args, context, "/usage/timeline", text::timeline),
        Command::Latency(args) => grouped(&args, context, "/usage/latency", text::latency),
        Command::Errors(args) => {
            let answer = args.asked.get(context, "/usage/errors", &[("code", args.code.as_deref())])?;
            told(context, &answer, text::errors)
        }
        Command::Budgets(args) => standing(&args, context, "/usage/budgets", text::budgets),
        Command::Active(args) => standing(&args, context, "/usage/active", text::active),
        Command::Unbudgeted(args) => {
            let by = args.by.as_deref().or(Some("project"));
            let own = [("by", by), ("order", Some("unbudgeted"))];
            let answer = args.asked.get(context, "/usage/top", &own)?;
            told(context, &answer, text::unbudgeted)
        }
    }
}

fn grouped(
    args: &Grouped,
    context: &mut Context<'_>,
    path: &str,
    text: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    let answer = args.asked.get(context, path, &[("by", args.by.as_deref())])?;
    told(context, &answer, text)
}

fn standing(
    args: &Standing,
    context: &mut Context<'_>,
    path: &str,
    text: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    let limit = args.limit.map(|limit| limit.to_string());
    let mut query = args.whose.query();
    query.push(("limit", limit.as_deref()));
    let answer = context.client(args.server.url.as_deref())?.get(path, &query)?;
    told(context, &answer, text)
}

fn told(context: &mut Context<'_>, answer: &Value, text: impl Fn(&Value) -> String) -> Result<(), Failure> {
    let charts = context.console.charts;
    let plain = |answer: &Value| if charts { text(answer) } else { chart::without_bars(&text(answer)) };
    shared::show(context, answer, plain)?;
    if answer.get("cut").and_then(Value::as_bool) == Some(true) {
        context.console.warn("there are too many requests for one answer: the oldest are not in it");
    }
    Ok(())
}

fn more(context: &mut Context<'_>, answer: &Value) {
    if let Some(cursor) = answer.get("next_cursor").and_then(Value::as_str)
        && !context.json
    {
        context.console.hint(&format!("there is more: `--cursor {cursor}`"));
    }
}
