//! What clients do whose base URL alone was changed: where they put their key, which headers and queries they send, how
//! large their bodies are, and that none of it is lost or given away on its way to the provider.

use crate::families;
use crate::house::{House, UPSTREAM_SECRET, nanos};
use serde_json::{Value, json};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"10 USD\"\nperiod = \"day\"\n";

fn claude(prompt: &str) -> String {
    json!({"model": "claude", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]})
        .to_string()
}

fn gemini() -> String {
    json!({"contents": [{"parts": [{"text": "hello [[mock out=5 in=10]]"}]}], "generationConfig": {"maxOutputTokens": 100}})
        .to_string()
}

/// The provider got the request, with its own credential and without the client's.
fn arrived(house: &House, before: usize) -> bursar_mock::Received {
    let requests = house.mock.requests();
    assert_eq!(requests.len(), before + 1, "it was asked once");
    let got = requests.last().expect("a request").clone();
    let all = format!("{} {:?} {}", got.target, got.headers, String::from_utf8_lossy(&got.body));
    assert!(!all.contains(&house.key), "Bursar's key travelled: {all}");
    assert!(all.contains(UPSTREAM_SECRET), "the provider's credential did not arrive: {all}");
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_wherever_clients_put_it_and_never_travels() {
    let house = families::house(DAILY).await;
    let bearer = format!("Bearer {}", house.key);
    let places = [
        ("authorization", bearer),
        ("x-api-key", house.key.clone()),
        ("x-goog-api-key", house.key.clone()),
        ("api-key", house.key.clone()),
        ("x-bursar-key", house.key.clone()),
    ];
    let prompt = "hello [[mock out=5 in=10]]";
    let chat =
        json!({"model": "small", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]})
            .to_string();
    let asked = [
        ("/v1/chat/completions", chat),
        ("/v1/messages", claude(prompt)),
        ("/v1beta/models/gem:generateContent", gemini()),
        ("/v1/models/gem:generateContent", gemini()),
    ];
    let mut count = 0;
    for (path, body) in &asked {
        let mut ways: Vec<(String, Vec<(&'static str, String)>)> =
            places.iter().map(|place| ((*path).to_owned(), vec![place.clone()])).collect();
        ways.push((format!("/k/{}{path}", house.key), vec![]));
        ways.push((format!("{path}?key={}", house.key), vec![]));
        for (target, headers) in ways {
            let answer = house.post(&target, &headers, body.clone()).await.expect("an answer");
            assert_eq!(answer.status, 200, "{target} {headers:?}: {:?}", answer.body);
            arrived(&house, count);
            count += 1;
        }
        let without = house.post(path, &[], body.clone()).await.expect("an answer");
        assert_eq!(without.json()["bursar"]["code"], "E-AUTH-001", "{path}");
    }
    house.mock.idle().await;
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_queries_and_large_bodies_reach_the_provider_as_they_were_sent() {
    let house = families::house(DAILY).await;
    let mut headers = vec![
        ("authorization", format!("Bearer {}", house.key)),
        ("connection", "keep-alive, x-of-this-hop".to_owned()),
        ("x-of-this-hop", "1".to_owned()),
        ("accept-encoding", "gzip, br".to_owned()),
    ];
    let passing = [
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "brand-new-2027-01-01,another"),
        ("openai-organization", "org-1"),
        ("tracestate", "vendor=opaque"),
        ("x-stainless-retry-count", "0"),
        ("x-unheard-of", "as it is"),
    ];
    headers.extend(passing.map(|(name, value)| (name, value.to_owned())));
    // The trace goes on; its spans, the attempt's among them, are Bursar's to tell.
    headers.push(("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()));
    // What coding agents send: most of it system prompt and tools.
    let body = claude(&format!("{} [[mock out=5 in=10]]", "a tool and what it is for, ".repeat(4_400)));
    assert!(body.len() > 115_000);
    let answer = house.post("/v1/messages?beta=true&api-version=2026-01-01", &headers, body.clone()).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let got = arrived(&house, 0);
    assert!(got.target.ends_with("/v1/messages?beta=true&api-version=2026-01-01"), "{}", got.target);
    for (name, value) in passing {
        assert_eq!(got.header(name), value, "{name}");
    }
    assert!(got.header("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(got.header("traceparent").ends_with("-01"));
    assert_eq!((got.header("x-of-this-hop"), got.header("accept-encoding")), ("", "identity"));
    assert_eq!(got.header("host"), house.mock.addr().to_string());
    assert_eq!(got.header("content-length"), body.len().to_string());
    assert!(got.body == body.as_bytes(), "the body was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_look_first_are_answered() {
    let house = families::house(DAILY).await;
    let ask = async |method: &str, path: &str, headers: &[(&'static str, String)]| {
        house
            .http
            .send(method, &format!("{}{path}", house.base), headers, Vec::new())
            .await
            .expect("an answer")
    };
    assert_eq!((ask("HEAD", "/", &[]).await.status, ask("GET", "/", &[]).await.status), (200, 200));
    let names = |answer: Value| answer.to_string();
    let keyed = house.headers();
    assert!(names(ask("GET", "/v1/models", &keyed).await.json()).contains("\"small\""));
    assert!(names(ask("GET", "/v1beta/models", &keyed).await.json()).contains("models/gem"));
    assert!(names(ask("GET", "/api/tags", &keyed).await.json()).contains("llama"));
    assert_eq!(ask("GET", "/v1/models/small", &keyed).await.json()["id"], "small");
    assert_eq!(house.mock.received(), 0, "these cost nothing and are answered here");
}
