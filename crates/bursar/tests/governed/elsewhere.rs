//! Calls that programs make themselves: reported, priced, booked and recorded like proxied ones; room asked for beforehand.

use crate::house::{House, chat, nanos, priced};
use serde_json::{Value, json};
use std::sync::Arc;

fn daily(limit: &str, fields: &str) -> String {
    format!("[[budgets]]\nname = \"Team\"\nlimit = \"{limit}\"\nperiod = \"day\"\n{fields}\n")
}

/// A report of a call of Ann's, with these fields over it.
fn report(fields: &Value) -> Value {
    let mut report = json!({
        "attributes": {"project": "alpha", "user": "ann"}, "provider": "fake", "model": "small",
        "usage": {"input": 500, "output": 5000},
    });
    for (name, value) in fields.as_object().expect("fields") {
        report[name] = value.clone();
    }
    report
}

async fn told(house: &House, fields: &Value) -> Value {
    house.admin("POST", "/usage", &report(fields)).await
}

/// A reservation of a stated amount.
async fn reserve(house: &House, hold_usd: &str) -> Value {
    let asked = json!({
        "attributes": {"project": "alpha", "user": "ann"}, "provider": "fake", "model": "small",
        "hold_usd": hold_usd,
    });
    house.admin("POST", "/reservations", &asked).await
}

async fn act(house: &House, reservation: &Value, verb: &str, body: &Value) -> Value {
    let id = reservation["id"].as_str().unwrap_or_else(|| panic!("no reservation: {reservation}"));
    house.admin("POST", &format!("/reservations/{id}/{verb}"), body).await
}

async fn spent(house: &House, usd: &str) {
    let done = told(house, &json!({"usage": {}, "cost_usd": usd})).await;
    assert_eq!(done["result"], "settled", "{done}");
}

/// Rules: S1-18, S2-05, S2-06, S4-03, S4-04, S4-05, S4-20, S4-24, V L04, V U11.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_report_again_is_the_same_call() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let call = json!({"request_id": "req-1", "upstream_request_id": "up-1", "total_ms": 1200});
    let first = told(&house, &call).await;
    assert_eq!((&first["result"], &first["list_cost"]), (&json!("settled"), &json!("0.0105")), "{first}");
    let again = told(&house, &call).await;
    assert_eq!((&again["result"], &again["id"]), (&json!("already_settled"), &first["id"]));
    let other = told(&house, &json!({"request_id": "req-1", "usage": {"input": 1, "output": 1}})).await;
    assert_eq!((&other["status"], &other["type"]), (&json!(409), &json!("E-LEDGER-001")), "{other}");
    let late = told(&house, &json!({"request_id": "req-1", "status": "streaming"})).await;
    assert_eq!((&late["status"], &late["type"]), (&json!(409), &json!("E-LEDGER-001")), "{late}");
    let window = house.settled("Team").await;
    assert_eq!((&window["settled"], &window["overage"]), (&json!("0.0105"), &json!("0")), "{window}");
    let record = house.record(first["id"].as_str().unwrap()).await;
    assert_eq!((&record["idempotency_key"], &record["status"]), (&json!("req-1"), &json!("completed")));
    assert_eq!((&record["list_cost"], &record["tokens"]), (&json!("0.0105"), &json!(5500)));
    assert_eq!((&record["attributes"]["user"], &record["total_ms"]), (&json!("ann"), &json!(1200)));
    assert_eq!(record["price"]["lines"].as_array().unwrap().len(), 2, "{record}");
    assert_eq!(record["windows"][0]["charged"], "0.0105", "{record}");
    let listed = house.admin("GET", "/requests?user=ann", &Value::Null).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let all = json!({"request_id": "sum",
        "usage": {"input": 1000, "output": 500, "cache_write_5m": 200, "cache_read": 300}});
    assert_eq!(told(&house, &all).await["tokens"], 2000);
    assert_eq!(house.mock.received(), 0, "nothing is sent for a report");
}

