//! `bursar request watch`: requests as they end. Lines for people, one JSON object a line with `--json`; a server that goes
//! away is waited for, and said so.

use crate::client::Client;
use crate::commands::shared::Server;
use crate::commands::which::Which;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{at, money, time};
use bursar_core::Usd;
use serde_json::Value;
use std::time::Duration;

/// Seconds that the server may wait for something to tell.
const WAIT_S: &str = "20";
/// The first pause before a server that is away is asked again; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The pause where the server has no place for another reader that waits.
const NO_PLACE: Duration = Duration::from_secs(1);

/// What to watch.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    which: Which,
    /// End after so many requests
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    requests: u64,
    refused: u64,
    failed: u64,
    cost: Usd,
}

/// Shows them until there were enough.
pub(super) fn run(asked: &Watch, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(asked.server.url.as_deref())?;
    let mut cursor: Option<String> = None;
    let mut seen = Seen::default();
    // The bottom line is for a person who looks at it.
    let sums = context.console.charts && !context.json;
    loop {
        let began = std::time::Instant::now();
        let left = asked.count.map(|count| count.saturating_sub(seen.requests).clamp(1, 500).to_string());
        let mut query = asked.which.query();
        let first = cursor.is_none();
        query.extend([("cursor", cursor.as_deref()), ("wait_s", Some(WAIT_S)), ("limit", left.as_deref())]);
        let answer = asked_again(&client, &query, context, sums)?;
        if first && !context.json {
            context.console.say("watching: requests are shown as they end");
            context.console.data(&head())?;
        }
        told(&answer, context, sums);
        for record in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            seen.note(record);
            if sums {
                context.console.out.write_all(ERASE)?;
            }
            let text =
                if context.json { serde_json::to_string(record).unwrap_or_default() } else { line(record) };
            context.console.data(&text)?;
        }
        if sums {
            context.console.out.write_all(seen.line().as_bytes())?;
            context.console.out.flush()?;
        }
        if asked.count.is_some_and(|count| seen.requests >= count) {
            return if sums { context.console.data("\n") } else { Ok(()) };
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        let is_empty = answer.get("items").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if is_empty && !first && began.elapsed() < NO_PLACE {
            std::thread::sleep(NO_PLACE);
        }
    }
}

/// Back to the beginning of the terminal's line, and everything behind it gone.
const ERASE: &[u8] = b"\r\x1b[K";

/// Asks until the server answers.
fn asked_again(
    client: &Client,
    query: &[(&str, Option<&str>)],
    context: &mut Context<'_>,
    sums: bool,
) -> Result<Value, Failure> {
    let mut pause = PAUSE;
    let mut is_away = false;
    loop {
        match client.poll("/requests/watch", query)? {
            Ok(answer) => {
                if is_away {
                    context.console.say("connected again");
                }
                return Ok(answer);
            }
            Err(why) => {
                if !is_away {
                    if sums {
                        context.console.out.write_all(ERASE)?;
                        context.console.out.flush()?;
                    }
                    context.console.warn(&format!("{why}; trying again until it is back"));
                }
                is_away = true;
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }
}

/// Says what was not shown.
fn told(answer: &Value, context: &mut Context<'_>, sums: bool) {
    let is_restarted = answer.get("restarted").and_then(Value::as_bool) == Some(true);
    let missed = answer.get("missed").and_then(Value::as_u64).unwrap_or(0);
    if (is_restarted || missed > 0) && sums {
        // What is said stands on a line of its own.
        context.console.say("");
    }
    if is_restarted {
        let hint = "what ended while it was away is in `bursar request list`";
        context.console.warn(&format!("the server was started again: {hint}"));
    }
    if missed > 0 {
        let hint = "narrow what is watched, or see `bursar request list`";
        context.console.warn(&format!("{missed} requests ended too fast to be shown: {hint}"));
    }
}

impl Seen {
    fn note(&mut self, record: &Value) {
        self.requests = self.requests.saturating_add(1);
        match at(record, "status").as_str() {
            "denied" => self.refused += 1,
            "failed" => self.failed += 1,
            _ => {}
        }
        if let Ok(cost) = Usd::parse(&at(record, "list_cost")) {
            self.cost = self.cost.saturating_add(cost);
        }
    }
    fn line(&self) -> String {
        let cost = money(&self.cost.to_string());
        format!("{} requests, {cost}, {} refused, {} failed", self.requests, self.refused, self.failed)
    }
}

/// Columns, each with its width: lines come one by one, so no column can wait for its widest cell.
const COLUMNS: [(&str, usize); 9] = [
    ("AT", 20),
    ("STATUS", 9),
    ("PROJECT", 14),
    ("MODEL", 24),
    ("PROVIDER", 12),
    (">TOKENS", 9),
    (">COST", 12),
    (">MS", 8),
    ("CODE OR ID", 36),
];

fn head() -> String {
    aligned(COLUMNS.iter().map(|(title, _)| title.trim_start_matches('>').to_owned()))
}

fn line(record: &Value) -> String {
    let attribute = |name: &str| record.get("attributes").map(|own| at(own, name)).unwrap_or_default();
    let code = at(record, "code");
    let last = if code.is_empty() { at(record, "id") } else { format!("{code} {}", at(record, "id")) };
    aligned([
        time(record, "created_at"),
        at(record, "status"),
        attribute("project"),
        attribute("model"),
        attribute("provider"),
        at(record, "tokens"),
        money(&at(record, "list_cost")),
        at(record, "total_ms"),
        last,
    ])
}

fn aligned(cells: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    for (cell, (title, width)) in cells.into_iter().zip(COLUMNS) {
        let width = &width;
        match title.starts_with('>') {
            true => out.push_str(&format!("{cell:>width$}  ")),
            false => out.push_str(&format!("{cell:<width$}  ")),
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_one_aligned_line() {
        let record = json!({
            "id": "0199", "status": "denied", "created_at": "2026-03-01T12:00:00Z", "tokens": 0, "list_cost": "0",
            "code": "E-BUDGET-002", "total_ms": 3, "attributes": {"project": "alpha", "model": "small"},
        });
        let (head, line) = (head(), line(&record));
        assert_eq!(head.find("STATUS"), line.find("denied"));
        assert_eq!(head.find("PROJECT"), line.find("alpha"));
        assert!(line.ends_with("E-BUDGET-002 0199"), "{line}");
        let mut seen = Seen::default();
        seen.note(&record);
        seen.note(&json!({"status": "completed", "list_cost": "0.25"}));
        assert_eq!(seen.line(), "2 requests, $0.25, 1 refused, 0 failed");
    }
}
