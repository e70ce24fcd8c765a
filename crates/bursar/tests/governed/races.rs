//! A thousand requests at once against a budget with room for about a hundred: the provider's bill stays below the limit.

use crate::house::{House, asking, nanos, priced};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What each answer costs: 10 tokens in at 1 USD, 900 out at 2 USD per million.
const EACH: i64 = 1_810_000;
/// Room for 110 answers.
const LIMIT: i64 = 110 * EACH;

fn budget(wait_ms: u32) -> String {
    let limit = bursar_core::Usd::from_nanos(LIMIT);
    format!(
        "[[budgets]]\nname = \"race\"\nlimit = \"{limit} USD\"\nperiod = \"total\"\nwait_ms = {wait_ms}\n"
    )
}

/// Asks `count` times at once; answers by status and code.
async fn rush(house: &Arc<House>, count: usize, stream: bool) -> BTreeMap<String, usize> {
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..count {
        let house = Arc::clone(house);
        asked.spawn(async move {
            house.chat(&asking("out=900 in=10 latency_ms=20 chunk_tokens=100", stream)).await
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        let answer = answer.expect("no panic");
        let code = match &answer.json()["bursar"]["code"] {
            Value::String(code) => code.clone(),
            _ => String::new(),
        };
        *answers.entry(format!("{} {code}", answer.status)).or_default() += 1;
    }
    answers
}

async fn race(stream: bool, wait_ms: u32, ledger: &str) -> i64 {
    let house = Arc::new(House::configured(priced().counts_only(), &budget(wait_ms), ledger).await);
    let answers = rush(&house, 1000, stream).await;
    house.mock.idle().await;
    let window = house.settled("race").await;
    let bill = house.mock.total().nanos();
    assert!(bill <= LIMIT, "overspent: {bill} of {LIMIT}");
    assert_eq!(nanos(&window["settled"]), bill, "{answers:?}");
    assert_eq!((&window["suspense"], &window["held"]), (&"0".into(), &"0".into()));
    assert_eq!(window["over_limit"], "0");
    let answered = answers.get("200 ").copied().unwrap_or_default();
    assert_eq!(i64::try_from(answered).unwrap() * EACH, bill, "{answers:?}");
    let known = ["200 ", "429 E-BUDGET-003", "429 E-BUDGET-017"];
    assert!(answers.keys().all(|answer| known.contains(&answer.as_str())), "{answers:?}");
    eprintln!("stream {stream}, wait {wait_ms} ms: {answers:?}, {bill} of {LIMIT}");
    bill
}

/// Rules: V K19, S1-15.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_plain_requests_use_the_room_and_no_more() {
    let used = race(false, 60_000, "durability = \"fast\"").await;
    assert!(used * 100 >= LIMIT * 95, "only {used} of {LIMIT} was used");
}

/// Rules: S1-15, S3-09, V K19.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_use_the_room_and_no_more() {
    let used = race(true, 60_000, "durability = \"fast\"").await;
    assert!(used * 100 >= LIMIT * 95, "only {used} of {LIMIT} was used");
}

/// Rules: V K19, S1-15.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: part of `make soak`"]
async fn ten_races_of_each_form_use_the_room_and_no_more() {
    for ledger in ["durability = \"fast\"", "durability = \"sync\""] {
        for stream in [false, true] {
            for round in 0..10 {
                let used = race(stream, 60_000, ledger).await;
                assert!(used * 100 >= LIMIT * 95, "round {round}: only {used} of {LIMIT} was used");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_with_a_synced_ledger_and_without_waiting_stay_inside() {
    let used = race(false, 0, "durability = \"sync\"").await;
    assert!(used > 0);
}

/// Rules: S3-04, S3-14.
#[tokio::test(flavor = "multi_thread")]
async fn small_requests_do_not_overtake_a_large_one_that_waits() {
    let budget = "[[budgets]]\nname = \"race\"\nlimit = \"0.011 USD\"\nperiod = \"total\"\nwait_ms = 30000\n";
    let house = Arc::new(House::with(priced().counts_only(), budget).await);
    let served = Arc::new(AtomicBool::new(false));
    let mut small = tokio::task::JoinSet::new();
    for number in 0..4u32 {
        let (house, served) = (Arc::clone(&house), Arc::clone(&served));
        small.spawn(async move {
            while !served.load(Ordering::Relaxed) {
                let words = format!("out=1 in=1 latency_ms={}", 130 + 40 * number);
                let answer = house.chat(&asking(&words, false)).await;
                assert_eq!(answer.status, 200, "{:?}", answer.body);
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // It needs more than half of the room, of which the small ones leave little at any time.
    let mut large = asking("out=1 in=1", false);
    large["max_tokens"] = 4000.into();
    let answer = tokio::time::timeout(Duration::from_secs(5), house.chat(&large)).await;
    served.store(true, Ordering::Relaxed);
    while let Some(ended) = small.join_next().await {
        ended.expect("no panic");
    }
    assert_eq!(answer.expect("the large request starved").status, 200);
}
