//! The worked examples of the specification on throttles, kill switches, limits and warnings, put to a whole Bursar through
//! its admin API and command line, on the days that they name.

use crate::house::{Hand, House, chat, priced, until};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// The example of that name, where the specification is there.
pub(crate) fn vector(id: &str) -> Option<Value> {
    let place = std::env::var_os("BURSAR_SPEC").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec"),
        PathBuf::from,
    );
    let path = place.join("vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there; set BURSAR_SPEC", path.display());
        return None;
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(all.into_iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no example {id}")))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The amount in words such as `check a call estimated at $0.01`.
fn asked(words: &Value) -> String {
    let after = text(words).split('$').nth(1).expect("an amount");
    after.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect()
}

fn difference(more: &str, less: &str) -> String {
    let nanos = |text: &str| bursar_core::Usd::parse(text).unwrap().nanos();
    bursar_core::decimal::format((nanos(more) - nanos(less)).into(), 9)
}

/// Bursar with a provider `claude` that has a month's budget, by a clock that the example sets.
struct Month {
    clock: Arc<Hand>,
    house: House,
    spent: String,
    told: usize,
}

impl Month {
    async fn new(given: &Value) -> Self {
        let clock = Hand::at("2026-04-01T00:30:00Z");
        let word =
            |name: &str| given[name].as_str().map_or(String::new(), |text| format!("{name} = \"{text}\"\n"));
        let rules = ["engage_ratio", "release_ratio", "projection"].map(word).concat();
        // Who lets the first days count lets small amounts count.
        let days = given["min_elapsed_days"]
            .as_u64()
            .map_or(String::new(), |days| format!("min_elapsed_days = {days}\nmin_spend_pct = 0\n"));
        let config = format!(
            "[providers.claude]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
             [models.\"both\"]\ndeployments = [{{ provider = \"claude\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}, \
             {{ provider = \"fake\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n\
             [throttle]\nenabled = true\nshadow = false\n{rules}{days}"
        );
        let house = House::at(&clock, priced(), &config).await;
        let limit = given["month_budget_usd"].as_str().unwrap_or("100");
        let budget = json!({"name": "month", "limit": format!("{limit} USD"), "period": "month",
            "match": {"provider": "claude"}});
        let made = house.admin("POST", "/budgets", &budget).await;
        assert_eq!(made["name"], "month", "{made}");
        Self { clock, house, spent: "0".to_owned(), told: 0 }
    }

    /// As much is spent this month, by a report of the difference; evaluated at `at`. Who is throttled spends before that
    /// day comes, everybody else on it: an evaluation in between changes nothing then.
    async fn spend(&mut self, total: &str, before: &str, at: &str) {
        if self.claude().await["throttled"] != true {
            self.clock.set(before);
        }
        let more = difference(total, &self.spent);
        if more != "0" {
            let report = json!({"attributes": {"project": "alpha"}, "provider": "claude", "model": "small",
                "usage": {}, "cost_usd": more});
            let done = self.house.admin("POST", "/usage", &report).await;
            assert_eq!(done["result"], "settled", "{done}");
        }
        total.clone_into(&mut self.spent);
        self.evaluate(at).await;
    }

    async fn evaluate(&self, at: &str) {
        self.clock.set(at);
        let wanted = bursar_core::Timestamp::parse(at).unwrap().to_string();
        until("it is evaluated", async || {
            self.house.admin("GET", "/throttle", &Value::Null).await["evaluated_at"] == *wanted
        })
        .await;
    }

    async fn claude(&self) -> Value {
        let status = self.house.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|item| item["provider"] == "claude").unwrap_or_default()
    }

    /// What happened since this was asked last, oldest first.
    async fn news(&mut self) -> Vec<Value> {
        let listed = self.house.admin("GET", "/throttle/history?limit=100", &Value::Null).await;
        let mut items = listed["items"].as_array().cloned().unwrap_or_default();
        items.reverse();
        let news = items.split_off(self.told.min(items.len()));
        self.told += news.len();
        news.into_iter().filter(|event| event["provider"] == "claude").collect()
    }
}

#[track_caller]
fn agrees(id: &str, claude: &Value, then: &Value) {
    assert_eq!(claude["throttled"], then["throttled"], "{id}: {claude}");
    let window = &claude["windows"][0];
    for (field, own) in [("projected_usd", "projected"), ("ratio", "ratio"), ("reason", "status")] {
        if let Some(expected) = then[field].as_str() {
            assert_eq!(window[own], *expected, "{id} {field}: {claude}");
        }
    }
}

/// Evaluates what an example gives, on its day, and compares what the admin API shows.
async fn evaluated(id: &str) {
    let Some(vector) = vector(id) else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let mut month = Month::new(given).await;
    let stored = given["stored_state_durable"]["claude"]["throttled"] == true;
    if stored || given["previously_throttled"] == true {
        // On the fifth a fifth of the budget is spent: on the way to 120 percent.
        let fifth = if given["month_budget_usd"] == "200" { "40" } else { "20" };
        month.spend(fifth, "2026-04-05T06:00:00Z", "2026-04-05T12:00:00Z").await;
        assert_eq!(month.claude().await["throttled"], true, "{id}");
        month.news().await;
    }
    if given["process"] == "restarted" {
        month.house.stop();
        month.house.start_again();
    }
    let at = match given["as_of_local_date"].as_str() {
        Some(date) => format!("{date}T12:00:00Z"),
        None => text(&given["as_of"]).to_owned(),
    };
    let before = format!("{}T06:00:00Z", &at[..10]);
    month.spend(text(&given["month_to_date_spend_usd"]), &before, &at).await;
    agrees(id, &month.claude().await, then);
    let news = month.news().await;
    if let Some(transition) = then.get("transition") {
        let kinds: Vec<&Value> = news.iter().map(|event| &event["event"]).collect();
        let expected: Vec<&Value> = Some(transition).filter(|kind| !kind.is_null()).into_iter().collect();
        assert_eq!(kinds, expected, "{id}");
    }
}

/// Rules: S0-06, S0-08, S0-09, S0-10, S0-11, V T01, V T02, V T04, V T05, V T07, V T11, V T13.
#[tokio::test(flavor = "multi_thread")]
async fn throttles_are_what_the_examples_say_on_their_days() {
    for id in ["T01", "T02", "T04", "T05", "T07", "T11", "T13"] {
        evaluated(id).await;
    }
}

/// Rules: S0-05, S0-07, V T10, V T19.
#[tokio::test(flavor = "multi_thread")]
async fn half_days_and_restarts_are_what_the_examples_say() {
    for id in ["T10", "T19"] {
        evaluated(id).await;
    }
}

/// Rules: S0-08, S0-09, S0-13, V T08.
#[tokio::test(flavor = "multi_thread")]
async fn five_evaluations_of_a_month_are_what_the_example_says() {
    let Some(vector) = vector("T08") else { return };
    let mut month = Month::new(&vector["given"]).await;
    for step in vector["then"]["steps"].as_array().unwrap() {
        let date = text(&step["date"]);
        let spent = text(&step["spend_usd"]);
        month.spend(spent, &format!("{date}T06:00:00Z"), &format!("{date}T12:00:00Z")).await;
        agrees(date, &month.claude().await, step);
        let news = month.news().await;
        let kinds: Vec<&Value> = news.iter().map(|event| &event["event"]).collect();
        let expected: Vec<&Value> =
            Some(&step["transition"]).filter(|kind| !kind.is_null()).into_iter().collect();
        assert_eq!(kinds, expected, "{date}");
    }
    let mut sent = 0;
    until("it is told", async || {
        let listed = month.house.admin("GET", "/alerts?limit=100", &Value::Null).await;
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let is_throttle = |alert: &&Value| text(&alert["event"]).starts_with("throttle_");
        sent = items.iter().filter(is_throttle).count();
        json!(sent) == vector["then"]["alerts_sent"]
    })
    .await;
}

/// Rules: S0-13, S0-20, V T20.
#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_whose_budget_is_deleted_is_released_aloud() {
    let Some(vector) = vector("T20") else { return };
    let mut month = Month::new(&vector["given"]).await;
    month.spend("20", "2026-04-05T06:00:00Z", "2026-04-05T12:00:00Z").await;
    assert_eq!(month.claude().await["throttled"], true);
    month.news().await;
    month.house.admin("DELETE", "/budgets/month", &Value::Null).await;
    until("it is released", async || month.claude().await.is_null()).await;
    let news = month.news().await;
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0]["event"], vector["then"]["transition"], "{news:?}");
    assert!(news[0].to_string().contains(text(&vector["then"]["reason"])), "{news:?}");
    let mut alerts = Vec::new();
    until("it is told", async || {
        let listed = month.house.admin("GET", "/alerts?event=throttle_released", &Value::Null).await;
        alerts = listed["items"].as_array().cloned().unwrap_or_default();
        !alerts.is_empty()
    })
    .await;
    assert_eq!(json!(alerts.len()), vector["then"]["alerts_sent"]);
}

