//! Every way a request can end, plain and streaming: the ledger says what the provider's bill says.

use crate::house::{House, asking, chat, nanos, priced, reqwest_lite};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// How one request ended, in Bursar's books and in the provider's.
struct Ended {
    answer: Result<reqwest_lite::Answer, String>,
    window: Value,
    record: Value,
    bill: i64,
    hold: i64,
}

/// Asks once, with directives for the fake provider, and waits until everything is on the books.
async fn end(directives: &str, stream: bool) -> Ended {
    let house = House::with(priced(), DAILY).await;
    let answer = house.try_chat(&asking(directives, stream)).await;
    books(&house, answer).await
}

async fn books(house: &House, answer: Result<reqwest_lite::Answer, String>) -> Ended {
    house.mock.idle().await;
    let window = house.settled("daily").await;
    let record = house.latest(1).await;
    let hold = nanos(&record["hold_usd"]);
    Ended { answer, window, record, bill: house.mock.total().nanos(), hold }
}

impl Ended {
    fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }
    /// Settled exactly at the bill.
    #[track_caller]
    fn exact(&self, status: &str) {
        assert_eq!(nanos(&self.window["settled"]), self.bill, "{}", self.record);
        self.on_record(status, false, self.bill);
    }
    /// Settled as estimated: not below the bill, not above the hold.
    #[track_caller]
    fn estimated(&self, status: &str) {
        let settled = nanos(&self.window["settled"]);
        assert!(self.bill > 0, "the provider billed nothing: {}", self.record);
        assert!(self.bill <= settled && settled <= self.hold, "{} <= {settled} <= {}", self.bill, self.hold);
        self.on_record(status, true, settled);
    }
    #[track_caller]
    fn on_record(&self, status: &str, estimated: bool, cost: i64) {
        assert_eq!(self.window["suspense"], "0", "{}", self.record);
        assert_eq!(self.record["status"], status, "{}", self.record);
        assert_eq!(self.record["estimated"], estimated, "{}", self.record);
        assert_eq!(nanos(&self.record["list_cost"]), cost, "{}", self.record);
    }
    /// Given back: nothing was billed and nothing is charged.
    #[track_caller]
    fn released(&self, status_code: u16) {
        assert_eq!(self.bill, 0);
        assert_eq!(self.window["settled"], "0");
        assert_eq!(self.window["remaining"], self.window["limit"], "{}", self.window);
        assert_eq!(self.status(), status_code);
        assert_eq!(self.record["status_code"], status_code);
        self.on_record("failed", false, 0);
    }
    /// Charged at the hold until the truth is known.
    #[track_caller]
    fn suspended(&self, status_code: u16) {
        let told = &self.answer.as_ref().unwrap().json()["bursar"]["code"];
        assert_eq!((&self.record["code"], &self.record["status_code"]), (told, &json!(status_code)));
        assert_eq!(self.window["settled"], "0", "{}", self.window);
        assert_eq!(nanos(&self.window["suspense"]), self.hold, "{}", self.record);
        assert!(self.bill <= self.hold);
        assert_eq!(self.status(), status_code);
        assert_eq!(self.record["status"], "failed", "{}", self.record);
    }
}

