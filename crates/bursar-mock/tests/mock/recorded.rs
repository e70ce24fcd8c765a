//! Recorded bodies: byte for byte, with faults, billed as the recording says.

use crate::support::{Desk, text};
use bursar_core::Rate;
use bursar_mock::load::{Failure, Shot};
use bursar_mock::{Price, Recorded, Recording, Script};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;

fn script(recorded: Recorded) -> Script {
    let price = Price { input: Rate::from_pico(1_000), output: Rate::from_pico(1_000), ..Price::default() };
    Script { recorded: Some(Arc::new(recorded)), ..Script::default() }.price("*", price)
}

fn small() -> Recording {
    Recording {
        id: "small".into(),
        provider: "openai".into(),
        api_format: "openai.chat".into(),
        stream: true,
        status: 200,
        content_type: "text/event-stream".into(),
        body: Bytes::from_static(
            b": hello\r\ndata: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\r\n\r\n",
        ),
        request: None,
        expected: Some((3, 4)),
    }
}

#[tokio::test]
async fn a_recording_is_served_in_any_pieces_and_cut_anywhere() {
    let desk = Desk::open(script(Recorded::from_recordings([small()]))).await;
    for words in ["", "split=1", "split=7 chunk_ms=1"] {
        let seen = desk.chat(&format!("recorded=small {words}"), true).await;
        assert_eq!((seen.failure, &seen.body), (None, &small().body), "{words}");
    }
    let bill = desk.bill().await;
    assert_eq!((bill.tally().input, bill.tally().output, bill.total().nanos()), (9, 12, 21));
    for at in 0..small().body.len() {
        let seen = desk.chat(&format!("recorded=small split=3 fault=cut@{at}"), true).await;
        assert_eq!((seen.failure, &seen.body[..]), (Some(Failure::Cut), &small().body[..at]));
    }
    let by_path = desk.post("/recorded/small/v1/chat/completions", r#"{"model":"m","messages":[]}"#).await;
    assert_eq!(by_path.body, small().body);
    let unknown = desk.chat("recorded=large", true).await;
    assert_eq!(unknown.status, Some(400));
    assert!(text(&unknown).contains("no recording `large`"));
    desk.close().await;
}

#[tokio::test]
async fn the_recorded_bodies_of_real_providers() {
    let folder = std::env::var_os("BURSAR_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if !folder.join("wire").is_dir() {
        eprintln!("SKIPPED: no recorded bodies at {}", folder.display());
        return;
    }
    let recorded = Recorded::load(&folder.join("wire")).unwrap();
    let all: Vec<Recording> = recorded.iter().cloned().collect();
    assert!(all.len() >= 90);
    let desk = Desk::open(script(recorded)).await;
    for recording in all {
        let path = match recording.api_format.as_str() {
            "anthropic.messages" => "/v1/messages",
            "openai.responses" => "/v1/responses",
            _ => "/v1/chat/completions",
        };
        let shot = Shot::post(path, r#"{"model":"m"}"#).header("x-mock-recorded", &recording.id);
        let seen = desk.send(shot.header("x-mock-split", "97")).await;
        assert_eq!((seen.status, seen.failure), (Some(recording.status), None), "{}", recording.id);
        assert_eq!(seen.body, recording.body, "{}", recording.id);
        let kind = seen.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert_eq!(kind, recording.content_type, "{}", recording.id);
    }
    assert!(desk.close().await.tally().output > 0);
}
