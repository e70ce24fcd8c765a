//! Reports for people: aligned tables, each with a small chart where one helps.

mod analyses;
mod standings;

use super::chart::{bar, nanos};
use crate::table::{Table, at, fields, money, time};
use bursar_core::{Timestamp, text};
use bursar_ledger::Zone;
use serde_json::Value;

pub(super) use analyses::{cache, heatmap, latency, timeline, ttl};
pub(super) use standings::{active, budgets};

fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A part of an answer; nothing where it is absent.
fn part<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer.get(name).unwrap_or(&Value::Null)
}

fn number(row: &Value, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn tokens(row: &Value) -> String {
    text::count(number(part(row, "tokens"), "total"))
}

fn pct(row: &Value, name: &str) -> String {
    match at(row, name).as_str() {
        "" => "-".to_owned(),
        figure => format!("{figure}%"),
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// The names of a row in the order of their titles.
fn names(row: &Value, titles: &[String]) -> Vec<String> {
    let names = part(row, "names");
    titles.iter().map(|title| or_dash(at(names, title))).collect()
}

/// What rows are grouped by, from the first of them.
fn titles(rows: &[Value]) -> Vec<String> {
    let first = rows.first().and_then(|row| row.get("names")).and_then(Value::as_object);
    first.into_iter().flat_map(|names| names.keys().cloned()).collect()
}

/// A title in the table's own form.
fn title(name: &str) -> &'static str {
    match name {
        "project" => "PROJECT",
        "user" => "USER",
        "key" => "KEY",
        "agent" => "AGENT",
        "run" => "RUN",
        "session" => "SESSION",
        "provider" => "PROVIDER",
        "model" => "MODEL",
        "tag" => "TAG",
        "code" => "CODE",
        _other => "NAME",
    }
}

const FIGURES: [&str; 7] = [">REQUESTS", ">FAILED", ">REFUSED", ">TOKENS", ">LIST COST", ">EFFECTIVE", ""];

/// The figures of a row, with a bar of its cost.
fn figures(row: &Value, largest: u64) -> Vec<String> {
    vec![
        at(row, "requests"),
        at(row, "failed"),
        at(row, "refused"),
        tokens(row),
        money(&at(row, "list_cost")),
        money(&at(row, "effective_cost")),
        bar(nanos(&at(row, "list_cost")), largest),
    ]
}

fn largest<'a>(rows: impl IntoIterator<Item = &'a Value>) -> u64 {
    rows.into_iter().map(|row| nanos(&at(row, "list_cost"))).max().unwrap_or(0)
}

/// An instant by the clock of the report's zone, else in UTC.
fn local(answer: &Value, name: &str) -> String {
    let zone = Zone::parse(&at(answer, "time_zone")).ok();
    let local = Timestamp::parse(&at(answer, name)).zip(zone).map(|(instant, zone)| {
        let zoned = instant.to_jiff().to_zoned(zone.rules().clone());
        zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
    });
    local.unwrap_or_else(|| time(answer, name))
}

fn span(answer: &Value) -> String {
    let zone = at(answer, "time_zone");
    let zone = if zone.is_empty() { zone } else { format!(", {zone}") };
    format!("{} to {}{zone}\n", local(answer, "from"), local(answer, "until"))
}

/// What was used, in one line.
fn in_all(total: &Value) -> String {
    format!(
        "{} requests ({} failed), {} refused, {} tokens, {} list, {} effective\n",
        at(total, "requests"),
        at(total, "failed"),
        at(total, "refused"),
        tokens(total),
        money(&at(total, "list_cost")),
        money(&at(total, "effective_cost")),
    )
}

/// What was used, by period and names.
pub(super) fn summary(answer: &Value) -> String {
    let rows = items(answer);
    let mut out = span(answer) + &in_all(part(answer, "total"));
    let by = titles(rows);
    let has_periods = rows.iter().any(|row| !at(row, "period").is_empty());
    if by.is_empty() && !has_periods {
        return out;
    }
    let mut head = if has_periods { vec!["PERIOD"] } else { Vec::new() };
    head.extend(by.iter().map(|name| title(name)));
    head.extend(FIGURES);
    let mut table = Table::new(&head);
    let largest = largest(rows);
    for row in rows {
        let mut cells = if has_periods { vec![at(row, "period")] } else { Vec::new() };
        cells.extend(names(row, &by));
        cells.extend(figures(row, largest));
        table.row(cells);
    }
    out.push('\n');
    out + &table.render()
}

/// The usage of one name by model.
pub(super) fn report(answer: &Value) -> String {
    let mut out = fields(&[
        (at(answer, "entity").as_str(), at(answer, "name")),
        ("project", at(answer, "project")),
        ("period", at(answer, "period")),
        ("from", local(answer, "starts_at")),
        ("until", local(answer, "ends_at")),
        ("time zone", at(answer, "time_zone")),
    ]);
    out.push('\n');
    out.push_str(&in_all(part(answer, "total")));
    let models = part(answer, "by_model").as_object();
    let mut head = vec!["MODEL"];
    head.extend(FIGURES);
    let mut table = Table::new(&head);
    let largest = largest(models.into_iter().flat_map(|models| models.values()));
    for (model, row) in models.into_iter().flatten() {
        let mut cells = vec![or_dash(model.clone())];
        cells.extend(figures(row, largest));
        table.row(cells);
    }
    if !table.is_empty() {
        out.push('\n');
        out.push_str(&table.render());
    }
    out
}

/// Who used most.
pub(super) fn top(answer: &Value) -> String {
    let rows = items(answer);
    if rows.is_empty() {
        return format!("{}no {} to rank\n{}", span(answer), at(answer, "by"), without(answer));
    }
    let by = titles(rows);
    let mut head = vec![">#"];
    head.extend(by.iter().map(|name| title(name)));
    head.push(">SHARE");
    head.extend(FIGURES);
    let mut table = Table::new(&head);
    let largest = largest(rows);
    for row in rows {
        let mut cells = vec![at(row, "rank")];
        cells.extend(names(row, &by));
        cells.push(pct(row, "share_pct"));
        cells.extend(figures(row, largest));
        table.row(cells);
    }
    let (count, of, order) = (rows.len(), at(answer, "of"), at(answer, "order"));
    format!("{}{count} of {of} by {order}\n\n{}{}", span(answer), table.render(), without(answer))
}

/// What is in no row of a ranking because it has no such name.
fn without(answer: &Value) -> String {
    let rest = part(answer, "without");
    if number(rest, "requests") == 0 && number(rest, "refused") == 0 {
        return String::new();
    }
    format!("\nno {}: {}", at(answer, "by"), in_all(rest))
}

/// Spend that no budget counted.
pub(super) fn unbudgeted(answer: &Value) -> String {
    let rows = items(answer);
    let by = titles(rows);
    let mut head: Vec<&'static str> = by.iter().map(|name| title(name)).collect();
    head.extend([">REQUESTS", ">UNBUDGETED", ">COST", ">SHARE", ""]);
    let mut table = Table::new(&head);
    let cost = |row: &Value| nanos(&at(row, "unbudgeted_cost"));
    let largest = rows.iter().map(cost).max().unwrap_or(0);
    for row in rows.iter().filter(|row| number(row, "unbudgeted") > 0) {
        let mut cells = names(row, &by);
        cells.extend([
            at(row, "requests"),
            at(row, "unbudgeted"),
            money(&at(row, "unbudgeted_cost")),
            pct(row, "share_pct"),
            bar(cost(row), largest),
        ]);
        table.row(cells);
    }
    if table.is_empty() {
        return span(answer) + "every request was counted by a budget\n";
    }
    format!("{}\n{}", span(answer), table.render())
}

/// Refusals and failures by code.
pub(super) fn errors(answer: &Value) -> String {
    let rows = items(answer);
    let out = span(answer) + &in_all(part(answer, "total"));
    if rows.is_empty() {
        return out + "nothing went wrong\n";
    }
    let mut table = Table::new(&["CODE", "STATUS", ">REQUESTS", ">SHARE", ">LIST COST", ""]);
    let largest = rows.iter().map(|row| number(row, "requests")).max().unwrap_or(0);
    for row in rows {
        table.row([
            at(row, "code"),
            at(row, "status"),
            at(row, "requests"),
            pct(row, "share_pct"),
            money(&at(row, "list_cost")),
            bar(number(row, "requests"), largest),
        ]);
    }
    format!("{out}\n{}", table.render())
}
