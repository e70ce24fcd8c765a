//! What a key may do beside its budgets: rates, concurrency, addresses, a balance of its own, two texts for a while.

use crate::elsewhere::ask_balance;
use crate::house::{House, asking, chat, nanos, priced, reqwest_lite::Answer};
use bursar_core::Family;
use bursar_govern::keys::HashedSecret;
use serde_json::{Value, json};
use std::time::Duration;

const DAILY: &str =
    "[[budgets]]\nname = \"each user\"\nlimit = \"1 USD\"\nperiod = \"day\"\nper = [\"user\"]\n";

/// A house whose key has these fields.
async fn house(key: &Value) -> (House, Value) {
    let mut house = House::with(priced(), DAILY).await;
    let made = made(&house, key).await;
    house.key = made["key"].as_str().unwrap_or_else(|| panic!("no key: {made}")).to_owned();
    (house, made)
}

async fn made(house: &House, key: &Value) -> Value {
    let mut input = json!({"project": "alpha"});
    for (name, value) in key.as_object().expect("fields") {
        input[name] = value.clone();
    }
    house.admin("POST", "/keys", &input).await
}

async fn path(house: &House, made: &Value, method: &str, tail: &str, body: &Value) -> Value {
    house.admin(method, &format!("/keys/{}{tail}", made["id"].as_str().unwrap()), body).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    let told = answer.json();
    assert_eq!((answer.status, told["bursar"]["code"].as_str()), (status, Some(code)), "{told}");
    told["bursar"]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_so_many_requests_and_is_told_where_it_stands() {
    let (house, made) =
        house(&json!({"limits": ["2 requests per day", "9 requests per day for other-*"]})).await;
    assert_eq!(made["limits"], json!(["2 requests per day", "9 requests per day for other-*"]));
    for left in ["1", "0"] {
        let answer = house.chat(&chat(5, left == "0")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "2");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
    }
    let no = house.chat(&chat(5, false)).await;
    let message = refused(&no, 429, "E-RATE-001");
    assert!(message.contains("2 requests per day"), "{message}");
    assert!(no.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(no.header("x-ratelimit-remaining-requests"), "0");
    assert_eq!(house.mock.received(), 2);
    let record = house.latest(3).await;
    assert_eq!((&record["status"], &record["code"]), (&json!("denied"), &json!("E-RATE-001")));
    let wider = path(&house, &made, "PATCH", "", &json!({"limits": ["3 requests per day"]})).await;
    assert_eq!(wider["limits"], json!(["3 requests per day"]), "{wider}");
    assert_eq!(
        house.chat(&chat(5, false)).await.status,
        200,
        "what was counted is kept, what is allowed changes"
    );
    refused(&house.chat(&chat(5, false)).await, 429, "E-RATE-001");
    let rotated = path(&house, &made, "POST", "/rotate", &json!({"overlap_s": 60})).await;
    let headers = [("authorization", format!("Bearer {}", rotated["key"].as_str().unwrap()))];
    let again = house.send(&headers, chat(5, false).to_string()).await.unwrap();
    refused(&again, 429, "E-RATE-001");
    path(&house, &made, "PATCH", "", &json!({"limits": []})).await;
    let free = house.chat(&chat(5, false)).await;
    assert_eq!((free.status, free.header("x-ratelimit-limit-requests")), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_spend_are_limited_by_what_was_really_used() {
    for limit in ["20 tokens per day", "0.00001 USD per day", "20 tokens per day for sm*"] {
        let (house, _) = house(&json!({"limits": [limit]})).await;
        assert_eq!(house.chat(&chat(15, false)).await.status, 200);
        let no = house.chat(&chat(15, false)).await;
        assert!(refused(&no, 429, "E-RATE-001").contains(limit));
        assert_eq!(house.mock.received(), 1, "{limit}");
        if limit.contains("tokens") {
            assert_eq!(
                (no.header("x-ratelimit-limit-tokens"), no.header("x-ratelimit-remaining-tokens")),
                ("20", "0")
            );
        }
    }
}

/// A restart gives nobody a new day: hours and days go on from the records, for the models that a limit is about.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_an_hour_and_a_day_go_on_after_a_restart() {
    let per_day = ["3 requests per day", "20 tokens per day", "0.00003 USD per hour for sm*"];
    for limit in per_day {
        let (mut house, _) = house(&json!({"limits": [limit, "100 requests per day"]})).await;
        assert_eq!(house.chat(&chat(5, false)).await.status, 200);
        house.stop();
        house.start_again();
        assert_eq!(house.chat(&chat(5, false)).await.status, 200, "{limit}");
        if limit.contains("requests") {
            house.chat(&chat(5, false)).await;
        }
        let used = house.mock.received();
        house.stop();
        house.start_again();
        let no = house.chat(&chat(5, false)).await;
        assert!(refused(&no, 429, "E-RATE-001").contains(limit), "{limit}");
        assert_eq!(house.mock.received(), used, "{limit}");
    }
    // What was used for another model counts in no limit of this one.
    let (mut house, _) = house(&json!({"limits": ["1 requests per day for other-*"]})).await;
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(5, false)).await.status, 200);
        house.stop();
        house.start_again();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_at_once_and_the_place_is_given_back_however_a_request_ends() {
    let (house, _) = house(&json!({"limits": ["1 at once"]})).await;
    let slow = asking("out=5 in=10 latency_ms=1500", false);
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        house.chat(&chat(5, false)).await
    };
    let (first, second) = tokio::join!(house.chat(&slow), second);
    assert_eq!(first.status, 200);
    refused(&second, 429, "E-CONC-001");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    assert_eq!(house.chat(&asking("out=5 fault=drop", false)).await.status, 502);
    assert_eq!(house.chat(&asking("out=5 fault=status@503", false)).await.status, 503);
    let body = house.begin(&asking("out=900 in=10 chunk_tokens=1 chunk_ms=50", true)).await;
    refused(&house.chat(&chat(5, false)).await, 429, "E-CONC-001");
    drop(body);
    for _ in 0..200 {
        if house.chat(&chat(5, false)).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place of a client that left was never given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_is_told_in_its_own_headers() {
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let base = mock.base_url(Family::Anthropic);
    let config = format!(
        "[providers.claude]\nfamily = \"anthropic\"\nbase_url = \"{base}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
         [models.\"talker\"]\ndeployments = [{{ provider = \"claude\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n"
    );
    let house = House::with(priced(), &config).await;
    let made = made(&house, &json!({"limits": ["5 requests per hour", "100k tokens per hour"]})).await;
    let headers =
        [("x-api-key", made["key"].as_str().unwrap().to_owned()), ("anthropic-version", "2023-06-01".into())];
    let body = json!({"model": "talker", "max_tokens": 50, "messages": [{"role": "user", "content": "hi [[mock out=5]]"}]});
    let url = format!("{}/v1/messages", house.base);
    let answer = house.http.send("POST", &url, &headers, body.to_string().into_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), "5");
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), "4");
    assert!(bursar_core::Timestamp::parse(answer.header("anthropic-ratelimit-requests-reset")).is_some());
    assert_eq!(answer.header("anthropic-ratelimit-tokens-limit"), "100000");
    assert_eq!(answer.header("x-ratelimit-limit-requests"), "");
}

/// Gemini and Ollama have no headers of their own for it: their clients are told to wait as their vendors say it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_limit_says_how_long_to_wait_in_each_formats_own_way() {
    let house = crate::families::house("").await;
    for format in crate::families::FORMATS {
        let made = made(&house, &json!({"limits": ["1 requests per hour"]})).await;
        let key = made["key"].as_str().unwrap_or_else(|| panic!("no key: {made}"));
        let headers = [("x-bursar-key", key.to_owned()), ("content-type", "application/json".to_owned())];
        let body = (format.body)("hi [[mock out=5 in=10]]", 50, false).to_string();
        let (path, name) = ((format.path)(false), format.name);
        let first = house.post(path, &headers, body.clone()).await.unwrap();
        let no = house.post(path, &headers, body).await.unwrap();
        refused(&no, 429, "E-RATE-001");
        let (limit, left) = match name {
            "anthropic_messages" => {
                ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining")
            }
            _ => ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
        };
        for answer in [&first, &no] {
            assert_eq!((answer.header(limit), answer.header(left)), ("1", "0"), "{name}");
        }
        let (wait, told) = (no.header("retry-after").to_owned(), no.json());
        assert!(wait.parse::<u64>().is_ok_and(|seconds| seconds > 0), "{name}: `{wait}`");
        match name {
            "gemini_generate" => {
                assert_eq!(told["error"]["status"], "RESOURCE_EXHAUSTED");
                let details = told["error"]["details"].as_array().unwrap();
                let retry = details
                    .iter()
                    .find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.RetryInfo");
                assert_eq!(retry.unwrap()["retryDelay"], format!("{wait}s"), "{told}");
            }
            "ollama_chat" | "ollama_generate" => {
                assert!(told["error"].as_str().unwrap().contains("1 requests per hour"), "{told}");
            }
            "anthropic_messages" => assert_eq!(told["error"]["type"], "rate_limit_error", "{told}"),
            _ => assert_eq!(told["error"]["code"], "rate_limit_exceeded", "{told}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_used_only_from_where_it_may_be() {
    let (house, made) = house(&json!({"allowed_ips": ["10.0.0.0/8"]})).await;
    let forged = [&house.headers()[..], &[("x-forwarded-for", "10.0.0.1".to_owned())]].concat();
    for headers in [house.headers(), forged] {
        let no = house.send(&headers, chat(5, false).to_string()).await.unwrap();
        assert!(refused(&no, 403, "E-AUTH-002").contains("127.0.0.1"));
    }
    assert_eq!(ask_balance(&house, "", &house.headers()).await["status"], 403);
    assert_eq!(house.mock.received(), 0);
    path(&house, &made, "PATCH", "", &json!({"allowed_ips": ["10.0.0.0/8", "127.0.0.1"]})).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    assert_eq!(ask_balance(&house, "", &house.headers()).await["project"], "alpha");
}

/// Rules: S4-27, S4-28, S4-38, V P22, V Q01, V Q03.
#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_key_spends_its_own_balance_and_is_topped_up() {
    let (house, made) = house(&json!({"kind": "standalone", "user": "ann", "balance": "0.004"})).await;
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    }
    refused(&house.chat(&chat(900, false)).await, 429, "E-BUDGET-011");
    let balance = ask_balance(&house, "", &house.headers()).await;
    let spent = house.mock.total().nanos();
    let own = &balance["balance"];
    assert_eq!((nanos(&own["limit"]), nanos(&own["settled"])), (4_000_000, spent), "{balance}");
    assert_eq!(nanos(&own["remaining"]), 4_000_000 - spent);
    let topped =
        path(&house, &made, "POST", "/top-up", &json!({"amount_usd": "0.01", "from_usd": "0.004"})).await;
    assert_eq!(topped["balance"], "0.014", "{topped}");
    let again =
        path(&house, &made, "POST", "/top-up", &json!({"amount_usd": "0.01", "from_usd": "0.004"})).await;
    assert_eq!(again["status"], 409, "a repeat pays in once: {again}");
    assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    assert_eq!(nanos(&ask_balance(&house, "", &house.headers()).await["balance"]["limit"]), 14_000_000);
    let users = house.admin("GET", "/budgets/each%20user/windows", &Value::Null).await;
    let anns =
        users["items"].as_array().unwrap().iter().filter(|window| window["per"]["user"] == "ann").count();
    assert_eq!(anns, 0, "its owner's budgets are not charged: {users}");
    let audit = house.admin("GET", "/audit?limit=500", &Value::Null).await.to_string();
    assert!(audit.contains("0.014"), "the top-up is audited");
    // Without a balance it is unlimited, and a top-up would limit it.
    path(&house, &made, "PATCH", "", &json!({"balance": ""})).await;
    let no = path(&house, &made, "POST", "/top-up", &json!({"amount_usd": "1"})).await;
    assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("balance")), "{no}");
    assert!(ask_balance(&house, "", &house.headers()).await["balance"].is_null());
    for wrong in ["-1", "0", "much"] {
        let no = path(&house, &made, "POST", "/top-up", &json!({"amount_usd": wrong})).await;
        assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("amount_usd")), "{no}");
    }
    let member = house.admin("POST", "/keys", &json!({"project": "alpha", "balance": "1"})).await;
    assert_eq!(member["status"], 422, "a balance is for standalone keys alone: {member}");
}

