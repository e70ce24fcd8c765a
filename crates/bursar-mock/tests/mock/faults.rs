//! Everything that can go wrong, over HTTP/1.1 and HTTP/2, and what is billed for it.

use crate::support::{Desk, events, json, text};
use bursar_mock::load::{Failure, Seen, Shot};
use bursar_mock::{Ending, Rule, Script};

async fn output_of(desk: &Desk) -> u64 {
    let bill = desk.bill().await;
    desk.mock.reset();
    bill.tally().output
}

#[tokio::test]
async fn connections_that_break_before_an_answer() {
    let mut desk = Desk::plain().await;
    for http2 in [false, true] {
        desk.http2 = http2;
        for fault in ["reset", "drop"] {
            let seen = desk.chat(&format!("out=50 fault={fault}"), false).await;
            assert_eq!((seen.status, seen.failure), (None, Some(Failure::NoAnswer)), "{fault} http2={http2}");
            assert_eq!(output_of(&desk).await, 50, "generated, though it never came");
            desk.chat(&format!("out=50 fault={fault} billed=none"), false).await;
            assert_eq!(output_of(&desk).await, 0);
        }
    }
    let seen = desk.chat("out=50 fault=stall", true).await;
    assert_eq!(seen.failure, Some(Failure::Timeout));
    assert_eq!(output_of(&desk).await, 50);
    desk.http2 = false;
    let seen = desk.chat("fault=raw", false).await;
    assert_eq!(seen.failure, Some(Failure::NoAnswer));
    desk.close().await;
}

#[tokio::test]
async fn bodies_cut_at_every_byte() {
    let mut desk = Desk::plain().await;
    let whole = desk.chat("out=3", true).await;
    for http2 in [false, true] {
        desk.http2 = http2;
        for fault in ["cut", "reset"] {
            for at in [0, 1, 100, whole.bytes - 1] {
                let seen = desk.chat(&format!("out=3 fault={fault}@{at}"), true).await;
                assert_eq!(seen.failure, Some(Failure::Cut), "{fault}@{at} http2={http2}");
                // A reset may overtake the last bytes; a cut may not.
                assert!(
                    seen.bytes == at || fault == "reset" && seen.bytes <= at,
                    "{fault}@{at}: {}",
                    seen.bytes
                );
            }
        }
        let seen = desk.chat("out=3 fault=truncate@100", true).await;
        assert_eq!((seen.failure, seen.bytes), (None, 100));
    }
    let plain = desk.chat("out=3 fault=cut@20", false).await;
    assert_eq!((plain.failure, plain.bytes), (Some(Failure::Cut), 20));
    let never = desk.chat("out=3 fault=cut@100000", true).await;
    assert_eq!((never.failure, never.bytes), (None, whole.bytes), "a cut beyond the end is none");
    desk.close().await;
}

#[tokio::test]
async fn lengths_that_lie_and_garbage() {
    let desk = Desk::plain().await;
    let honest = desk.chat("in=9 out=5", false).await;
    let long = desk.chat("in=9 out=5 fault=long_length", false).await;
    assert_eq!((long.failure, long.bytes), (Some(Failure::Cut), honest.bytes));
    let short = desk.chat("in=9 out=5 fault=short_length", false).await;
    assert_eq!((short.failure, short.bytes), (None, honest.bytes / 2));
    let garbage = desk.chat("out=5 fault=garbage", false).await;
    assert_eq!(garbage.status, Some(200));
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
    let noise = desk.chat("out=5 fault=garbage@50", true).await;
    assert!(text(&noise)[50..].bytes().all(|byte| byte == b'#'));
    assert_eq!(output_of(&desk).await, 25, "all of it was generated");
    desk.close().await;
}

#[tokio::test]
async fn errors_in_each_familys_shape_are_not_billed() {
    let desk =
        Desk::open(Script::default().rule(Rule::any().then("status=429 retry_after=7")).unwrap()).await;
    let openai = desk.chat("", false).await;
    assert_eq!((openai.status, openai.headers["retry-after"].to_str().unwrap()), (Some(429), "7"));
    assert_eq!(json(&openai)["error"]["code"], "rate_limit_exceeded");
    let body = r#"{"model":"m","max_tokens":5,"messages":[],"contents":[]}"#;
    assert_eq!(json(&desk.post("/v1/messages", body).await)["error"]["type"], "rate_limit_error");
    let gemini = json(&desk.post("/v1beta/models/m:generateContent", body).await);
    assert_eq!(gemini["error"]["status"], "RESOURCE_EXHAUSTED");
    assert!(json(&desk.post("/api/chat", body).await)["error"].is_string());
    let bill = desk.close().await;
    assert_eq!((bill.requests(), bill.total().nanos()), (4, 0));
    assert!(bill.lines().iter().all(|line| line.ending == Ending::Faulty));
}

#[tokio::test]
async fn errors_within_status_200() {
    let desk = Desk::plain().await;
    let seen = desk.chat("fault=error_200", false).await;
    assert_eq!((seen.status, json(&seen)["error"]["type"].as_str()), (Some(200), Some("server_error")));
    let seen = desk.chat("out=20 chunk_ms=1 fault=error_event@1000", true).await;
    let events = events(&seen);
    assert!(events.last().unwrap()["error"]["message"].is_string());
    assert!(!text(&seen).contains("[DONE]"));
    let output = output_of(&desk).await;
    assert!((8..20).contains(&output), "{output}");
    desk.close().await;
}