/// Rules: S0-02, S0-04, V T14.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_flag_off_a_stored_throttle_moves_nothing() {
    let Some(vector) = vector("T14") else { return };
    let mut month = Month::new(&vector["given"]).await;
    month.spend("20", "2026-04-05T06:00:00Z", "2026-04-05T12:00:00Z").await;
    let mut both = chat(5, false);
    both["model"] = json!("both");
    // After days in one step nobody knows the state of kill switches until it is read again.
    until("requests pass", async || month.house.chat(&both).await.status == 200).await;
    assert_eq!(month.house.chat(&both).await.header("x-bursar-provider"), "fake");
    month.house.stop();
    month.house.reword("enabled = true", "enabled = false");
    month.house.start_again();
    assert_eq!(month.claude().await["throttled"], vector["then"]["throttled"]);
    assert_eq!(month.house.chat(&both).await.header("x-bursar-provider"), "claude");
}

/// A budget a day for project p1, of which something is used already, and two prices that make any amount.
struct Day {
    clock: Arc<Hand>,
    house: House,
}

impl Day {
    async fn new(limit: &str, used: &str, about: &Value) -> Self {
        let clock = Hand::at("2026-03-01T10:00:00Z");
        let price = |input: &str| {
            format!(
                "{{ provider = \"fake\", price = {{ input = \"{input}\", output = \"0\", context = 100000000, max_output = 10 }} }}"
            )
        };
        let config = format!(
            "[projects.p1]\n[models.\"tenth\"]\ndeployments = [{}]\n[models.\"free\"]\ndeployments = [{}]\n",
            price("0.1"),
            price("0"),
        );
        let house = House::at(&clock, priced(), &config).await;
        let day = Self { clock, house };
        day.limit("day", limit, about).await;
        day.use_up(used, &json!({"project": "p1"})).await;
        day
    }
    async fn limit(&self, name: &str, limit: &str, about: &Value) {
        let budget = json!({"name": name, "limit": format!("{limit} USD"), "period": "day", "match": about});
        let made = self.house.admin("POST", "/budgets", &budget).await;
        assert_eq!(made["name"], *name, "{made}");
    }
    async fn use_up(&self, usd: &str, attributes: &Value) {
        if usd != "0" {
            let report = json!({"attributes": attributes, "provider": "fake", "model": "tenth", "usage": {},
                "cost_usd": usd});
            let done = self.house.admin("POST", "/usage", &report).await;
            assert_eq!(done["result"], "settled", "{done}");
        }
    }
    /// Asks what a call of this amount would meet.
    async fn check(&self, usd: &str) -> Value {
        let nanos = bursar_core::Usd::parse(usd).unwrap().nanos();
        assert_eq!(nanos % 100, 0, "a token costs a ten-millionth of a dollar");
        let model = if nanos == 0 { "free" } else { "tenth" };
        let call = json!({"attributes": {"project": "p1", "run": "r1"}, "provider": "fake", "model": model,
            "input_tokens": if nanos == 0 { 1 } else { nanos / 100 }, "output_tokens": 0});
        let told = self.house.admin("POST", "/check", &call).await;
        if told["kill"].is_null() {
            assert_eq!(told["hold_usd"], *usd, "{told}");
        }
        told
    }
}

