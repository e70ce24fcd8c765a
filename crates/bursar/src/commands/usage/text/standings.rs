//! Budgets and requests in flight for people.

use super::{items, or_dash, part, pct};
use crate::commands::usage::chart::bar;
use crate::table::{Table, at, money};
use serde_json::Value;

/// Where budgets stand.
pub(in crate::commands::usage) fn budgets(answer: &Value) -> String {
    let tightest = match at(answer, "tightest_remaining_usd").as_str() {
        "" => String::new(),
        exact => format!("; the tightest has {} left", money(exact)),
    };
    let mut out = format!(
        "{} budgets, {} active, {} exceeded, {} with a warning{tightest}\n",
        at(answer, "total_budgets"),
        at(answer, "active_budgets"),
        at(answer, "exceeded_budgets"),
        at(answer, "warning_budgets"),
    );
    let mut table = Table::new(&[
        "BUDGET",
        "OF",
        "STATE",
        ">LIMIT",
        ">USED",
        ">REMAINING",
        ">PER DAY",
        ">PROJECTION",
        ">DAYS LEFT",
        "",
    ]);
    for row in items(answer) {
        let measure = at(row, "measure");
        let amount = |name| crate::table::amount(row, name, &measure);
        let full = at(row, "used_pct").split('.').next().and_then(|whole| whole.parse::<u64>().ok());
        table.row([
            at(row, "budget"),
            or_dash(at(row, "per")),
            at(row, "state"),
            amount("limit"),
            pct(row, "used_pct"),
            amount("remaining"),
            amount("burn_per_day"),
            amount("projection"),
            or_dash(at(row, "days_left")),
            bar(full.unwrap_or(0).min(100), 100),
        ]);
    }
    if !table.is_empty() {
        out.push('\n');
        out.push_str(&table.render());
    }
    out
}

/// Requests in flight and what they hold.
pub(in crate::commands::usage) fn active(answer: &Value) -> String {
    let mut table = Table::new(&[
        "REQUEST", "STATUS", ">AGE", ">IDLE", ">HELD", "PROJECT", "USER", "MODEL", "PROVIDER", "",
    ]);
    for row in items(answer) {
        let attributes = part(row, "attributes");
        let mut cells = vec![
            at(row, "id"),
            at(row, "status"),
            format!("{} s", at(row, "age_s")),
            format!("{} s", at(row, "idle_s")),
            money(&at(row, "held_usd")),
        ];
        cells.extend(
            ["project", "user", "model", "provider"].iter().map(|name| or_dash(at(attributes, name))),
        );
        cells.push(if at(row, "late") == "yes" { "late".to_owned() } else { String::new() });
        table.row(cells);
    }
    let head = format!("{} in flight hold {}\n", at(answer, "of"), money(&at(answer, "held_usd")));
    if table.is_empty() { head } else { format!("{head}\n{}", table.render()) }
}
