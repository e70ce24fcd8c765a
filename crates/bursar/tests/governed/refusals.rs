//! What is refused, by which code and with which numbers; and what is not refused.

use crate::house::{House, asking, chat, nanos, priced, reqwest_lite::Answer};
use serde_json::{Value, json};

async fn house(budgets: &str) -> House {
    House::with(priced(), budgets).await
}

/// A budget of one request: the second is refused.
fn one_request(fields: &str) -> String {
    format!("[[budgets]]\nname = \"one\"\nlimit = \"1 requests\"\nperiod = \"day\"\n{fields}\n")
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    let told = answer.json();
    assert_eq!((answer.status, told["bursar"]["code"].as_str()), (status, Some(code)), "{told}");
    assert!(told["error"]["message"].is_string(), "not in the format's own shape: {told}");
    assert_eq!(answer.header("x-should-retry"), "false");
    told["bursar"].clone()
}

fn claims(house: &House, claims: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut headers = house.headers();
    headers.extend(claims.iter().map(|(name, value)| (*name, (*value).to_owned())));
    headers
}

/// Rules: S1-02, S1-26, S2-19, S3-21.
#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_budget_is_named_by_its_scope() {
    let cases = [
        ("", "E-BUDGET-003", "platform"),
        ("match = { project = \"alpha\" }", "E-BUDGET-002", "project"),
        ("per = [\"user\"]", "E-BUDGET-010", "user"),
        ("per = [\"key\"]", "E-BUDGET-011", "key"),
        ("match = { provider = \"fake\" }", "E-BUDGET-012", "provider"),
        ("per = [\"agent\"]", "E-BUDGET-013", "agent"),
        ("per = [\"session\"]", "E-BUDGET-013", "session"),
        ("match = { model = \"sm*\" }", "E-BUDGET-014", "model"),
        ("per = [\"run\"]", "E-BUDGET-001", "run"),
        ("match = { project = \"alpha\" }\nper = [\"run\"]", "E-BUDGET-001", "run"),
        ("match = { \"tag.team\" = \"x\" }", "E-BUDGET-019", "tag.team"),
    ];
    for (fields, code, scope) in cases {
        let house = house(&one_request(fields)).await;
        let headers = claims(
            &house,
            &[
                ("x-bursar-run", "r1"),
                ("x-bursar-agent", "a1"),
                ("x-bursar-session", "s1"),
                ("x-bursar-tags", "team=x"),
            ],
        );
        let first = house.send(&headers, chat(5, false).to_string()).await.unwrap();
        assert_eq!(first.status, 200, "{fields}");
        let second = house.send(&headers, chat(5, false).to_string()).await.unwrap();
        let told = refused(&second, 429, code);
        assert_eq!(told["scope"]["kind"], scope, "{told}");
        assert_eq!(told["budget"], "one");
        assert_eq!(
            (&told["limit"], &told["settled"], &told["requested"]),
            (&json!("1"), &json!("1"), &json!("1"))
        );
        assert!(told["resets_at"].is_string() && told["resets_at"] == told["window"]["ends_at"], "{told}");
        assert_eq!(told["blocking"][0]["code"], code);
        assert_eq!(house.mock.received(), 1, "a refused request was sent");
    }
}

/// Rules: S1-03, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_every_number_and_is_on_record() {
    let house = house("[[budgets]]\nname = \"day\"\nlimit = \"0.004 USD\"\nperiod = \"day\"\n").await;
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    }
    let settled = house.mock.total().nanos();
    let answer = house.chat(&chat(900, true)).await;
    let told = refused(&answer, 429, "E-BUDGET-003");
    assert_eq!(answer.json()["error"]["code"], "insufficient_quota");
    assert_eq!(nanos(&told["limit"]), 4_000_000);
    assert_eq!(nanos(&told["settled"]), settled);
    assert_eq!((&told["held"], &told["suspense"]), (&json!("0"), &json!("0")));
    assert!(nanos(&told["requested"]) > 4_000_000 - settled);
    let record = house.record(told["request_id"].as_str().unwrap()).await;
    assert_eq!((&record["status"], &record["code"]), (&json!("denied"), &json!("E-BUDGET-003")));
    assert_eq!(record["blocking"][0]["budget"], "day");
    assert_eq!((&record["list_cost"], &record["status_code"]), (&json!("0"), &json!(429)));
    let fits = told["fits"]["max_output"].as_u64().expect("a smaller answer would fit");
    for (limit, status) in [(fits + 1, 429), (fits, 200)] {
        let mut body = chat(5, false);
        body["messages"][0]["content"] = chat(900, false)["messages"][0]["content"].clone();
        body["max_tokens"] = json!(limit);
        assert_eq!(house.chat(&body).await.status, status, "with a limit of {limit} tokens");
    }
    assert!(house.mock.total().nanos() <= 4_000_000);
}