#[tokio::test]
async fn usage_that_is_missing_or_lies() {
    let desk = Desk::plain().await;
    let usage = |seen: &Seen| json(seen).get("usage").cloned();
    assert_eq!(usage(&desk.chat("usage=missing", false).await), None);
    assert_eq!(usage(&desk.chat("usage=null", false).await), Some(serde_json::Value::Null));
    let zero = usage(&desk.chat("usage=zero", false).await).unwrap();
    assert_eq!(zero["total_tokens"], 0);
    desk.mock.reset();
    let lie = usage(&desk.chat("in=100 out=100 report_in=5 report_out=6", false).await).unwrap();
    assert_eq!((&lie["prompt_tokens"], &lie["completion_tokens"]), (&5.into(), &6.into()));
    assert_eq!(output_of(&desk).await, 100, "the bill keeps to the truth");
    let every = events(&desk.chat("in=10 out=3 usage=every_chunk", true).await);
    let counts: Vec<_> =
        every.iter().map(|event| event["usage"]["completion_tokens"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 1, 2, 3, 3]);
    let finish = events(&desk.chat("in=10 out=3 usage=in_finish", true).await);
    assert_eq!(finish.last().unwrap()["usage"]["completion_tokens"], 3);
    desk.close().await;
}

#[tokio::test]
async fn a_client_that_leaves_pays_until_the_provider_notices() {
    let desk = Desk::plain().await;
    let leave = |words: &'static str| {
        let body = format!(
            r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"[[mock out=100 chunk_ms=10 {words}]]"}}]}}"#
        );
        desk.send(Shot::post("/v1/chat/completions", body).abort_after(800))
    };
    leave("after=0").await;
    let seen = output_of(&desk).await;
    assert!((2..70).contains(&seen), "{seen}");
    leave("after=20").await;
    let slack = output_of(&desk).await;
    assert!((22..90).contains(&slack), "{slack}");
    leave("after=finish").await;
    assert_eq!(output_of(&desk).await, 100);
    // A plain answer: generated in proportion to the time that passed.
    let seen = desk.chat("out=100 latency_ms=4000 after=0", false).await;
    assert_eq!(seen.failure, Some(Failure::Timeout));
    let part = output_of(&desk).await;
    assert!((15..70).contains(&part), "{part}");
    desk.close().await;
}

#[tokio::test]
async fn directives_of_headers_and_models_and_their_mistakes() {
    let desk = Desk::plain().await;
    let shot = Shot::post("/v1/chat/completions", r#"{"model":"mock-out-5","messages":[]}"#)
        .header("x-mock-in", "9");
    let seen = json(&desk.send(shot).await);
    assert_eq!(
        (&seen["usage"]["prompt_tokens"], &seen["usage"]["completion_tokens"]),
        (&9.into(), &5.into())
    );
    let seen = desk.chat("outt=5", false).await;
    assert_eq!(
        (seen.status, json(&seen)["error"]["message"].as_str()),
        (Some(400), Some("mock: unknown directive `outt`"))
    );
    let deaf = Desk::scripted("obey_requests = false\n[defaults]\nout = 2").await;
    assert_eq!(json(&deaf.chat("out=50", false).await)["usage"]["completion_tokens"], 2);
    deaf.close().await;
    desk.close().await;
}

#[tokio::test]
async fn large_answers_and_padding() {
    let desk = Desk::plain().await;
    let seen = desk.chat("out=2 pad=5000000", false).await;
    assert!(seen.bytes > 5_000_000);
    assert_eq!(json(&seen)["usage"]["completion_tokens"], 2);
    desk.close().await;
}

#[tokio::test]
async fn shutdown_ends_what_stalls_and_bills_it() {
    let desk = Desk::plain().await;
    let addr = desk.mock.addr();
    let stalled = tokio::task::JoinSet::from_iter([async move {
        let body = r#"{"model":"mock-out-30-fault-stall@10","stream":true,"messages":[]}"#;
        bursar_mock::load::send(
            &bursar_mock::load::Plan::new(addr, 1),
            Shot::post("/v1/chat/completions", body),
        )
        .await
    }]);
    while desk.mock.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    let bill = desk.close().await;
    assert_eq!((bill.requests(), bill.lines()[0].ending), (1, Ending::Disconnected));
    assert_eq!(stalled.join_all().await[0].failure, Some(Failure::Cut));
}

#[tokio::test]
async fn compressed_answers_where_they_are_taken() {
    let desk = Desk::plain().await;
    let clear = desk.chat("in=9 out=30", true).await;
    let unzip = |seen: &Seen| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&seen.body[..]), &mut text).unwrap();
        text
    };
    let always = desk.chat("in=9 out=30 gzip=always", true).await;
    assert_eq!(always.headers["content-encoding"], "gzip");
    assert_eq!(unzip(&always).len(), text(&clear).len());
    for (accepts, zipped) in [("br, gzip;q=0.5", true), ("br", false)] {
        let body = r#"{"model":"mock-out-5-gzip-asked","messages":[]}"#;
        let seen =
            desk.send(Shot::post("/v1/chat/completions", body).header("accept-encoding", accepts)).await;
        assert_eq!(seen.headers.contains_key("content-encoding"), zipped);
        let answer = if zipped { unzip(&seen) } else { text(&seen) };
        assert!(answer.contains("\"completion_tokens\":5"), "{answer}");
    }
    desk.close().await;
}