/// Rules: S3-16.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_usage_settles_at_the_bill() {
    for stream in [false, true] {
        let house = House::with(priced(), DAILY).await;
        let answer = house.chat(&chat(57, stream)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let id = answer.header("x-bursar-request-id").to_owned();
        let cost = answer.header("x-bursar-cost-usd").to_owned();
        let ended = books(&house, Ok(answer)).await;
        assert!(ended.bill > 0);
        ended.exact("completed");
        assert_eq!(ended.record["id"], id);
        assert_eq!(ended.record["usage"]["output"], 57);
        assert_eq!(cost, if stream { "" } else { ended.record["list_cost"].as_str().unwrap() });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_usage_settles_as_estimated_from_its_text() {
    for stream in [false, true] {
        for report in ["missing", "null"] {
            let ended = end(&format!("out=57 in=10 usage={report}"), stream).await;
            assert_eq!(ended.status(), 200);
            ended.estimated("completed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_provider_encodes_unasked_is_metered_all_the_same() {
    for stream in [false, true] {
        let ended = end("out=57 in=10 gzip=always", stream).await;
        assert_eq!(ended.answer.as_ref().unwrap().header("content-encoding"), "gzip");
        ended.exact("completed");
    }
}

/// A provider that answers every request with these bytes, in an encoding that Bursar asked nobody for.
async fn encoding(encoding: &'static str, kind: &'static str, body: &'static [u8]) -> std::net::SocketAddr {
    answering("200 OK", encoding, kind, body).await
}

/// The same with a status of its own.
async fn answering(
    status: &'static str,
    encoding: &'static str,
    kind: &'static str,
    body: &'static [u8],
) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The request is small: it comes in one piece or two.
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") && stream.read_buf(&mut asked).await.unwrap_or(0) > 0 {}
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        }
    });
    address
}

/// A house whose model `packed` is served at `address`.
async fn packing(address: std::net::SocketAddr) -> House {
    let text = format!(
        "[providers.packed]\nfamily = \"openai\"\nbase_url = \"http://{address}/v1\"\ncredential = \"none\"\n\
         [models.\"packed\"]\ndeployments = [{{ provider = \"packed\", price = {{ input = \"1\", output = \"2\", context = 1000, max_output = 100 }} }}]\n{DAILY}"
    );
    House::with(priced(), &text).await
}

fn packed(stream: bool) -> Value {
    let mut body = chat(5, stream);
    (body["model"], body["max_tokens"]) = (json!("packed"), json!(77));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_brotli_or_zstandard_passes_unchanged_and_is_metered_exactly() {
    let fixtures: [(&str, &[u8]); 2] = [
        ("br", include_bytes!("../../../bursar-wire/src/meter/decode/tests/stream.br")),
        ("zstd", include_bytes!("../../../bursar-wire/src/meter/decode/tests/stream.zst")),
    ];
    for (name, bytes) in fixtures {
        let house = packing(encoding(name, "text/event-stream", bytes).await).await;
        let answer = house.chat(&packed(true)).await;
        assert_eq!((answer.header("content-encoding"), &answer.body[..]), (name, bytes));
        let record = house.latest(1).await;
        let usage = &record["usage"];
        assert_eq!(
            (&record["estimated"], &usage["input"], &usage["output"]),
            (&json!(false), &json!(10), &json!(24))
        );
        // 10 tokens at 1 USD and 24 at 2 USD per million.
        assert_eq!(nanos(&house.settled("daily").await["settled"]), 58_000, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_an_encoding_that_cannot_be_read_is_charged_at_the_most_it_can_cost() {
    for (stream, kind) in [(false, "application/json"), (true, "text/event-stream")] {
        // LZW, which nobody has decoded for years.
        let lzw = b"\x1f\x9d\x90a\x02";
        let house = packing(encoding("compress", kind, lzw).await).await;
        let answer = house.chat(&packed(stream)).await;
        assert_eq!((answer.header("content-encoding"), &answer.body[..]), ("compress", &lzw[..]));
        let record = house.latest(1).await;
        assert_eq!(
            (&record["estimated"], &record["usage"]["output"]),
            (&json!(true), &json!(77)),
            "{record}"
        );
        let window = house.settled("daily").await;
        assert_eq!(window["suspense"], "0");
        assert!(nanos(&window["settled"]) >= 2 * 77 * 1_000, "{window}");
    }
}

/// A complete error costs nothing, unless it says itself what it used: then that is the bill, however the request ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_body_is_read_for_whether_it_was_billed() {
    let plain: &[u8] = br#"{"error":{"message":"no tool of that name","type":"invalid_request_error"}}"#;
    let billed: &[u8] = br#"{"error":{"message":"failed while generating","type":"server_error"},"usage":{"prompt_tokens":10,"completion_tokens":24,"total_tokens":34}}"#;
    for (body, settled, usage) in [(plain, 0, json!(null)), (billed, 58_000, json!(24))] {
        for stream in [false, true] {
            let house =
                packing(answering("400 Bad Request", "identity", "application/json", body).await).await;
            let answer = house.chat(&packed(stream)).await;
            assert_eq!((answer.status, &answer.body[..]), (400, body), "unchanged");
            let record = house.latest(1).await;
            assert_eq!(
                (&record["status"], &record["estimated"]),
                (&json!("failed"), &json!(false)),
                "{record}"
            );
            assert_eq!(record["usage"]["output"], usage, "{record}");
            let window = house.settled("daily").await;
            assert_eq!((nanos(&window["settled"]), &window["suspense"]), (settled, &json!("0")), "{window}");
        }
    }
}

/// A house whose model is served at `address`, by a provider that states no usage.
async fn silent(model: &str, address: std::net::SocketAddr) -> House {
    let text = format!(
        "[providers.silent]\nfamily = \"openai\"\nbase_url = \"http://{address}/v1\"\ncredential = \"none\"\n\
         [models.\"{model}\"]\ndeployments = [{{ provider = \"silent\", price = {{ input = \"1\", output = \"2\", context = 10000, max_output = 1000 }} }}]\n{DAILY}"
    );
    House::with(priced(), &text).await
}

/// Asks until what was not stated is counted by the tokenizer: it is read when it was missed once. The last record.
async fn counted(house: &House, body: &Value) -> Value {
    for number in 1..500 {
        let answer = house.chat(body).await;
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!((answer.status, &record["estimated"]), (200, &json!(true)), "{record}");
        if record["notes"].to_string().contains("o200k_base") {
            return record;
        }
        // Before that bytes decide, which is never less.
        assert!(record["notes"].to_string().contains("the output by bytes"), "{record}");
        assert!(record["usage"]["output"].as_u64() >= Some(44), "{number}: {record}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the vocabulary was never read");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_prompt_that_no_usage_states_are_counted_where_the_tokenizer_is_public() {
    let pangram = "The quick brown fox jumps over the lazy dog.";
    let plain: &'static str = Box::leak(
        json!({"model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": pangram}}]})
            .to_string()
            .into_boxed_str(),
    );
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"The quick brown fox jumps over the lazy dog.\"}}]}\n\n";
    for (stream, kind, bytes, output) in [
        // Ten tokens, sixteen that may stand around them, and what is billed after a disconnect.
        (false, "application/json", plain, 10 + 16),
        (true, "text/event-stream", event, 10 + 16 + 64),
    ] {
        let house = silent("gpt-4o", encoding("identity", kind, bytes.as_bytes()).await).await;
        let mut body = chat(5, stream);
        (body["model"], body["max_tokens"]) = (json!("gpt-4o"), json!(500));
        let record = counted(&house, &body).await;
        // What the message says, three for the message, one for the role, three before the answer.
        let said = body["messages"][0]["content"].as_str().unwrap();
        let said = bursar_wire::Tokenizer::O200k.count(said).expect("the vocabulary was read");
        let usage = &record["usage"];
        assert_eq!((&usage["input"], &usage["output"]), (&json!(said + 7), &json!(output)), "{record}");
        let notes = record["notes"].to_string();
        assert!(notes.contains("estimated: the prompt by o200k_base, the output by o200k_base"), "{notes}");
    }
}

/// A model that thinks unseen is charged for more than its text shows: bytes stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_tokenizer_is_not_trusted_with_what_a_model_thinks_unseen() {
    let plain = br#"{"model":"gpt-5","choices":[{"index":0,"finish_reason":"stop","message":{"content":"The quick brown fox"}}]}"#;
    let house = silent("gpt-5", encoding("identity", "application/json", plain).await).await;
    let mut body = chat(5, false);
    (body["model"], body["max_tokens"]) = (json!("gpt-5"), json!(500));
    let answer = house.chat(&body).await;
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert!(record["notes"].to_string().contains("the output by bytes"), "{record}");
    assert_eq!(record["usage"]["output"], "The quick brown fox".len(), "{record}");
}

/// Rules: S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_costs_nothing() {
    let lost = "[providers.lost]\nfamily = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                credential = { env = \"FAKE_KEY\" }\n[models.\"far\"]\n\
                deployments = [{ provider = \"lost\", price = { input = \"1\", output = \"2\", context = 1000, max_output = 100 } }]\n";
    for stream in [false, true] {
        let house = House::with(priced(), &format!("{lost}{DAILY}")).await;
        let mut body = chat(5, stream);
        body["model"] = json!("far");
        let answer = house.try_chat(&body).await;
        let ended = books(&house, answer).await;
        assert_eq!(ended.answer.as_ref().unwrap().json()["bursar"]["code"], "E-ROUTE-003");
        ended.released(502);
    }
}

