//! Agent-like traffic against one dollar per run: bodies of 100 kB, 32,000 tokens of output allowed, a few hundred used, 20
//! at a time. How much of the dollar is spent when the first request is refused, by how much is held. Prints the figures.

use crate::house::{House, nanos};
use bursar_core::Rate;
use bursar_mock::{Price, Script};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Requests of one run: about twice what a dollar pays for.
const REQUESTS: u32 = 80;
/// At a time.
const CLIENTS: u32 = 20;
/// The limit of a run.
const LIMIT: i64 = 1_000_000_000;

/// One way to hold.
struct Way {
    name: &'static str,
    fields: &'static str,
    stream: bool,
    fit: Option<&'static str>,
    /// Whether a run may cost no more than its limit by construction; else what is beyond is overage.
    promises: bool,
}

const WAYS: [Way; 6] = [
    Way { name: "worst_case", fields: "", stream: false, fit: None, promises: true },
    Way { name: "worst_case, no wait", fields: "", stream: false, fit: Some("none"), promises: true },
    Way { name: "worst_case, clamp", fields: "", stream: false, fit: Some("clamp"), promises: true },
    Way { name: "streaming", fields: "hold = \"streaming\"", stream: true, fit: None, promises: true },
    Way { name: "estimate", fields: "hold = \"estimate\"", stream: false, fit: None, promises: false },
    Way {
        name: "estimate, streams",
        fields: "hold = \"estimate\"",
        stream: true,
        fit: None,
        promises: false,
    },
];

async fn house(way: &Way) -> House {
    let rate = |text| Rate::parse_per_million(text).expect("a rate");
    let script = Script::default()
        .price("agent", Price { input: rate("1"), output: rate("4"), ..Price::default() })
        .counts_only()
        .always("out_min=200 out_max=600 latency_ms=30 chunk_tokens=40")
        .expect("directives");
    let text = format!(
        "[models.\"agent\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"1\", output = \"4\", context = 200000, max_output = 32000 }} }}]\n\
         [[budgets]]\nname = \"run\"\nlimit = \"1 USD\"\nperiod = \"total\"\nper = [\"run\"]\nwait_ms = 60000\n{}\n",
        way.fields
    );
    House::with(script, &text).await
}

fn request(bytes: usize, stream: bool) -> String {
    let text = "a few words of a long file ".repeat(bytes / 27);
    json!({"model": "agent", "stream": stream, "max_tokens": 32_000,
        "messages": [{"role": "user", "content": text}]})
    .to_string()
}

/// What became of a run.
#[derive(Default)]
struct Run {
    answered: AtomicU32,
    refused: AtomicU32,
    /// Settled when the first request was refused.
    first_refusal: parking_lot::Mutex<Option<i64>>,
}

async fn run(house: &Arc<House>, way: &Way, name: &str, requests: u32, bytes: usize) -> Arc<Run> {
    let run = Arc::new(Run::default());
    let left = Arc::new(AtomicU32::new(requests));
    let mut clients = tokio::task::JoinSet::new();
    let body = request(bytes, way.stream);
    for _ in 0..CLIENTS {
        let (house, run, left, body) = (Arc::clone(house), Arc::clone(&run), Arc::clone(&left), body.clone());
        let mut headers = house.headers_with("x-bursar-run", name);
        headers.extend(way.fit.map(|fit| ("x-bursar-fit", fit.to_owned())));
        clients.spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                let answer = house.send(&headers, body.clone()).await.expect("an answer");
                if answer.status == 200 {
                    run.answered.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                run.refused.fetch_add(1, Ordering::SeqCst);
                let told = answer.json()["bursar"].clone();
                assert!(told["code"].as_str().is_some_and(|code| code.starts_with("E-BUDGET-0")), "{told}");
                run.first_refusal.lock().get_or_insert(nanos(&told["settled"]));
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("no panic");
    }
    run
}

async fn window(house: &House, run: &str) -> Value {
    for _ in 0..200 {
        let shown = house.admin("GET", "/budgets/run", &Value::Null).await;
        let windows = shown["windows"].as_array().cloned().unwrap_or_default();
        let own = windows.into_iter().find(|window| window["per"]["run"] == run).expect("a window");
        if own["held"] == "0" {
            return own;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("something is still held")
}

/// Rules: V K19, V K20, S1-08.
#[tokio::test(flavor = "multi_thread")]
async fn a_dollar_per_run_by_how_much_is_held() {
    eprintln!(
        "way | spent at first refusal | spent in the end | answered | refused | refused though its cost fitted"
    );
    for way in WAYS {
        let house = Arc::new(house(&way).await);
        // What is learned is learned in other runs.
        for number in 0..4 {
            run(&house, &Way { fit: None, ..way }, &format!("before-{number}"), 20, 2_000).await;
        }
        let before = house.mock.total().nanos();
        let answers = run(&house, &way, "measured", REQUESTS, 100_000).await;
        house.mock.idle().await;
        let own = window(&house, "measured").await;
        let bill = house.mock.total().nanos() - before;
        let settled = nanos(&own["settled"]);
        assert_eq!((&own["held"], &own["suspense"]), (&"0".into(), &"0".into()), "{}: {own}", way.name);
        assert!(settled >= bill, "{}: {bill} was billed: {own}", way.name);
        assert!(nanos(&own["over_limit"]) <= nanos(&own["overage"]), "{}: {own}", way.name);
        if way.promises {
            assert!(
                bill <= LIMIT && own["over_limit"] == "0" && own["overage"] == "0",
                "{}: {own}",
                way.name
            );
        }
        let (answered, refused) =
            (answers.answered.load(Ordering::SeqCst), answers.refused.load(Ordering::SeqCst));
        assert!(refused > 0 && answered > 0, "{}: the run did not run out", way.name);
        // What a run costs on average decides how many of its requests a dollar pays for.
        let paid = LIMIT / (bill / i64::from(answered)).max(1);
        let missed = (paid - i64::from(answered)).max(0).min(i64::from(refused));
        let first = answers.first_refusal.lock().unwrap_or_default();
        eprintln!(
            "{} | {}.{} % | {}.{} % | {answered} | {refused} | {missed}",
            way.name,
            first * 100 / LIMIT,
            first * 1000 / LIMIT % 10,
            settled * 100 / LIMIT,
            settled * 1000 / LIMIT % 10,
        );
    }
}
