//! Stories of figures that match the provider's invoice: what it says it bills, prices of a deployment's own.

use crate::house::{House, asking, nanos, priced, reqwest_lite};
use serde_json::{Value, json};

const DAILY: &str =
    "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\ncost_basis = \"list\"\n";
const PRICE: &str = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";

/// The model `resold` is charged at what the provider says it bills, at a credential that pays four fifths.
fn reselling() -> String {
    format!(
        "{DAILY}[providers.reseller]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\nprices = \"fake\"\n\
         credentials = [{{ name = \"a\", secret = {{ env = \"FAKE_KEY\" }}, rate_multiplier = \"0.8\" }}]\n\
         [models.\"resold\"]\n\
         deployments = [{{ provider = \"reseller\", model = \"small\", prefer_billed = true, {PRICE} }}]\n"
    )
}

/// A request in chat or responses, to be answered at ten tokens of prompt, five of output, and a stated cost.
async fn ask(house: &House, path: &str, model: &str, stated: &str, stream: bool) -> Value {
    let mut body = asking(&format!("in=10 out=5 cost={stated}"), stream);
    body["model"] = model.into();
    if path == "/v1/responses" {
        let fields = body.as_object_mut().unwrap();
        fields.remove("max_tokens");
        let messages = fields.remove("messages").unwrap();
        fields.insert("input".into(), messages[0]["content"].clone());
        fields.insert("max_output_tokens".into(), json!(1000));
    }
    let answer = house.post(path, &house.headers(), body.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    house.record(answer.header("x-bursar-request-id")).await
}

/// In every way that providers say it, plain and streaming: the bill is kept beside the list cost, and charged where the
/// deployment prefers it. Then the ledger is the provider's bill, whatever the price row says.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_it_bills_is_kept_beside_and_charged_where_preferred() {
    let house = House::with(priced(), &reselling()).await;
    let mut billed = 0;
    for stated in ["0.0000123", "0.0000123@xai", "0.0000123@perplexity"] {
        for (path, stream) in [
            ("/v1/chat/completions", false),
            ("/v1/chat/completions", true),
            ("/v1/responses", false),
            ("/v1/responses", true),
        ] {
            let record = ask(&house, path, "resold", stated, stream).await;
            let price = &record["price"];
            assert_eq!(record["list_cost"], "0.0000123", "{stated} {path} {stream}: {record}");
            assert_eq!((&price["billed"], &price["provider_cost"]), (&json!(true), &json!("0.0000123")));
            assert_eq!(record["effective_cost"], "0.00000984", "the credential's factor is on the bill");
            let lines: Vec<&str> = price["lines"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line["amount"].as_str().unwrap())
                .collect();
            assert_eq!(lines, ["0.00001", "0.00001"], "what usage and price say stays");
            assert_eq!((record["estimated"].as_bool(), record["tokens"].as_i64()), (Some(false), Some(15)));
            billed += 12_300;
        }
    }
    let window = house.settled("daily").await;
    assert_eq!((nanos(&window["settled"]), house.mock.total().nanos()), (billed, billed), "ledger and bill");

    // Where it is not preferred, usage times price counts and the provider's figure stays beside it.
    for stream in [false, true] {
        let record = ask(&house, "/v1/chat/completions", "small", "0.0000123", stream).await;
        assert_eq!(
            (record["list_cost"].as_str(), &record["price"]["billed"]),
            (Some("0.00002"), &json!(false))
        );
        assert_eq!(record["price"]["provider_cost"], "0.0000123", "both are kept: {record}");
        billed += 20_000;
    }
    assert_eq!(nanos(&house.settled("daily").await["settled"]), billed);
}

