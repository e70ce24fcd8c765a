//! What the clock decides: projections, spikes, new periods and evaluations that fail, told once each through a whole Bursar
//! whose clock the story moves.

use crate::house::{Hand, House, chat, priced, until};
use crate::receivers::Receiver;
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

const USERS: &str = "[[budgets]]\nname = \"each user\"\nlimit = \"100 USD\"\nperiod = \"month\"\nmode = \"soft\"\nthresholds = []\nper = [\"user\"]\n\
                     [[budgets]]\nname = \"each project\"\nlimit = \"100 USD\"\nperiod = \"month\"\nmode = \"soft\"\nthresholds = []\nper = [\"project\"]\n";

/// Any budget with a period is projected, also those that no throttle can help: once for each window, under its own scope.
///
/// Rules: S0-01, S0-17, S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn windows_of_users_and_projects_on_their_way_past_their_limit_are_told_once() {
    let clock = Hand::at("2026-04-10T10:30:00Z");
    let mut house = House::at(&clock, priced(), USERS).await;
    for (user, usd) in [("ann", "40"), ("bob", "30")] {
        let report = json!({"attributes": {"project": "alpha", "user": user}, "provider": "fake", "model": "small",
            "usage": {}, "cost_usd": usd});
        assert_eq!(house.admin("POST", "/usage", &report).await["result"], "settled");
    }
    clock.set("2026-04-10T10:32:00Z");
    is_told(&house, "projected", "user=ann").await;
    is_told(&house, "projected", "project=alpha").await;
    let listed = house.admin("GET", "/alerts?event=projected&limit=100", &Value::Null).await;
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    let ann = items.iter().find(|alert| alert["scope"] == "user=ann").expect("ann's");
    let figures = &ann["figures"];
    assert_eq!(
        (&figures["budget"], &figures["spent"], &figures["projected"], &figures["ratio"]),
        (&json!("each user"), &json!("40"), &json!("120"), &json!("1.2")),
        "{ann}"
    );
    // Not again in this month, whatever happens; in the next one anew.
    clock.set("2026-04-12T10:30:00Z");
    house.stop();
    house.start_again();
    let spend = async |house: &House| {
        let more = json!({"attributes": {"project": "alpha", "user": "ann"}, "provider": "fake", "model": "small",
            "usage": {}, "cost_usd": "50"});
        assert_eq!(house.admin("POST", "/usage", &more).await["result"], "settled");
    };
    spend(&house).await;
    clock.set("2026-05-10T10:30:00Z");
    spend(&house).await;
    clock.set("2026-05-10T10:32:00Z");
    let count = async || {
        let told = told(&house).await;
        told.iter().filter(|(event, scope)| event == "projected" && scope == "user=ann").count()
    };
    until("the next month is told of", async || count().await == 2).await;
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "a mark"})).await;
    is_told(&house, "kill_on", "run=none").await;
    assert_eq!(count().await, 2);
    assert!(!told(&house).await.contains(&("projected".to_owned(), "user=bob".to_owned())));
}

