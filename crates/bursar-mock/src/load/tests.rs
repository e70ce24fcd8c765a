//! The load client against the mock.

use super::*;
use crate::{Ending, Mock, Script};

const BODY: &str =
    r#"{"model":"mock-out-40-in-10-chunk_ms-20","stream":true,"messages":[{"role":"user","content":"x"}]}"#;

#[tokio::test]
async fn counts_what_it_sent_and_what_came_back() {
    let mock = Mock::start(Script::default()).await.unwrap();
    for plan in [Plan::new(mock.addr(), 4), Plan::new(mock.addr(), 4).http2()] {
        mock.reset();
        let body = r#"{"model":"mock-out-10-in-100","messages":[]}"#;
        let report = run(&plan, move |n| (n < 200).then(|| Shot::post("/v1/chat/completions", body))).await;
        assert_eq!((report.requests, report.of_status(200)), (200, 200));
        assert_eq!(report.latency.count(), 200);
        assert!(report.failures.is_empty());
        assert_eq!(mock.received(), 200);
        assert_eq!(mock.connections(), 4, "connections are kept");
        assert_eq!(mock.bill().tally().output, 2_000);
    }
    mock.shutdown().await;
}

#[tokio::test]
async fn an_aborted_stream_is_billed_up_to_the_disconnect_and_a_slack() {
    let mock = Mock::start(Script::default()).await.unwrap();
    let plan = Plan::new(mock.addr(), 1);
    let report =
        run(&plan, |n| (n < 1).then(|| Shot::post("/v1/chat/completions", BODY).abort_after(1_000))).await;
    assert_eq!(report.of_failure(Failure::Aborted), 1);
    mock.idle().await;
    let bill = mock.bill();
    assert_eq!(bill.lines()[0].ending, Ending::Disconnected);
    let output = bill.tally().output;
    assert!((8..40).contains(&output), "{output}");
    mock.shutdown().await;
}

#[tokio::test]
async fn shots_with_a_time_wait_for_it() {
    let mock = Mock::start(Script::default()).await.unwrap();
    let started = std::time::Instant::now();
    let report = run(&Plan::new(mock.addr(), 2), |n| {
        (n < 3).then(|| Shot::get("/v1/models").at(Duration::from_millis(20 * n)))
    })
    .await;
    assert!(started.elapsed() >= Duration::from_millis(40));
    assert_eq!(report.of_status(200), 3);
    mock.shutdown().await;
}
