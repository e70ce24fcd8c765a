//! Stories of fallback chains: several providers, some of which cannot; the bills of all of them are the judge.

use crate::house::{House, asking, nanos, priced, reqwest_lite};
use bursar_core::{Family, Timestamp};
use bursar_mock::{Mock, Price, Recorded, Recording, Script};
use serde_json::{Value, json};
use std::sync::Arc;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
const PRICE: &str = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";

/// A Bursar over four fake providers: `fake` and `b` as scripted, `c` that nothing has a price for, and `rules`, a rule
/// engine at price 0. The model `chain` is tried at `fake`, `b` without tools, `c`, and `rules`, in this order.
struct Chain {
    house: House,
    b: Mock,
    c: Mock,
    rules: Mock,
}

impl Chain {
    async fn new(fake: Script, b: Script, more: &str) -> Self {
        let b = Mock::start(b).await.unwrap();
        let c = Mock::start(priced()).await.unwrap();
        let rules = Mock::start(Script::default().price("small", Price::default())).await.unwrap();
        let base = |mock: &Mock| mock.base_url(Family::OpenAi);
        let provider = |name: &str, mock: &Mock| {
            let base = base(mock);
            format!(
                "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{base}\"\nprices = \"{name}\"\n\
                 credential = {{ env = \"FAKE_KEY\" }}\nfirst_byte_timeout_s = 1\n"
            )
        };
        let no_tools = PRICE.replace(" }", ", tools = false }");
        let config = format!(
            "{DAILY}{more}\n{}{}{}\
             [models.\"chain\"]\ndeployments = [{{ provider = \"fake\", model = \"small\", {PRICE} }}, \
             {{ provider = \"b\", model = \"small\", {no_tools} }}, {{ provider = \"c\", model = \"small\" }}, \
             {{ provider = \"rules\", model = \"small\", price = {{ input = \"0\", output = \"0\" }} }}]\n",
            provider("b", &b),
            provider("c", &c),
            provider("rules", &rules),
        );
        Self { house: House::with(fake, &config).await, b, c, rules }
    }
    async fn ask(&self, body: &Value, headers: &[(&'static str, &str)]) -> reqwest_lite::Answer {
        let mut all = self.house.headers();
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.house.send(&all, body.to_string()).await.expect("an answer")
    }
    /// What the ledger says is exactly what the providers' bills say.
    async fn agrees(&self) -> Value {
        let window = self.house.settled("daily").await;
        let bills = [&self.house.mock, &self.b, &self.c, &self.rules].map(|mock| mock.total().nanos());
        assert_eq!(nanos(&window["settled"]), bills.iter().sum::<i64>(), "{window} {bills:?}");
        window
    }
    async fn record(&self, answer: &reqwest_lite::Answer) -> Value {
        self.house.record(answer.header("x-bursar-request-id")).await
    }
}

fn to(model: &str, stream: bool) -> Value {
    let mut body = asking("out=20 in=10", stream);
    body["model"] = json!(model);
    body
}

/// Who was asked or passed over, and how it went: `provider outcome`, in the order of the record.
fn tries(record: &Value) -> Vec<String> {
    let attempts = record["attempts"].as_array().cloned().unwrap_or_default();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    attempts.iter().map(|row| format!("{} {}", word(row, "provider"), word(row, "outcome"))).collect()
}

/// Rules: S0-03, S1-22, S2-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_replaced_by_the_next_and_only_who_answered_is_paid() {
    for stream in [false, true] {
        for fails in ["status=503", "status=429 retry_after=30", "status=401"] {
            let chain = Chain::new(priced().always(fails).unwrap(), priced(), "").await;
            let answer = chain.ask(&to("chain", stream), &[]).await;
            assert_eq!(answer.status, 200, "{fails}: {:?}", answer.body);
            assert_eq!(answer.header("x-bursar-provider"), "b");
            assert_eq!(answer.header("x-bursar-model"), "small");
            assert_eq!(answer.header("x-bursar-fallback"), format!("c; no_price, fake; {}", &fails[7..10]));
            let record = chain.record(&answer).await;
            assert_eq!(tries(&record), ["c skipped", "fake failed", "b success"], "{record}");
            assert_eq!(record["attempts"][0]["reason"], "no_price");
            assert!(chain.b.total().nanos() > 0);
            assert_eq!((chain.house.mock.received(), chain.rules.received()), (1, 0));
            chain.agrees().await;
        }
    }
}

/// Rules: S0-03.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_serve_is_skipped_by_name_down_to_a_rule_engine_at_no_price() {
    let chain = Chain::new(priced().always("status=503").unwrap(), priced(), "").await;
    let mut body = to("chain", false);
    body["tools"] =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let answer = chain.ask(&body, &[]).await;
    assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "rules"), "{:?}", answer.body);
    assert_eq!(answer.header("x-bursar-fallback"), "b; tools, c; no_price, fake; 503");
    let record = chain.record(&answer).await;
    assert_eq!(record["list_cost"], "0");
    assert_eq!((chain.b.received(), chain.c.received(), chain.rules.received()), (0, 0, 1));
    assert_eq!(chain.agrees().await["settled"], "0");
}

