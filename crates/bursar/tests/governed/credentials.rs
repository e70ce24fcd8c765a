//! Stories of credentials that are given through the admin API: sealed, used at once, back after a restart, gone when deleted.

use crate::house::{House, OTHER_SECRET, asking, nanos, priced};
use bursar_mock::Script;
use serde_json::{Value, json};

/// A provider without credentials of its own, in front of a fake provider that takes one secret.
const SEALED: &str = "[providers.bare]\nfamily = \"openai\"\nbase_url = \"{fake}\"\nprices = \"bare\"\ncredential = \"sealed\"\n\
    [models.\"bare\"]\ndeployments = [{ provider = \"bare\", model = \"small\", \
    price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 } }]\n";

fn takes(secret: &str) -> Script {
    Script { credentials: vec![secret.to_owned()], ..priced() }
}

fn ask() -> Value {
    let mut body = asking("out=5 in=10", false);
    body["model"] = json!("bare");
    body
}

const PATH: &str = "/providers/bare/credentials";

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_used_at_once_and_after_a_restart_until_it_is_deleted() {
    let mut house = House::with(takes(OTHER_SECRET), SEALED).await;
    let without = house.chat(&ask()).await;
    assert_eq!((without.status, without.json()["bursar"]["code"].as_str()), (503, Some("E-ROUTE-001")));
    assert!(String::from_utf8_lossy(&without.body).contains("no_credential"), "{:?}", without.body);

    let made = house.admin("POST", PATH, &json!({"name": "a", "secret": "sk-wrong-secret-000"})).await;
    assert_eq!((made["managed_by"].as_str(), made["secret"].as_str()), (Some("api"), None), "{made}");
    assert_eq!(house.chat(&ask()).await.status, 401);
    house.admin("POST", &format!("{PATH}/a/rotate"), &json!({"secret": OTHER_SECRET})).await;
    assert_eq!(house.chat(&ask()).await.status, 200);

    let probed = house.admin("POST", "/providers/bare/test", &Value::Null).await;
    assert_eq!((&probed["items"][0]["credential"], &probed["items"][0]["ok"]), (&json!("a"), &json!(true)));
    house.stop();
    house.start_again();
    assert_eq!(house.chat(&ask()).await.status, 200, "it opens after a restart");

    let off = house.admin("PATCH", &format!("{PATH}/a"), &json!({"active": false})).await;
    assert_eq!(off["active"], false, "{off}");
    assert_eq!(house.chat(&ask()).await.status, 503);
    house.admin("PATCH", &format!("{PATH}/a"), &json!({"active": true, "weight": 3})).await;
    assert_eq!(house.chat(&ask()).await.status, 200);
    house.admin("DELETE", &format!("{PATH}/a"), &Value::Null).await;
    assert_eq!(house.chat(&ask()).await.status, 503);
    let audit = house.admin("GET", "/audit?limit=100", &Value::Null).await.to_string();
    assert!(audit.contains("bare/a") && !audit.contains(OTHER_SECRET), "{audit}");
}

/// Rules: S4-17, S4-70.
#[tokio::test(flavor = "multi_thread")]
async fn a_multiplier_counts_from_the_next_request_on() {
    let house = House::with(takes(OTHER_SECRET), SEALED).await;
    house.admin("POST", PATH, &json!({"name": "a", "secret": OTHER_SECRET})).await;
    let costs = async || {
        let answer = house.chat(&ask()).await;
        assert_eq!(answer.status, 200);
        let record = house.record(answer.header("x-bursar-request-id")).await;
        (nanos(&record["list_cost"]), nanos(&record["effective_cost"]))
    };
    let (list, effective) = costs().await;
    assert!(list > 0 && list == effective, "what has no multiplier counts once: {list} {effective}");
    for (multiplier, wanted) in [("0.5", list / 2), ("3", list * 3), ("0", 0)] {
        let changed =
            house.admin("PATCH", &format!("{PATH}/a"), &json!({"rate_multiplier": multiplier})).await;
        assert_eq!(changed["rate_multiplier"], multiplier, "{changed}");
        assert_eq!(costs().await, (list, wanted), "{multiplier}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_credential_is_named() {
    let house = House::with(priced(), SEALED).await;
    let no = |path: &'static str, body: Value| {
        let house = &house;
        async move {
            let answer = house.admin("POST", path, &body).await;
            (answer["status"].as_u64().unwrap_or(0), answer["detail"].as_str().unwrap_or("").to_owned())
        }
    };
    let (status, detail) = no(PATH, json!({"name": "a", "secret": "two words"})).await;
    assert!(status == 422 && detail.contains("visible ASCII"), "{status} {detail}");
    let (status, detail) = no(PATH, json!({"name": "a", "secret": "sk-x", "rate_multiplier": "cheap"})).await;
    assert!(status == 422 && detail.contains("rate_multiplier"), "{status} {detail}");
    let (status, detail) = no("/providers/nobody/credentials", json!({"name": "a", "secret": "sk-x"})).await;
    assert!(status == 404 && detail.contains("nobody"), "{status} {detail}");
    let (status, detail) =
        no("/providers/fake/credentials", json!({"name": "default", "secret": "sk-x"})).await;
    assert!(status == 409 && detail.contains("default"), "{status} {detail}");
}
