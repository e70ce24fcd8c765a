//! Stories of a price that turned out to be another: past requests are corrected in the open, once.

use crate::house::{House, nanos, priced};
use serde_json::{Value, json};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n\
    [[budgets]]\nname = \"counted\"\nlimit = \"100 requests\"\nperiod = \"day\"\n";

/// A price file with one price of the model `medium`.
fn prices(input: &str, output: &str) -> String {
    format!(
        "[[price]]\nprovider = \"fake\"\nmodel = \"medium\"\neffective_from = 2020-01-01\nsource = \"a test\"\n\
         input = \"{input}\"\noutput = \"{output}\"\ncontext = 200000\nmax_output = 4096\n"
    )
}

/// Bursar starts again with another price file.
fn now_priced(house: &mut House, input: &str, output: &str) {
    house.stop();
    std::fs::write(house.data_dir().join("prices.toml"), prices(input, output)).expect("a price file");
    house.start_again();
}

async fn medium(house: &House) -> Value {
    let body = json!({
        "model": "medium", "max_tokens": 1000,
        "messages": [{"role": "user", "content": "hello [[mock out=100 in=1000]]"}],
    });
    let answer = house.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.header("x-bursar-request-id").to_owned();
    house.record(&id).await
}

async fn reprice(house: &House, dry_run: bool) -> Value {
    let body = json!({"since": "2026-01-01", "dry_run": dry_run, "reason": "the vendor's page was misread"});
    house.admin("POST", "/prices/reprice", &body).await
}

/// A wrong row is replaced: records, roll-ups and windows follow by explicit entries, and a second run changes nothing.
/// Rules: S4-19, S4-24, V P20.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_price_corrects_what_was_booked_once() {
    let mut house = House::with(priced(), DAILY).await;
    now_priced(&mut house, "1", "2");
    let (first, second) = (medium(&house).await, medium(&house).await);
    assert_eq!(first["list_cost"], "0.0012");
    assert_eq!(first["price"]["price_source"], "book");
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 2_400_000);

    now_priced(&mut house, "2", "1");
    let plan = reprice(&house, true).await;
    assert_eq!(plan["repriced"], 2, "{plan}");
    assert_eq!(plan["models"][0]["requests"], 2);
    assert_eq!(plan["models"][0]["list_cost"], "0.0018");
    assert_eq!(house.record(first["id"].as_str().unwrap()).await, first, "a dry run changes nothing");
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 2_400_000);

    let done = reprice(&house, false).await;
    assert_eq!(done["models"], plan["models"], "the dry run said what happens");
    for before in [&first, &second] {
        let after = house.record(before["id"].as_str().unwrap()).await;
        assert_eq!(after["list_cost"], "0.0021");
        assert_eq!(after["effective_cost"], "0.0021");
        assert_eq!(after["price"]["lines"][0]["rate"], "0.000002");
        let shares = after["windows"].as_array().unwrap();
        let share =
            |budget: &str| shares.iter().find(|share| share["budget"] == budget).unwrap()["charged"].clone();
        assert_eq!((share("daily"), share("counted")), (json!("0.0021"), json!("1")));
        let note = after["notes"].to_string();
        assert!(
            note.contains("repriced by") && note.contains("was 0.0012 USD at fake/medium@2020-01-01"),
            "{note}"
        );
    }
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 4_200_000);
    assert_eq!(house.settled("counted").await["settled"], "2");

    let again = reprice(&house, false).await;
    assert_eq!((&again["repriced"], &again["examined"]), (&json!(0), &json!(2)), "{again}");
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 4_200_000);

    // There and back again: the same difference is booked a second time, because it is another correction.
    now_priced(&mut house, "1", "2");
    assert_eq!(reprice(&house, false).await["models"][0]["list_cost"], "-0.0018");
    now_priced(&mut house, "2", "1");
    assert_eq!(reprice(&house, false).await["repriced"], 2);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 4_200_000);

    house.stop();
    let files = house.data_dir();
    let disk = bursar_store::disk::RealDisk::open(&files.join("ledger")).expect("a ledger");
    let verified = bursar_store::ledger::verify(&disk, None).expect("verified");
    assert!(verified.is_sound(), "{verified:?}");
    let records =
        bursar_store::records::Records::open(&files.join("records"), bursar_core::Timestamp::default())
            .unwrap();
    for month in records.months() {
        let recount = records.recount(month).expect("recounted");
        assert!(recount.differences.is_empty(), "{recount:?}");
    }
}

/// A deployment's own price has no date, and a request without a reason is not corrected.
/// Rules: S4-19.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_priced_again_is_counted_by_its_reason() {
    let house = House::with(priced(), DAILY).await;
    assert_eq!(house.chat(&crate::house::chat(5, false)).await.status, 200);
    let record = house.latest(1).await;
    assert_eq!(record["price"]["price_source"], "deployment");
    let step = reprice(&house, false).await;
    assert_eq!(step["skipped"], json!({"deployment_price": 1}), "{step}");
    let no = house.admin("POST", "/prices/reprice", &json!({"since": "2026-01-01"})).await;
    assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("reason")));
}

/// A call that was reported with its cost was never priced: a row for its model changes nothing.
/// Rules: S4-19.
#[tokio::test(flavor = "multi_thread")]
async fn a_stated_cost_is_left_alone() {
    let mut house = House::with(priced(), DAILY).await;
    now_priced(&mut house, "1", "2");
    let report = json!({
        "attributes": {"project": "alpha"}, "provider": "fake", "model": "medium", "cost_usd": "0.5",
        "usage": {"input": 1000, "output": 100}, "status": "completed",
    });
    let told = house.admin("POST", "/usage", &report).await;
    assert_eq!((&told["result"], &told["list_cost"]), (&json!("settled"), &json!("0.5")), "{told}");
    house.latest(1).await;
    let step = reprice(&house, false).await;
    assert_eq!((&step["repriced"], &step["skipped"]), (&json!(0), &json!({"unpriced": 1})), "{step}");
    assert_eq!(house.settled("daily").await["settled"], "0.5");
}
