//! Requests that go on, and requests that nobody ends: the states of their records, and what they are charged.

use crate::house::{House, asking, priced};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"10 USD\"\nperiod = \"day\"\n";

/// A Bursar whose fake provider is given up after four seconds, and another one after the usual ten minutes.
async fn impatient() -> House {
    let mut house = House::with(priced(), &format!("{DAILY}[providers.patient]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = \"none\"\n")).await;
    house.stop();
    house
        .change(|text| text.replacen("idle_timeout_s = 2\n", "idle_timeout_s = 2\nstale_timeout_s = 4\n", 1));
    house.start_again();
    house
}

async fn get(house: &House, path: &str) -> Value {
    house.admin("GET", path, &Value::Null).await
}

async fn reserve(house: &House, provider: &str) -> Value {
    let asked = json!({
        "attributes": {"project": "alpha", "user": "ann"}, "provider": provider, "model": "small", "hold_usd": "1",
    });
    let made = house.admin("POST", "/reservations", &asked).await;
    assert_eq!(made["state"], "held", "{made}");
    made
}

/// Seconds from now to a time in an answer.
fn seconds_until(house: &House, at: &Value) -> i64 {
    let at = bursar_core::Timestamp::parse(at.as_str().expect("a time")).expect("a time");
    at.micros_since(house.governor().now()) / 1_000_000
}

/// What makes no progress for as long as its provider's setting says is charged at its hold and closed as failed; the late
/// truth corrects it.
///
/// Rules: S4-33, S4-35, S4-69, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_ends_is_charged_closed_and_corrected_by_the_late_truth() {
    let house = impatient().await;
    let (lost, kept) = (reserve(&house, "fake").await, reserve(&house, "patient").await);
    assert!(seconds_until(&house, &lost["expires_at"]) <= 4);
    assert!(seconds_until(&house, &kept["expires_at"]) > 500);
    let path = format!("/requests/{}", lost["id"].as_str().unwrap());
    let closed = house.until(&path, |record| record["status"] == "failed").await;
    assert_eq!((&closed["status_code"], &closed["code"]), (&json!(504), &json!("E-ROUTE-004")), "{closed}");
    assert_eq!(closed["list_cost"], "1", "{closed}");
    let why = closed["error"].as_str().unwrap();
    assert!(why.contains("no progress") && why.contains("pending"), "{why}");
    let window = house.window("daily").await;
    assert_eq!((&window["suspense"], &window["held"]), (&json!("1"), &json!("1")), "{window}");
    house.until("/alerts?limit=100", |alerts| alerts.to_string().contains("suspense")).await;
    let url = format!("{}/metrics", house.admin_base);
    let metrics = house.http.send("GET", &url, &[], Vec::new()).await.unwrap();
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("\nbursar_stale_requests 0\n"), "all that is stale was swept: {metrics}");

    let settle = |made: &Value| format!("/reservations/{}/settle", made["id"].as_str().unwrap());
    let truth = house.admin("POST", &settle(&lost), &json!({"usage": {"input": 500, "output": 5000}})).await;
    assert_eq!(truth["result"], "settled", "{truth}");
    let corrected = house.until(&path, |record| record["status"] == "completed").await;
    assert_eq!(
        (&corrected["list_cost"], &corrected["status_code"], &corrected["code"], &corrected["error"]),
        (&json!("0.0105"), &Value::Null, &Value::Null, &Value::Null),
        "{corrected}"
    );
    let window = house.window("daily").await;
    assert_eq!((&window["settled"], &window["suspense"]), (&json!("0.0105"), &json!("0")), "{window}");
    let done = house.admin("POST", &settle(&kept), &json!({"cost_usd": "0.5"})).await;
    assert_eq!(done["result"], "settled", "{done}");
    assert_eq!(get(&house, "/usage/rollups").await["sound"], true);
}

/// A request that is given up and then said to have been cancelled stays failed, at what it really cost.
///
/// Rules: S4-33, S4-24.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_after_it_was_given_up_has_failed_at_its_true_cost() {
    let house = impatient().await;
    let lost = reserve(&house, "fake").await;
    let id = lost["id"].as_str().unwrap();
    let path = format!("/requests/{id}");
    house.until(&path, |record| record["status"] == "failed").await;
    let truth = json!({"cost_usd": "0.25", "status": "cancelled"});
    let done = house.admin("POST", &format!("/reservations/{id}/settle"), &truth).await;
    assert_eq!(done["result"], "settled", "{done}");
    let record = house.until(&path, |record| record["list_cost"] == "0.25").await;
    assert_eq!(record["status"], "failed", "{record}");
    assert!(record["notes"].to_string().contains("cancelled"), "{record}");
    assert_eq!(house.window("daily").await["settled"], "0.25");
}

