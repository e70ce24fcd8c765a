//! What the clock decides: projections, spikes, new periods and evaluations that fail, told once each through a whole Bursar
//! whose clock the story moves.

use crate::house::{Hand, House, priced, until};
use serde_json::{Value, json};
use std::time::Duration;

async fn spend(house: &House, usd: &str) {
    let report = json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": "small", "usage": {},
        "cost_usd": usd});
    let done = house.admin("POST", "/usage", &report).await;
    assert_eq!(done["result"], "settled", "{done}");
}

/// The events and scopes of all alerts, oldest first.
async fn told(house: &House) -> Vec<(String, String)> {
    let listed = house.admin("GET", "/alerts?limit=100", &Value::Null).await;
    let word = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    items.iter().rev().map(|alert| (word(alert, "event"), word(alert, "scope"))).collect()
}

async fn is_told(house: &House, event: &str, scope: &str) {
    let wanted = (event.to_owned(), scope.to_owned());
    until(&format!("{event} of {scope}"), async || told(house).await.contains(&wanted)).await;
}

async fn history(house: &House) -> Vec<String> {
    let listed = house.admin("GET", "/throttle/history?limit=100", &Value::Null).await;
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    let own = items.iter().rev().filter(|event| event["provider"] == "fake" || event["event"] == "fresh");
    own.map(|event| event["event"].as_str().unwrap_or_default().to_owned()).collect()
}

const MONTHS: &str = "[[budgets]]\nname = \"all month\"\nlimit = \"100 USD\"\nperiod = \"month\"\nmode = \"soft\"\nthresholds = []\n\
                      [[budgets]]\nname = \"fake month\"\nlimit = \"100 USD\"\nperiod = \"month\"\nmode = \"soft\"\nthresholds = []\n\
                      match = { provider = \"fake\" }\n";

/// Rules: S0-04, S0-13, S0-17, S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn projections_and_spikes_are_told_once() {
    let clock = Hand::at("2026-04-10T10:30:00Z");
    let house = House::at(&clock, priced(), MONTHS).await;
    spend(&house, "2").await;
    // The hour after costs nineteen times as much, and the month is on the way to 120 percent.
    clock.set("2026-04-10T11:30:00Z");
    spend(&house, "38").await;
    is_told(&house, "projected", "platform").await;
    is_told(&house, "throttle_would_engage", "provider=fake").await;
    until("both are on record", async || {
        let listed = house.admin("GET", "/requests", &Value::Null).await;
        listed["items"].as_array().map_or(0, Vec::len) == 2
    })
    .await;
    clock.set("2026-04-10T12:00:10Z");
    is_told(&house, "burn_spike", "project=alpha").await;
    // Room held for a call that costs more than was thought.
    let aside =
        json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": "small", "hold_usd": "0.01"});
    let mut made = Value::Null;
    // After half an hour in one step nobody knows the state of kill switches until it is read again.
    until("room is set aside", async || {
        made = house.admin("POST", "/reservations", &aside).await;
        made["state"] == "held"
    })
    .await;
    let settle = format!("/reservations/{}/settle", made["id"].as_str().expect("an id"));
    assert_eq!(house.admin("POST", &settle, &json!({"cost_usd": "0.02"})).await["result"], "settled");
    until("overage", async || told(&house).await.iter().any(|(event, _)| event == "overage")).await;
    // Nothing more is spent: by the end of the month the pace has come down.
    clock.set("2026-04-28T12:00:00Z");
    is_told(&house, "throttle_would_release", "provider=fake").await;
    clock.set("2026-04-28T14:00:00Z");
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "a mark"})).await;
    is_told(&house, "kill_on", "run=none").await;
    let mut events: Vec<String> = told(&house).await.into_iter().map(|(event, _)| event).collect();
    events.sort();
    let once =
        ["burn_spike", "kill_on", "overage", "projected", "throttle_would_engage", "throttle_would_release"];
    assert_eq!(events, once);
}