/// Rules: S3-20, S4-24, S4-30, S4-31, S4-33, V L03.
#[tokio::test(flavor = "multi_thread")]
async fn progress_holds_and_the_end_settles_the_difference() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let at = |status: &str, output: u64| json!({"request_id": "r-2", "status": status, "usage": {"input": 0, "output": output}});
    for _ in 0..2 {
        assert_eq!(
            told(&house, &json!({"request_id": "r-2", "status": "pending", "usage": {}})).await["result"],
            "progress"
        );
    }
    let streaming = told(&house, &at("streaming", 1000)).await;
    assert_eq!(streaming["result"], "progress", "{streaming}");
    let window = house.window("Team").await;
    assert_eq!((&window["settled"], &window["held"]), (&json!("0"), &json!("0.002")), "{window}");
    let id = streaming["id"].as_str().unwrap();
    assert_eq!(house.admin("GET", &format!("/requests/{id}"), &Value::Null).await["status"], "streaming");
    let back = told(&house, &at("pending", 0)).await;
    assert_eq!((&back["status"], &back["type"]), (&json!(409), &json!("E-LEDGER-001")), "{back}");
    let done = told(&house, &at("completed", 5250)).await;
    assert_eq!((&done["result"], &done["list_cost"]), (&json!("settled"), &json!("0.0105")), "{done}");
    let window = house.settled("Team").await;
    assert_eq!(window["settled"], "0.0105", "{window}");
    assert_eq!(house.latest(1).await["status"], "completed");
}

/// Rules: S4-02, V L01.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_checked_field_by_field() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let cases = [
        (json!({"usage": {"input": -1}}), "usage"),
        (json!({"usage": {"output": -1}}), "usage"),
        (json!({"usage": {"cache_read": -1}}), "usage"),
        (json!({"usage": {"input": 1.5}}), "usage"),
        (json!({"usage": {"input": 4_000_000_000_000_u64}}), "usage"),
        (json!({"usage": {"inptu": 5}}), "usage"),
        (json!({"usage": {}}), "usage"),
        (json!({"total_ms": -1}), "total_ms"),
        (json!({"first_byte_ms": -1}), "first_byte_ms"),
        (json!({"status_code": 99}), "status_code"),
        (json!({"status_code": 600}), "status_code"),
        (json!({"status": "done"}), "status"),
        (json!({"status": "denied"}), "status"),
        (json!({"cost_usd": "-1"}), "cost_usd"),
        (json!({"cost_usd": "much"}), "cost_usd"),
        (json!({"model": "nobody-knows"}), "model"),
        (json!({"attributes": {"project": "nowhere"}}), "attributes"),
        (json!({"attributes": {}}), "attributes"),
        (json!({"attributes": {"project": "alpha", "colour": "red"}}), "attributes"),
        (json!({"created_at": "2999-01-01T00:00:00Z"}), "created_at"),
        (json!({"created_at": "2001-01-01T00:00:00Z"}), "created_at"),
        (json!({"api_format": "telex"}), "api_format"),
        (json!({"request_id": ""}), "request_id"),
        (json!({"inptu_tokens": 5}), "report"),
    ];
    for (fields, field) in cases {
        let no = told(&house, &fields).await;
        assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!(field)), "{fields}: {no}");
    }
    let no = told(&house, &json!({"model": "nobody-knows"})).await;
    assert_eq!(no["type"], "E-PRICE-001", "{no}");
    for fields in [
        json!({"status_code": 100}),
        json!({"status_code": 599}),
        json!({"status": "streaming"}),
        json!({"status": "cancelled"}),
        json!({"status": "failed", "error": "it broke", "usage": {}}),
        json!({"model": "nobody-knows", "cost_usd": "0.01"}),
    ] {
        assert!(told(&house, &fields).await["result"].is_string(), "{fields}");
    }
    assert_eq!(house.window("Team").await["settled"], "0.0415", "three reports at 0.0105 and one at 0.01");
}

/// Rules: S4-02.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_batch_is_booked_when_a_report_of_it_is_wrong() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let good = report(&json!({"request_id": "a"}));
    let bad = report(&json!({"request_id": "b", "usage": {"input": -5}}));
    let no = house.admin("POST", "/usage", &json!([good, bad, good])).await;
    assert_eq!(no["status"], 422, "{no}");
    let errors = no["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{no}");
    assert_eq!((&errors[0]["index"], &errors[0]["field"]), (&json!(1), &json!("usage")), "{no}");
    assert_eq!((&errors[1]["index"], &errors[1]["field"]), (&json!(2), &json!("request_id")), "{no}");
    assert_eq!(house.window("Team").await["settled"], "0");
    let items: Vec<Value> = (0..50).map(|n| report(&json!({"request_id": format!("n{n}")}))).collect();
    for (round, result) in [(1, "settled"), (2, "already_settled")] {
        let done = house.admin("POST", "/usage", &json!({"items": items})).await;
        let done = done["items"].as_array().unwrap_or_else(|| panic!("{done}"));
        assert!(
            done.len() == 50 && done.iter().all(|item| item["result"] == result),
            "round {round}: {done:?}"
        );
    }
    assert_eq!(house.window("Team").await["settled"], "0.525");
    let mixed = json!([
        report(&json!({"request_id": "n0", "usage": {"input": 1}})),
        report(&json!({"request_id": "new"}))
    ]);
    let done = house.admin("POST", "/usage", &mixed).await;
    let results: Vec<&Value> = done["items"].as_array().unwrap().iter().map(|item| &item["result"]).collect();
    assert_eq!(results, [&json!("conflict"), &json!("settled")], "{done}");
}