/// Rules: S3-04, S3-14.
#[tokio::test(flavor = "multi_thread")]
async fn room_held_by_requests_in_flight_is_another_answer() {
    let house =
        house("[[budgets]]\nname = \"day\"\nlimit = \"0.003 USD\"\nperiod = \"day\"\nwait_ms = 50\n").await;
    let slow = asking("out=5 in=10 latency_ms=1500", false);
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        house.chat(&chat(5, false)).await
    };
    let (first, second) = tokio::join!(house.chat(&slow), second);
    assert_eq!(first.status, 200);
    let told = refused(&second, 429, "E-BUDGET-017");
    assert!(!second.header("retry-after").is_empty());
    assert!(nanos(&told["held"]) > 2_000_000, "{told}");
    assert_eq!(house.chat(&chat(5, false)).await.status, 200, "and now there is room");
}

/// Rules: S1-03.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_told_what_fits() {
    let house = house("[[budgets]]\nname = \"day\"\nlimit = \"0.001 USD\"\nperiod = \"day\"\n").await;
    let told = refused(&house.chat(&chat(5, false)).await, 400, "E-BUDGET-018");
    let fits = told["fits"]["max_output"].as_u64().expect("something fits");
    for (limit, status) in [(fits + 1, 400), (fits, 200)] {
        let mut body = chat(5, false);
        body["max_tokens"] = json!(limit);
        assert_eq!(
            house.chat(&body).await.status,
            status,
            "with a limit of {limit} tokens of which {fits} fit"
        );
    }
}

