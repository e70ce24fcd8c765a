//! The lanes of the control plane: what is urgent does not wait.

use super::*;
use axum::routing::{get, post};

fn request(path: &str) -> Request<Bytes> {
    Request::builder().method("POST").uri(path).body(Bytes::new()).unwrap()
}

/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_switch_does_not_wait_for_a_report() {
    // A report that takes its thread until it is told to end, and says when it has begun.
    let (begun, mut has_begun) = mpsc::channel(1);
    let (end, ending) = std::sync::mpsc::channel::<()>();
    let ending = Arc::new(parking_lot::Mutex::new(ending));
    let report = move || {
        let (begun, ending) = (begun.clone(), Arc::clone(&ending));
        async move {
            begun.send(()).await.unwrap();
            let _ = ending.lock().recv();
            "the report"
        }
    };
    let router = axum::Router::new()
        .route("/admin/v1/usage", post(report))
        .route("/admin/v1/kill", post(async || "stopped"))
        .route("/livez", get(async || "alive").post(async || "alive"));
    let (stop, stopped) = watch::channel(false);
    let (urgent, stopping) = lane("urgent", router.clone(), stopped.clone()).unwrap();
    let (jobs, serving) = lane("usual", router, stopped).unwrap();
    let mut threads = Threads::default();
    threads.adopt(stopping);
    threads.adopt(serving);
    let plane = ControlPlane { jobs, urgent, stop, threads: parking_lot::Mutex::new(threads) };

    let reading = tokio::spawn(plane.call(request("/admin/v1/usage")));
    has_begun.recv().await.unwrap();
    for (path, said) in [("/admin/v1/kill", "stopped"), ("/livez", "alive")] {
        let answered = tokio::time::timeout(Duration::from_secs(60), plane.call(request(path))).await;
        assert_eq!(answered.expect("it does not wait for the report").body(), said);
    }
    end.send(()).unwrap();
    assert_eq!(reading.await.unwrap().body(), "the report");
    tokio::task::block_in_place(|| plane.shutdown());
}
