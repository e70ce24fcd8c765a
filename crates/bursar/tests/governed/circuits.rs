//! Stories of retries, circuits and several credentials, judged by what the fake provider received and billed.

use crate::house::reqwest_lite::Answer;
use crate::house::{Hand, House, OTHER_SECRET, UPSTREAM_SECRET, asking, chat, nanos, priced};
use bursar_mock::{Rule, Script};
use serde_json::{Value, json};
use std::sync::Arc;

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

/// Asks the same so many times at once.
async fn at_once(house: &Arc<House>, count: usize, body: &Value) -> Vec<Answer> {
    let one = |_| {
        let (house, body) = (Arc::clone(house), body.clone());
        tokio::spawn(async move { house.chat(&body).await })
    };
    let asking: Vec<_> = (0..count).map(one).collect();
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    answers
}

/// Moves the clock, and waits until the state of kill switches is known again: after half a minute in one step it is not.
async fn step(house: &House, clock: &Hand, to: &str) {
    clock.set(to);
    let url = format!("{}/readyz", house.base);
    for _ in 0..1_500 {
        if house.http.send("GET", &url, &[], Vec::new()).await.unwrap().status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not ready at {to}");
}

/// How many circuits of a provider are open, as `/metrics` says.
async fn open(house: &House, provider: &str) -> String {
    let url = format!("{}/metrics", house.base);
    let answer = house.http.send("GET", &url, &[], Vec::new()).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let name = format!("bursar_circuits_open{{provider=\"{provider}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("0").to_owned()
}

/// An open circuit lets a trickle of probes through when its time is up: it opens again for twice as long where they fail, and
/// closes once enough of them went well.
///
/// Rules: S2-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_is_half_open_until_its_probes_have_decided() {
    let clock = Hand::at("2026-04-10T12:00:00Z");
    let house = Arc::new(House::at(&clock, priced(), DAILY).await);
    let fail = asking("status=500", false);
    while open(&house, "fake").await == "0" {
        house.chat(&fail).await;
    }
    // Failing probes: it opens again, for a minute now.
    step(&house, &clock, "2026-04-10T12:00:31Z").await;
    let before = house.mock.received();
    for _ in 0..20 {
        assert_ne!(house.chat(&fail).await.status, 200);
        if open(&house, "fake").await != "0" {
            break;
        }
    }
    assert!(house.mock.received() - before >= 2, "one that fails may be bad luck");
    let no = house.chat(&chat(5, false)).await;
    assert_eq!((no.status, no.json()["bursar"]["code"].as_str()), (503, Some("E-ROUTE-001")));
    step(&house, &clock, "2026-04-10T12:01:20Z").await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 503, "half a minute is not enough any more");

    // Two probes at once and no more, however many ask.
    step(&house, &clock, "2026-04-10T12:01:32Z").await;
    let before = house.mock.received();
    let slow = asking("out=5 in=10 latency_ms=1500", false);
    let (a, b) = (house.chat(&slow), house.chat(&slow));
    let others = async {
        while house.mock.received() < before + 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        for _ in 0..4 {
            let no = house.chat(&chat(5, false)).await;
            assert_eq!((no.status, no.json()["bursar"]["code"].as_str()), (503, Some("E-ROUTE-001")));
        }
        assert_eq!(house.mock.received(), before + 2);
    };
    let (a, b, ()) = tokio::join!(a, b, others);
    assert_eq!((a.status, b.status), (200, 200));
    // The third that goes well closes it: everybody passes again.
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let crowd = at_once(&house, 8, &slow).await;
    assert!(crowd.iter().all(|answer| answer.status == 200), "it is closed");
    assert_eq!(open(&house, "fake").await, "0");
    agrees(&house).await;
}

/// A provider that answers 429 to a crowd gets as many at once as it bore, and the rest goes elsewhere; good answers raise it.
///
/// Rules: S2-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_meets_429_becomes_as_small_as_the_provider_bears() {
    let clock = Hand::at("2026-04-10T12:00:00Z");
    let at = |provider: &str| {
        format!(
            "{{ provider = \"{provider}\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}"
        )
    };
    let config = format!(
        "{DAILY}[providers.spare]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\nprices = \"fake\"\n\
         credential = {{ env = \"OTHER_KEY\" }}\n[models.\"two\"]\ndeployments = [{}, {}]\n",
        at("fake"),
        at("spare")
    );
    let limited = Rule { credential: Some(UPSTREAM_SECRET.into()), ..Rule::model("small") }
        .between(1, 8)
        .then("status=429 retry_after=20 latency_ms=1000");
    let house = Arc::new(House::at(&clock, priced().rule(limited).unwrap(), &config).await);
    let crowd = async |count: usize| {
        let answers = at_once(&house, count, &to_two("out=5 in=10 latency_ms=1500")).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "everybody is served, here or there");
        answers
    };
    crowd(8).await;
    let first = asked(&house);
    assert_eq!(first.0, 8, "all of the first crowd met a 429");
    // The time that it asked for is over; how many at once it bore is remembered.
    step(&house, &clock, "2026-04-10T12:00:30Z").await;
    let answers = crowd(8).await;
    let second = asked(&house);
    let (here, there) = (second.0 - first.0, second.1 - first.1);
    assert!((2..=6).contains(&here) && here + there == 8, "{here} here and {there} there");
    let moved: Vec<&str> = answers.iter().map(|answer| answer.header("x-bursar-fallback")).collect();
    let told = moved.iter().filter(|told| told.contains("fake") && told.contains("concurrency")).count();
    assert_eq!(told, there, "{moved:?}");
    // As many good answers as may be in flight, and one more may.
    for _ in 0..3 {
        crowd(here).await;
    }
    let before = asked(&house);
    crowd(8).await;
    let after = asked(&house).0 - before.0;
    assert!(after > here, "{after} after {here}");
    agrees(&house).await;
}