/// What has happened is booked also where there is no room for it: the excess is a visible row, and what is asked for
/// next is refused.
///
/// Rules: S2-14, S4-40, V B09.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_never_refused_for_want_of_room() {
    let house = House::with(priced(), &daily("0.01 USD", "")).await;
    assert_eq!(told(&house, &json!({})).await["result"], "settled");
    let window = house.settled("Team").await;
    assert_eq!((&window["settled"], &window["over_limit"]), (&json!("0.0105"), &json!("0.0005")), "{window}");
    assert_eq!(window["overage"], "0.0005", "{window}");
    assert_eq!(told(&house, &json!({})).await["result"], "settled");
    assert_eq!(house.settled("Team").await["over_limit"], "0.011");
    assert_eq!(house.chat(&chat(5, false)).await.status, 429);
}

/// Rules: S3-18.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_report_counts_in_the_window_of_its_own_day() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let done = told(&house, &json!({"request_id": "late", "created_at": day_before(&house).await})).await;
    assert_eq!(done["result"], "settled", "{done}");
    assert_eq!(house.window("Team").await["settled"], "0");
    let record = house.record(done["id"].as_str().unwrap()).await;
    assert_eq!(record["windows"][0]["charged"], "0.0105", "{record}");
}

async fn day_before(house: &House) -> String {
    let starts = house.window("Team").await["starts_at"].as_str().unwrap().to_owned();
    let starts = bursar_core::Timestamp::parse(&starts).unwrap();
    starts.plus_seconds(-3600).to_string()
}

/// Rules: S3-02, S3-11, S3-12, V B02, V B03.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_warns_once_near_the_limit() {
    let house = House::with(priced(), &daily("10 USD", "thresholds = [80]")).await;
    spent(&house, "7.50").await;
    let warned = reserve(&house, "0.60").await;
    assert_eq!(warned["warnings"], json!([{"budget": "Team", "pct": "81.0"}]), "{warned}");
    assert_eq!((&warned["state"], &warned["hold_usd"]), (&json!("held"), &json!("0.6")));
    act(&house, &warned, "settle", &json!({"cost_usd": "0.60"})).await;
    assert_eq!(reserve(&house, "0.10").await["warnings"], json!([]), "the threshold is crossed already");
}

/// Rules: S3-10, S3-15, V B05, V B06, V B27.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_refused_with_the_gateways_numbers() {
    let house = House::with(priced(), &daily("10 USD", "")).await;
    spent(&house, "9.50").await;
    let no = reserve(&house, "1").await;
    assert_eq!((&no["status"], &no["type"]), (&json!(402), &json!("E-BUDGET-003")), "{no}");
    let told = &no["bursar"];
    assert_eq!(
        (&told["limit"], &told["settled"], &told["requested"]),
        (&json!("10"), &json!("9.5"), &json!("1"))
    );
    assert!(told["resets_at"].is_string(), "{no}");
    assert_eq!(house.window("Team").await["held"], "0");
    let huge = reserve(&house, "11").await;
    assert_eq!((&huge["status"], &huge["type"]), (&json!(400), &json!("E-BUDGET-018")), "{huge}");
    house.admin("PATCH", "/budgets/Team", &json!({"mode": "soft"})).await;
    assert_eq!(reserve(&house, "1").await["state"], "held", "a soft budget never refuses");
    house.admin("PATCH", "/budgets/Team", &json!({"mode": "hard", "limit": "0 USD"})).await;
    assert_eq!(reserve(&house, "0.01").await["status"], 402, "0 is nothing, and divides nothing");
}

/// Rules: S1-09, S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_switch_stops_reservations_and_lets_what_happened_be_told() {
    let house = House::with(priced(), &daily("10 USD", "")).await;
    let made = reserve(&house, "1").await;
    house.admin("POST", "/kill", &json!({"scope": "project=alpha", "reason": "a test"})).await;
    let no = reserve(&house, "1").await;
    assert_eq!((&no["status"], &no["type"]), (&json!(403), &json!("E-BUDGET-004")), "{no}");
    assert_eq!(act(&house, &made, "settle", &json!({"cost_usd": "0.5"})).await["result"], "settled");
    spent(&house, "0.5").await;
    assert_eq!(house.window("Team").await["settled"], "1");
}

