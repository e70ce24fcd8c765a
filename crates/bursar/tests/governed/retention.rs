//! What is kept for how long, and what stays when records are gone or were never written.

use crate::house::{House, asking, chat, nanos, priced};
use crate::process::Process;
use bursar_core::Timestamp;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

const DAY_S: i64 = 86_400;
const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

async fn get(house: &House, path: &str) -> Value {
    house.admin("GET", path, &Value::Null).await
}

fn days_ago(house: &House, days: i64) -> Timestamp {
    house.governor().now().plus_seconds(-days * DAY_S)
}

/// Reports a call of so many days ago at 0.01 USD; its id.
async fn long_ago(house: &House, days: i64) -> String {
    let report = json!({
        "request_id": format!("{days} days ago"), "attributes": {"project": "alpha", "user": "ann"}, "provider": "fake",
        "model": "small", "usage": {"input": 100}, "cost_usd": "0.01", "status": "completed",
        "created_at": days_ago(house, days).to_string(),
    });
    let told = house.admin("POST", "/usage", &report).await;
    told["id"].as_str().unwrap_or_else(|| panic!("not booked: {told}")).to_owned()
}

/// Records of old months go with their file, the rest of a month one by one; roll-ups, totals and windows do not notice.
///
/// Rules: S2-03, S4-65, V A01.
#[tokio::test(flavor = "multi_thread")]
async fn old_records_go_and_their_sums_stay() {
    let text = format!(
        "{DAILY}[[budgets]]\nname = \"ever\"\nperiod = \"total\"\nmode = \"soft\"\n[retention]\nrecords_d = 400\ntend_s = 1\n"
    );
    let mut house = House::with(priced(), &text).await;
    let mut ids = Vec::new();
    for days in [200, 120, 40, 0] {
        ids.push(long_ago(&house, days).await);
    }
    for id in &ids {
        house.record(id).await;
    }
    let year = format!("/usage?period=year&from={}&by=project", days_ago(&house, 380));
    let before = get(&house, &year).await;
    assert_eq!(before["total"]["list_cost"], "0.04", "{before}");

    house.stop();
    house.change(|text| text.replace("records_d = 400", "records_d = 90"));
    house.start_again();
    house
        .until("/requests?limit=100", |listed| {
            listed["items"].as_array().is_some_and(|items| items.len() == 2)
        })
        .await;
    for (id, status) in ids.iter().zip([json!(404), json!(404), json!("completed"), json!("completed")]) {
        assert_eq!(get(&house, &format!("/requests/{id}")).await["status"], status);
    }
    assert_eq!(get(&house, &year).await["total"], before["total"], "roll-ups outlive their records");
    assert_eq!(get(&house, "/usage/rollups").await["sound"], true);
    let ever = house.until("/budgets/ever", |budget| budget["windows"][0]["settled"] == "0.04").await;
    assert_eq!(ever["windows"][0]["held"], "0", "the ledger has all of it");
}

/// Rules: S4-65.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_period_that_is_still_open_are_kept() {
    let text = "[[budgets]]\nname = \"yearly\"\nlimit = \"100 USD\"\nperiod = \"300d\"\nanchor = \"2020-01-01\"\n[retention]\nrecords_d = 1\ntend_s = 1\n";
    let house = House::with(priced(), text).await;
    let starts = house.window("yearly").await;
    let id = long_ago(&house, 0).await;
    let open = match starts["starts_at"].as_str().and_then(Timestamp::parse) {
        Some(starts) => days_ago(&house, 0).micros_since(starts) / (DAY_S * 1_000_000),
        None => 0,
    };
    // Of the open period's first full day, and of the day before the period began.
    let (inside, outside) = (long_ago(&house, (open - 1).max(0)).await, long_ago(&house, open + 2).await);
    house.record(&id).await;
    house.until(&format!("/requests/{outside}"), |answer| answer["status"] == 404).await;
    assert_eq!(house.record(&inside).await["status"], "completed");
}

/// Rules: S4-65.
#[tokio::test(flavor = "multi_thread")]
async fn headers_and_bodies_go_before_their_records() {
    let text = format!("{DAILY}[records]\nlevel = \"full\"\n[retention]\ntend_s = 1\n");
    let mut house = House::with(priced(), &text).await;
    let answer = house.chat(&chat(5, false)).await;
    let id = answer.header("x-bursar-request-id").to_owned();
    let path = format!("/requests/{id}/body");
    house.until(&path, |detail| detail["request_body"].is_object()).await;
    // As if Bursar had written it three days ago: that day is over, and so is its time.
    let old = format!("bodies-{}.db", days_ago(&house, 3).to_string().get(..10).unwrap());
    house.stop();
    let folder = house.data_dir().join("bodies");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("one file per day: {files:?}") };
    std::fs::rename(file, folder.join(&old)).unwrap();
    house.change(|text| format!("{text}bodies_d = 1\nheaders_d = 1\n"));
    house.start_again();
    for _ in 0..500 {
        if !folder.join(&old).exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!folder.join(&old).exists(), "the whole day goes with its file");
    assert_eq!(get(&house, &path).await["status"], 404);
    assert_eq!(house.record(&id).await["status"], "completed", "the record stays");
}