/// Rules: S0-16, V T21.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_month_begins_without_the_throttle_of_the_old_one() {
    let clock = Hand::at("2026-04-29T10:00:00Z");
    let live = format!("{MONTHS}[throttle]\nenabled = true\nshadow = false\n");
    let house = House::at(&clock, priced(), &live).await;
    spend(&house, "120").await;
    let throttled = async || {
        let status = house.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().cloned().unwrap_or_default();
        items.iter().any(|item| item["provider"] == "fake" && item["throttled"] == true)
    };
    until("it is throttled", throttled).await;
    clock.set("2026-04-30T23:59:59Z");
    assert!(throttled().await);
    clock.set("2026-05-01T00:00:00Z");
    until("it is released", async || !throttled().await).await;
    assert_eq!(history(&house).await, ["engaged", "period_reset", "released"]);
}

/// Rules: S0-14.
#[tokio::test(flavor = "multi_thread")]
async fn states_that_cannot_be_evaluated_are_stale_after_three_misses_and_told_once() {
    let clock = Hand::at("2026-04-10T10:30:00Z");
    let house = House::at(&clock, priced(), MONTHS).await;
    let stale = async || {
        let url = format!("{}/readyz?verbose", house.base);
        let health = house.http.send("GET", &url, &[], Vec::new()).await.expect("an answer").json();
        (health["throttle"]["stale"] == true, health["throttle"]["missed"].as_i64().unwrap_or_default())
    };
    assert_eq!(stale().await, (false, 0));
    let settings = rusqlite::Connection::open(house.data_dir().join("settings.db")).unwrap();
    settings.busy_timeout(Duration::from_secs(30)).unwrap();
    settings.execute_batch("ALTER TABLE throttles RENAME TO mislaid").unwrap();
    clock.set("2026-04-10T12:35:00Z");
    until("two are missed", async || stale().await.1 == 2).await;
    assert!(!stale().await.0, "two misses are not three");
    clock.set("2026-04-10T14:00:00Z");
    until("it is stale", async || stale().await.0).await;
    is_told(&house, "throttle_stale", "platform").await;
    clock.set("2026-04-10T15:00:00Z");
    until("four are missed", async || stale().await.1 >= 4).await;
    settings.execute_batch("ALTER TABLE mislaid RENAME TO throttles").unwrap();
    clock.set("2026-04-10T16:00:00Z");
    until("it is evaluated again", async || stale().await == (false, 0)).await;
    let events = told(&house).await;
    assert_eq!(events.iter().filter(|(event, _)| event == "throttle_stale").count(), 1, "{events:?}");
    assert!(history(&house).await.contains(&"fresh".to_owned()));
}

/// A call that nobody tells anything more of is told after the second look, once, and not touched.
///
/// Rules: S4-69.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hangs_is_told_after_two_looks() {
    let clock = Hand::at("2026-04-10T10:00:00Z");
    let house = House::at(&clock, priced(), MONTHS).await;
    let asked =
        json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": "small", "hold_usd": "0.01"});
    let made = house.admin("POST", "/reservations", &asked).await;
    assert_eq!(made["state"], "held", "{made}");
    // A switch that ends within the hour is told by the next look, which comes when the clock has moved: who sees it knows
    // that there was one.
    let look = async |at: &str, scope: &str, until: &str| {
        let switch = json!({"scope": scope, "reason": "a mark", "until": until});
        house.admin("POST", "/kill", &switch).await;
        clock.set(at);
        is_told(&house, "kill_expiring", scope).await;
    };
    look("2026-04-10T10:01:10Z", "run=first", "2026-04-10T10:31:00Z").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!told(&house).await.iter().any(|(event, _)| event == "stale_requests"), "once may be chance");
    look("2026-04-10T10:02:20Z", "run=second", "2026-04-10T10:32:00Z").await;
    is_told(&house, "stale_requests", "platform").await;
    look("2026-04-10T10:03:30Z", "run=third", "2026-04-10T10:33:00Z").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(told(&house).await.iter().filter(|(event, _)| event == "stale_requests").count(), 1);
    let settle = format!("/reservations/{}/settle", made["id"].as_str().expect("an id"));
    assert_eq!(house.admin("POST", &settle, &json!({"cost_usd": "0.01"})).await["result"], "settled");
}
