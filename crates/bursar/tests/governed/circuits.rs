//! Stories of retries, circuits and several credentials, judged by what the fake provider received and billed.

use crate::house::{House, OTHER_SECRET, UPSTREAM_SECRET, asking, chat, nanos, priced};
use bursar_mock::{Rule, Script};
use serde_json::{Value, json};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

fn first(count: u64, words: &str) -> Script {
    priced().rule(Rule::any().between(1, count).then(words)).unwrap()
}

async fn agrees(house: &House) {
    house.mock.idle().await;
    let window = house.settled("daily").await;
    assert_eq!(nanos(&window["settled"]), house.mock.total().nanos(), "{window}");
}

/// Rules: C5 (retries).
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_the_moment_is_tried_again_and_paid_once() {
    for words in ["status=503", "status=429", "status=529", "status=429 retry_after=1"] {
        for stream in [false, true] {
            let house = House::with(first(2, words), DAILY).await;
            let answer = house.chat(&chat(20, stream)).await;
            assert_eq!(answer.status, 200, "{words}: {:?}", answer.body);
            assert_eq!(house.mock.received(), 3);
            assert_eq!(answer.header("x-bursar-fallback"), format!("fake; {}", &words[7..10]));
            let record = house.record(answer.header("x-bursar-request-id")).await;
            assert_eq!(record["attempts"].as_array().map(Vec::len), Some(3), "{record}");
            agrees(&house).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_retries_are_the_most_and_a_long_retry_after_goes_to_the_client() {
    let house = House::with(priced().always("status=503").unwrap(), DAILY).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 503);
    assert_eq!(house.mock.received(), 4);
    let house = House::with(priced().always("status=429 retry_after=40").unwrap(), DAILY).await;
    let answer = house.chat(&chat(5, false)).await;
    assert_eq!((answer.status, answer.header("retry-after"), house.mock.received()), (429, "40", 1));
    let house = House::with(priced().always("status=400").unwrap(), DAILY).await;
    assert_eq!((house.chat(&chat(5, false)).await.status, house.mock.received()), (400, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_tried_again_once_a_byte_has_gone_to_the_client() {
    for fault in ["fault=cut@300", "fault=error_event@300", "fault=reset@300"] {
        let house = House::with(priced(), DAILY).await;
        let _broken = house.try_chat(&asking(&format!("out=200 in=10 {fault}"), true)).await;
        house.settled("daily").await;
        assert_eq!(house.mock.received(), 1, "{fault}");
    }
}

/// Rules: S2-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_opens_and_spares_a_provider_that_fails() {
    let house = House::with(priced().always("status=500").unwrap(), DAILY).await;
    let mut codes = Vec::new();
    for _ in 0..14 {
        let answer = house.chat(&chat(5, false)).await;
        codes.push(answer.json()["bursar"]["code"].as_str().unwrap_or("passed").to_owned());
    }
    assert_eq!(codes[0], "passed");
    assert_eq!(codes[13], "E-ROUTE-001", "{codes:?}");
    let before = house.mock.received();
    let answer = house.chat(&chat(5, false)).await;
    assert_eq!((answer.status, house.mock.received()), (503, before));
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=30).contains(&seconds));
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert_eq!(record["attempts"][0]["reason"], "circuit_open", "{record}");
    let told = crate::alerts::alert(&house, "circuit_opened", |_| true).await;
    assert_eq!((&told["scope"], &told["urgent"]), (&json!("provider=fake"), &json!(true)), "{told}");
    let window = house.settled("daily").await;
    assert_eq!(window["remaining"], window["limit"]);
}

/// A Bursar with two credentials towards the fake provider, and the model `two` there.
async fn two(script: Script, more: &str) -> House {
    let config = format!(
        "{DAILY}[providers.pair]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\nprices = \"pair\"\n\
         credentials = [{{ name = \"a\", secret = {{ env = \"FAKE_KEY\" }}{more} }}, \
         {{ name = \"b\", secret = {{ env = \"OTHER_KEY\" }}{more} }}]\n\
         [models.\"two\"]\ndeployments = [{{ provider = \"pair\", model = \"small\", \
         price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n"
    );
    House::with(script, &config).await
}

fn to_two(words: &str) -> Value {
    let mut body = asking(words, false);
    body["model"] = json!("two");
    body
}

/// How often the fake provider was asked with each credential.
fn asked(house: &House) -> (usize, usize) {
    let requests = house.mock.requests();
    let is = |headers: &http::HeaderMap, secret: &str| {
        headers.get("authorization").is_some_and(|value| value.as_bytes().ends_with(secret.as_bytes()))
    };
    let with = |secret: &str| requests.iter().filter(|received| is(&received.headers, secret)).count();
    (with(UPSTREAM_SECRET), with(OTHER_SECRET))
}

/// Rules: S2-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_taken_is_replaced_by_the_other() {
    let rule = Rule { credential: Some(UPSTREAM_SECRET.into()), ..Rule::any() }.then("status=401");
    let house = two(priced().rule(rule).unwrap(), "").await;
    for _ in 0..30 {
        assert_eq!(house.chat(&to_two("out=5 in=10")).await.status, 200);
    }
    let (refused, taken) = asked(&house);
    assert_eq!(taken, 30);
    assert!((1..=10).contains(&refused), "its circuit opened: {refused}");
    agrees(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_stays_with_the_credential_that_has_its_cache() {
    let house = two(priced(), "").await;
    for session in ["s1", "s2", "s3", "s4", "s5", "s6"] {
        let mut headers = house.headers();
        headers.push(("x-bursar-session", session.to_owned()));
        let before = asked(&house);
        for _ in 0..6 {
            let answer = house.send(&headers, to_two("out=5 in=10").to_string()).await.unwrap();
            assert_eq!(answer.status, 200);
        }
        let after = asked(&house);
        let (a, b) = (after.0 - before.0, after.1 - before.1);
        assert!((a, b) == (6, 0) || (a, b) == (0, 6), "{session} was served by both: {a} and {b}");
    }
    // Without a session and without a long prompt there is nothing to stay with: both serve.
    let before = asked(&house);
    for _ in 0..40 {
        assert_eq!(house.chat(&to_two("out=5 in=10")).await.status, 200);
    }
    let after = asked(&house);
    assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
    agrees(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_credential_hold() {
    let house = two(priced(), ", requests_per_minute = 3").await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let answer = house.chat(&to_two("out=5 in=10")).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 503]);
    assert_eq!(asked(&house), (3, 3));
    agrees(&house).await;
}