/// Rules: S3-16, S3-17, S1-17, V B08, V B09, V B26.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_settled_once_at_what_it_really_cost() {
    let house = House::with(priced(), &daily("10 USD", "")).await;
    spent(&house, "5").await;
    let made = reserve(&house, "1").await;
    assert_eq!(house.window("Team").await["held"], "1");
    let done = act(&house, &made, "settle", &json!({"cost_usd": "0.30"})).await;
    assert_eq!(done["result"], "settled", "{done}");
    let window = house.window("Team").await;
    assert_eq!((&window["settled"], &window["held"]), (&json!("5.3"), &json!("0")));
    let again = act(&house, &made, "settle", &json!({"cost_usd": "0.30"})).await;
    assert_eq!(again["result"], "already_settled", "{again}");
    let other = act(&house, &made, "settle", &json!({"cost_usd": "0.40"})).await;
    assert_eq!((&other["status"], &other["type"]), (&json!(409), &json!("E-LEDGER-001")));
    for verb in ["release", "extend"] {
        assert_eq!(act(&house, &made, verb, &json!({})).await["status"], 409, "{verb}");
    }
    spent(&house, "3.50").await;
    let dear = reserve(&house, "1").await;
    act(&house, &dear, "settle", &json!({"cost_usd": "1.30"})).await;
    let window = house.window("Team").await;
    assert_eq!((&window["settled"], &window["over_limit"]), (&json!("10.1"), &json!("0.1")), "{window}");
    assert_eq!(window["overage"], "0.3", "{window}");
}

/// Rules: S3-17, S4-40, V Q02.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_extended_released_and_priced() {
    let house = House::with(priced(), &daily("1 USD", "")).await;
    let asked = json!({"request_id": "job-7", "attributes": {"project": "alpha"}, "provider": "fake",
        "model": "small", "input_tokens": 100_000, "output_tokens": 2_000});
    let made = house.admin("POST", "/reservations", &asked).await;
    assert_eq!((&made["hold_usd"], &made["hold_tokens"]), (&json!("0.104"), &json!(102_000)), "{made}");
    let again = house.admin("POST", "/reservations", &asked).await;
    assert_eq!((&again["id"], &again["hold_usd"]), (&made["id"], &json!("0.104")), "{again}");
    let mut changed = asked.clone();
    changed["output_tokens"] = json!(4_000);
    assert_eq!(house.admin("POST", "/reservations", &changed).await["status"], 409);
    let more = act(&house, &made, "extend", &json!({"output_tokens": 2_000})).await;
    assert_eq!(more["result"], "extended", "{more}");
    assert_eq!(house.window("Team").await["held"], "0.108");
    let no = act(&house, &made, "extend", &json!({"hold_usd": "0.9"})).await;
    assert_eq!((&no["status"], &no["type"]), (&json!(429), &json!("E-BUDGET-017")), "held, not spent: {no}");
    assert!(act(&house, &made, "extend", &json!({})).await["expires_at"].is_string());
    for result in ["released", "already_released"] {
        assert_eq!(act(&house, &made, "release", &json!({"reason": "not made"})).await["result"], result);
    }
    let window = house.window("Team").await;
    assert_eq!((&window["settled"], &window["held"]), (&json!("0"), &json!("0")));
    let late = act(&house, &made, "settle", &json!({"usage": {"input": 5, "output": 5}})).await;
    assert_eq!(late["status"], 409, "{late}");
    assert_eq!(house.record(made["id"].as_str().unwrap()).await["status"], "cancelled");
}

/// Rules: S3-09, S4-40, V Q02.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_programs_ask_at_once_for_a_budget_with_room_for_nine() {
    let house = Arc::new(House::with(priced(), &daily("1 USD", "")).await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let house = Arc::clone(&house);
        asking.spawn(async move { reserve(&house, "0.11").await });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer["state"] == "held").count(), 9);
    let no = answers.iter().find(|answer| answer["status"] == 429).expect("a refusal");
    assert_eq!(no["type"], "E-BUDGET-017", "{no}");
}