/// A stream that takes longer than its provider may be silent is not stale: each part of it is a sign of life. Meanwhile
/// its record says that it streams.
///
/// Rules: S4-33, S4-35, V S03.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_goes_on_renews_itself_and_says_so() {
    let house = impatient().await;
    let body = house.begin(&asking("out=24 in=10 chunk_ms=300 chunk_tokens=1", true)).await;
    let reading = tokio::spawn(async move { body.collect().await.expect("a proper end").to_bytes() });
    let listed =
        house.until("/requests?status=streaming", |listed| listed["items"][0]["id"].is_string()).await;
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(listed["items"][0]["finalized_at"].is_null(), "{listed}");
    let active = get(&house, "/usage/active").await;
    assert_eq!((&active["items"][0]["id"], &active["items"][0]["status"]), (&json!(id), &json!("streaming")));
    assert!(active["items"][0]["idle_s"].as_i64().is_some_and(|idle| (0..=4).contains(&idle)), "{active}");
    let got = reading.await.unwrap();
    assert!(got.ends_with(b"data: [DONE]\n\n"));
    let record = house.record(&id).await;
    assert_eq!((&record["status"], &record["estimated"]), (&json!("completed"), &json!(false)), "{record}");
    let took = record["total_ms"].as_u64().unwrap();
    assert!(took > 4_000, "it took {took} ms: longer than what is given up");
    let window = house.settled("daily").await;
    assert_eq!(window["suspense"], "0");
    assert_eq!(crate::house::nanos(&window["settled"]), house.mock.total().nanos());
    let suspense = get(&house, "/ledger/suspense").await;
    assert_eq!(suspense["items"], json!([]), "it was never given up");
}

/// The six states, each reached by its own way.
///
/// Rules: S4-33, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn every_state_has_its_way() {
    let house = House::with(priced(), &format!("{DAILY}[[budgets]]\nname = \"none\"\nlimit = \"0 USD\"\nperiod = \"day\"\nmatch = {{ agent = \"greedy\" }}\n")).await;
    assert_eq!(house.chat(&asking("out=5 in=10", false)).await.status, 200);
    assert_eq!(house.chat(&asking("out=5 status=503", false)).await.status, 503);
    let greedy = house.headers_with("x-bursar-agent", "greedy");
    assert_ne!(house.send(&greedy, asking("out=5 in=10", false).to_string()).await.unwrap().status, 200);
    let mut left = house.begin(&asking("out=900 in=10 chunk_ms=100 chunk_tokens=1", true)).await;
    left.frame().await.expect("a first piece").expect("a piece");
    house.until("/requests?status=streaming", |listed| listed["items"][0]["id"].is_string()).await;
    drop(left);
    house.until("/requests?status=cancelled", |listed| listed["items"][0]["id"].is_string()).await;
    let pending = reserve(&house, "fake").await;
    house
        .until(&format!("/requests/{}", pending["id"].as_str().unwrap()), |record| {
            record["status"] == "pending"
        })
        .await;
    for status in ["pending", "completed", "failed", "denied", "cancelled"] {
        let listed = house
            .until(&format!("/requests?status={status}"), |listed| listed["items"][0]["id"].is_string())
            .await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{status}: {listed}");
    }
    assert_eq!(get(&house, "/requests?status=streaming").await["items"], json!([]), "it has ended");
    assert_eq!(get(&house, "/requests?status=done").await["status"], 422);
}

/// A count that no answer can have is not trusted: it is pinned to the most there is, and the record says so.
///
/// Rules: S4-02.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_miscounts_is_noted_on_the_record() {
    let house = House::with(priced(), DAILY).await;
    let told = async |directives: &str| {
        let answer = house.chat(&asking(directives, false)).await;
        assert_eq!(answer.status, 200, "{directives}");
        house.record(answer.header("x-bursar-request-id")).await
    };
    let honest = told("in=100 out=5").await;
    assert_eq!(honest["notes"], json!([]), "{honest}");
    let absurd = told("in=100 out=5 report_out=99999999999999999").await;
    assert!(absurd["notes"].to_string().contains("absurd_count"), "{absurd}");
    let counted = absurd["usage"]["output"].as_u64().unwrap();
    assert!(counted < 99_999_999_999_999_999, "pinned: {absurd}");
}
