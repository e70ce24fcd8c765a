//! `Idempotency-Key`: the same request again gets the same answer, and is paid once.

use crate::house::{House, asking, chat, nanos, priced, reqwest_lite};
use serde_json::{Value, json};
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

async fn ask(house: &House, key: &str, body: &Value) -> reqwest_lite::Answer {
    let mut headers = house.headers();
    headers.push(("idempotency-key", key.to_owned()));
    house.send(&headers, body.to_string()).await.expect("an answer")
}

/// Asks again for as long as the first request still counts as under way.
async fn ask_later(house: &House, key: &str, body: &Value) -> reqwest_lite::Answer {
    for _ in 0..500 {
        let answer = ask(house, key, body).await;
        if answer.status != 409 || answer.header("retry-after").is_empty() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("still under way");
}

#[track_caller]
fn refused(answer: &reqwest_lite::Answer, words: &str) {
    let told = answer.json();
    assert_eq!((answer.status, &told["bursar"]["code"]), (409, &json!("E-IDEMP-001")), "{told}");
    assert!(told["bursar"]["message"].as_str().unwrap().contains(words), "{told}");
}

/// Rules: S4-24, S4-30.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_bytes_and_is_paid_once_also_after_a_restart() {
    let mut house = House::with(priced(), DAILY).await;
    let body = chat(25, false);
    let first = ask(&house, "k-1", &body).await;
    assert_eq!((first.status, first.header("x-bursar-replayed")), (200, ""));
    for restart in [false, true] {
        if restart {
            house.stop();
            house.start_again();
        }
        let again = ask(&house, "k-1", &body).await;
        assert_eq!((again.status, again.header("x-bursar-replayed")), (200, "true"));
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("x-bursar-request-id"), first.header("x-bursar-request-id"));
        assert_eq!(again.header("x-bursar-cost-usd"), first.header("x-bursar-cost-usd"));
    }
    assert_eq!(house.mock.received(), 1);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
    let record = house.latest(3).await;
    assert_eq!((&record["status"], &record["list_cost"]), (&json!("completed"), &json!("0")), "{record}");
    refused(&ask(&house, "k-1", &chat(26, false)).await, "asked for something else");
    assert_eq!(
        ask(&house, "k-2", &body).await.header("x-bursar-replayed"),
        "",
        "another key is another request"
    );

    let made = house.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    house.key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(ask(&house, "k-1", &body).await.header("x-bursar-replayed"), "", "keys do not share");
    let seal = std::fs::read(house.data_dir().join("settings.db")).unwrap();
    assert!(!seal.windows(14).any(|part| part == b"\"finish_reason"), "the answer is sealed");
}

/// Rules: S4-24.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_what_is_under_way_or_was_a_stream_is_refused_with_its_number() {
    let house = House::with(priced(), DAILY).await;
    let slow = asking("out=5 in=10 latency_ms=1000", false);
    let first = ask(&house, "slow", &slow);
    let second = async {
        while house.mock.in_flight() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ask(&house, "slow", &slow).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    refused(&second, "still under way");
    assert_eq!(second.header("retry-after"), "1");

    let stream = chat(25, true);
    let streamed = ask(&house, "stream", &stream).await;
    assert_eq!(streamed.status, 200);
    let again = ask_later(&house, "stream", &stream).await;
    refused(&again, streamed.header("x-bursar-request-id"));
    refused(&again, "cost 0.00006 USD");
    assert_eq!(house.mock.received(), 2);
}

/// Rules: S4-24.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_or_an_unbilled_failure_is_a_new_try_and_an_unknown_bill_is_not() {
    let house = House::with(priced(), DAILY).await;
    let down = asking("status=503", false);
    assert_eq!(ask(&house, "down", &down).await.status, 503);
    assert_eq!(ask(&house, "down", &down).await.status, 503);
    let order = json!({"scope": "user=ann", "reason": "a pause"});
    let body = chat(5, false);
    house.admin("POST", "/budgets", &json!({"name": "none", "limit": "0 USD", "period": "day"})).await;
    assert_eq!(ask(&house, "spent", &body).await.status, 429);
    house.admin("DELETE", "/budgets/none", &Value::Null).await;
    assert_eq!(ask(&house, "spent", &body).await.status, 200, "a refusal is forgotten");
    house.admin("POST", "/kill", &order).await;
    assert_eq!(ask(&house, "spent", &body).await.status, 403, "a kill switch comes before a replay");
    house.admin("DELETE", "/kill/user%3Dann", &Value::Null).await;
    let lost = asking("out=5 fault=drop", false);
    assert_eq!(ask(&house, "lost", &lost).await.status, 502);
    refused(&ask(&house, "lost", &lost).await, "whose answer is not kept");
    assert_eq!(ask(&house, "", &body).await.json()["bursar"]["code"], "E-INPUT-001");
}

/// Rules: S4-24, S4-30.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_post_of_the_admin_api_does_nothing_and_answers_the_same() {
    let house = House::with(priced(), DAILY).await;
    let token = std::fs::read_to_string(house.data_dir().join("admin-token")).unwrap();
    let post = async |token: &str, path: &str, body: Value| {
        let headers = [
            ("authorization", format!("Bearer {}", token.trim())),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", "a-1".to_owned()),
        ];
        let url = format!("{}/admin/v1{path}", house.base);
        house.http.send("POST", &url, &headers, body.to_string().into_bytes()).await.unwrap()
    };
    let body = json!({"project": "alpha", "name": "ci"});
    let first = post(&token, "/keys", body.clone()).await;
    let again = post(&token, "/keys", body.clone()).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((again.body.clone(), again.header("x-bursar-replayed")), (first.body.clone(), "true"));
    let listed = house.admin("GET", "/keys?limit=100", &Value::Null).await;
    let named = listed["items"].as_array().unwrap().iter().filter(|key| key["name"] == "ci").count();
    assert_eq!(named, 1, "one key was made");
    let other = post(&token, "/users", json!({"name": "bob"})).await;
    assert_eq!((other.status, &other.json()["type"]), (409, &json!("E-IDEMP-001")));
    assert_eq!(post("nobody's", "/keys", body).await.status, 401, "an answer is not for everybody");
}
