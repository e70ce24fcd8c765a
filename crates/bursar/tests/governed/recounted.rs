//! Roll-ups after `kill -9` under load, again and again: every report is what its records add up to, and both are what the
//! ledger charged.

use crate::house::{nanos, priced};
use crate::kill::Load;
use crate::process::Process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rules: S0-19, S2-04, S4-26, S4-43.
#[tokio::test(flavor = "multi_thread")]
async fn roll_ups_are_what_the_records_of_a_killed_server_add_up_to() {
    recount_after(6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: part of `make soak`"]
async fn roll_ups_are_what_the_records_of_a_server_killed_300_times_add_up_to() {
    recount_after(300).await;
}

async fn recount_after(kills: u32) {
    let mock = bursar_mock::Mock::start(priced().counts_only()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    for round in 0..kills {
        let load =
            Load::on(&process, &key, round, Duration::from_millis(150 + u64::from(round * 37 % 250))).await;
        process.kill();
        load.ended(&mock).await;
        process.start().await;
    }
    let charged = charged(&process).await;
    let records = drained(&process, charged).await;
    let counts =
        |record: &Value| matches!(record["status"].as_str(), Some("completed" | "failed" | "cancelled"));
    let counted: Vec<&Value> = records.iter().filter(|record| counts(record)).collect();
    assert!(counted.len() > 10, "there was no load");
    let cost = |records: &[&Value]| records.iter().map(|record| nanos(&record["list_cost"])).sum::<i64>();

    // Everything, by each way to the same figures: months, days, hours and quarters of hours.
    let total = process.admin("GET", "/usage?days=2", &Value::Null).await["total"].clone();
    assert_eq!((number(&total["requests"]), nanos(&total["list_cost"])), (counted.len(), cost(&counted)));
    for query in [
        "period=month",
        "period=day&time_zone=Asia/Kathmandu",
        "period=hour&time_zone=America/St_Johns",
        "period=day&by=model&time_zone=Asia/Taipei",
        "by=key,model",
        "by=run",
    ] {
        let items = pages(&process, &format!("/usage?days=2&limit=500&{query}")).await;
        let requests: usize = items.iter().map(|item| number(&item["requests"])).sum();
        let spent: i64 = items.iter().map(|item| nanos(&item["list_cost"])).sum();
        assert_eq!((requests, spent), (counted.len(), cost(&counted)), "{query}");
    }
    // Each run by itself.
    let mut runs: BTreeMap<&str, i64> = BTreeMap::new();
    for record in &counted {
        *runs.entry(record["attributes"]["run"].as_str().unwrap()).or_default() +=
            nanos(&record["list_cost"]);
    }
    for item in pages(&process, "/usage?days=2&limit=500&by=run").await {
        assert_eq!(
            runs.get(item["names"]["run"].as_str().unwrap()),
            Some(&nanos(&item["list_cost"])),
            "{item}"
        );
    }
    let proof = process.admin("GET", "/usage/rollups", &Value::Null).await;
    assert_eq!(proof["sound"], true, "{proof}");
}

/// What the ledger charged: settled and in suspense.
async fn charged(process: &Process) -> i64 {
    let shown = process.admin("GET", "/budgets/all", &Value::Null).await;
    let windows = shown["windows"].as_array().expect("windows");
    windows.iter().map(|window| nanos(&window["settled"]) + nanos(&window["suspense"])).sum()
}

/// Every record, once they cost what the ledger charged.
async fn drained(process: &Process, charged: i64) -> Vec<Value> {
    for _ in 0..200 {
        let records = pages(process, "/requests?limit=500").await;
        if records.iter().map(|record| nanos(&record["list_cost"])).sum::<i64>() == charged {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the records never cost the {charged} nano-USD that the ledger charged");
}

/// Every row of a list.
async fn pages(process: &Process, path: &str) -> Vec<Value> {
    let (mut items, mut more) = (Vec::new(), String::new());
    loop {
        let page = process.admin("GET", &format!("{path}{more}"), &Value::Null).await;
        items.extend(page["items"].as_array().unwrap_or_else(|| panic!("{path}: {page}")).iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => more = format!("&cursor={cursor}"),
            None => return items,
        }
    }
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}
