//! A disk that takes nothing any more, under the real binary: priced requests are refused, the process says so and
//! ends; on a disk with room it starts again and knows what was sent.

use crate::house::{asking, nanos, priced, reqwest_lite};
use crate::process::{Log, Process};
use crate::receivers::Receiver;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::process::{Command, ExitStatus};

/// Whether the process may write no file beyond its first byte from now on: what a full disk looks like to it.
fn fill_the_disk(process: &Process) -> bool {
    let id = process.id().to_string();
    let limited = Command::new("prlimit").args(["--pid", &id, "--fsize=1:1"]).status();
    limited.as_ref().is_ok_and(ExitStatus::success)
}

/// Asks until nobody answers any more: how often it was refused because the ledger cannot write.
async fn ask_until_the_end(url: String, key: String, client: u32) -> u32 {
    let headers =
        [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
    let http = reqwest_lite::Client::new();
    let mut refused = 0;
    loop {
        let body = asking(&format!("out={} in=10 latency_ms={client}", 5 + client), client.is_multiple_of(2));
        let Ok(answer) = http.send("POST", &url, &headers, body.to_string().into_bytes()).await else {
            return refused;
        };
        if answer.status != 200 {
            let told = answer.json();
            assert_eq!((answer.status, &told["bursar"]["code"]), (503, &json!("E-BUDGET-020")), "{told}");
            // Files and what the system said of them are for the log.
            let inside = ["os error", ".db", "disk failed", "/"]
                .into_iter()
                .find(|inside| told["bursar"]["message"].as_str().is_some_and(|text| text.contains(inside)));
            assert_eq!(inside, None, "{told}");
            refused += 1;
        }
    }
}

/// Rules: S0-20, S1-16, S3-15, V K23.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_cannot_write_refuses_says_so_and_ends() {
    let mut refused = 0;
    // Also where the log is on the same disk: that it cannot be written is no reason for another answer.
    for (durability, log) in
        [("sync", Log::Pipe), ("fast", Log::Pipe), ("sync", Log::File), ("fast", Log::File)]
    {
        let mock = Mock::start(priced()).await.unwrap();
        let mut process = Process::new(&mock);
        process.durability(durability);
        let told = Receiver::start(&[500]).await;
        let address = process.folder.path().join("channel");
        std::fs::write(&address, &told.base).unwrap();
        let mut config = std::fs::read_to_string(process.config()).unwrap();
        config.push_str(&format!(
            "[alerts.ops]\ntype = \"webhook\"\nurl = {{ file = {address:?} }}\nevents = [\"ledger_trouble\"]\n"
        ));
        std::fs::write(process.config(), config).unwrap();
        process.start_sparing_file_limits(log).await;
        let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
        let key = made["key"].as_str().unwrap().to_owned();
        let url = format!("{}/v1/chat/completions", process.base);
        let clients: Vec<_> =
            (0..8).map(|n| tokio::spawn(ask_until_the_end(url.clone(), key.clone(), n))).collect();
        while mock.received() < 40 {
            tokio::task::yield_now().await;
        }
        if !fill_the_disk(&process) {
            eprintln!("SKIPPED: prlimit of util-linux is not there or not allowed");
            return;
        }
        let (ended, said) = process.ended().await;
        assert!(!ended.success(), "{ended}: {said}");
        if log == Log::Pipe {
            assert!(said.contains("priced requests were refused"), "it does not say why it ends: {said}");
        }
        for client in clients {
            refused += client.await.unwrap();
        }
        mock.idle().await;
        // Nothing could be written any more, and yet somebody was woken, also where the first try was not taken.
        let messages = told.got();
        let keys: Vec<String> = messages
            .iter()
            .map(|got| got.json()["data"]["alerts"][0]["dedup_key"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert!(
            messages.len() == 2 && keys[0].starts_with("ledger_trouble:") && keys[0] == keys[1],
            "{keys:?}"
        );
        assert_eq!(messages[1].json()["data"]["title"], "The ledger cannot write");

        // With room again: what was sent is charged, nothing is held for ever.
        process.start().await;
        let bill = mock.total().nanos();
        let shown = process.admin("GET", "/budgets/all", &Value::Null).await;
        let window = &shown["windows"][0];
        assert_eq!(nanos(&window["held"]), 0, "{shown}");
        let charged = nanos(&window["settled"]) + nanos(&window["suspense"]);
        assert!(charged >= bill, "{bill} was billed: {shown}");
    }
    assert!(refused > 0, "nobody was refused");
}