/// Rules: S1-11, S1-13, S1-14, V K04, V K05, V K07, V K08, V K10, V K11, V K13.
#[tokio::test(flavor = "multi_thread")]
async fn checks_against_a_days_limit_are_what_the_examples_say() {
    for id in ["K04", "K05", "K07", "K08", "K10", "K11", "K13"] {
        let Some(vector) = vector(id) else { return };
        let (given, then) = (&vector["given"], &vector["then"]);
        let about = if given["scope"] == "project" { json!({"project": "p1"}) } else { json!({}) };
        let day = Day::new(text(&given["limit_usd"]), text(&given["used_usd"]), &about).await;
        let told = day.check(&asked(&vector["when"])).await;
        assert_eq!(told["allowed"], then["allowed"], "{id}: {told}");
        match then["error_code"].as_str() {
            // More than the whole limit of 0 asked for is that budget's refusal all the same.
            Some(code) => assert_eq!(told["code"], code, "{id}: {told}"),
            None if then["alert"].is_null() => assert_eq!(told["warnings"], json!([]), "{id}: {told}"),
            None => {
                let pct = format!("{}.0", text(&then["usage_pct"]));
                assert_eq!(told["warnings"], json!([{"budget": "day", "pct": pct}]), "{id}: {told}");
            }
        }
        if id == "K05" {
            let blocking = &told["blocking"][0];
            assert_eq!((&blocking["settled"], &blocking["limit"]), (&json!("9.99"), &json!("10")), "{told}");
        }
    }
}

