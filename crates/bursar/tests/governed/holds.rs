//! Holds of less than the worst case: streams whose hold grows with them, and what happens when it cannot.

use crate::families::{FORMATS, Format, house};
use crate::house::{House, asking, chat, nanos, priced};
use serde_json::{Value, json};

/// A budget that holds streams in slices.
fn streaming(limit: &str) -> String {
    format!(
        "[[budgets]]\nname = \"run\"\nlimit = \"{limit} USD\"\nperiod = \"total\"\nper = [\"api_format\"]\nhold = \"streaming\"\nwait_ms = 0\n"
    )
}

/// A stream of `out` tokens that may be 3,900, ten tokens each `pace` milliseconds.
fn long(format: &Format, out: u32, pace: u32) -> String {
    let prompt = format!("hello [[mock out={out} in=10 chunk_tokens=10 chunk_ms={pace}]]");
    (format.body)(&prompt, 3_900, true).to_string()
}

/// The last event or line of a stream, as JSON.
pub(crate) fn last_event(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let lines = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let read = |line: &str| serde_json::from_str::<Value>(line).ok();
    lines.filter(|line| !line.is_empty() && *line != "[DONE]").filter_map(read).next_back().expect("an event")
}

/// Every event is whole: what was cut was cut between two.
pub(crate) fn assert_whole(name: &str, body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    for line in text.lines() {
        let json = match line.strip_prefix("data: ") {
            Some("[DONE]") => continue,
            Some(json) => json,
            None if line.starts_with('{') => line,
            None => continue,
        };
        assert!(serde_json::from_str::<Value>(json).is_ok(), "{name}: half an event: {json}");
    }
}

/// Rules: S3-02, S3-07, S3-17, V K19.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_can_hold_no_more_ends_properly_in_every_format() {
    let house = house(&streaming("0.006")).await;
    for format in FORMATS {
        let before = house.mock.total().nanos();
        let answer =
            house.post((format.path)(true), &house.headers(), long(&format, 3_900, 10)).await.unwrap();
        assert_eq!(answer.status, 200, "{}: {:?}", format.name, answer.body);
        house.mock.idle().await;
        let bill = house.mock.total().nanos() - before;
        assert!(bill < 6_000_000, "{}: the provider went on and billed {bill}", format.name);
        assert_whole(format.name, &answer.body);
        let last = last_event(&answer.body);
        assert!(last.to_string().contains("E-BUDGET-0"), "{}: {last}", format.name);
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!(record["status"], "cancelled", "{}: {record}", format.name);
        assert!(record["code"].as_str().is_some_and(|code| code.starts_with("E-BUDGET-")), "{record}");
        assert_eq!(record["estimated"], true);
        assert!(nanos(&record["list_cost"]) >= bill, "{}: {bill} was billed: {record}", format.name);
    }
    let shown = house.admin("GET", "/budgets/run", &Value::Null).await;
    for window in shown["windows"].as_array().unwrap() {
        assert_eq!((&window["held"], &window["over_limit"]), (&"0".into(), &"0".into()), "{window}");
        assert!(nanos(&window["settled"]) <= 6_000_000);
    }
}

