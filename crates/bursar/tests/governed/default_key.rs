//! Clients that send no key, as Ollama's do: the key that the configuration gives them, and who gets none.

use crate::house::{House, priced};
use serde_json::{Value, json};

const OLLAMA: &str = "[providers.local]\nfamily = \"ollama\"\nbase_url = \"MOCK_ROOT\"\n\
    [models.\"llama\"]\ndeployments = [{ provider = \"local\", model = \"small\", price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 } }]\n\
    [[budgets]]\nname = \"laptop\"\nlimit = \"1 USD\"\nperiod = \"day\"\nmatch = { user = \"laptop\" }\n\
    [[keys]]\nname = \"laptop\"\nproject = \"alpha\"\nuser = \"laptop\"\nsecret = { env = \"LAPTOP_KEY\" }\n\
    [users.laptop]\n# variable LAPTOP_KEY=sk-bursar-laptop-0123456789abcdef0123456789abcdef\n";

async fn house(server: &str) -> House {
    House::served(priced(), OLLAMA, server).await
}

/// What Ollama's own clients send: no credential at all.
fn body() -> String {
    json!({"model": "llama", "stream": false, "options": {"num_predict": 100},
        "messages": [{"role": "user", "content": "hello [[mock out=30 in=10]]"}]})
    .to_string()
}

async fn ask(house: &House, headers: &[(&'static str, String)]) -> (u16, Value) {
    let answer = house.post("/api/chat", headers, body()).await.expect("an answer");
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_key_spends_on_the_one_it_is_given() {
    let house = house("default_keys = [{ key = { env = \"LAPTOP_KEY\" } }]").await;
    let (status, answer) = ask(&house, &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["done"], json!(true));
    let record = house.latest(1).await;
    assert_eq!(
        (&record["attributes"]["user"], &record["status"]),
        (&json!("laptop"), &json!("completed")),
        "{record}"
    );
    house.mock.idle().await;
    assert_eq!(crate::house::nanos(&house.settled("laptop").await["settled"]), house.mock.total().nanos());

    // Who sends a key is who it says.
    let (status, _) = ask(&house, &[("authorization", format!("Bearer {}", house.key))]).await;
    assert_eq!((status, &house.latest(2).await["attributes"]["user"]), (200, &json!("ann")));
    let (status, _) = ask(&house, &[("authorization", "Bearer sk-bursar-unknown".to_owned())]).await;
    assert_eq!(status, 401, "a wrong key is wrong, not missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_and_strangers_behind_a_proxy_get_no_key() {
    let house = house("default_keys = [{ key = { env = \"LAPTOP_KEY\" } }]").await;
    for (header, value) in [
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
        ("x-forwarded-for", "127.0.0.1"),
        ("via", "1.1 x"),
    ] {
        assert_eq!(ask(&house, &[(header, value.to_owned())]).await.0, 401, "{header}");
    }
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configuration_or_from_elsewhere_a_key_is_asked_for() {
    let elsewhere = "default_keys = [{ from = [\"127.9.9.9\"], key = { env = \"LAPTOP_KEY\" } }]";
    for server in ["", elsewhere] {
        let house = house(server).await;
        let (status, answer) = ask(&house, &[]).await;
        assert_eq!(status, 401, "{answer}");
        assert_eq!(house.mock.received(), 0);
    }
}
