//! Reports of a running Bursar: what requests really used, through the admin API.

use crate::house::{House, asking, chat, priced};
use serde_json::{Value, json};

const TINY: &str = "[[budgets]]\nname = \"tiny\"\nlimit = \"0.004 USD\"\nperiod = \"day\"\nmatch = { agent = \"greedy\" }\n\
                    [[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\nmatch = { project = \"alpha\" }\n";

async fn get(house: &House, path: &str) -> Value {
    house.admin("GET", path, &Value::Null).await
}

/// Rules: S2-08, S2-09, S3-29, S4-41, S4-63, S4-72, C6-7, V U10, V A04.
#[tokio::test(flavor = "multi_thread")]
async fn what_requests_used_is_told_to_the_nano_dollar() {
    let house = House::with(priced(), TINY).await;
    for out in [5, 7] {
        assert_eq!(house.chat(&chat(out, false)).await.status, 200);
    }
    assert_eq!(house.chat(&asking("out=5 status=503", false)).await.status, 503);
    house.latest(3).await;
    // 20 tokens in at 1 USD per million, 12 out at 2 USD: what the provider billed.
    let report = get(&house, "/usage/report?project=alpha").await;
    assert_eq!(
        (&report["total"]["list_cost"], &report["total"]["requests"]),
        (&json!("0.000044"), &json!(3))
    );
    assert_eq!(report["total"]["tokens"]["total"], 32);
    assert_eq!(report["by_model"]["small"]["completed"], 2);
    let summary = get(&house, "/usage?period=day&by=user,model&project=alpha").await;
    assert_eq!(summary["items"][0]["names"], json!({"user": "ann", "model": "small"}));
    assert_eq!(summary["items"][0]["list_cost"], "0.000044");
    assert_eq!(get(&house, "/usage/top?by=user").await["items"][0]["names"]["user"], "ann");
    let errors = get(&house, "/usage/errors").await;
    assert_eq!(
        (&errors["items"][0]["status"], &errors["items"][0]["requests"]),
        (&json!("failed"), &json!(1))
    );
    let map = get(&house, "/usage/heatmap").await;
    assert_eq!((&map["total_days"], &map["days"][364]["requests"]), (&json!(365), &json!(3)));
    let budgets = get(&house, "/usage/budgets").await;
    assert_eq!((&budgets["total_budgets"], &budgets["exceeded_budgets"]), (&json!(2), &json!(0)));
    let touched = get(&house, "/usage/budgets?project=alpha").await;
    assert_eq!((&touched["of"], &touched["items"][0]["budget"]), (&json!(1), &json!("daily")));
    assert_eq!(touched["items"][0]["settled"], "0.000044");
    for path in ["/usage/cache", "/usage/ttl", "/usage/timeline", "/usage/latency", "/usage/active"] {
        assert!(get(&house, path).await["status"].is_null(), "{path}");
    }
    assert_eq!(get(&house, "/usage/rollups").await["sound"], true);
    let refused = get(&house, "/usage/report?project=alpha&period=fortnight").await;
    assert_eq!(
        (&refused["type"], &refused["status"], &refused["field"]),
        (&json!("E-INPUT-001"), &json!(400), &json!("period"))
    );
    assert!(
        refused["detail"].as_str().is_some_and(|text| text.contains("hour, day, week, month, year")),
        "{refused}"
    );
    let stray = get(&house, "/usage/heatmap?period=day").await;
    assert_eq!((&stray["status"], &stray["field"]), (&json!(400), &json!("period")));
}

/// Rules: S4-34, S4-36, S4-71.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_told_with_what_it_holds() {
    let house = House::with(priced(), TINY).await;
    assert_eq!(get(&house, "/usage/active").await["of"], 0);
    let body = house.begin(&asking("out=200 in=10 chunk_ms=50", true)).await;
    let mut active = Value::Null;
    for _ in 0..100 {
        active = get(&house, "/usage/active?project=alpha&user=ann").await;
        if active["items"][0]["id"].is_string() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let row = &active["items"][0];
    assert_eq!((&row["attributes"]["model"], &row["late"]), (&json!("small"), &json!(false)), "{active}");
    assert_eq!(row["held_usd"], active["held_usd"]);
    assert_ne!(row["held_usd"], "0");
    assert_eq!(get(&house, "/usage/active?user=bob").await["items"], json!([]));
    assert_eq!(get(&house, "/usage?by=user").await["total"]["requests"], 0, "what runs does not count");
    drop(body);
}
