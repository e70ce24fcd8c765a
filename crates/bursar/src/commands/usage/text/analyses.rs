//! The year of days, caching, gaps and latencies for people.

use super::{items, names, number, or_dash, part, pct, span, titles};
use crate::commands::usage::chart::{bar, legend, shade};
use crate::table::{Table, at, money};
use bursar_core::text;
use serde_json::Value;

/// A year of days: a row for each day of the week, Sunday first, a column for each week.
pub(in crate::commands::usage) fn heatmap(answer: &Value, level: &str, drawn: bool) -> String {
    let days = part(answer, "days").as_array().map_or(&[][..], Vec::as_slice);
    let date = |day: &Value| at(day, "date").parse::<jiff::civil::Date>().ok();
    let lead = days.first().and_then(date).map_or(0, |first| first.weekday().to_sunday_zero_offset());
    let lead = usize::try_from(lead).unwrap_or(0);
    let mut months = String::new();
    let mut rows = vec![String::new(); 7];
    for place in 0..lead + days.len() {
        let Some(row) = rows.get_mut(place % 7) else { continue };
        match place.checked_sub(lead).and_then(|at| days.get(at)) {
            None => row.push(' '),
            Some(day) => {
                row.push(shade(number(day, level), drawn));
                if let Some(date) = date(day)
                    && (1..=7).contains(&date.day())
                    && months.chars().count() <= place / 7
                {
                    months.push_str(&" ".repeat((place / 7).saturating_sub(months.chars().count())));
                    months.push_str(&date.strftime("%b").to_string());
                }
            }
        }
    }
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let mut out = format!(
        "{} to {}, {}; the busiest day has {} requests\n\n     {months}\n",
        at(answer, "start_date"),
        at(answer, "end_date"),
        at(answer, "time_zone"),
        at(answer, "max_requests"),
    );
    for (name, row) in names.iter().zip(&rows) {
        out.push_str(format!("{name}  {row}").trim_end());
        out.push('\n');
    }
    out.push_str(&format!("\n     less {} more, by {}\n", legend(drawn), at(answer, "order")));
    out
}

/// What prompt caching saved.
pub(in crate::commands::usage) fn cache(answer: &Value) -> String {
    let mut table = Table::new(&[
        "",
        ">REQUESTS",
        ">HIT",
        ">TOKENS READ",
        ">HIT",
        ">READ COST",
        ">WRITE COST",
        ">SAVED",
        ">PREMIUM",
        ">NET",
    ]);
    let mut line = |name: String, row: &Value| {
        table.row([
            name,
            at(row, "requests"),
            pct(row, "request_hit_rate"),
            text::count(number(row, "cache_read")),
            pct(row, "token_hit_rate"),
            money(&at(row, "cache_read_cost")),
            money(&at(row, "cache_write_cost")),
            money(&at(row, "gross_savings")),
            money(&at(row, "write_premium")),
            money(&at(row, "net_savings")),
        ]);
    };
    let rows = items(answer);
    let by = titles(rows);
    for row in rows {
        line(names(row, &by).join(" "), row);
    }
    line("total".to_owned(), part(answer, "total"));
    format!("{}\n{}", span(answer), table.render())
}

/// For how long prompt caches should be kept.
pub(in crate::commands::usage) fn ttl(answer: &Value) -> String {
    let mut table = Table::new(&[
        "NAME",
        ">REQUESTS",
        ">P50",
        ">P75",
        ">P90",
        ">WITHIN 5 MIN",
        ">WITHIN 1 H",
        ">TTL",
        ">COST 5M",
        ">COST 1H",
        "CHEAPEST",
    ]);
    for row in items(answer) {
        let distribution = part(row, "distribution");
        let within: u64 = ["within_5min", "within_15min", "within_30min", "within_60min"]
            .iter()
            .map(|name| number(distribution, name))
            .sum();
        let expected = part(row, "expected_cost_pct");
        table.row([
            at(row, "name"),
            at(row, "requests"),
            at(row, "p50"),
            at(row, "p75"),
            at(row, "p90"),
            at(distribution, "within_5min"),
            within.to_string(),
            format!("{} min", at(row, "recommended_ttl")),
            pct(expected, "5m"),
            pct(expected, "1h"),
            at(row, "recommended_by_cost"),
        ]);
    }
    if table.is_empty() {
        return span(answer) + "nobody has two gaps between requests or more\n";
    }
    let note = "P50 to P90 are minutes between requests. TTL is by simple thresholds; cost is in percent of not caching.";
    format!("{}\n{}\n{note}\n", span(answer), table.render())
}

/// Gaps between requests over time: how many of which length in each hour.
pub(in crate::commands::usage) fn timeline(answer: &Value) -> String {
    let mut hours: std::collections::BTreeMap<String, [u64; 5]> = std::collections::BTreeMap::new();
    for point in items(answer) {
        let minutes =
            at(point, "y").split('.').next().and_then(|whole| whole.parse::<u64>().ok()).unwrap_or(0);
        let hour = at(point, "x").get(..13).unwrap_or_default().replace('T', " ");
        let counts = hours.entry(format!("{hour}:00Z")).or_default();
        let bucket = match minutes {
            0..5 => 0,
            5..15 => 1,
            15..30 => 2,
            30..60 => 3,
            _longer => 4,
        };
        if let Some(count) = counts.get_mut(bucket) {
            *count += 1;
        }
    }
    if hours.is_empty() {
        return span(answer) + "no requests that follow each other within two hours\n";
    }
    let mut table =
        Table::new(&["HOUR", ">UNDER 5 MIN", ">5 TO 15", ">15 TO 30", ">30 TO 60", ">60 TO 120", ""]);
    let largest = hours.values().map(|counts| counts.iter().sum::<u64>()).max().unwrap_or(0);
    for (hour, counts) in &hours {
        let mut cells = vec![hour.clone()];
        cells.extend(counts.iter().map(ToString::to_string));
        cells.push(bar(counts.iter().sum(), largest));
        table.row(cells);
    }
    let shown = items(answer).len();
    format!("{}{shown} of {} gaps\n\n{}", span(answer), at(answer, "total_points"), table.render())
}

/// How long answers took.
pub(in crate::commands::usage) fn latency(answer: &Value) -> String {
    let mut table = Table::new(&[
        "",
        ">REQUESTS",
        ">FIRST BYTE P50",
        ">P90",
        ">P99",
        ">TOTAL P50",
        ">P90",
        ">P95",
        ">P99",
        ">MAX",
    ]);
    let mut line = |name: String, row: &Value| {
        let (first, total) = (part(row, "first_byte_ms"), part(row, "total_ms"));
        let mut cells = vec![name, at(row, "requests")];
        cells.extend(["p50", "p90", "p99"].iter().map(|name| or_dash(at(first, name))));
        cells.extend(["p50", "p90", "p95", "p99", "max"].iter().map(|name| or_dash(at(total, name))));
        table.row(cells);
    };
    for row in items(answer) {
        line(or_dash(at(row, "name")), row);
    }
    line("total".to_owned(), part(answer, "total"));
    format!("{}milliseconds of completed requests\n\n{}", span(answer), table.render())
}
