//! Everything that the fake provider can do wrong, in every format, plain and streaming: nobody is kept waiting, nothing
//! stays held, and what is on the books is never less than what the provider bills.

use crate::families::FORMATS;
use crate::house::{House, nanos};
use bursar_core::Rate;
use bursar_mock::{Price, Script};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"10 USD\"\nperiod = \"day\"\n";

/// The models of all families, whose providers are given up after two seconds of silence.
async fn house() -> House {
    let rate = |text| Rate::parse_per_million(text).expect("a rate");
    let price = Price { input: rate("1"), output: rate("2"), ..Price::default() };
    let mut text = String::new();
    for (family, model) in [("anthropic", "claude"), ("gemini", "gem"), ("ollama", "llama")] {
        text.push_str(&format!(
            "[providers.{family}]\nfamily = \"{family}\"\nbase_url = \"MOCK_ROOT\"\ncredential = {{ env = \"FAKE_KEY\" }}\n\
             prices = \"fake\"\nfirst_byte_timeout_s = 2\nidle_timeout_s = 2\n\
             [models.\"{model}\"]\ndeployments = [{{ provider = \"{family}\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 32000 }} }}]\n"
        ));
    }
    House::with(Script::default().price("*", price), &format!("{text}{DAILY}")).await
}

/// What came of one question in each format, plain and streaming.
struct Asked {
    /// The format's name, whether it was a stream, and what the client got.
    answers: Vec<(&'static str, bool, Result<crate::house::reqwest_lite::Answer, String>)>,
    settled: i64,
    suspense: i64,
    bill: i64,
    records: Vec<Value>,
}

/// Asks in every format at once, with these directives for the fake provider, and waits until all is on the books.
async fn ask(directives: &str, streams: &[bool]) -> Asked {
    let house = Arc::new(house().await);
    let mut asking = tokio::task::JoinSet::new();
    for (format, stream) in
        FORMATS.iter().flat_map(|format| streams.iter().map(move |stream| (format, *stream)))
    {
        let body = (format.body)(&format!("hello [[mock {directives}]]"), 1000, stream).to_string();
        let house = Arc::clone(&house);
        asking.spawn(async move {
            let headers = house.headers();
            let asked = house.post((format.path)(stream), &headers, body);
            let answer = tokio::time::timeout(Duration::from_secs(60), asked).await;
            (format.name, stream, answer.expect("its client is kept waiting"))
        });
    }
    let answers = asking.join_all().await;
    house.mock.idle().await;
    let window = house.settled("daily").await;
    let count = answers.len();
    let listed = house
        .until("/requests?limit=100", |listed| {
            let items = listed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            items.len() == count && items.iter().all(|item| item["finalized_at"].is_string())
        })
        .await;
    assert_eq!(window["over_limit"], "0", "{directives}: {window}");
    let asked = Asked {
        answers,
        settled: nanos(&window["settled"]),
        suspense: nanos(&window["suspense"]),
        bill: house.mock.total().nanos(),
        records: listed["items"].as_array().cloned().unwrap_or_default(),
    };
    // Whatever happened, the next question is answered and costs what it costs.
    let settled = asked.settled;
    let body = json!({"model": "small", "max_tokens": 100, "messages": [{"role": "user", "content": "[[mock in=10 out=5]]"}]});
    let after = house.chat(&body).await;
    // A circuit that such faults have opened says so by name.
    assert!(
        after.status == 200 || after.json()["bursar"]["code"] == "E-ROUTE-001",
        "{directives}: {:?}",
        after.body
    );
    if after.status == 200 {
        assert_eq!(nanos(&house.settled("daily").await["settled"]) - settled, 20_000, "{directives}");
    }
    asked
}

impl Asked {
    /// Not less than the bill, in all and in no suspense.
    #[track_caller]
    fn covers_the_bill(&self, directives: &str) {
        let booked = self.settled + self.suspense;
        assert!(
            booked >= self.bill,
            "{directives}: {booked} for a bill of {}: {:#?}",
            self.bill,
            self.records
        );
    }
}

/// Rules: S3-16, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_any_format_passes_as_it_is_and_costs_nothing() {
    for status in [400, 401, 404, 500, 529] {
        let asked = ask(&format!("status={status}"), &[false, true]).await;
        for (format, stream, answer) in &asked.answers {
            let answer = answer.as_ref().unwrap();
            assert_eq!(answer.status, status, "{format} {stream}: {:?}", answer.body);
            let said = String::from_utf8_lossy(&answer.body);
            assert!(said.contains("the script has this request fail"), "{format} {stream}: {said}");
        }
        assert_eq!((asked.settled, asked.suspense, asked.bill), (0, 0, 0), "{status}");
    }
    let asked = ask("status=429 retry_after=1", &[false, true]).await;
    for (format, stream, answer) in &asked.answers {
        let answer = answer.as_ref().unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "{format} {stream}");
    }
    assert_eq!((asked.settled, asked.suspense), (0, 0));
    // An error where the answer should be, under the status of an answer.
    let asked = ask("fault=error_200", &[false, true]).await;
    assert_eq!((asked.settled, asked.suspense, asked.bill), (0, 0, 0), "{:#?}", asked.records);
}