/// Rules: S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_complete_error_before_any_output_costs_nothing() {
    for stream in [false, true] {
        for status in [400, 401, 404, 429, 500, 503] {
            end(&format!("status={status}"), stream).await.released(status);
        }
    }
}

/// 125 providers that answer 503, two requests each, of which each is tried four times: too few for their circuits to open.
/// Nothing of the thousand failures is on the books.
///
/// Rules: S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_leaves_the_budget_as_it_was() {
    let provider = |n: u32| {
        format!(
            "[providers.down{n}]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
             [models.\"m{n}\"]\ndeployments = [{{ provider = \"down{n}\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n"
        )
    };
    let providers: String = (0..125).map(provider).collect();
    let script = priced().always("status=503").unwrap().counts_only();
    let house = Arc::new(House::with(script, &format!("{DAILY}{providers}")).await);
    let asking = (0..125).map(|n| {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            for number in 0..2 {
                let mut body = chat(5, number % 2 == 0);
                body["model"] = json!(format!("m{n}"));
                assert_eq!(house.chat(&body).await.status, 503);
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.expect("it is answered");
    }
    assert_eq!(house.mock.received(), 1_000);
    let window = house.settled("daily").await;
    assert_eq!((&window["remaining"], &window["settled"]), (&window["limit"], &json!("0")), "{window}");
}

/// Rules: S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn silence_after_sending_is_suspense_at_the_hold() {
    for stream in [false, true] {
        let ended = end("out=57 in=10 fault=stall", stream).await;
        assert_eq!(ended.answer.as_ref().unwrap().json()["bursar"]["code"], "E-ROUTE-004");
        ended.suspended(504);
    }
}

/// Rules: S3-17, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_after_sending_is_suspense_at_the_hold() {
    for stream in [false, true] {
        for fault in ["reset", "drop", "raw"] {
            end(&format!("out=57 in=10 fault={fault}"), stream).await.suspended(502);
        }
    }
}