/// Rules: S0-24.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_forbid_its_own_fallback() {
    let chain = Chain::new(priced().always("status=503").unwrap(), priced(), "").await;
    let answer = chain.ask(&to("chain", false), &[("x-bursar-allow-fallback", "false")]).await;
    assert_eq!(answer.status, 503);
    assert_eq!((chain.b.received(), chain.rules.received()), (0, 0));
    let answer = chain.ask(&to("chain", false), &[("x-bursar-allow-fallback", "perhaps")]).await;
    assert_eq!((answer.status, answer.json()["bursar"]["code"].as_str()), (400, Some("E-INPUT-001")));
}

/// An operator throttles these providers for ten minutes.
async fn throttle(chain: &Chain, providers: &[&str]) {
    let until = Timestamp::from_jiff(jiff::Timestamp::now()).plus_seconds(600).to_string();
    for name in providers {
        let order =
            json!({"provider": name, "throttled": true, "reason": "too much is projected", "until": until});
        let made = chain.house.admin("POST", "/throttle", &order).await;
        assert_eq!(made["throttled"], true, "{made}");
    }
}

/// Rules: S0-03, S0-23, S0-24, V T16, V T17.
#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_provider_is_routed_around_while_the_process_runs() {
    let chain = Chain::new(priced(), priced(), "").await;
    let no_fallback = [("x-bursar-allow-fallback", "false")];
    assert_eq!(chain.ask(&to("chain", false), &no_fallback).await.header("x-bursar-provider"), "fake");
    throttle(&chain, &["fake", "b"]).await;
    let answer = chain.ask(&to("chain", false), &[]).await;
    assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "rules"));
    assert_eq!(answer.header("x-bursar-fallback"), "fake; throttled, b; throttled, c; no_price");
    let refused = chain.ask(&to("chain", false), &no_fallback).await;
    assert_eq!((refused.status, refused.json()["bursar"]["code"].as_str()), (429, Some("E-THROTTLE-001")));
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((500..=600).contains(&seconds), "{seconds}");
    throttle(&chain, &["rules"]).await;
    let none = chain.ask(&to("chain", false), &[]).await;
    assert_eq!((none.status, none.json()["bursar"]["code"].as_str()), (503, Some("E-ROUTE-001")));
    let listed = chain.house.latest(4).await;
    let skipped = ["fake skipped", "b skipped", "c skipped", "rules skipped"];
    assert_eq!(tries(&chain.record(&none).await), skipped, "{listed}");
    for name in ["fake", "b", "rules"] {
        chain.house.admin("DELETE", &format!("/throttle/{name}"), &Value::Null).await;
    }
    assert_eq!(chain.ask(&to("chain", false), &[]).await.header("x-bursar-provider"), "fake");
    chain.agrees().await;
}