/// Rules: S1-09, S1-15, S1-20, V K17, V K19, V K22.
#[tokio::test(flavor = "multi_thread")]
async fn days_end_two_at_once_do_not_pass_and_every_scope_is_told() {
    let p1 = json!({"project": "p1"});
    let Some(vector) = vector("K17") else { return };
    let event = &vector["given"]["events"][0];
    let day = Day::new("10", "0", &p1).await;
    day.clock.set(text(&event["at"]));
    day.use_up(text(&event["settled_usd"]), &p1).await;
    assert_eq!(day.check("2").await["code"], "E-BUDGET-002", "not before midnight");
    day.clock.set("2026-03-02T00:10:00Z");
    assert_eq!(day.check("2").await["allowed"], vector["then"]["allowed"]);
    let window = &day.house.window("day").await;
    assert!(window.is_null() || window["settled"] == "0", "{window}");

    let day = Day::new("10", "9", &p1).await;
    let call = json!({"attributes": p1, "provider": "fake", "model": "tenth", "hold_usd": "0.60"});
    let (one, other) = tokio::join!(
        day.house.admin("POST", "/reservations", &call),
        day.house.admin("POST", "/reservations", &call)
    );
    let allowed = [&one, &other].into_iter().filter(|answer| answer["state"] == "held").count();
    assert_eq!(allowed, 1, "{one} {other}");
    assert_eq!(day.house.window("day").await["held"], "0.6");

    let day = Day::new("1", "0", &p1).await;
    day.limit("everything", "1", &json!({})).await;
    day.limit("run", "1", &json!({"run": "r1"})).await;
    day.use_up("1", &json!({"project": "p1", "run": "r1"})).await;
    let told = day.check("0.01").await;
    assert_eq!((&told["allowed"], &told["code"]), (&json!(false), &json!("E-BUDGET-001")), "{told}");
    let codes: Vec<&Value> = told["blocking"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["E-BUDGET-001", "E-BUDGET-002", "E-BUDGET-003"], "{told}");
}