/// Rules: S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_settles_as_estimated() {
    for fault in ["cut@0", "cut@900", "reset@900", "stall@0", "stall@900", "truncate@900"] {
        let ended = end(&format!("out=57 in=10 fault={fault}"), true).await;
        // An answer that ends in order but too soon reads as complete to a client that does not look.
        assert_eq!(ended.answer.is_err(), fault != "truncate@900", "{fault}");
        let status = if fault == "truncate@900" { "completed" } else { "failed" };
        ended.estimated(status);
    }
    for fault in ["cut@0", "cut@40", "reset@40", "stall@40"] {
        let ended = end(&format!("out=57 in=10 fault={fault}"), false).await;
        assert_eq!(ended.status(), 502, "{fault}");
        let told = (&ended.record["status_code"], &ended.record["code"]);
        assert_eq!(told, (&json!(502), &json!("E-ROUTE-003")), "the record says what the client was told");
        ended.estimated("failed");
    }
}

/// Rules: S3-17, S4-16.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_mid_stream_pays_what_the_provider_bills() {
    let house = House::with(priced(), DAILY).await;
    let mut body = house.begin(&asking("out=400 in=10 chunk_ms=10", true)).await;
    for _ in 0..20 {
        body.frame().await.expect("a chunk").expect("unbroken");
    }
    drop(body);
    let ended = books(&house, Err("left".into())).await;
    ended.estimated("cancelled");
    let whole = nanos(&json!("0.00081"));
    assert!(ended.bill < whole, "the provider was not told to stop: {} of {whole}", ended.bill);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_answer_is_read_to_its_end_when_its_client_has_left() {
    let house = House::with(priced(), DAILY).await;
    let body = asking("out=400 in=10 latency_ms=600", false);
    let left = tokio::time::timeout(Duration::from_millis(200), house.try_chat(&body)).await;
    assert!(left.is_err(), "the client was answered before it left");
    let ended = books(&house, Err("left".into())).await;
    assert_eq!(ended.bill, nanos(&json!("0.00081")));
    ended.exact("completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_a_stream_begins_pays_what_the_provider_bills() {
    let house = House::with(priced(), DAILY).await;
    let body = asking("out=400 in=10 latency_ms=600 chunk_ms=10", true);
    let left = tokio::time::timeout(Duration::from_millis(200), house.try_chat(&body)).await;
    assert!(left.is_err(), "the client was answered before it left");
    books(&house, Err("left".into())).await.estimated("cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_requests_in_flight_end() {
    for stream in [false, true] {
        let mut house = House::with(priced(), DAILY).await;
        let asked = asking("out=40 in=10 latency_ms=200 chunk_ms=20", stream);
        let url = format!("{}/v1/chat/completions", house.base);
        let headers = house.headers();
        let client = reqwest_lite::Client::new();
        let asking =
            tokio::spawn(
                async move { client.send("POST", &url, &headers, asked.to_string().into_bytes()).await },
            );
        tokio::time::sleep(Duration::from_millis(100)).await;
        house.stop();
        let answer = asking.await.unwrap().expect("an answer in spite of the shutdown");
        assert_eq!(answer.status, 200);
        if stream {
            assert!(answer.body.ends_with(b"data: [DONE]\n\n"));
        }
        house.start_again();
        books(&house, Ok(answer)).await.exact("completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_unchanged_but_for_the_usage_that_bursar_asked_for() {
    for (stream, asks) in [(false, false), (true, true), (true, false)] {
        let house = House::with(priced(), DAILY).await;
        let mut body = chat(57, stream);
        if asks {
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = house.chat(&body).await;
        let received = house.mock.requests().remove(0);
        if !stream || asks {
            assert_eq!(received.body, body.to_string(), "the provider got other bytes");
        }
        // The same request straight to a provider of the same script gives the same bytes.
        let twin = bursar_mock::Mock::start(priced()).await.unwrap();
        let url = format!("{}/chat/completions", twin.base_url(bursar_core::Family::OpenAi));
        let headers = [("content-type", "application/json".to_owned())];
        let direct = house.http.send("POST", &url, &headers, received.body.to_vec()).await.unwrap();
        let expected = String::from_utf8(direct.body.to_vec()).unwrap();
        let expected = if stream && !asks { without_usage(&expected) } else { expected };
        assert_eq!(String::from_utf8(answer.body.to_vec()).unwrap(), expected);
    }
}

/// A stream of chat completions without its usage chunk.
fn without_usage(stream: &str) -> String {
    let events = stream.split_inclusive("\n\n");
    let kept = events.filter(|event| !event.contains("\"choices\":[]"));
    kept.collect()
}
