//! What a request said and was told: kept by log level, masked, redacted, cut, and shown to admins alone.

use crate::house::{House, asking, chat, priced};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// A Bursar that keeps what these lines of `[records]` say.
async fn keeping(records: &str) -> House {
    House::with(priced(), &format!("{DAILY}[records]\n{records}\n")).await
}

async fn detail(house: &House, id: &str) -> Value {
    house.admin("GET", &format!("/requests/{id}/body"), &Value::Null).await
}

/// What was kept of a request, once it was written.
async fn said(house: &House, id: &str) -> Value {
    for _ in 0..500 {
        let detail = detail(house, id).await;
        if detail["id"].is_string() {
            return detail;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing was kept of {id}: {}", detail(house, id).await);
}

/// Makes a request with headers of its own; its id, and the bytes that the client got.
async fn ask(house: &House, body: &Value, more: &[(&'static str, &str)]) -> (String, String) {
    let mut headers = house.headers();
    headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let answer = house.send(&headers, body.to_string()).await.expect("an answer");
    (answer.header("x-bursar-request-id").to_owned(), String::from_utf8_lossy(&answer.body).into_owned())
}

/// The value of a header that was kept.
fn header<'a>(headers: &'a Value, name: &str) -> Option<&'a str> {
    let mut found = headers.as_array()?.iter().filter(|header| header["name"] == name);
    found.next()?["value"].as_str()
}

/// Runs a command against the house.
fn bursar(house: &House, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(arguments).env("BURSAR_URL", &house.admin_base);
    command.env("BURSAR_ADMIN_TOKEN", house.token()).env("NO_COLOR", "1");
    tokio::task::block_in_place(|| command.output()).expect("it runs")
}

/// Rules: S4-21, V L07.
#[tokio::test(flavor = "multi_thread")]
async fn each_log_level_keeps_what_it_says_and_no_more() {
    for (level, headers, bodies) in [("basic", false, false), ("headers", true, false), ("full", true, true)]
    {
        let house = keeping(&format!("level = \"{level}\"")).await;
        let (id, got) = ask(&house, &chat(5, false), &[("user-agent", "a-client/1.0")]).await;
        house.record(&id).await;
        if !headers {
            let none = detail(&house, &id).await;
            assert_eq!(none["status"], 404, "{level}: {none}");
            assert!(!house.data_dir().join("bodies").exists(), "{level}: a folder for nothing");
            continue;
        }
        let kept = said(&house, &id).await;
        assert_eq!(header(&kept["request_headers"], "user-agent"), Some("a-client/1.0"), "{level}: {kept}");
        assert_eq!(header(&kept["response_headers"], "content-type"), Some("application/json"), "{kept}");
        assert_eq!(!kept["request_body"].is_null(), bodies, "{level}: {kept}");
        assert_eq!(!kept["response_body"].is_null(), bodies, "{level}: {kept}");
        if bodies {
            assert_eq!(kept["request_body"]["content"], chat(5, false).to_string());
            assert_eq!(kept["response_body"]["content"], got, "byte for byte what the client got");
            assert_eq!(
                (&kept["response_body"]["size"], &kept["response_body"]["truncated"]),
                (&json!(got.len()), &json!(false))
            );
        }
        // The record itself never has any of it.
        let record = house.record(&id).await.to_string();
        assert!(!record.contains("a-client") && !record.contains("hello"), "{level}: {record}");
    }
}

/// Rules: S4-21.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_a_level_of_its_own_and_a_reload_changes_it() {
    let house = keeping("level = \"full\"\nproject_levels = [\"alpha=headers\"]\n[projects.beta]").await;
    let (of_alpha, _) = ask(&house, &chat(5, false), &[]).await;
    let kept = said(&house, &of_alpha).await;
    assert!(kept["request_headers"].is_array() && kept["request_body"].is_null(), "{kept}");
    let made = house.admin("POST", "/keys", &json!({"project": "beta"})).await;
    let headers = [
        ("authorization", format!("Bearer {}", made["key"].as_str().unwrap())),
        ("content-type", "application/json".to_owned()),
    ];
    let answer = house.send(&headers, chat(5, false).to_string()).await.unwrap();
    let kept = said(&house, answer.header("x-bursar-request-id")).await;
    assert_eq!(kept["request_body"]["content"], chat(5, false).to_string());
}

/// Rules: S4-21.
#[tokio::test(flavor = "multi_thread")]
async fn secret_headers_are_masked_whatever_their_name() {
    let house = keeping("level = \"headers\"\nsecret_headers = [\"X-Mine\"]").await;
    let more = [
        ("cookie", "session=0123456789"),
        ("x-mine", "nobody-else-knows-this"),
        ("x-auth-token", "a-token-of-the-clients-proxy"),
        ("x-note", "the key is sk-live-0123456789abcdef0"),
        ("x-plain", "as it is"),
    ];
    let (id, _) = ask(&house, &chat(5, false), &more).await;
    let kept = said(&house, &id).await;
    let headers = &kept["request_headers"];
    for (name, shown) in [
        ("authorization", "Bear***"),
        ("cookie", "sess***"),
        ("x-mine", "nobo***"),
        ("x-auth-token", "a-to***"),
        ("x-note", "the key is [redacted]"),
        ("x-plain", "as it is"),
    ] {
        assert_eq!(header(headers, name), Some(shown), "{kept}");
    }
    assert!(!kept.to_string().contains(&house.key[8..]), "{kept}");
}

/// Rules: S4-22.
#[tokio::test(flavor = "multi_thread")]
async fn fields_and_words_are_redacted_in_requests_answers_and_streams() {
    let house = keeping(
        "level = \"full\"\nredact_fields = [\"content\", \"card\"]\nredact_patterns = [\"cust-*\", \"*@example.org\"]",
    )
    .await;
    for stream in [false, true] {
        let mut body = chat(5, stream);
        body["metadata"] = json!({"card": {"number": 4711}, "note": "cust-17 wrote from ann@example.org"});
        let (id, got) = ask(&house, &body, &[]).await;
        let kept = said(&house, &id).await;
        let asked = kept["request_body"]["content"].as_str().unwrap();
        for secret in ["hello", "4711", "cust-17", "ann@example.org"] {
            assert!(!asked.contains(secret), "{secret}: {asked}");
        }
        let read: Value = serde_json::from_str(asked).expect("still JSON");
        assert_eq!(read["metadata"]["note"], "[redacted] wrote from [redacted]");
        assert_eq!(
            (&read["model"], &read["messages"][0]["content"]),
            (&json!("small"), &json!("[redacted]"))
        );
        assert_eq!(kept["request_body"]["size"], body.to_string().len(), "the size is that of what was sent");
        let answered = kept["response_body"]["content"].as_str().unwrap();
        assert!(answered.contains("[redacted]") && answered != got, "{answered}");
        assert_eq!(answered.contains("data: [DONE]"), stream, "{answered}");
    }
}

/// Rules: S4-22, V L06.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_at_a_number_of_bytes() {
    let house = keeping("level = \"full\"\nmax_body_bytes = 100").await;
    let mut body = chat(50, true);
    // A character of two bytes lies across the cut, wherever it falls.
    body["messages"][0]["content"] = json!(format!("{} [[mock out=50 in=10]]", "ä".repeat(400)));
    let (id, got) = ask(&house, &body, &[]).await;
    let kept = said(&house, &id).await;
    let (asked, answered) = (&kept["request_body"], &kept["response_body"]);
    for (part, whole) in [(asked, body.to_string()), (answered, got)] {
        let content = part["content"].as_str().unwrap();
        assert_eq!((&part["size"], &part["truncated"]), (&json!(whole.len()), &json!(true)), "{part}");
        assert!(matches!(content.len(), 99 | 100) && whole.starts_with(content), "{part}");
        assert_eq!(part["cut"], whole.len() - content.len(), "{part}");
    }
}

