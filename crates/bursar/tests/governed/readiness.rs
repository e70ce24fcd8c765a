//! `/readyz?verbose`: each part by name with how it is and why.

use crate::house::{House, chat, priced};
use serde_json::Value;

async fn ready(house: &House, query: &str) -> (u16, Value) {
    let answer =
        house.http.send("GET", &format!("{}/readyz{query}", house.base), &[], Vec::new()).await.unwrap();
    (answer.status, answer.json())
}

fn check<'a>(body: &'a Value, name: &str) -> &'a Value {
    let checks = body["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {body:#}"))
}

/// Rules: S1-16.
#[tokio::test(flavor = "multi_thread")]
async fn every_part_is_told_by_name_with_its_reason() {
    let house =
        House::with(priced(), "[models.\"unpriced\"]\ndeployments = [{ provider = \"fake\" }]\n").await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let (status, brief) = ready(&house, "").await;
    assert_eq!((status, &brief["ready"], brief.get("checks")), (200, &Value::from(true), None));
    let (status, body) = ready(&house, "?verbose").await;
    assert_eq!(status, 200, "{body:#}");
    let names = [
        "ledger",
        "kill_state",
        "records",
        "prices",
        "configuration",
        "circuits",
        "throttle",
        "authorities",
        "telemetry",
    ];
    for name in names {
        let check = check(&body, name);
        assert!(check["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{check}");
        let wanted = if name == "prices" { "warn" } else { "ok" };
        assert_eq!(check["state"], wanted, "{check}");
    }
    assert!(check(&body, "prices")["reason"].as_str().unwrap().ends_with("none for the configured unpriced"));
    assert_eq!(body["checks"].as_array().unwrap().len(), names.len());
}

/// Rules: S1-16.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_down_makes_the_whole_unready_and_says_why() {
    let house = House::with(priced(), "").await;
    house.governor().ledger().close().unwrap();
    let (status, body) = ready(&house, "?verbose=true").await;
    assert_eq!((status, &body["ready"]), (503, &Value::from(false)));
    let ledger = check(&body, "ledger");
    assert_eq!((&ledger["state"], &ledger["reason"]), (&Value::from("failed"), &body["ledger"]), "{ledger}");
}