/// Rules: S3-16, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_grows_passes_unchanged_and_costs_what_it_costs() {
    let house = house(&streaming("1")).await;
    for format in FORMATS {
        let before = house.mock.total().nanos();
        let answer =
            house.post((format.path)(true), &house.headers(), long(&format, 3_000, 1)).await.unwrap();
        assert_eq!(answer.status, 200, "{}: {:?}", format.name, answer.body);
        assert_whole(format.name, &answer.body);
        let bill = house.mock.total().nanos() - before;
        assert_eq!(bill, 10_000 + 3_000 * 2_000, "{}: it was cut", format.name);
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!(
            (nanos(&record["list_cost"]), &record["status"]),
            (bill, &"completed".into()),
            "{}",
            format.name
        );
        assert!(nanos(&record["hold_usd"]) >= bill, "{}: the hold did not keep ahead", format.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_a_json_array_ends_as_one() {
    let house = house(&streaming("0.006")).await;
    let path = "/v1beta/models/gem:streamGenerateContent";
    let answer = house.post(path, &house.headers(), long(&FORMATS[4], 3_900, 10)).await.unwrap();
    assert_eq!(answer.status, 200);
    let read: Vec<Value> = serde_json::from_slice(&answer.body).expect("an array");
    assert!(read.len() > 10, "{} elements", read.len());
    assert!(read.last().unwrap().to_string().contains("E-BUDGET-0"), "{:?}", read.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_streams_are_held_in_slices_and_only_where_every_hard_budget_allows_it() {
    let house = house(&streaming("0.006")).await;
    let plain = (FORMATS[0].body)("hello [[mock out=5 in=10]]", 3_900, false).to_string();
    let refused = house.send(&house.headers(), plain).await.unwrap();
    assert_eq!((refused.status, refused.json()["bursar"]["code"].as_str()), (400, Some("E-BUDGET-018")));
    let answer = house.send(&house.headers(), long(&FORMATS[0], 5, 1)).await.unwrap();
    assert_eq!(answer.status, 200, "a stream begins with a slice: {:?}", answer.body);

    let strict = format!(
        "{}[[budgets]]\nname = \"strict\"\nlimit = \"0.007 USD\"\nperiod = \"total\"\n",
        streaming("0.006")
    );
    let house = self::house(&strict).await;
    let refused = house.send(&house.headers(), long(&FORMATS[0], 5, 1)).await.unwrap();
    assert_eq!(refused.status, 400, "a worst-case budget keeps its promise: {:?}", refused.body);

    let soft = format!(
        "{}[[budgets]]\nname = \"soft\"\nlimit = \"0.001 USD\"\nperiod = \"total\"\nmode = \"soft\"\n",
        streaming("0.006")
    );
    let house = self::house(&soft).await;
    assert_eq!(
        house.send(&house.headers(), long(&FORMATS[0], 5, 1)).await.unwrap().status,
        200,
        "a soft one promises nothing"
    );
}

/// An agent's usual question: answered in about 100 tokens, though 4,000 are allowed.
fn usual(out: u32, stream: bool) -> Value {
    let mut body = asking(&format!("out={out} in=10 chunk_tokens=20"), stream);
    body["max_tokens"] = 4_000.into();
    body
}

/// Rules: S1-08, S3-05, S3-06, S3-16.
#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_holds_what_answers_really_use_and_itemises_what_is_beyond() {
    let budget =
        "[[budgets]]\nname = \"run\"\nlimit = \"0.05 USD\"\nperiod = \"total\"\nhold = \"estimate\"\n";
    let mut house = House::with(priced(), budget).await;
    let held = async |house: &House, answer: crate::house::reqwest_lite::Answer| {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        nanos(&house.record(answer.header("x-bursar-request-id")).await["hold_usd"])
    };
    let first = held(&house, house.chat(&usual(100, false)).await).await;
    assert!(first > 8_000_000, "the worst case until more is known: {first}");
    for number in 0..60 {
        assert_eq!(house.chat(&usual(90 + number % 20, number % 2 == 0)).await.status, 200);
    }
    for stream in [false, true] {
        let learned = held(&house, house.chat(&usual(100, stream)).await).await;
        assert!((210_000..600_000).contains(&learned), "an answer costs about 210,000: {learned}");
    }
    house.stop();
    house.start_again();
    let learned = held(&house, house.chat(&usual(100, false)).await).await;
    assert!(learned < 1_000_000, "what was learned is known again after a restart: {learned}");
    let window = house.settled("run").await;
    assert_eq!(window["overage"], "0", "nothing cost more than its hold yet");
    let answer = house.chat(&usual(1_000, false)).await;
    let record = house.record(answer.header("x-bursar-request-id")).await;
    let beyond = nanos(&record["list_cost"]) - nanos(&record["hold_usd"]);
    assert!(beyond > 1_000_000, "{record}");
    let window = house.settled("run").await;
    assert_eq!(nanos(&window["overage"]), beyond, "every nano-dollar of it is told");
    assert_eq!(nanos(&window["settled"]), house.mock.total().nanos());
}

/// Rules: S1-08.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_holds_what_the_gateway_would_hold_by_the_policy_of_its_budgets() {
    let budget =
        "[[budgets]]\nname = \"slices\"\nlimit = \"0.006 USD\"\nperiod = \"total\"\nhold = \"streaming\"\n";
    let house = House::with(priced(), budget).await;
    let check = async |stream: bool| {
        let call = json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": "small",
            "input_tokens": 100, "output_tokens": 4000, "stream": stream});
        house.admin("POST", "/check", &call).await
    };
    let plain = check(false).await;
    assert_eq!((&plain["hold_usd"], &plain["most_usd"]), (&json!("0.0081"), &json!("0.0081")), "{plain}");
    assert_eq!((&plain["allowed"], &plain["code"]), (&json!(false), &json!("E-BUDGET-018")), "{plain}");
    let stream = check(true).await;
    assert_eq!((&stream["allowed"], &stream["most_usd"]), (&json!(true), &json!("0.0081")), "{stream}");
    assert!(nanos(&stream["hold_usd"]) < 6_000_000, "{stream}");
    // The gateway says the same of requests like these.
    for (stream, status) in [(false, 400), (true, 200)] {
        let mut asked = chat(5, stream);
        asked["max_tokens"] = json!(4000);
        assert_eq!(house.chat(&asked).await.status, status, "stream: {stream}");
    }
}
