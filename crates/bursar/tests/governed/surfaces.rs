//! Surfaces without a meter: each refused by its name, or passed at the price that was declared for its requests.

use crate::house::{House, OTHER_SECRET, UPSTREAM_SECRET, nanos, priced, reqwest_lite::Answer, until};
use crate::receivers::Receiver;
use bursar_wire::Surface;
use serde_json::{Value, json};
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
const FAMILIES: [&str; 4] = ["openai", "anthropic", "gemini", "ollama"];
/// What a request on any of them costs here.
const FEE: i64 = 10_000_000;

/// Every path of every surface, with the method of a request that costs money.
fn paths() -> impl Iterator<Item = (Surface, &'static str, &'static str)> {
    Surface::ALL.iter().flat_map(|surface| {
        let method = if *surface == Surface::Stored { "GET" } else { "POST" };
        surface.paths().iter().map(move |path| (*surface, method, *path))
    })
}

async fn ask(house: &House, method: &str, path: &str, body: &str) -> Answer {
    ask_as(house, &house.headers(), method, path, body).await
}

async fn ask_as(
    house: &House,
    headers: &[(&'static str, String)],
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let url = format!("{}{path}", house.base);
    house.http.send(method, &url, headers, body.as_bytes().to_vec()).await.expect("an answer")
}

/// A house where a provider of each family declares these surfaces, all of them `provider`.
async fn declaring(provider: &Receiver, surfaces: &[Surface], more: &str) -> House {
    let table: Vec<String> =
        surfaces.iter().map(|surface| format!("{} = \"0.01\"", surface.as_str())).collect();
    let mut text = format!("{DAILY}{more}");
    for family in FAMILIES {
        let version = if family == "openai" { "/v1" } else { "" };
        text.push_str(&format!(
            "\n[providers.x-{family}]\nfamily = \"{family}\"\nbase_url = \"{}{version}\"\n\
             credential = {{ env = \"OTHER_KEY\" }}\nsurfaces = {{ {} }}\n",
            provider.base,
            table.join(", ")
        ));
    }
    House::with(priced(), &text).await
}

/// Those that can be passed at all.
fn passable() -> Vec<Surface> {
    Surface::ALL.iter().copied().filter(|surface| surface.can_pass()).collect()
}

/// The table of `docs/reference/surfaces.md`, row by row.
#[tokio::test(flavor = "multi_thread")]
async fn every_surface_is_refused_by_its_name_unless_it_is_declared() {
    let house = House::with(priced(), DAILY).await;
    for (surface, method, path) in paths() {
        for path in [path.to_owned(), format!("{path}/below")] {
            let answer = ask(&house, method, &path, "{}").await;
            let told = answer.json()["bursar"].clone();
            assert_eq!(
                (answer.status, &told["code"]),
                (403, &json!("E-ROUTE-002")),
                "{method} {path}: {told}"
            );
            let message = told["message"].as_str().expect("a message");
            assert!(message.contains(&format!("`{}`", surface.as_str())), "{method} {path}: {message}");
        }
    }
    let background = json!({"model": "small", "input": "hello", "background": true}).to_string();
    let told = ask(&house, "POST", "/v1/responses", &background).await.json()["bursar"].clone();
    assert_eq!(told["code"], "E-ROUTE-002");
    assert!(told["message"].as_str().expect("a message").contains("`background`"), "{told}");
    assert_eq!(house.mock.received(), 0);
    assert_eq!(house.settled("daily").await["settled"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_surface_passes_as_it_stands_and_is_charged_its_price() {
    let provider = Receiver::start(&[]).await;
    let house = declaring(&provider, &passable(), "").await;
    let mut spent = 0;
    for (surface, method, path) in paths().filter(|(surface, ..)| surface.can_pass()) {
        let before = provider.got().len();
        let target = format!("{path}/below?of=it&key={}", house.key);
        let answer = ask_as(&house, &[], method, &target, "what was said").await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]), "{method} {path}");
        let got = provider.got().split_off(before);
        let [got] = &got[..] else { panic!("{method} {path}: {got:?}") };
        assert_eq!(
            (got.path.as_str(), got.body.as_str()),
            (format!("{path}/below").as_str(), "what was said")
        );
        let all = format!("{:?}", got.headers);
        assert!(!all.contains(&house.key), "{all}");
        let theirs = ["authorization", "x-api-key", "x-goog-api-key"].map(|name| got.header(name)).concat();
        assert!(theirs.contains(OTHER_SECRET) && !theirs.contains(UPSTREAM_SECRET), "{theirs}");
        spent += if method == "POST" { FEE } else { 0 };
        let cost = bursar_core::Usd::parse(answer.header("x-bursar-cost-usd")).expect("USD").nanos();
        assert_eq!(cost, if method == "POST" { FEE } else { 0 }, "{method} {path}");
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!(record["attributes"]["model"], surface.as_str(), "{record}");
        assert_eq!(
            (&record["status"], &record["estimated"]),
            (&json!("completed"), &json!(false)),
            "{record}"
        );
    }
    let background = json!({"model": "small", "input": "hello", "background": true}).to_string();
    assert_eq!(ask(&house, "POST", "/v1/responses", &background).await.status, 200);
    assert_eq!(provider.got().last().expect("it came").body, background);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), spent + FEE);
    // What is governed is governed still, and a session is no request.
    assert_eq!(ask(&house, "POST", "/v1/realtime", "{}").await.json()["bursar"]["code"], "E-ROUTE-002");
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_passes_the_same_gate() {
    // Room for two: the limit is 1 USD, and one costs 0.4.
    let provider = Receiver::start(&[500, 200, 200]).await;
    let text = format!(
        "{DAILY}\n[providers.x]\nfamily = \"openai\"\nbase_url = \"{}/v1\"\ncredential = {{ env = \"OTHER_KEY\" }}\n\
         surfaces = {{ images = \"0.4\" }}\n",
        provider.base
    );
    let house = House::with(priced(), &text).await;
    let images = "/v1/images/generations";
    let code = |answer: &Answer| answer.json()["bursar"]["code"].clone();

    let unknown =
        ask_as(&house, &[("authorization", "Bearer nobody".to_owned())], "POST", images, "{}").await;
    assert_eq!((unknown.status, code(&unknown)), (401, json!("E-AUTH-001")));
    for path in [
        "/v1/images/../chat/completions",
        "/v1/images/%2e%2e/chat/completions",
        "/v1/images//x",
        "/v1/images/a;b",
    ] {
        let answer = ask(&house, "POST", path, "{}").await;
        assert_eq!((answer.status, code(&answer)), (400, json!("E-INPUT-001")), "{path}");
    }
    let narrow = house.admin("POST", "/keys", &json!({"project": "alpha", "models": ["gpt-*"]})).await;
    let bearer = format!("Bearer {}", narrow["key"].as_str().expect("a key"));
    let forbidden = ask_as(&house, &[("authorization", bearer)], "POST", images, "{}").await;
    assert_eq!((forbidden.status, code(&forbidden)), (403, json!("E-AUTH-002")));
    assert!(provider.got().is_empty());

    // An error of the provider's passes and costs nothing.
    let failed = ask(&house, "POST", images, "{}").await;
    assert_eq!((failed.status, &failed.body[..]), (500, &b"ok"[..]));
    assert_eq!(house.settled("daily").await["settled"], "0");
    for _ in 0..2 {
        assert_eq!(ask(&house, "POST", images, "{}").await.status, 200);
    }
    let no = ask(&house, "POST", images, "{}").await;
    assert_eq!((no.status, code(&no)), (429, json!("E-BUDGET-003")));
    assert_eq!(no.json()["bursar"]["requested"], "0.4");
    assert_eq!(provider.got().len(), 3, "what is refused is not sent");
    // Looking at what was paid for costs nothing, so it passes.
    let limited =
        house.admin("POST", "/keys", &json!({"project": "alpha", "limits": ["9 requests per day"]})).await;
    let bearer = format!("Bearer {}", limited["key"].as_str().expect("a key"));
    let looked = ask_as(&house, &[("authorization", bearer)], "GET", "/v1/images/one", "").await;
    assert_eq!((looked.status, looked.header("x-ratelimit-remaining-requests")), (200, "8"));
    assert_eq!(nanos(&house.settled("daily").await["settled"]), 800_000_000);

    house.admin("POST", "/kill", &json!({"scope": "platform", "reason": "drill"})).await;
    let killed = ask(&house, "POST", images, "{}").await;
    assert_eq!((killed.status, code(&killed)), (403, json!("E-BUDGET-004")));
    assert_eq!(provider.got().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_costs_nothing() {
    let provider = Receiver::start(&[]).await;
    let house = declaring(&provider, &[Surface::Audio], "").await;
    drop(provider);
    // Its connections end with its task.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = ask(&house, "POST", "/v1/audio/speech", "{}").await;
    assert_eq!((answer.status, &answer.json()["bursar"]["code"]), (502, &json!("E-ROUTE-003")));
    let window = house.settled("daily").await;
    assert_eq!((&window["settled"], &window["suspense"]), (&json!("0"), &json!("0")), "{window}");
    let record = house.latest(1).await;
    assert_eq!(record["status"], Value::from("failed"));
    assert_eq!((&record["code"], &record["status_code"]), (&json!("E-ROUTE-003"), &json!(502)), "{record}");
}

/// A request at a declared price is told in a trace as any other.
/// Rules: S4-01.
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_goes_through_a_declared_surface_too() {
    let provider = Receiver::start(&[]).await;
    let house = declaring(&provider, &[Surface::Audio], "").await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let headers = house.headers_with("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"));
    let answer = ask_as(&house, &headers, "POST", "/v1/audio/speech", "{}").await;
    assert_eq!(answer.status, 200);
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert_eq!(record["trace_id"], trace, "{record}");
    let got = provider.got().pop().expect("it came");
    let sent = got.header("traceparent");
    let parts: Vec<&str> = sent.split('-').collect();
    assert_eq!((parts[1], parts[3]), (trace, "01"));
    assert_ne!(parts[2], "b7ad6b7169203331", "the provider's parent is a span of Bursar's");
}

/// What its client is told stands in the record too, also where the answer had begun: the record is written before.
/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_says_why_an_answer_at_a_declared_price_ended() {
    let text = format!(
        "{DAILY}[providers.x]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = {{ env = \"OTHER_KEY\" }}\n\
         surfaces = {{ background = \"0.01\" }}\n"
    );
    let house = House::with(priced(), &text).await;
    let asked = async |fault: &str| {
        let words = format!("hello [[mock out=9 in=10 fault={fault}]]");
        let body = json!({"model": "small", "input": words, "background": true}).to_string();
        ask(&house, "POST", "/v1/responses", &body).await
    };
    let told = async |answer: &Answer| {
        let told = answer.json()["bursar"].clone();
        let record = house.record(told["request_id"].as_str().expect("an id")).await;
        assert_eq!(
            (&record["code"], &record["status_code"]),
            (&told["code"], &json!(answer.status)),
            "{record}"
        );
        assert_eq!(record["error"], told["message"], "{record}");
        (answer.status, told["code"].clone(), record["status"].clone())
    };
    for fault in ["drop", "cut@40"] {
        let answer = asked(fault).await;
        assert_eq!(told(&answer).await, (502, json!("E-ROUTE-003"), json!("failed")), "{fault}");
    }
    for fault in ["stall", "stall@40"] {
        let cut = async {
            until("it is at the provider", async || house.mock.in_flight() == 1).await;
            // Time for what comes before the fault; what is told is the same without it.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let order = json!({"scope": "project=alpha", "reason": "drill", "cut": true});
            house.admin("POST", "/kill", &order).await;
        };
        let (answer, ()) = tokio::join!(asked(fault), cut);
        assert_eq!(told(&answer).await, (403, json!("E-BUDGET-004"), json!("cancelled")), "{fault}");
        house.admin("DELETE", "/kill/project%3Dalpha", &Value::Null).await;
        until("it is gone upstream", async || house.mock.in_flight() == 0).await;
    }
}