/// Rules: S2-07, V U12.
#[tokio::test(flavor = "multi_thread")]
async fn without_records_budgets_hold_and_nothing_is_written() {
    let text = "[[budgets]]\nname = \"tiny\"\nlimit = \"0.005 USD\"\nperiod = \"day\"\n[records]\nenabled = false\nlevel = \"full\"\n";
    let mut house = House::with(priced(), text).await;
    let mut refused = 0;
    for _ in 0..4 {
        let answer = house.chat(&asking("out=1000 in=10", false)).await;
        refused += u32::from(answer.status == 429);
    }
    assert_eq!(refused, 2, "two fit: the budget holds as ever");
    let window = house.settled("tiny").await;
    assert_eq!(
        nanos(&window["settled"]),
        house.mock.total().nanos(),
        "to the nano-dollar of the provider's bill"
    );
    assert!(nanos(&window["settled"]) > 0);
    house.until("/keys", |keys| keys["items"][0]["requests"] == 2).await;
    house.stop();
    house.start_again();
    assert_eq!(house.window("tiny").await["settled"], window["settled"], "the ledger is written");
    assert_eq!(get(&house, "/requests").await["items"], json!([]));
    assert_eq!(get(&house, "/usage").await["total"]["requests"], 0);
    assert!(!house.data_dir().join("bodies").exists());
}

/// What began with a record is told to its end; what begins without one leaves none.
///
/// Rules: S2-07.
#[tokio::test(flavor = "multi_thread")]
async fn records_are_switched_by_a_reload() {
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    let first = ask(&process, &key).await;
    settled(&process, 1).await;
    let slow = asking("out=30 in=10 chunk_ms=100 chunk_tokens=1", true).to_string().into_bytes();
    let url = format!("{}/v1/chat/completions", process.base);
    let slow = process.http.open("POST", &url, &headers(&key), slow).await.unwrap();
    let slow_id = slow.headers()["x-bursar-request-id"].to_str().unwrap().to_owned();
    listed(&process, &[&slow_id, &first]).await;

    let text = std::fs::read_to_string(process.config()).unwrap();
    std::fs::write(process.config(), format!("{text}[records]\nenabled = false\n")).unwrap();
    assert!(process.admin("POST", "/reload", &Value::Null).await["status"].is_null());
    ask(&process, &key).await;
    slow.into_body().collect().await.expect("a proper end");
    settled(&process, 3).await;

    std::fs::write(process.config(), text).unwrap();
    assert!(process.admin("POST", "/reload", &Value::Null).await["status"].is_null());
    let third = ask(&process, &key).await;
    settled(&process, 4).await;
    let records = listed(&process, &[&third, &slow_id, &first]).await;
    assert!(records.iter().all(|record| record["status"] == "completed"), "{records:?}");
}

/// Waits until these records and no others are listed; the records.
async fn listed(process: &Process, ids: &[&str]) -> Vec<Value> {
    let mut records = Vec::new();
    for _ in 0..500 {
        let listed = process.admin("GET", "/requests", &Value::Null).await;
        records = listed["items"].as_array().cloned().unwrap_or_default();
        if records.iter().map(|record| record["id"].as_str().unwrap_or_default()).eq(ids.iter().copied()) {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {ids:?}: {records:?}");
}

fn headers(key: &str) -> [(&'static str, String); 2] {
    [("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())]
}

async fn ask(process: &Process, key: &str) -> String {
    let url = format!("{}/v1/chat/completions", process.base);
    let body = chat(5, false).to_string().into_bytes();
    let answer = process.http.send("POST", &url, &headers(key), body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.header("x-bursar-request-id").to_owned()
}

/// Waits until the key has so many requests in its totals: what the journal has is drained.
async fn settled(process: &Process, requests: u32) {
    for _ in 0..500 {
        let keys = process.admin("GET", "/keys", &Value::Null).await;
        if keys["items"][0]["requests"] == requests {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never drained: {}", process.admin("GET", "/keys", &Value::Null).await);
}
