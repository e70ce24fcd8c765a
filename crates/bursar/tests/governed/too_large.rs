//! Bodies beyond the limit of their route: 413 in the client's own format, nothing sent, nothing held, and what the client
//! goes on to send is read as no other request.

use crate::families;
use crate::house::House;
use bursar_core::ApiFormat;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
const MIB: usize = 1024 * 1024;
/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Every metered route: its path, its limit.
const ROUTES: [(ApiFormat, &str, usize); 10] = [
    (ApiFormat::OpenAiChat, "/v1/chat/completions", 32 * MIB),
    (ApiFormat::OpenAiCompletions, "/v1/completions", 8 * MIB),
    (ApiFormat::OpenAiResponses, "/v1/responses", 32 * MIB),
    (ApiFormat::OpenAiEmbeddings, "/v1/embeddings", 8 * MIB),
    (ApiFormat::AnthropicMessages, "/v1/messages", 32 * MIB),
    (ApiFormat::GeminiGenerate, "/v1beta/models/gem:generateContent", 32 * MIB),
    (ApiFormat::GeminiEmbed, "/v1beta/models/gem:embedContent", 32 * MIB),
    (ApiFormat::OllamaChat, "/api/chat", 32 * MIB),
    (ApiFormat::OllamaGenerate, "/api/generate", 32 * MIB),
    (ApiFormat::OllamaEmbed, "/api/embed", 8 * MIB),
];

async fn connect(house: &House) -> TcpStream {
    TcpStream::connect(house.base.trim_start_matches("http://")).await.expect("a connection")
}

fn head(house: &House, path: &str, line: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{line}\r\n\r\n", house.key)
}

/// Everything that comes until the connection ends, however it ends.
async fn rest(reader: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut all = Vec::new();
    let reading = async { while matches!(reader.read_buf(&mut all).await, Ok(1..)) {} };
    tokio::time::timeout(LONG, reading).await.expect("the connection ends");
    String::from_utf8_lossy(&all).into_owned()
}

/// The one answer on a connection: 413, in the shape of the format.
#[track_caller]
fn is_refused(heard: &str, format: ApiFormat, limit: usize) {
    assert!(heard.starts_with("HTTP/1.1 413 "), "{format:?}: {heard}");
    assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{format:?}: {heard}");
    let (head, body) = heard.split_once("\r\n\r\n").expect("a head");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {heard}"));
    assert!(head.to_ascii_lowercase().contains("x-should-retry: false"), "{head}");
    assert_eq!(body["bursar"]["code"], "E-INPUT-002", "{body}");
    let message = match format {
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiResponses
        | ApiFormat::OpenAiEmbeddings => {
            assert_eq!(body["error"]["type"], "invalid_request_error", "{body}");
            &body["error"]["message"]
        }
        ApiFormat::AnthropicMessages => {
            assert_eq!(
                (&body["type"], &body["error"]["type"]),
                (&json!("error"), &json!("request_too_large"))
            );
            &body["error"]["message"]
        }
        ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed => {
            assert_eq!(
                (&body["error"]["code"], &body["error"]["status"]),
                (&json!(413), &json!("INVALID_ARGUMENT"))
            );
            &body["error"]["message"]
        }
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => &body["error"],
    };
    let said = message.as_str().unwrap_or_default();
    assert!(said.contains(&format!("larger than {limit} bytes")), "{format:?}: {body}");
}

async fn nothing_happened(house: &House) {
    let window = house.settled("daily").await;
    let none = json!("0");
    assert_eq!((&window["settled"], &window["suspense"], &window["held"]), (&none, &none, &none), "{window}");
    assert_eq!(house.mock.received(), 0);
}

/// Refused by what it declares, before any of it is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_declares_too_much_is_refused_in_every_format() {
    let house = families::house(DAILY).await;
    for (format, path, limit) in ROUTES {
        let mut stream = connect(&house).await;
        let declared = head(&house, path, &format!("content-length: {}", limit + 1));
        // What follows is body, whatever it looks like.
        let smuggled = format!("{}{{}}", head(&house, "/v1/chat/completions", "content-length: 2"));
        stream.write_all(format!("{declared}{smuggled}").as_bytes()).await.unwrap();
        is_refused(&rest(&mut stream).await, format, limit);
    }
    nothing_happened(&house).await;
    house.latest(ROUTES.len()).await;
    let records = house.admin("GET", "/requests?limit=100", &Value::Null).await;
    let refused =
        |record: &Value| (&record["status"], &record["status_code"]) == (&json!("denied"), &json!(413));
    assert!(records["items"].as_array().is_some_and(|all| all.iter().all(refused)), "{records}");
}

/// Refused as soon as it is more, where it declares nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_turns_out_too_large_is_refused_in_every_format() {
    let house = families::house(DAILY).await;
    for (format, path, limit) in ROUTES {
        let (mut reader, mut writer) = connect(&house).await.into_split();
        let begin = head(&house, path, "transfer-encoding: chunked");
        let sending = tokio::spawn(async move {
            let chunk = format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB));
            let mut taken = writer.write_all(begin.as_bytes()).await;
            for _ in 0..limit / MIB {
                taken = taken.and(writer.write_all(chunk.as_bytes()).await);
            }
            let _ = taken.and(writer.write_all(b"1\r\n \r\n").await);
            // Kept open: it is Bursar who ends it.
            tokio::time::sleep(LONG).await;
        });
        is_refused(&rest(&mut reader).await, format, limit);
        sending.abort();
    }
    nothing_happened(&house).await;
}

/// The limit itself is not too much.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_exactly_the_limit_passes() {
    let house = families::house(DAILY).await;
    let asked =
        json!({"model": "small", "max_tokens": 5, "prompt": "hello [[mock out=5 in=10]]"}).to_string();
    let body = format!("{asked}{}", " ".repeat(8 * MIB - asked.len()));
    let url = format!("{}/v1/completions", house.base);
    let answer = house.http.send("POST", &url, &house.headers(), body.into()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.json());
    house.mock.idle().await;
    assert_eq!(house.mock.received(), 1);
}
