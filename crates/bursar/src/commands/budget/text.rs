//! A budget and its windows for people.

use crate::table::{Table, amount, at, fields, time};
use serde_json::Value;

/// A field, or its default where the server leaves it out.
pub(super) fn or(row: &Value, name: &str, default: &str) -> String {
    match at(row, name).as_str() {
        "" => default.to_owned(),
        some => some.to_owned(),
    }
}

/// A budget with its windows.
pub(super) fn budget(budget: &Value) -> String {
    let mut out = fields(&[
        ("name", at(budget, "name")),
        ("limit", or(budget, "limit", "unlimited")),
        ("period", or(budget, "period", "month")),
        ("time zone", or(budget, "time_zone", "UTC")),
        ("match", or(budget, "match", "every request")),
        ("per", at(budget, "per")),
        ("mode", or(budget, "mode", "hard")),
        ("hold", or(budget, "hold", "worst_case")),
        ("cost basis", at(budget, "cost_basis")),
        ("thresholds", or(budget, "thresholds", "80, 95, 100")),
        ("raise", at(budget, "raise")),
        ("managed by", at(budget, "managed_by")),
        ("active", at(budget, "active")),
        ("would have refused", refused(budget, &or(budget, "measure", "usd"))),
    ]);
    let Some(windows) = budget.get("windows").and_then(Value::as_array) else {
        return out;
    };
    if windows.is_empty() {
        out.push_str("\nno window of this period was opened yet\n");
        return out;
    }
    let measure = or(budget, "measure", "usd");
    let has_per = windows.iter().any(|window| !at(window, "per").is_empty());
    let mut titles = if has_per { vec!["PER"] } else { Vec::new() };
    titles.extend([
        ">LIMIT",
        ">SETTLED",
        ">SUSPENSE",
        ">HELD",
        ">REMAINING",
        ">OVER",
        ">PROJECTION",
        "RESETS AT",
    ]);
    let is_shadow = windows.iter().any(|window| window.get("would_have_refused").is_some());
    if is_shadow {
        titles.push("WOULD HAVE REFUSED");
    }
    let mut table = Table::new(&titles);
    for window in windows {
        let mut cells = if has_per { vec![per(window)] } else { Vec::new() };
        let amounts = ["limit", "settled", "suspense", "held", "remaining", "over_limit", "projection"];
        cells.extend(amounts.iter().map(|name| amount(window, name, &measure)));
        cells.push(time(window, "resets_at"));
        if is_shadow {
            cells.push(refused(window, &measure));
        }
        table.row(cells);
    }
    out.push('\n');
    out.push_str(&table.render());
    out
}

/// What a shadow budget would have refused: how many attempts, and what they asked for.
pub(super) fn refused(row: &Value, measure: &str) -> String {
    let Some(refused) = row.get("would_have_refused") else { return String::new() };
    match at(refused, "count").as_str() {
        "0" => "0".to_owned(),
        count => format!("{count} ({})", amount(refused, "requested", measure)),
    }
}

/// The values of `per`; those that requests omit are shown as `-`.
fn per(window: &Value) -> String {
    let pairs = window.get("per").and_then(Value::as_object).into_iter().flatten();
    let texts = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("-")));
    texts.collect::<Vec<_>>().join(" ")
}