/// Rules: S1-25, V K16.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_switch_is_still_on_after_eight_days() {
    let Some(vector) = vector("K16") else { return };
    let given = &vector["given"];
    let day = Day::new("10", "0", &json!({"project": "p1"})).await;
    day.clock.set(text(&given["kill_switch_activated_at"]));
    day.house.admin("POST", "/kill", &json!({"scope": "platform", "reason": "runaway agent"})).await;
    day.clock.set("2026-03-09T00:00:00Z");
    let on = day.house.admin("GET", "/kill", &Value::Null).await;
    assert_eq!(on["items"].as_array().map(Vec::len), Some(1), "{on}");
    assert_eq!(
        (&on["items"][0]["until"], &on["items"][0]["since"]),
        (&Value::Null, &given["kill_switch_activated_at"])
    );
    assert_eq!(day.check("0.01").await["code"], "E-BUDGET-004");
    assert_eq!(day.house.chat(&chat(5, false)).await.json()["bursar"]["code"], "E-BUDGET-004");
}

/// Rules: S1-08, V K20.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_holds_prompt_and_output() {
    let Some(vector) = vector("K20") else { return };
    let given = &vector["given"];
    let price = |at: usize| text(&given["price_usd_per_1m"][at]).to_owned();
    let model = text(&given["model"]);
    let config = format!(
        "[models.\"{model}\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"{}\", output = \"{}\", context = 200000, max_output = 64000 }} }}]\n",
        price(0),
        price(1),
    );
    let house = House::with(priced(), &config).await;
    let call = json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": model,
        "input_tokens": given["estimated_prompt_tokens"], "output_tokens": given["max_output_tokens"]});
    let told = house.admin("POST", "/check", &call).await;
    assert_eq!(
        (&told["hold_usd"], &told["most_usd"]),
        (&vector["then"]["reserve_usd"], &told["hold_usd"]),
        "{told}"
    );
}

/// What `bursar cost` says of so many tokens at a price in USD per million.
fn cost(model: &str, prices: &Value, prompt: &Value, completion: &Value) -> Value {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("prices.toml");
    let row = format!(
        "[[price]]\nprovider = \"acme\"\nmodel = \"{model}\"\neffective_from = 2026-01-01\nsource = \"https://example.com/\"\n\
         input = \"{}\"\noutput = \"{}\"\n",
        text(&prices[0]),
        text(&prices[1]),
    );
    std::fs::write(&file, row).unwrap();
    let usage = json!({"input": prompt, "output": completion}).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args([
        "cost",
        "--provider",
        "acme",
        "--model",
        model,
        "--at",
        "2026-06-01",
        "--json",
        "--usage",
        &usage,
    ]);
    let output = command.arg("--prices").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Rules: S1-05, S1-07, V K01, V K02.
#[test]
fn costs_on_the_command_line_are_what_the_examples_say() {
    let Some(vector) = vector("K01") else { return };
    let given = &vector["given"];
    let cases = given["cases"].as_array().unwrap();
    let expected = vector["then"].as_object().unwrap().values().find_map(Value::as_array).unwrap();
    assert_eq!(cases.len(), expected.len(), "{vector}");
    for (case, expected) in cases.iter().zip(expected) {
        let model = text(&case["model"]);
        let prices = &given["prices_usd_per_1m"][model];
        let told = cost(model, prices, &case["prompt_tokens"], &case["completion_tokens"]);
        assert_eq!(told["list_cost"], *expected, "{case}: {told}");
    }
    let Some(vector) = self::vector("K02") else { return };
    let given = &vector["given"];
    let told = cost(
        text(&given["model"]),
        &given["price_usd_per_1m"],
        &given["prompt_tokens"],
        &given["completion_tokens"],
    );
    assert_eq!(told["list_cost"], vector["then"]["cost_usd"], "{told}");
    let one = bursar_core::Usd::parse(text(&told["list_cost"])).unwrap().nanos();
    let million = bursar_core::decimal::format((one * 1_000_000).into(), 9);
    assert_eq!(million, text(&vector["then"]["total_usd"]));
}
