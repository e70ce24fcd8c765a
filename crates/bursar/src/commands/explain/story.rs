//! A record as a story: what was asked, what was held where, what came back, where each nano-dollar comes from.

use crate::table::{Table, at, money, time};
use bursar_core::amount::PICO_PLACES;
use bursar_core::decimal;
use serde_json::Value;

/// The story of a record, in paragraphs.
pub(super) fn tell(record: &Value) -> String {
    let parts = [
        head(record),
        who(record),
        refusal(record),
        attempts(record),
        windows(record),
        cost(record),
        notes(record),
    ];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    told.join("\n")
}

/// A field of the record, or of its attributes.
fn get(record: &Value, name: &str) -> String {
    match at(record, name).as_str() {
        "" => record.get("attributes").map(|attributes| at(attributes, name)).unwrap_or_default(),
        some => some.to_owned(),
    }
}

fn head(record: &Value) -> String {
    let status = match at(record, "status_code").as_str() {
        "" => at(record, "status"),
        code => format!("{} with status {code}", at(record, "status")),
    };
    let mut line = format!("Request {}: {status}", at(record, "id"));
    if let Some(total) = millis(record, "total_ms") {
        line.push_str(&format!(", in {total}"));
    }
    if let Some(first) = millis(record, "first_byte_ms") {
        line.push_str(&format!(", first byte after {first}"));
    }
    let kind = if record.get("stream").and_then(Value::as_bool) == Some(true) {
        "a stream"
    } else {
        "a plain answer"
    };
    let mut out = format!("{line}.\n");
    let format = match get(record, "api_format").as_str() {
        "" => String::new(),
        format => format!(" as {format}, {kind}"),
    };
    out.push_str(&format!("Received {}{format}.\n", time(record, "created_at")));
    let trace = at(record, "trace_id");
    if !trace.is_empty() {
        out.push_str(&format!("Trace {trace}.\n"));
    }
    let error = at(record, "error");
    if !error.is_empty() {
        out.push_str(&format!("What went wrong: {error}.\n"));
    }
    out
}