/// Rules: S3-17, S4-35, S4-36.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_whose_program_is_late_is_in_suspense_and_still_settles() {
    let mut house = House::with(priced(), &daily("10 USD", "")).await;
    let made = reserve(&house, "1").await;
    house.stop();
    house.start_again();
    let window = house.window("Team").await;
    assert_eq!((&window["suspense"], &window["held"]), (&json!("1"), &json!("0")), "{window}");
    assert_eq!(act(&house, &made, "release", &json!({})).await["status"], 409);
    let done = act(&house, &made, "settle", &json!({"usage": {"input": 500, "output": 5000}})).await;
    assert_eq!(done["result"], "settled", "{done}");
    let window = house.window("Team").await;
    assert_eq!((&window["settled"], &window["suspense"]), (&json!("0.0105"), &json!("0")), "{window}");
    for _ in 0..200 {
        let record =
            house.admin("GET", &format!("/requests/{}", made["id"].as_str().unwrap()), &Value::Null).await;
        if record["status"] == "completed" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the record was not corrected");
}

/// A proxied request is nobody else's to end.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_attempts_are_not_settled_from_outside() {
    let house = House::with(priced(), &daily("10 USD", "")).await;
    let answer = house.chat(&chat(5, false)).await;
    let own = json!({"id": answer.header("x-bursar-request-id")});
    for verb in ["settle", "release", "extend"] {
        assert_eq!(act(&house, &own, verb, &json!({})).await["status"], 404, "{verb}");
    }
    let before = house.settled("Team").await["settled"].clone();
    told(&house, &json!({"request_id": answer.header("x-bursar-request-id")})).await;
    assert_eq!(nanos(&house.window("Team").await["settled"]), nanos(&before) + 10_500_000, "another call");
}

/// Rules: S2-14, S3-29, S4-37, V U05, V U06, V B17, V Q01.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_for_its_own_balance() {
    let budgets = "[[budgets]]\nname = \"Team\"\nlimit = \"100 USD\"\nperiod = \"month\"\n\
        [[budgets]]\nname = \"each user\"\nlimit = \"2 USD\"\nperiod = \"day\"\nper = [\"user\"]\n\
        [[budgets]]\nname = \"others\"\nlimit = \"5 USD\"\nperiod = \"day\"\nmatch = { user = \"bob\" }\n\
        [[budgets]]\nname = \"of small\"\nlimit = \"0 USD\"\nperiod = \"day\"\nmatch = { model = \"small\" }\nmode = \"shadow\"\n";
    let house = House::with(priced(), budgets).await;
    spent(&house, "1.25").await;
    let balance = ask_balance(&house, "", &house.headers()).await;
    assert_eq!((&balance["project"], &balance["user"]), (&json!("alpha"), &json!("ann")), "{balance}");
    assert_eq!((&balance["remaining_usd"], &balance["exhausted"]), (&json!("0.75"), &json!(false)));
    let names: Vec<&str> =
        balance["budgets"].as_array().unwrap().iter().map(|one| one["budget"].as_str().unwrap()).collect();
    assert_eq!(names, ["each user", "Team"], "{balance}");
    let own = &balance["budgets"][0];
    assert_eq!(
        (&own["limit"], &own["settled"], &own["remaining"]),
        (&json!("2"), &json!("1.25"), &json!("0.75"))
    );
    assert!(own["resets_at"].is_string() && own["exhausted"] == false, "{own}");
    let of_small = ask_balance(&house, "?model=small", &house.headers()).await;
    let shadow =
        of_small["budgets"].as_array().unwrap().iter().find(|one| one["budget"] == "of small").unwrap();
    assert_eq!((&shadow["limit"], &shadow["exhausted"]), (&json!("0"), &json!(true)), "0 is a limit");
    for (usd, exhausted) in [("0.749999999", false), ("0.000000001", true), ("0.01", true)] {
        spent(&house, usd).await;
        assert_eq!(ask_balance(&house, "", &house.headers()).await["exhausted"], exhausted, "after {usd}");
    }
    let nobody = ask_balance(&house, "", &[("authorization", "Bearer sk-bursar-nobody".to_owned())]).await;
    assert_eq!((&nobody["status"], &nobody["type"]), (&json!(401), &json!("E-AUTH-001")), "{nobody}");
    let url = format!("{}/k/{}/v1/bursar/balance", house.base, house.key);
    let by_path = house.http.send("GET", &url, &[], Vec::new()).await.unwrap();
    assert_eq!(by_path.json()["user"], "ann");
}

pub(crate) async fn ask_balance(house: &House, query: &str, headers: &[(&'static str, String)]) -> Value {
    let url = format!("{}/v1/bursar/balance{query}", house.base);
    house.http.send("GET", &url, headers, Vec::new()).await.expect("an answer").json()
}
