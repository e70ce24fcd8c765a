//! The books over HTTP, for judges in other processes: `/__mock/…`.

use crate::bill::{Bill, BillLine, Tally};
use crate::body::MockBody;
use crate::journal::Received;
use crate::respond::whole;
use crate::script::Script;
use crate::server::Shared;
use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Answers a control request: `GET bill[?lines]`, `GET requests`, `POST reset`, `POST script` (TOML or JSON).
pub(crate) fn answer(
    shared: &Shared,
    method: &Method,
    what: &str,
    query: Option<&str>,
    body: &Bytes,
) -> Response<MockBody> {
    let wants_lines = query.is_some_and(|query| query.split('&').any(|word| word == "lines"));
    match (method, what) {
        (&Method::GET, "bill") => {
            let bill = shared.bill.lock();
            let copy = if wants_lines { bill.clone() } else { bill.sums() };
            drop(bill);
            reply(200, &bill_json(&copy, shared, wants_lines))
        }
        (&Method::GET, "requests") => {
            let items: Vec<Value> = shared.journal.lock().list().iter().map(received_json).collect();
            let (count, connections, _) = shared.counts();
            reply(200, &json!({ "count": count, "connections": connections, "items": items }))
        }
        (&Method::POST, "reset") => {
            shared.reset();
            reply(200, &json!({}))
        }
        (&Method::POST, "script") => match read(body) {
            Ok(script) => {
                shared.set_script(script);
                reply(200, &json!({}))
            }
            Err(mistake) => reply(400, &json!({ "error": mistake })),
        },
        _ => reply(404, &json!({ "error": "GET bill, GET requests, POST reset, POST script" })),
    }
}

fn read(body: &[u8]) -> Result<Script, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let script =
        if text.trim_start().starts_with('{') { Script::from_json(text) } else { Script::from_toml(text) };
    script.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    })
}

fn reply(status: u16, value: &Value) -> Response<MockBody> {
    whole(status, "application/json", value.to_string().into())
}

fn bill_json(bill: &Bill, shared: &Shared, with_lines: bool) -> Value {
    let (received, _, in_flight) = shared.counts();
    let sums = |sums: &mut dyn Iterator<Item = (&str, bursar_core::Usd)>| -> BTreeMap<String, String> {
        sums.map(|(name, amount)| (name.to_owned(), amount.to_string())).collect()
    };
    let mut value = json!({
        "received": received,
        "in_flight": in_flight,
        "requests": bill.requests(),
        "total": bill.total().to_string(),
        "tokens": tally_json(&bill.tally()),
        "by_model": sums(&mut bill.by_model()),
        "by_credential": sums(&mut bill.by_credential()),
    });
    if with_lines && let Some(object) = value.as_object_mut() {
        object.insert("lines".to_owned(), bill.lines().iter().map(line_json).collect());
    }
    value
}

fn line_json(line: &BillLine) -> Value {
    json!({
        "id": &*line.id,
        "model": &*line.model,
        "credential": &*line.credential,
        "api_format": line.api_format.as_str(),
        "tokens": tally_json(&line.tally),
        "amount": line.amount.to_string(),
        "ending": line.ending.as_str(),
    })
}

fn tally_json(tally: &Tally) -> Value {
    json!({
        "input": tally.input,
        "cache_read": tally.cache_read,
        "cache_write_5m": tally.cache_write_5m,
        "cache_write_1h": tally.cache_write_1h,
        "output": tally.output,
    })
}

fn received_json(received: &Received) -> Value {
    let headers: BTreeMap<&str, String> = received
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    json!({
        "id": &*received.id,
        "method": received.method.as_str(),
        "target": received.target,
        "headers": headers,
        "body_bytes": received.body_bytes,
        "body_sha256": received.body_sha256(),
        "body": String::from_utf8_lossy(&received.body),
    })
}