/// What an operator decides ends when it was said to end, by itself, and is told.
///
/// Rules: S0-22.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_by_hand_ends_by_itself_when_its_time_is_up() {
    let clock = Hand::at("2026-04-10T10:30:00Z");
    let house = House::at(&clock, priced(), MONTHS).await;
    let order = json!({"provider": "fake", "reason": "invoice in doubt", "until": "2026-04-10T11:00:00Z"});
    assert_eq!(house.admin("POST", "/throttle", &order).await["throttled"], true);
    let refused = house.chat(&chat(5, false)).await;
    assert_eq!(refused.json()["bursar"]["code"], "E-ROUTE-001", "{:?}", refused.body);
    clock.set("2026-04-10T10:59:59Z");
    assert_ne!(house.chat(&chat(5, false)).await.status, 200, "not a second before");
    clock.set("2026-04-10T11:00:00Z");
    until("requests pass", async || house.chat(&chat(5, false)).await.status == 200).await;
    assert_eq!(history(&house).await, ["forced_on", "force_expired", "released"]);
    // What it spends from here on is projected again.
    until("nothing of the decision is left", async || {
        let status = house.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().cloned().unwrap_or_default();
        let is_free = |item: &Value| {
            item["provider"] == "fake" && item["forced"].is_null() && item["throttled"] == false
        };
        items.iter().any(is_free)
    })
    .await;
    is_told(&house, "throttle_engaged", "provider=fake").await;
    is_told(&house, "throttle_released", "provider=fake").await;
    let audit = house.admin("GET", "/audit?object=throttle", &Value::Null).await;
    let actors: Vec<&Value> =
        audit["items"].as_array().unwrap().iter().map(|entry| &entry["actor"]).collect();
    assert!(actors.contains(&&json!("admin")) && actors.contains(&&json!("throttle")), "{audit}");
    let none = house.admin("DELETE", "/throttle/fake", &Value::Null).await;
    assert_eq!(none["status"], 404, "{none}");
    assert!(none["detail"].as_str().unwrap().contains("nobody decided about `fake`"), "{none}");
    for (field, wrong) in [
        ("provider", json!({"provider": "nobody", "reason": "x"})),
        ("project", json!({"provider": "fake", "project": "alhpa", "reason": "x"})),
        ("reason", json!({"provider": "fake", "reason": " "})),
        ("until", json!({"provider": "fake", "reason": "x", "until": "2026-04-10T10:00:00Z"})),
    ] {
        assert_eq!(house.admin("POST", "/throttle", &wrong).await["field"], field);
    }
}

/// What is not urgent waits through the quiet hours and is sent when they end, by the channel's own clock.
///
/// Rules: S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_through_quiet_hours_is_sent_when_they_end() {
    let receiver = Receiver::start(&[]).await;
    let folder = tempfile::TempDir::new().unwrap();
    let hook = folder.path().join("hook");
    std::fs::write(&hook, &receiver.base).unwrap();
    // 22:00 in Taipei is 14:00 in UTC.
    let clock = Hand::at("2026-04-10T14:30:00Z");
    let channel = format!(
        "[alerts.phone]\ntype = \"webhook\"\nurl = {{ file = {hook:?} }}\nquiet_hours = \"22:00-07:00\"\ntime_zone = \"Asia/Taipei\"\n"
    );
    let house = House::at(&clock, priced(), &channel).await;
    let mut unknown = chat(5, false);
    unknown["model"] = json!("nobody-knows-this");
    assert_eq!(house.chat(&unknown).await.status, 422);
    is_told(&house, "price_missing", "project=alpha").await;
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "urgent"})).await;
    let first = receiver.until(1, |_| true).await;
    assert_eq!(first[0].json()["type"], "alert.kill_on");
    clock.set("2026-04-10T22:59:59Z");
    house.admin("POST", "/kill", &json!({"scope": "run=other", "reason": "urgent"})).await;
    receiver.until(2, |got| got.json()["type"] == "alert.kill_on").await;
    assert_eq!(receiver.got().len(), 2, "it still waits");
    clock.set("2026-04-10T23:00:00Z");
    let waited = receiver.until(1, |got| got.json()["type"] == "alert.price_missing").await;
    assert_eq!((waited.len(), receiver.got().len()), (1, 3));
}

/// A key ends at its instant and not before, and whose time is up is told a week ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_was_said_to_end() {
    let clock = Hand::at("2026-04-10T10:30:00Z");
    let mut house = House::at(&clock, priced(), "").await;
    let fields = json!({"project": "alpha", "name": "brief", "expires_at": "2026-04-18T10:00:00Z"});
    let made = house.admin("POST", "/keys", &fields).await;
    house.key = made["key"].as_str().expect("a key").to_owned();
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    clock.set("2026-04-11T11:00:00Z");
    is_told(&house, "key_expiring", "project=alpha").await;
    clock.set("2026-04-18T09:59:59Z");
    until("it works to the last second", async || house.chat(&chat(5, false)).await.status == 200).await;
    clock.set("2026-04-18T10:00:00Z");
    let refused = house.chat(&chat(5, false)).await;
    assert_eq!((refused.status, refused.json()["bursar"]["code"].as_str()), (401, Some("E-AUTH-001")));
    let events = told(&house).await;
    assert_eq!(events.iter().filter(|(event, _)| event == "key_expiring").count(), 1, "{events:?}");
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