/// Rules: S1-06, S2-16, S4-07.
#[tokio::test(flavor = "multi_thread")]
async fn no_price_no_call() {
    let house = house("").await;
    let mut body = chat(5, false);
    body["model"] = json!("nobody-knows-this");
    refused(&house.chat(&body).await, 422, "E-PRICE-001");
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_blocked_and_limited_keys() {
    let mut house = house("").await;
    let body = chat(5, false).to_string();
    let none = house.send(&[("content-type", "application/json".into())], body.clone()).await.unwrap();
    refused(&none, 401, "E-AUTH-001");
    let wrong = [("authorization", "Bearer bsr_nobody".to_owned())];
    refused(&house.send(&wrong, body.clone()).await.unwrap(), 401, "E-AUTH-001");
    let made = house.admin("POST", "/keys", &json!({"project": "alpha", "models": ["other-*"]})).await;
    house.key = made["key"].as_str().unwrap().to_owned();
    refused(&house.chat(&chat(5, false)).await, 403, "E-AUTH-002");
    house.admin("POST", &format!("/keys/{}/block", made["id"].as_str().unwrap()), &Value::Null).await;
    refused(&house.chat(&chat(5, false)).await, 401, "E-AUTH-001");
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_smuggled_past_the_meter() {
    let house = house("").await;
    let bodies = [
        r#"{"model":"small","messages":[],"model":"other"}"#,
        r#"{"model":"small","messages":[],"max_tokens":5,"max_tokens":5000}"#,
        r#"{"model":"small","messages":[],"stream":true,"stream":false}"#,
        r#"{"model":"small","messages":[],"mod\u0065l":"other"}"#,
        r#"{"model":"small","messages":[],"max_tokens":-1}"#,
        r#"{"model":"small","messages":["#,
    ];
    for body in bodies {
        let answer = house.send(&house.headers(), body.to_owned()).await.unwrap();
        refused(&answer, 400, "E-INPUT-001");
    }
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_without_a_meter_is_refused_by_name() {
    let house = house("").await;
    let url = format!("{}/v1/images/generations", house.base);
    let answer = house.http.send("POST", &url, &house.headers(), b"{}".to_vec()).await.unwrap();
    let told = refused(&answer, 403, "E-ROUTE-002");
    assert!(told["message"].as_str().unwrap().contains("images"), "{told}");
    assert_eq!(house.mock.received(), 0);
}

/// Rules: S3-10.
#[tokio::test(flavor = "multi_thread")]
async fn shadow_and_soft_budgets_never_refuse() {
    for mode in ["shadow", "soft"] {
        let house = house(&one_request(&format!("mode = \"{mode}\""))).await;
        let mut last = Value::Null;
        for _ in 0..3 {
            let answer = house.chat(&chat(5, false)).await;
            assert_eq!(answer.status, 200, "{mode}");
            last = house.record(answer.header("x-bursar-request-id")).await;
        }
        let window = house.settled("one").await;
        assert_eq!((&window["settled"], &window["over_limit"]), (&json!("3"), &json!("2")), "{mode}");
        assert_eq!(last["shadow"].as_array().unwrap().len(), usize::from(mode == "shadow"), "{last}");
    }
}

/// Rules: S1-02.
#[tokio::test(flavor = "multi_thread")]
async fn each_run_has_a_window_of_its_own_and_leaving_it_out_does_not_evade() {
    let house = house(&one_request("per = [\"run\"]")).await;
    for (run, status) in [("r1", 200), ("r2", 200), ("r1", 429), ("r2", 429), ("r3", 200)] {
        let headers = claims(&house, &[("x-bursar-run", run)]);
        assert_eq!(house.send(&headers, chat(5, false).to_string()).await.unwrap().status, status, "{run}");
    }
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    assert_eq!(house.chat(&chat(5, false)).await.status, 429, "those without a run share one window");
}

/// Rules: S3-21, S3-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_users_budget_counts_all_of_the_users_keys() {
    let mut house = house(&one_request("per = [\"user\"]")).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    for (owner, status) in
        [(json!({"project": "alpha", "user": "ann"}), 429), (json!({"project": "alpha"}), 200)]
    {
        let made = house.admin("POST", "/keys", &owner).await;
        house.key = made["key"].as_str().unwrap().to_owned();
        assert_eq!(house.chat(&chat(5, false)).await.status, status, "{owner}");
    }
    assert_eq!(house.mock.received(), 2);
}

/// Rules: S1-20.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_a_calendar_interval_of_its_zone() {
    let house = house(&one_request("time_zone = \"Asia/Taipei\"")).await;
    house.chat(&chat(5, false)).await;
    let window = house.settled("one").await;
    let ends = window["ends_at"].as_str().unwrap();
    assert!(ends.contains("T16:00:00"), "midnight in Taipei is 16:00 in UTC: {ends}");
    assert_eq!(window["resets_at"], window["ends_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_own_credential_is_forwarded_and_a_bursar_key_never_is() {
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let base = mock.base_url(bursar_core::Family::OpenAi);
    let house = house(&format!(
        "[providers.own]\nfamily = \"openai\"\nbase_url = \"{base}\"\ncredential = \"client\"\n[models.\"mine\"]\n\
         deployments = [{{ provider = \"own\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 1000, max_output = 100 }} }}]\n"
    ))
    .await;
    let mut body = chat(5, false);
    body["model"] = json!("mine");
    let own = ("authorization", "Bearer sk-the-callers-own".to_owned());
    let by_header = [own.clone(), ("x-bursar-key", house.key.clone())];
    assert_eq!(house.send(&by_header, body.to_string()).await.unwrap().status, 200);
    let by_path = format!("{}/k/{}/v1/chat/completions", house.base, house.key);
    let answer = house.http.send("POST", &by_path, &[own], body.to_string().into_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    refused(&house.chat(&body).await, 400, "E-INPUT-001");
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    assert_eq!(mock.received(), 2);
    for received in mock.requests() {
        assert_eq!(received.header("authorization"), "Bearer sk-the-callers-own");
    }
    for received in mock.requests().iter().chain(&house.mock.requests()) {
        let all = format!("{} {:?} {:?}", received.target, received.headers, received.body);
        assert!(!all.contains(&house.key), "the Bursar key went upstream: {all}");
        assert!(!all.contains("x-bursar"), "{all}");
    }
}
