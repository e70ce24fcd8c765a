//! An answer of 100 MB through the real binary: it passes whole, and the process does not grow by it.

use crate::house::priced;
use crate::process::Process;
use bursar_mock::Mock;
use http_body_util::BodyExt;
use serde_json::json;
use std::time::Duration;

const MEGABYTE: u64 = 1024 * 1024;

/// The most memory that a process ever had, in bytes.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") * 1024
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "moves 200 MB; Linux"]
async fn an_answer_of_a_hundred_megabytes_passes_in_constant_memory() {
    let mock = Mock::start(priced()).await.expect("the mock starts");
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let bearer = format!("Bearer {}", made["key"].as_str().expect("a key"));
    let headers = [("authorization", bearer), ("content-type", "application/json".to_owned())];
    for (stream, pad) in [(false, 1_000), (true, 1_000), (false, 100 * MEGABYTE), (true, 100 * MEGABYTE)] {
        let before = peak(&process);
        let body = json!({"model": "small", "stream": stream, "max_tokens": 100,
            "messages": [{"role": "user", "content": format!("hello [[mock out=5 in=10 pad={pad}]]")}]});
        let url = format!("{}/v1/chat/completions", process.base);
        let answer = process.http.open("POST", &url, &headers, body.to_string().into_bytes()).await;
        let mut answer = answer.expect("an answer").into_body();
        let mut taken = 0;
        if pad > MEGABYTE {
            // A client that pauses does not have its answer pile up here.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        while let Some(frame) = answer.frame().await {
            let frame = frame.expect("unbroken");
            taken += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        assert!(taken >= pad, "{taken} of {pad} bytes");
        if pad > MEGABYTE {
            let grown = peak(&process) - before;
            println!(
                "{} MB, stream {stream}: the peak of memory grew by {} kB",
                taken / MEGABYTE,
                grown / 1024
            );
            assert!(grown < 16 * MEGABYTE, "{grown}");
        }
    }
    mock.idle().await;
}
