//! `kill -9` under load, again and again: what was sent is charged, no hard budget is over, nothing stays held.

use crate::house::{asking, nanos, priced, reqwest_lite};
use crate::process::Process;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Clients that ask until the server is gone.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Twelve of them, some streaming, for as long as `run_for` before this returns and on.
    pub(crate) async fn on(process: &Process, key: &str, round: u32, run_for: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ask = |client: u32| {
            let url = format!("{}/v1/chat/completions", process.base);
            let headers = vec![
                ("authorization", format!("Bearer {key}")),
                ("content-type", "application/json".to_owned()),
                ("x-bursar-run", format!("run-{}", round / 5)),
            ];
            let over = Arc::clone(&over);
            tokio::spawn(async move {
                let http = reqwest_lite::Client::new();
                while !over.load(Ordering::Relaxed) {
                    let words = format!(
                        "out={} in=10 latency_ms={} chunk_ms=2 chunk_tokens=4",
                        20 + client,
                        client * 3
                    );
                    let body = asking(&words, client.is_multiple_of(2)).to_string().into_bytes();
                    let Ok(answer) = http.send("POST", &url, &headers, body).await else { return };
                    if answer.status != 200 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            })
        };
        let clients = (0..12).map(ask).collect();
        tokio::time::sleep(run_for).await;
        Self { over, clients }
    }

    /// Once the server is killed: waits until clients and provider have seen it. The port may be another server's by now,
    /// which would answer the clients for as long as they ask.
    pub(crate) async fn ended(self, mock: &bursar_mock::Mock) {
        self.over.store(true, Ordering::Relaxed);
        let patience = Duration::from_secs(60);
        for client in self.clients {
            timeout(patience, client).await.expect("a client waits for a server that is gone").unwrap();
        }
        timeout(patience, mock.idle()).await.expect("the provider answers a server that is gone");
    }

    /// Leaves the server alone, whatever it was about to answer.
    pub(crate) fn abandon(self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

/// Rules: S1-17, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_forgets_nothing_that_was_sent() {
    kill_again_and_again(30).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour: part of `make soak`"]
async fn a_server_killed_a_thousand_times_forgets_nothing_that_was_sent() {
    kill_again_and_again(1_000).await;
}

async fn kill_again_and_again(kills: u32) {
    let mock = bursar_mock::Mock::start(priced().counts_only()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    let mut in_suspense = 0;
    for round in 0..kills {
        let load =
            Load::on(&process, &key, round, Duration::from_millis(60 + u64::from(round * 37 % 250))).await;
        process.kill();
        load.ended(&mock).await;
        process.durability(if round % 2 == 0 { "sync" } else { "fast" });
        process.start().await;
        let bill = mock.total().nanos();
        for name in ["all", "runs"] {
            let shown = process.admin("GET", &format!("/budgets/{name}"), &Value::Null).await;
            let windows = shown["windows"].as_array().expect("windows").clone();
            let sum = |field: &str| windows.iter().map(|window| nanos(&window[field])).sum::<i64>();
            assert_eq!(sum("held"), 0, "round {round}: something is stuck in {shown}");
            assert_eq!(sum("over_limit"), 0, "round {round}: over in {shown}");
            assert!(sum("settled") + sum("suspense") >= bill, "round {round}: {bill} was billed: {shown}");
            in_suspense = sum("suspense");
        }
        let listed = process.admin("GET", "/ledger/suspense", &Value::Null).await;
        let held: i64 = listed["items"].as_array().unwrap().iter().map(|item| nanos(&item["hold_usd"])).sum();
        assert_eq!(held, in_suspense, "round {round}: what is in suspense is not what is listed");
    }
    assert!(mock.bill().requests() > u64::from(kills), "there was no load");
    assert!(in_suspense > 0, "no request was ever in flight when the server was killed");
    eprintln!("{} requests billed over {kills} kills", mock.bill().requests());
}

/// What `bursar ledger verify` of the process's data directory says, and how it ends.
fn verify(process: &Process, more: &[&str]) -> (Option<i32>, Value) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bursar"));
    let output =
        command.args(["ledger", "verify", "--json", "--data-dir"]).arg(process.data_dir()).args(more);
    let output = output.output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_refused_named_and_repaired_on_demand() {
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    Load::on(&process, &key, 0, Duration::from_millis(500)).await.abandon();
    process.kill();
    assert_eq!(verify(&process, &[]).0, Some(0));

    // A bit of an entry in the middle flips.
    let segment = process.data_dir().join("ledger/journal-0000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let written = bytes.chunks(512).take_while(|block| block.iter().any(|byte| *byte != 0)).count();
    assert!(written > 8, "{written} blocks are written");
    bytes[written / 2 * 512 + 40] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let refused = process.command("refused").status().unwrap();
    let said = std::fs::read_to_string(process.folder.path().join("refused")).unwrap();
    assert_eq!(refused.code(), Some(1), "{said}");
    assert!(said.contains("journal-0000000001.seg") && said.contains("bursar ledger verify"), "{said}");
    let (code, found) = verify(&process, &[]);
    assert_eq!((code, &found["sound"]), (Some(1), &json!(false)), "{found}");
    assert!(found["problems"][0].as_str().unwrap().contains("is damaged at byte"), "{found}");

    let (code, repaired) = verify(&process, &["--repair"]);
    assert_eq!((code, &repaired["sound"]), (Some(0), &json!(true)), "{repaired}");
    assert!(repaired["repaired"]["lost_count"].as_u64().unwrap() > 0, "{repaired}");
    assert_eq!(verify(&process, &["--repair"]).1["repaired"], Value::Null, "nothing is left to repair");
    process.start().await;
    let shown = process.admin("GET", "/budgets/all", &Value::Null).await;
    assert_eq!(nanos(&shown["windows"][0]["held"]), 0, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_directory_is_refused_by_name() {
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let status = process.command("second").status().unwrap();
    let said = std::fs::read_to_string(process.folder.path().join("second")).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("process {}", process.id())), "it does not say who has it: {said}");
}