/// Rules: S4-22.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_or_was_refused_is_kept_too() {
    let house = keeping("level = \"full\"").await;
    let (failed, got) = ask(&house, &asking("status=503", false), &[]).await;
    let kept = said(&house, &failed).await;
    assert_eq!(kept["response_body"]["content"], got, "{kept}");
    let mut broken = chat(5, false);
    broken["max_tokens"] = json!("many");
    let (refused, _) = ask(&house, &broken, &[]).await;
    let kept = said(&house, &refused).await;
    assert_eq!(kept["request_body"]["content"], broken.to_string(), "{kept}");
    assert!(kept["response_headers"].is_null() && kept["response_body"].is_null(), "no provider answered");
    assert_eq!(house.record(&refused).await["status"], "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asks_for_it_by_name() {
    let house = keeping("level = \"full\"").await;
    let (id, got) = ask(&house, &chat(5, false), &[]).await;
    said(&house, &id).await;
    let shown = bursar(&house, &["request", "show", &id, "--body", "--json"]);
    assert!(shown.status.success(), "{shown:?}");
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["response_body"]["content"], got);
    let shown = bursar(&house, &["request", "show", &id, "--body"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    for line in ["request headers", "authorization: Bear***", "response body", "\"model\":\"small\""] {
        assert!(text.contains(line), "`{line}` is not in: {text}");
    }
    let record = bursar(&house, &["request", "show", &id, "--json"]);
    assert!(!String::from_utf8_lossy(&record.stdout).contains("hello"), "the record alone");
    let none = bursar(&house, &["request", "show", "01930000-0000-7000-8000-000000000000", "--body"]);
    assert_eq!(none.status.code(), Some(1));
    let why = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(why.contains("nothing is kept") && none.stdout.is_empty(), "{why}");
}