/// Rules: S3-17, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_before_an_answer_of_any_format_is_suspense() {
    for fault in ["reset", "drop", "raw", "stall"] {
        let asked = ask(&format!("in=10 out=57 fault={fault}"), &[false, true]).await;
        for (format, stream, answer) in &asked.answers {
            let answer = answer.as_ref().unwrap();
            let code = answer.json()["bursar"]["code"].clone();
            let expected = if fault == "stall" { (504, "E-ROUTE-004") } else { (502, "E-ROUTE-003") };
            assert!(
                (answer.status, code.as_str()) == (expected.0, Some(expected.1)) || code == "E-ROUTE-001",
                "{format} {stream} {fault}: {} {code}",
                answer.status
            );
        }
        assert_eq!(asked.settled, 0, "{fault}");
        assert!(asked.suspense > 0, "{fault}");
        asked.covers_the_bill(fault);
    }
}

/// Rules: S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_any_format_that_breaks_off_or_is_unreadable_covers_its_bill() {
    let faults = [
        "cut@0",
        "cut@1",
        "cut@300",
        "reset@300",
        "truncate@0",
        "truncate@300",
        "stall@0",
        "stall@300",
        "garbage",
        "garbage@0",
        "long_length",
        "short_length",
        "error_event@0",
        "error_event@300",
    ];
    for fault in faults {
        let asked = ask(&format!("in=10 out=57 fault={fault}"), &[false, true]).await;
        asked.covers_the_bill(fault);
        assert_eq!(asked.suspense, 0, "{fault}: an answer had begun");
    }
    // Noise in the middle of a plain answer.
    ask("in=10 out=57 fault=garbage@100", &[false]).await.covers_the_bill("garbage@100");
}

/// Rules: S3-16.
#[tokio::test(flavor = "multi_thread")]
async fn usage_that_is_missing_is_estimated_and_usage_that_lies_is_taken_at_its_word() {
    for report in ["missing", "null"] {
        let asked = ask(&format!("in=10 out=57 usage={report}"), &[false, true]).await;
        asked.covers_the_bill(report);
        for record in &asked.records {
            assert_eq!(
                (&record["status"], &record["estimated"]),
                (&json!("completed"), &json!(true)),
                "{record}"
            );
        }
    }
    let asked = ask("in=100 out=57 report_in=5 report_out=6", &[false, true]).await;
    for record in &asked.records {
        assert_eq!(
            (&record["list_cost"], &record["estimated"]),
            (&json!("0.000017"), &json!(false)),
            "{record}"
        );
    }
}