/// Rules: S4-38.
#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_changed_at_its_key_and_nowhere_else() {
    let (house, made) = house(&json!({"kind": "standalone", "user": "ann", "balance": "0.004"})).await;
    let id = made["id"].as_str().unwrap();
    let budget = format!("/budgets/balance%20of%20key%20{id}");
    assert_eq!(house.admin("GET", &budget, &Value::Null).await["limit"], "0.004 USD");
    for (method, body) in [("PATCH", json!({"limit": "100 USD"})), ("DELETE", Value::Null)] {
        let no = house.admin(method, &budget, &body).await;
        assert_eq!(no["status"], 409, "{method}: {no}");
        assert!(no["detail"].as_str().unwrap().contains("top it up"), "{no}");
    }
    assert_eq!(house.admin("GET", &budget, &Value::Null).await["limit"], "0.004 USD");
    path(&house, &made, "PATCH", "", &json!({"balance": "0.01"})).await;
    assert_eq!(house.admin("GET", &budget, &Value::Null).await["limit"], "0.01 USD");
    assert_eq!(nanos(&ask_balance(&house, "", &house.headers()).await["balance"]["limit"]), 10_000_000);
}

/// Rules: S4-38.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_file_declares_keeps_its_limits_and_balance_over_a_restart() {
    let text = "sk-made-elsewhere";
    let hash: String = HashedSecret::of(text).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let config = format!(
        "[[keys]]\nname = \"ci\"\nhash = \"sha256:{hash}\"\nproject = \"alpha\"\nkind = \"standalone\"\nbalance = \"0.004 USD\"\n\
         limits = [\"3 requests per day\"]\nallowed_ips = [\"127.0.0.0/8\"]\n"
    );
    let mut house = House::with(priced(), &config).await;
    house.key = text.to_owned();
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    }
    house.stop();
    house.start_again();
    let keys = house.admin("GET", "/keys?limit=100", &Value::Null).await;
    let own = keys["items"].as_array().unwrap().iter().find(|key| key["name"] == "ci").unwrap();
    assert_eq!((&own["limits"], &own["balance"]), (&json!(["3 requests per day"]), &json!("0.004")));
    refused(&house.chat(&chat(900, false)).await, 429, "E-BUDGET-011");
    let no = path(&house, own, "POST", "/top-up", &json!({"amount_usd": "1"})).await;
    assert_eq!(no["status"], 409, "the file decides: {no}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_works_under_both_texts_for_a_while() {
    let (house, made) = house(&json!({})).await;
    let old = house.key.clone();
    let ask = async |key: &str| {
        let headers = [("authorization", format!("Bearer {key}"))];
        house.send(&headers, chat(5, false).to_string()).await.unwrap().status
    };
    let rotated = path(&house, &made, "POST", "/rotate", &json!({"overlap_s": 2})).await;
    let new = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!((ask(&old).await, ask(&new).await), (200, 200));
    let mut status = 200;
    for _ in 0..500 {
        status = ask(&old).await;
        if status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((status, ask(&new).await), (401, 200), "the old text ends, the new one stays");
    let again = path(&house, &made, "POST", "/rotate", &json!({})).await;
    assert_eq!(ask(&new).await, 401, "without an overlap the old text ends at once");
    assert_eq!(ask(again["key"].as_str().unwrap()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_limit_or_address_is_named() {
    let house = House::with(priced(), "").await;
    for (fields, field) in [
        (json!({"limits": ["lots"]}), "limits"),
        (json!({"limits": ["5 requests per fortnight"]}), "limits"),
        (json!({"allowed_ips": ["10.0.0.1/8"]}), "allowed_ips"),
        (json!({"kind": "standalone", "balance": "-3"}), "balance"),
    ] {
        let no = made(&house, &fields).await;
        assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!(field)), "{no}");
    }
}