/// Milliseconds as seconds or milliseconds.
fn millis(record: &Value, name: &str) -> Option<String> {
    let ms = record.get(name).and_then(Value::as_u64)?;
    Some(if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{:03} s", ms / 1_000, ms % 1_000) })
}

fn who(record: &Value) -> String {
    let names = ["project", "user", "key", "agent", "run", "session"];
    let mut said: Vec<String> = names
        .iter()
        .map(|name| (name, get(record, name)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} `{value}`"))
        .collect();
    let attributes = record.get("attributes").and_then(Value::as_object).into_iter().flatten();
    said.extend(
        attributes
            .filter(|(name, _)| name.starts_with("tag."))
            .map(|(name, value)| format!("{name} `{}`", value.as_str().unwrap_or_default())),
    );
    let asked = get(record, "model");
    let mut out = match said.as_slice() {
        [] => "Who: not known.\n".to_owned(),
        said => format!("Who: {}.\n", said.join(", ")),
    };
    if asked.is_empty() {
        return out;
    }
    out.push_str(&format!("Asked for model `{asked}`"));
    let provider = get(record, "provider");
    if !provider.is_empty() {
        // One that was refused was sent nowhere.
        let verb = if at(record, "code").is_empty() { "served by" } else { "to be served by" };
        out.push_str(&format!("; {verb} `{provider}`"));
        let credential = get(record, "credential");
        if !credential.is_empty() {
            out.push_str(&format!(" with credential `{credential}`"));
        }
        let served = get(record, "served_model");
        if !served.is_empty() && served != asked {
            out.push_str(&format!(" as `{served}`"));
        }
    }
    let answered = get(record, "answered_model");
    if !answered.is_empty() {
        out.push_str(&format!("; the answer says `{answered}`"));
    }
    out.push_str(".\n");
    out
}

fn refusal(record: &Value) -> String {
    let code = at(record, "code");
    if code.is_empty() {
        return String::new();
    }
    let mut out = format!("Refused with {code}.\n");
    out.push_str(&blocking(record, "blocking"));
    if let Some(fits) = record.get("fits_max_output").and_then(Value::as_u64) {
        out.push_str(&format!("An output limit of {fits} tokens would have fitted.\n"));
    }
    out
}

fn blocking(record: &Value, name: &str) -> String {
    let rows = record.get(name).and_then(Value::as_array).into_iter().flatten();
    let mut table =
        Table::new(&["  BUDGET", "CODE", ">LIMIT", ">SETTLED", ">SUSPENSE", ">HELD", ">ASKED", "RESETS AT"]);
    for row in rows {
        let mut cells = vec![format!("  {}", at(row, "budget")), at(row, "code")];
        cells.extend(["limit", "settled", "suspense", "held", "requested"].iter().map(|name| at(row, name)));
        cells.push(time(row, "resets_at"));
        table.row(cells);
    }
    if table.is_empty() { String::new() } else { table.render() }
}

fn attempts(record: &Value) -> String {
    let Some(rows) = record.get("attempts").and_then(Value::as_array).filter(|rows| !rows.is_empty()) else {
        return String::new();
    };
    let mut table =
        Table::new(&["  #", "PROVIDER", "MODEL", "CREDENTIAL", "OUTCOME", "STATUS", ">CHARGED", "WHY"]);
    for (number, row) in (1..).zip(rows) {
        let mut cells = vec![format!("  {number}")];
        cells.extend(
            ["provider", "model", "credential", "outcome", "status_code"].iter().map(|name| at(row, name)),
        );
        cells.push(money(&at(row, "list_cost")));
        cells.push(at(row, "reason"));
        table.row(cells);
    }
    format!("Attempts:\n{}", table.render())
}

fn windows(record: &Value) -> String {
    let mut out = String::new();
    let hold = at(record, "hold_usd");
    if !hold.is_empty() && (hold != "0" || at(record, "code").is_empty()) {
        out.push_str(&format!("Held at most {} (list cost).\n", money(&hold)));
    }
    let rows = record.get("windows").and_then(Value::as_array).into_iter().flatten();
    let mut table = Table::new(&["  BUDGET", "WINDOW SINCE", ">HELD", ">CHARGED"]);
    for row in rows {
        let since = match time(row, "starts_at").as_str() {
            "" => "ever".to_owned(),
            at => at.to_owned(),
        };
        table.row([format!("  {}", at(row, "budget")), since, at(row, "held"), at(row, "charged")]);
    }
    if !table.is_empty() {
        out.push_str("Windows that counted it:\n");
        out.push_str(&table.render());
    }
    let shadow = blocking(record, "shadow");
    if !shadow.is_empty() {
        out.push_str("Shadow budgets would have refused it:\n");
        out.push_str(&shadow);
    }
    if let Some(would) = record.get("would_move").filter(|would| would.is_object()) {
        let to = match at(would, "to").as_str() {
            "" => "it would have been refused".to_owned(),
            to => format!("it would have gone to `{to}`"),
        };
        let provider = at(would, "provider");
        out.push_str(&format!("The throttle of `{provider}` is a dry run; did it act, {to}.\n"));
    }
    out
}

fn cost(record: &Value) -> String {
    let Some(price) = record.get("price").filter(|price| price.is_object()) else {
        return String::new();
    };
    let mut out = format!("Price: row `{}`", at(price, "id"));
    let tier = at(price, "tier_index");
    if !tier.is_empty() {
        out.push_str(&format!(", tier {tier} for a prompt of {} tokens", at(price, "tier_context")));
    }
    let service = at(price, "service_tier");
    if !service.is_empty() {
        out.push_str(&format!(", service tier `{service}`"));
    }
    let region = at(price, "region");
    if !region.is_empty() {
        out.push_str(&format!(", region `{region}`"));
    }
    out.push_str(".\n");
    out.push_str(&origin(price));
    let mut table = Table::new(&["  CLASS", ">UNITS", ">USD PER UNIT", ">AMOUNT USD"]);
    let mut sum: i128 = 0;
    let lines = price.get("lines").and_then(Value::as_array).into_iter().flatten();
    for line in lines {
        let amount = at(line, "amount");
        sum = sum.saturating_add(decimal::parse(&amount, PICO_PLACES).unwrap_or(0));
        let class = match at(line, "class").as_str() {
            "" => "request".to_owned(),
            class => class.to_owned(),
        };
        table.row([format!("  {class}"), at(line, "units"), at(line, "rate"), amount]);
    }
    if !table.is_empty() {
        out.push_str(&table.render());
        out.push_str(&format!("  sum {} USD", decimal::format(sum, PICO_PLACES)));
    }
    let (list, effective) = (at(record, "list_cost"), at(record, "effective_cost"));
    if !list.is_empty() {
        let is_exact = decimal::parse(&list, PICO_PLACES).is_ok_and(|list| list == sum);
        let lead = match (table.is_empty(), is_true(price, "billed"), is_exact) {
            (true, _, _) => "  ",
            (false, true, _) => "; charged as the provider bills it: ",
            (false, false, true) => ": exactly ",
            (false, false, false) => ", rounded up to ",
        };
        out.push_str(&format!("{lead}{list} USD list cost"));
        let multiplier = at(price, "multiplier");
        if !effective.is_empty() {
            out.push_str(&format!("; x {multiplier} = {effective} USD effective cost"));
        }
    }
    out.push('\n');
    if record.get("estimated").and_then(Value::as_bool) == Some(true) {
        out.push_str("The usage is an estimate: the answer did not state it.\n");
    }
    for class in price.get("unpriced").and_then(Value::as_array).into_iter().flatten() {
        let class = class.as_str().unwrap_or_default();
        out.push_str(&format!("`{class}` was used and has no rate in that row: it is charged at nothing.\n"));
    }
    let billed = at(price, "provider_cost");
    if !billed.is_empty() {
        let why = if is_true(price, "billed") {
            "that was charged, as `prefer_billed` says, and not usage times price"
        } else {
            "usage times price was charged: `prefer_billed` is not set there"
        };
        out.push_str(&format!("The provider itself says {billed} USD; {why}.\n"));
    }
    out
}

fn is_true(price: &Value, name: &str) -> bool {
    price.get(name).and_then(Value::as_bool) == Some(true)
}

/// Where the rates come from, and why those.
fn origin(price: &Value) -> String {
    let rates = match at(price, "rates").as_str() {
        "" => "its base rates".to_owned(),
        path => format!("its `{path}`, and the base rates for what that does not state"),
    };
    let mut out = match at(price, "price_source").as_str() {
        "book" => format!("The row is from the price book; the rates are {rates}.\n"),
        "deployment" => format!("The row is the deployment's own price; the rates are {rates}.\n"),
        "fallback_price" => {
            "The price book has no price for this model: the policy's fallback price was taken.\n".to_owned()
        }
        "free" => {
            "The price book has no price for this model: the policy lets such models pass free.\n".to_owned()
        }
        _ => String::new(),
    };
    if is_true(price, "several_models") {
        out.push_str("The answer was billed in parts, each at the row of the model that made it.\n");
    }
    if is_true(price, "failed") {
        out.push_str("It failed: its tokens are charged, a fee per request is not.\n");
    }
    out
}

fn notes(record: &Value) -> String {
    let notes = record.get("notes").and_then(Value::as_array).into_iter().flatten();
    notes.map(|note| format!("Note: {}.\n", note.as_str().unwrap_or_default())).collect()
}
