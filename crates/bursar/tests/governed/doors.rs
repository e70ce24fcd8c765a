//! Where Bursar listens, and how it stops: the admin API apart, and answers that end in order.

use crate::house::{House, asking, chat, nanos, priced};
use http_body_util::BodyExt;
use serde_json::Value;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_listener_alone_serves_admin_and_metrics() {
    let house = House::served(priced(), DAILY, "admin_listen = \"127.0.0.2:0\"").await;
    let get = async |base: &str, path: &str| {
        house.http.send("GET", &format!("{base}{path}"), &[], Vec::new()).await.unwrap().status
    };
    assert_ne!(house.base, house.admin_base);
    assert_eq!(house.chat(&chat(5, false)).await.status, 200, "clients have theirs");
    for path in ["/metrics", "/admin/openapi.json"] {
        assert_eq!(get(&house.base, path).await, 404, "{path}");
        assert_eq!(get(&house.admin_base, path).await, 200, "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(&house.base, path).await, 200, "{path}");
        assert_eq!(get(&house.admin_base, path).await, 200, "{path}");
    }
    assert_eq!(get(&house.admin_base, "/v1/models").await, 404, "no client's path there");
    let url = format!("{}/v1/chat/completions", house.admin_base);
    let body = chat(5, false).to_string().into_bytes();
    assert_eq!(house.http.send("POST", &url, &house.headers(), body).await.unwrap().status, 404);
}

/// Ends a Bursar with this drain while a stream of `out` tokens is open; the rest of the stream.
async fn stopped_in_mid_stream(drain_s: u32, directives: &str) -> (House, String) {
    let mut house = House::served(priced(), DAILY, &format!("drain_s = {drain_s}")).await;
    let mut stream = house.begin(&asking(directives, true)).await;
    stream.frame().await.expect("a first piece").expect("a piece");
    let rest = tokio::spawn(async move {
        let bytes = stream.collect().await.expect("a proper end").to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    house.stop();
    house.start_again();
    (house, rest.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_answers_end_within_the_drain() {
    let (house, rest) = stopped_in_mid_stream(60, "out=20 in=10 chunk_ms=50 chunk_tokens=1").await;
    assert!(rest.ends_with("data: [DONE]\n\n") && !rest.contains("shutting down"), "{rest}");
    let record = house.latest(1).await;
    assert_eq!((&record["status"], &record["estimated"]), (&Value::from("completed"), &Value::from(false)));
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_cuts_what_outlasts_the_drain_and_settles_it_as_estimated() {
    let (house, rest) = stopped_in_mid_stream(0, "out=900 in=10 chunk_ms=200 chunk_tokens=1").await;
    assert!(rest.contains("shutting down") && rest.ends_with("data: [DONE]\n\n"), "{rest}");
    house.mock.idle().await;
    let record = house.latest(1).await;
    assert_eq!((&record["status"], &record["estimated"]), (&Value::from("cancelled"), &Value::from(true)));
    let window = house.settled("daily").await;
    assert!(nanos(&window["settled"]) >= house.mock.total().nanos(), "{window}");
    assert_eq!(window["suspense"], "0");
}
