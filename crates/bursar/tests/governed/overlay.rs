//! Stories of an operator's own price rows, given through the admin API: they win row by row, field by field, at once.

use crate::house::{House, chat, nanos, priced};
use serde_json::{Value, json};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// The model `medium` is priced by the book alone; `own` has a price that states no more than its input.
const MODELS: &str = "[models.\"own\"]\n\
    deployments = [{ provider = \"fake\", model = \"medium\", price = { input = \"5\" } }]\n";

/// A price row of `medium`, with these fields beside its name.
fn medium(fields: &Value) -> Value {
    let mut row = json!({"provider": "fake", "model": "medium"});
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    row
}

/// A house whose price file prices `medium` at 1 and 2 USD a million tokens.
async fn house() -> House {
    let mut house = House::with(priced(), &format!("{DAILY}{MODELS}")).await;
    house.stop();
    let file = "[[price]]\nprovider = \"fake\"\nmodel = \"medium\"\neffective_from = 2020-01-01\nsource = \"a test\"\n\
        input = \"1\"\noutput = \"2\"\ncontext = 200000\nmax_output = 4096\n";
    std::fs::write(house.data_dir().join("prices.toml"), file).expect("a price file");
    house.start_again();
    house
}

/// The record of a request for ten tokens of prompt and a hundred of output.
async fn spend(house: &House, model: &str) -> Value {
    let mut body = chat(100, false);
    body["model"] = model.into();
    let answer = house.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    house.record(answer.header("x-bursar-request-id")).await
}

fn cost(record: &Value) -> (i64, &str) {
    (nanos(&record["list_cost"]), record["price"]["id"].as_str().unwrap())
}

/// The next request is priced by it, a field that it does not state stays; what was booked keeps the row it was booked at.
/// Rules: S4-06, S4-08, S4-19.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_operator_wins_field_by_field_at_once_and_over_a_restart() {
    let mut house = house().await;
    let before = spend(&house, "medium").await;
    assert_eq!(cost(&before), (210_000, "fake/medium@2020-01-01+prices.toml"));
    let row = medium(&json!({"effective_from": "2021-01-01", "output": "3", "source": "our contract"}));
    let given = house.admin("POST", "/prices/overlay", &row).await;
    assert_eq!((&given["id"], &given["active"]), (&json!("fake/medium@2021-01-01"), &json!(true)), "{given}");
    assert_eq!(
        given["row"],
        json!({"provider": "fake", "model": "medium", "effective_from": "2021-01-01",
        "source": "our contract", "output": "3"})
    );

    let name = "fake/medium@2021-01-01+api";
    assert_eq!(cost(&spend(&house, "medium").await), (310_000, name));
    // A deployment's own price stays over it: its input, the operator's output.
    assert_eq!(cost(&spend(&house, "own").await), (350_000, "fake/medium@2021-01-01+api+deployment"));
    assert_eq!(house.record(before["id"].as_str().unwrap()).await, before, "what was booked stays");

    let listed = house.admin("GET", "/prices?origin=api", &Value::Null).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let (item, row) = (&listed["items"][0], &listed["items"][0]["row"]);
    assert_eq!(
        (&item["id"], &row["input"], &row["output"]),
        (&json!(name), &json!("1"), &json!("3")),
        "{listed}"
    );
    for (date, input) in [("2020-06-01", "2"), ("2021-06-01", "3")] {
        let then =
            house.admin("GET", &format!("/prices?provider=fake&model=medium&at={date}"), &Value::Null).await;
        assert_eq!(
            (then["items"].as_array().map(Vec::len), &then["items"][0]["row"]["output"]),
            (Some(1), &json!(input))
        );
    }

    house.stop();
    house.start_again();
    assert_eq!(cost(&spend(&house, "medium").await), (310_000, name), "it is durable");

    let gone = house.admin("DELETE", "/prices/overlay/fake%2Fmedium%402021-01-01", &Value::Null).await;
    assert_eq!(gone["active"], json!(false), "{gone}");
    assert_eq!(cost(&spend(&house, "medium").await), (210_000, "fake/medium@2020-01-01+prices.toml"));
    let plan = house.admin("POST", "/prices/reprice", &json!({"since": "2026-01-01", "dry_run": true})).await;
    assert_eq!(
        plan["repriced"], 2,
        "what was booked at a withdrawn row is corrected when asked, and not before: {plan}"
    );
}

/// A model that no list knows gets a price while the server runs, and loses it again: no price, no call.
/// Rules: S4-07, S4-08.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_gets_a_price_while_the_server_runs() {
    let house = house().await;
    let mut body = chat(100, false);
    body["model"] = "fresh".into();
    assert_eq!(house.chat(&body).await.json()["bursar"]["code"], "E-PRICE-001");
    let row = json!({"provider": "fake", "model": "fresh", "input": "4", "output": "5", "context": 8000, "max_output": 1000});
    assert_eq!(house.admin("POST", "/prices/overlay", &row).await["id"], "fake/fresh");
    assert_eq!(cost(&spend(&house, "fresh").await), (540_000, "fake/fresh+api"));
    house.admin("DELETE", "/prices/overlay/fake%2Ffresh", &Value::Null).await;
    assert_eq!(house.chat(&body).await.json()["bursar"]["code"], "E-PRICE-001");
    let again = house.admin("POST", "/prices/overlay", &row).await;
    assert_eq!((&again["active"], &again["version"]), (&json!(true), &json!(3)), "{again}");
}

/// What is wrong is named by its field; nothing of it is stored.
/// Rules: S4-08, S4-11.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_row_is_refused_with_the_field_that_is_wrong() {
    let house = house().await;
    let tiers = json!([{"up_to": 200, "input": "1"}, {"up_to": 100, "input": "2"}, {"input": "3"}]);
    let wrong = [
        (json!({"provider": "fake"}), "model"),
        (medium(&json!({"input": 1.5})), "input"),
        (medium(&json!({"input": "-1"})), "input"),
        (medium(&json!({"input": "200000"})), "input"),
        (medium(&json!({"inputs": "1"})), "inputs"),
        (medium(&json!({"tiers": tiers})), "tiers[1].up_to"),
        (medium(&json!({"cache_write_1h": "2"})), "cache_write_5m"),
        (medium(&json!({"currency": "EUR", "input": "1"})), "currency"),
        (json!({"provider": "fake", "model": "fresh", "output": "5"}), "input"),
        (json!(["not", "a", "row"]), "price"),
    ];
    for (row, field) in wrong {
        let answer = house.admin("POST", "/prices/overlay", &row).await;
        assert_eq!((&answer["status"], &answer["field"]), (&json!(422), &json!(field)), "{row}: {answer}");
    }
    let row = medium(&json!({"output": "3"}));
    assert!(house.admin("POST", "/prices/overlay", &row).await["id"].is_string());
    let again = house.admin("POST", "/prices/overlay", &row).await;
    assert_eq!(again["status"], 409, "a row never changes: {again}");
    let gone = house.admin("DELETE", "/prices/overlay/fake%2Fnobody", &Value::Null).await;
    assert_eq!(gone["status"], 404, "{gone}");
    let stored = house.admin("GET", "/prices/overlay", &Value::Null).await;
    assert_eq!(stored["items"].as_array().map(Vec::len), Some(1), "{stored}");
}