/// A reseller's models are many and listed nowhere: its own setting covers them, and a deployment may say otherwise.
/// Rules: S4-06.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_may_prefer_its_bill_for_every_model() {
    let config = format!(
        "{DAILY}[providers.openrouter]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\nprefer_billed = true\n\
         credential = {{ env = \"FAKE_KEY\" }}\n\
         [models.\"plain\"]\ndeployments = [{{ provider = \"openrouter\", model = \"small\", prefer_billed = false, {PRICE} }}]\n"
    );
    let house = House::with(priced(), &config).await;
    let stated = "0.0000123";
    let listed_nowhere = ask(&house, "/v1/chat/completions", "openai/gpt-4o-mini", stated, true).await;
    assert_eq!(
        (&listed_nowhere["price"]["billed"], &listed_nowhere["list_cost"]),
        (&json!(true), &json!(stated))
    );
    let otherwise = ask(&house, "/v1/chat/completions", "plain", stated, true).await;
    assert_eq!((&otherwise["price"]["billed"], &otherwise["list_cost"]), (&json!(false), &json!("0.00002")));
}

/// A figure above the hold is overage of the window, in the open; a broken stream states none and is estimated.
/// Rules: S1-05.
#[tokio::test(flavor = "multi_thread")]
async fn a_bill_above_the_hold_is_overage_and_a_broken_answer_has_none() {
    let house = House::with(priced(), &reselling()).await;
    let record = ask(&house, "/v1/chat/completions", "resold", "0.5", false).await;
    assert_eq!(record["list_cost"], "0.5");
    let window = house.settled("daily").await;
    assert_eq!(nanos(&window["settled"]), 500_000_000);
    let held = nanos(&record["hold_usd"]);
    assert_eq!(nanos(&window["overage"]), 500_000_000 - held, "{window}");

    let mut body = asking("in=10 out=5 cost=0.25 fault=cut@500", true);
    body["model"] = "resold".into();
    let _broken = house.try_chat(&body).await;
    let record = house.latest(2).await;
    assert_eq!((&record["estimated"], &record["price"]["billed"]), (&json!(true), &json!(false)), "{record}");
    assert_eq!(record["price"]["provider_cost"], Value::Null);
    let (charged, held) = (nanos(&record["list_cost"]), nanos(&record["hold_usd"]));
    assert!(0 < charged && charged <= held, "{record}");
}

/// No row made the cost, so no corrected row changes it.
/// Rules: S4-19, V P20.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_charged_as_billed_is_not_priced_again() {
    let config = format!(
        "{DAILY}[models.\"medium\"]\ndeployments = [{{ provider = \"fake\", prefer_billed = true }}]\n"
    );
    let mut house = House::with(priced(), &config).await;
    for (input, skipped) in [("1", false), ("7", true)] {
        house.stop();
        let row = format!(
            "[[price]]\nprovider = \"fake\"\nmodel = \"medium\"\neffective_from = 2020-01-01\nsource = \"a test\"\n\
             input = \"{input}\"\noutput = \"2\"\ncontext = 200000\nmax_output = 4096\n"
        );
        std::fs::write(house.data_dir().join("prices.toml"), row).expect("a price file");
        house.start_again();
        if !skipped {
            let record = ask(&house, "/v1/chat/completions", "medium", "0.0000123", false).await;
            assert_eq!(
                (&record["price"]["price_source"], &record["list_cost"]),
                (&json!("book"), &json!("0.0000123"))
            );
            continue;
        }
        let asked = json!({"since": "2026-01-01", "reason": "the vendor's page was misread"});
        let step = house.admin("POST", "/prices/reprice", &asked).await;
        assert_eq!(step["skipped"], json!({"billed": 1}), "{step}");
        assert_eq!(nanos(&house.settled("daily").await["settled"]), 12_300);
    }
}

/// A local model that has a price of its own, though every local model is free in the price book.
/// Rules: S4-06.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_model_may_have_a_price() {
    let config = format!(
        "{DAILY}[providers.ollama]\nfamily = \"ollama\"\nbase_url = \"MOCK_ROOT\"\n\
         [models.\"mine:7b\"]\ndeployments = [{{ provider = \"ollama\", {PRICE} }}]\n"
    );
    let house = House::with(priced(), &config).await;
    let body = json!({"model": "mine:7b", "stream": false,
        "messages": [{"role": "user", "content": "hello [[mock in=10 out=5]]"}]});
    let answer: reqwest_lite::Answer =
        house.post("/api/chat", &house.headers(), body.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 20_000);
}