/// Rules: S4-29, V Q04.
#[tokio::test(flavor = "multi_thread")]
async fn a_spent_quota_makes_its_provider_skipped_and_not_the_request_refused() {
    let quota = "[[budgets]]\nname = \"quota of fake\"\nlimit = \"0.0004 USD\"\nperiod = \"month\"\nmatch = { provider = \"fake\" }\n";
    let chain = Chain::new(priced(), priced(), quota).await;
    let mut body = to("chain", false);
    body["max_tokens"] = json!(20);
    body["messages"] = json!([{"role": "user", "content": "[[mock out=20 in=10]]"}]);
    let mut providers = Vec::new();
    for _ in 0..12 {
        let answer = chain.ask(&body, &[]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        providers.push(answer.header("x-bursar-provider").to_owned());
        if providers.last().is_some_and(|name| name == "b") {
            assert_eq!(answer.header("x-bursar-fallback"), "c; no_price, fake; quota_exhausted");
        }
    }
    assert_eq!((providers[0].as_str(), providers[11].as_str()), ("fake", "b"), "{providers:?}");
    chain.agrees().await;
    let alone = chain.ask(&body, &[("x-bursar-allow-fallback", "false")]).await;
    assert_eq!(alone.json()["bursar"]["code"], "E-BUDGET-012", "{:?}", alone.body);
}

/// Rules: S0-03.
#[tokio::test(flavor = "multi_thread")]
async fn providers_fall_back_to_providers_each_with_a_model_of_its_own() {
    let dead = Mock::start(priced().always("status=503").unwrap()).await.unwrap();
    let base = dead.base_url(Family::OpenAi);
    let provider = |name: &str, next: &str| {
        format!(
            "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{base}\"\ncredential = \"none\"\nfallback = [\"{next}\"]\n"
        )
    };
    let more = format!(
        "{}{}fallback_model = \"also-dead\"\n\
         [providers.engine]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = \"none\"\nfallback_model = \"answers\"\n\
         [models.\"front\"]\ndeployments = [{{ provider = \"one\", model = \"small\", {PRICE} }}]\n\
         [models.\"also-dead\"]\ndeployments = [{{ provider = \"two\", model = \"small\", {PRICE} }}]\n\
         [models.\"answers\"]\ndeployments = [{{ provider = \"engine\", model = \"small\", {PRICE} }}]\n",
        provider("one", "two"),
        provider("two", "engine"),
    );
    let chain = Chain::new(priced(), priced(), &more).await;
    let answer = chain.ask(&to("front", false), &[]).await;
    assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "engine"), "{:?}", answer.body);
    assert_eq!(answer.header("x-bursar-fallback"), "one; 503, two; 503");
    assert_eq!(dead.received(), 2);
    chain.agrees().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_refuses_a_model_lets_its_cheaper_fallback_pass() {
    let more = format!(
        "[[budgets]]\nname = \"ann\"\nlimit = \"0.01 USD\"\nperiod = \"day\"\nmatch = {{ user = \"ann\" }}\n\
         [models.\"big\"]\nfallback = [\"small\"]\n\
         deployments = [{{ provider = \"fake\", {} }}]\n",
        PRICE.replace("\"1\"", "\"100\"").replace("\"2\"", "\"200\"")
    );
    let chain = Chain::new(priced(), priced(), &more).await;
    let answer = chain.ask(&to("big", false), &[]).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(
        (answer.header("x-bursar-model"), answer.header("x-bursar-fallback")),
        ("small", "fake; budget")
    );
    let record = chain.record(&answer).await;
    assert_eq!(record["notes"][0], "asked for big, routed to its fallback small", "{record}");
    let received = chain.house.mock.requests().remove(0);
    let body = String::from_utf8_lossy(&received.body).into_owned();
    assert!(body.contains("\"small\""), "the upstream was asked for another name: {body}");
    let alone = chain.ask(&to("big", false), &[("x-bursar-allow-fallback", "false")]).await;
    assert_eq!(alone.json()["bursar"]["code"], "E-BUDGET-018", "{:?}", alone.body);
    chain.agrees().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_ends_the_request_unless_its_operator_says_otherwise() {
    for next in [false, true] {
        let policy = if next { "after_silence = \"next\"\n" } else { "" };
        let hanging = Mock::start(priced().always("fault=stall").unwrap()).await.unwrap();
        let more = format!(
            "[providers.slow]\nfamily = \"openai\"\nbase_url = \"{}\"\nprices = \"slow\"\n\
             credential = {{ env = \"FAKE_KEY\" }}\nfirst_byte_timeout_s = 1\n{policy}\
             [models.\"hangs\"]\ndeployments = [{{ provider = \"slow\", model = \"small\", {PRICE} }}, \
             {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n",
            hanging.base_url(Family::OpenAi)
        );
        let chain = Chain::new(priced(), priced(), &more).await;
        let answer = chain.ask(&to("hangs", false), &[]).await;
        let window = chain.house.settled("daily").await;
        assert!(nanos(&window["suspense"]) > 0, "the silent one may be billed: {window}");
        assert_eq!(hanging.received(), 1);
        if next {
            assert_eq!((answer.status, answer.header("x-bursar-fallback")), (200, "slow; no_answer"));
            chain.agrees().await;
        } else {
            assert_eq!((answer.status, chain.house.mock.received()), (504, 0));
        }
    }
}

/// An answer that states what it costs, as OpenRouter's do.
fn reselling() -> Script {
    let body = r#"{"id":"gen-1","object":"chat.completion","model":"small","choices":[{"index":0,"finish_reason":"stop",
        "message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost":0.0000123}}"#;
    let recording = Recording {
        id: "resold".into(),
        provider: "openrouter".into(),
        api_format: "openai.chat".into(),
        stream: false,
        status: 200,
        content_type: "application/json".into(),
        body: body.into(),
        request: None,
        expected: Some((10, 5)),
    };
    Script { recorded: Some(Arc::new(Recorded::from_recordings([recording]))), ..priced() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_it_bills_counts_where_the_deployment_prefers_it() {
    for (prefers, charged) in [(false, 20_000), (true, 12_300)] {
        let config = format!(
            "{DAILY}[models.\"resold\"]\n\
             deployments = [{{ provider = \"fake\", model = \"small\", prefer_billed = {prefers}, {PRICE} }}]\n"
        );
        let house = House::with(reselling(), &config).await;
        let mut body = asking("recorded=resold", false);
        body["model"] = json!("resold");
        let answer = house.chat(&body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(nanos(&house.settled("daily").await["settled"]), charged);
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!(answer.header("x-bursar-cost-usd"), record["list_cost"].as_str().unwrap());
        assert_eq!(record["price"]["provider_cost"], "0.0000123", "both are kept: {record}");
        assert_eq!(record["price"]["lines"].as_array().map(Vec::len), Some(2), "{record}");
    }
}
