//! Fitting: with consent a request that does not fit gets a lower output limit, in its format's own field, and says so.

use crate::families::{FORMATS, house};
use crate::house::{House, asking, nanos, priced};
use serde_json::{Value, json};
use std::time::Duration;

const BUDGET: &str =
    "[[budgets]]\nname = \"each\"\nlimit = \"0.003 USD\"\nperiod = \"total\"\nper = [\"api_format\"]\n";

/// A prompt that makes the fake provider use up whatever limit it is given.
const GREEDY: &str = "hello [[mock out=100000 in=10]]";

/// The limit and what was asked for, from the header.
fn lowered(header: &str) -> (u64, u64) {
    let (limit, asked) = header.split_once(" (asked ").unwrap_or_else(|| panic!("no limit in `{header}`"));
    (limit.parse().unwrap(), asked.trim_end_matches(')').parse().unwrap())
}

/// Rules: S1-08, S1-11, V K20.
#[tokio::test(flavor = "multi_thread")]
async fn each_format_gets_a_lower_limit_in_its_own_field_and_never_costs_more_than_the_budget() {
    let house = house(BUDGET).await;
    for format in FORMATS {
        for stream in [false, true] {
            let before = house.mock.total().nanos();
            let path = (format.path)(stream);
            let body = (format.body)(GREEDY, 3_000, stream);
            let plain = house.post(path, &house.headers(), body.to_string()).await.unwrap();
            assert_ne!(plain.status, 200, "{}: it fits as it is", format.name);
            assert_eq!(house.mock.total().nanos(), before, "{}: a refused request was billed", format.name);
            let answer = house
                .post(path, &house.headers_with("x-bursar-fit", "clamp"), body.to_string())
                .await
                .unwrap();
            if stream {
                // The plain answer has used the budget up.
                assert_ne!(answer.status, 200, "{}: {:?}", format.name, answer.body);
                continue;
            }
            assert_eq!(answer.status, 200, "{}: {:?}", format.name, answer.body);
            let (limit, asked) = lowered(answer.header("x-bursar-output-limit"));
            assert_eq!(asked, 3_000, "{}", format.name);
            let bill = house.mock.total().nanos() - before;
            assert_eq!(
                bill,
                10 * 1_000 + i64::try_from(limit).unwrap() * 2_000,
                "{}: not its field",
                format.name
            );
            assert!(bill <= 3_000_000 && bill > 2_000_000, "{}: {bill}", format.name);
            let record = house.record(answer.header("x-bursar-request-id")).await;
            let note = format!("output limit lowered to {limit} (asked 3000)");
            assert_eq!(record["notes"][0], note, "{}", format.name);
            assert_eq!(nanos(&record["list_cost"]), bill, "{}", format.name);
        }
    }
    let shown = house.admin("GET", "/budgets/each", &Value::Null).await;
    let windows = shown["windows"].as_array().unwrap();
    assert_eq!(windows.len(), FORMATS.len());
    assert!(windows.iter().all(|window| window["over_limit"] == "0" && window["held"] == "0"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_a_lower_limit_is_a_stream_all_the_same() {
    let house = house(BUDGET).await;
    for format in FORMATS {
        let before = house.mock.total().nanos();
        let body = (format.body)(GREEDY, 3_000, true).to_string();
        let answer = house
            .post((format.path)(true), &house.headers_with("x-bursar-fit", "clamp"), body)
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{}: {:?}", format.name, answer.body);
        let (limit, _) = lowered(answer.header("x-bursar-output-limit"));
        let bill = house.mock.total().nanos() - before;
        assert_eq!(bill, 10_000 + i64::try_from(limit).unwrap() * 2_000, "{}", format.name);
    }
}

/// A house with one small budget, in front of chat alone.
async fn small(fields: &str) -> House {
    let budget = format!("[[budgets]]\nname = \"day\"\nlimit = \"0.002 USD\"\nperiod = \"day\"\n{fields}\n");
    House::with(priced(), &budget).await
}

fn greedy(limit: u64) -> Value {
    let mut body = asking("out=100000 in=10", false);
    body["max_tokens"] = limit.into();
    body
}

async fn ask(house: &House, wish: Option<&str>, body: &Value) -> crate::house::reqwest_lite::Answer {
    let headers = wish.map_or_else(|| house.headers(), |wish| house.headers_with("x-bursar-fit", wish));
    house.send(&headers, body.to_string()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_the_clients_the_keys_or_the_budgets_and_the_client_may_withdraw_it() {
    let plain = small("").await;
    for (wish, status) in [(None, 400), (Some("none"), 400), (Some("wait"), 400), (Some("clamp"), 200)] {
        assert_eq!(ask(&plain, wish, &greedy(3_000)).await.status, status, "{wish:?}");
    }
    for (wish, status) in [(Some("none"), 400), (Some("wait"), 400), (None, 200)] {
        let budget = small("fit = [\"clamp\"]").await;
        assert_eq!(ask(&budget, wish, &greedy(3_000)).await.status, status, "the budget consents, {wish:?}");
    }
    let mut keyed = small("").await;
    let made = keyed.admin("POST", "/keys", &json!({"project": "alpha", "fit": true})).await;
    keyed.key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(ask(&keyed, None, &greedy(3_000)).await.status, 200, "the key consents");
}

/// Rules: S3-08, S3-10.
#[tokio::test(flavor = "multi_thread")]
async fn every_budget_in_the_way_has_to_consent() {
    let other = "fit = [\"clamp\"]\n[[budgets]]\nname = \"other\"\nlimit = \"0.001 USD\"\nperiod = \"day\"\n";
    let house = small(other).await;
    assert_eq!(ask(&house, None, &greedy(3_000)).await.status, 400);
    assert_eq!(ask(&house, Some("clamp"), &greedy(3_000)).await.status, 200);
    assert!(house.mock.total().nanos() <= 1_000_000, "the tighter one decides");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_a_schema_is_never_cut_short() {
    let house = small("fit = [\"clamp\"]").await;
    for format in [
        json!({"type": "json_object"}),
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}),
    ] {
        let mut body = greedy(3_000);
        body["response_format"] = format;
        let answer = ask(&house, Some("clamp"), &body).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        assert!(answer.json()["bursar"]["fits"]["max_output"].is_u64(), "it says what would fit");
    }
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_never_lowered_to_nothing_useful_nor_below_a_budget_of_thinking() {
    let house = house("[[budgets]]\nname = \"day\"\nlimit = \"0.003 USD\"\nperiod = \"day\"\n").await;
    let clamp = house.headers_with("x-bursar-fit", "clamp");
    let mut thinking = (FORMATS[3].body)(GREEDY, 3_000, false);
    thinking["thinking"] = json!({"type": "enabled", "budget_tokens": 1_400});
    let answer = house.post("/v1/messages", &clamp, thinking.to_string()).await.unwrap();
    assert_eq!(answer.status, 400, "no answer would be left: {:?}", answer.body);
    thinking["thinking"]["budget_tokens"] = 1_024.into();
    let answer = house.post("/v1/messages", &clamp, thinking.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert!(lowered(answer.header("x-bursar-output-limit")).0 >= 1_024 + 128);
    let rest = house.send(&clamp, (FORMATS[0].body)(GREEDY, 3_000, false).to_string()).await.unwrap();
    assert_eq!(rest.status, 400, "a few tokens are no answer: {:?}", rest.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_word_is_refused_with_the_right_ones() {
    let house = small("").await;
    let answer = ask(&house, Some("squeeze"), &greedy(100)).await;
    assert_eq!((answer.status, answer.json()["bursar"]["code"].as_str()), (400, Some("E-INPUT-001")));
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("squeeze") && told.contains("none, wait, clamp"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn room_that_is_held_is_waited_for_before_the_limit_is_lowered() {
    let house = small("wait_ms = 20000").await;
    let mut slow = asking("out=5 in=10 latency_ms=700", false);
    slow["max_tokens"] = 700.into();
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut body = asking("out=5 in=10", false);
        body["max_tokens"] = 700.into();
        ask(&house, Some("clamp"), &body).await
    };
    let (first, second) = tokio::join!(house.chat(&slow), second);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(second.header("x-bursar-output-limit"), "", "it fitted as it was once it had waited");
    let record = house.record(second.header("x-bursar-request-id")).await;
    assert!(record["notes"][0].as_str().is_some_and(|note| note.starts_with("waited ")), "{record}");
}

/// Rules: S1-22, S4-29, S4-32, V Q04.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_deployment_is_tried_before_waiting() {
    let providers = "[providers.other]\nfamily = \"openai\"\nbase_url = \"MOCK_ROOT/v1\"\ncredential = { env = \"FAKE_KEY\" }\n\
        [models.\"two\"]\ndeployments = [\n\
        { provider = \"fake\", model = \"small\", price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 } },\n\
        { provider = \"other\", model = \"small\", price = { input = \"2\", output = \"4\", context = 200000, max_output = 4096 } }]\n\
        [[budgets]]\nname = \"quota\"\nlimit = \"0.003 USD\"\nperiod = \"day\"\nwait_ms = 60000\nmatch = { provider = \"fake\" }\n";
    let house = House::with(priced(), providers).await;
    let mut body = asking("out=5 in=10 latency_ms=1500", false);
    body["model"] = "two".into();
    let mut quick = asking("out=5 in=10", false);
    quick["model"] = "two".into();
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        house.chat(&quick).await
    };
    let (first, second) = tokio::join!(house.chat(&body), second);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.header("x-bursar-provider"), "fake");
    assert_eq!(
        (second.header("x-bursar-provider"), second.header("x-bursar-fallback")),
        ("other", "fake; quota_held")
    );
    let record = house.record(second.header("x-bursar-request-id")).await;
    let names = ["model", "served_model", "provider"].map(|name| &record["attributes"][name]);
    assert_eq!(names, ["two", "small", "other"]);
    assert_eq!(record["list_cost"], "0.00004", "at the price of who answered: {record}");

    let used = house.settled("quota").await["settled"].clone();
    let spent = json!({"limit": format!("{} USD", used.as_str().unwrap())});
    house.admin("PATCH", "/budgets/quota", &spent).await;
    let third = house.chat(&quick).await;
    assert_eq!((third.status, third.header("x-bursar-provider")), (200, "other"), "{:?}", third.body);
    assert_eq!(third.header("x-bursar-fallback"), "fake; quota_exhausted");
    assert_eq!(house.window("quota").await["settled"], used);
}

/// Rules: S1-15, S3-09, V K19.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_wait_does_not_overtake_who_does() {
    let budget = "[[budgets]]\nname = \"day\"\nlimit = \"0.003 USD\"\nperiod = \"day\"\nwait_ms = 20000\n";
    let house = House::with(priced(), budget).await;
    let slow = asking("out=5 in=10 latency_ms=1500", false);
    let waits = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        house.chat(&asking("out=5 in=10", false)).await
    };
    let hurries = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        let mut body = asking("out=5 in=10", false);
        body["max_tokens"] = 10.into();
        let hurried = ask(&house, Some("none"), &body).await;
        (hurried, house.mock.received())
    };
    let (first, waited, (hurried, received)) = tokio::join!(house.chat(&slow), waits, hurries);
    assert_eq!((first.status, waited.status), (200, 200));
    assert_eq!((hurried.status, hurried.json()["bursar"]["code"].as_str()), (429, Some("E-BUDGET-017")));
    assert!(
        hurried.json()["error"]["message"].as_str().unwrap().contains("came before"),
        "{:?}",
        hurried.body
    );
    assert_eq!(received, 1, "it was sent past the one who waits");
    let mut body = asking("out=5 in=10", false);
    body["max_tokens"] = 10.into();
    assert_eq!(ask(&house, Some("none"), &body).await.status, 200, "and passes when nobody waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_limit_waits_for_room_that_is_held_when_there_is_too_little_for_any() {
    let house = small("wait_ms = 20000").await;
    let mut slow = asking("out=5 in=10 latency_ms=1000", false);
    slow["max_tokens"] = 900.into();
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // It can never fit as it is, and until the first has settled not even a few words fit.
        ask(&house, Some("clamp"), &greedy(3_000)).await
    };
    let (first, second) = tokio::join!(house.chat(&slow), second);
    assert_eq!((first.status, second.status), (200, 200), "{:?}", second.body);
    let (limit, _) = lowered(second.header("x-bursar-output-limit"));
    assert!(limit > 800, "all that was freed is used, not the least alone: {limit}");
    let window = house.settled("day").await;
    assert_eq!(nanos(&window["settled"]), house.mock.total().nanos());
    assert!(nanos(&window["settled"]) <= 2_000_000);
}
