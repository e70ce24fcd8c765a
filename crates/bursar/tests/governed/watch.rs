//! `bursar request watch` and the lines of the log, from the real binary.

use crate::house::{UPSTREAM_SECRET, asking, chat, priced};
use crate::process::Process;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PROMPT: &str = "the secret recipe of the house";

/// A Bursar whose lines are JSON, at a port that the next one has again.
async fn world() -> (Mock, Process, String) {
    let mock = Mock::start(priced()).await.expect("a mock");
    let mut process = Process::new(&mock);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = std::fs::read_to_string(process.config())
        .unwrap()
        .replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    std::fs::write(process.config(), format!("{text}[log]\nformat = \"json\"\n")).unwrap();
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha", "user": "ann"})).await;
    let key = made["key"].as_str().expect("a key").to_owned();
    (mock, process, key)
}

async fn ask(process: &Process, key: &str, body: &Value) -> u16 {
    let headers = [("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())];
    let url = format!("{}/v1/chat/completions", process.base);
    process.http.send("POST", &url, &headers, body.to_string().into_bytes()).await.expect("an answer").status
}

/// `bursar request watch`, its two streams line by line.
struct Watching {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watching {
    fn start(process: &Process, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bursar"))
            .args(["request", "watch"])
            .args(arguments)
            .env("BURSAR_URL", &process.base)
            .env("BURSAR_ADMIN_TOKEN", process.token())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = |from: Box<dyn std::io::Read + Send>| {
            let (to, lines) = channel();
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    if to.send(line).is_err() {
                        return;
                    }
                }
            });
            lines
        };
        let out = lines(Box::new(child.stdout.take().unwrap()));
        let err = lines(Box::new(child.stderr.take().unwrap()));
        Self { child, out, err }
    }
    /// The next line, within a generous while.
    fn next(lines: &Receiver<String>) -> String {
        tokio::task::block_in_place(|| lines.recv_timeout(Duration::from_secs(60))).expect("a line")
    }
    /// Waits until something is said that contains this.
    fn told(&self, wanted: &str) -> String {
        loop {
            let line = Self::next(&self.err);
            if line.contains(wanted) {
                return line;
            }
        }
    }
    fn ended(mut self) -> Option<i32> {
        tokio::task::block_in_place(|| self.child.wait()).expect("it ends").code()
    }
}

/// Requests are lines as they end, with filters; a server that is started again is waited for, and said so.
/// Rules: S4-34, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_shown_as_they_end_and_a_restart_is_survived() {
    let (_mock, mut process, key) = world().await;
    let watching = Watching::start(&process, &[]);
    watching.told("watching");
    assert!(Watching::next(&watching.out).starts_with("AT "), "a head for people");
    let refusals = Watching::start(&process, &["--json", "--status", "denied", "--count", "2"]);
    wait_for_readers(&process, 2).await;

    assert_eq!(ask(&process, &key, &chat(5, false)).await, 200);
    let line = Watching::next(&watching.out);
    for part in ["completed", "alpha", "small", "fake"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let mut unknown = chat(5, false);
    unknown["model"] = "made-up".into();
    assert_eq!(ask(&process, &key, &unknown).await, 422);
    assert!(Watching::next(&watching.out).contains("E-PRICE-001"));
    let refused: Value = serde_json::from_str(&Watching::next(&refusals.out)).expect("one object a line");
    assert_eq!((&refused["status"], &refused["code"]), (&"denied".into(), &"E-PRICE-001".into()));

    process.kill();
    assert!(watching.told("trying again").contains("no answer from"));
    process.start().await;
    watching.told("connected again");
    watching.told("started again");
    refusals.told("started again");
    assert_eq!(ask(&process, &key, &chat(6, false)).await, 200);
    assert!(Watching::next(&watching.out).contains("completed"));
    assert_eq!(ask(&process, &key, &unknown).await, 422);
    let refused: Value = serde_json::from_str(&Watching::next(&refusals.out)).expect("one object a line");
    assert_eq!(refused["code"], "E-PRICE-001");
    assert_eq!(refusals.ended(), Some(0), "two were asked for");
    let mut child = watching.child;
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until so many readers wait for requests to end.
async fn wait_for_readers(process: &Process, count: usize) {
    for _ in 0..1_500 {
        let page =
            process.http.send("GET", &format!("{}/metrics", process.base), &[], Vec::new()).await.unwrap();
        let text = String::from_utf8_lossy(&page.body).into_owned();
        if text.contains(&format!("\nbursar_watchers {count}\n")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {count} readers");
}

/// A reader that may not read is told so, and does not try for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_without_a_token_that_counts_is_turned_away() {
    let (_mock, process, _key) = world().await;
    let output = Command::new(env!("CARGO_BIN_EXE_bursar"))
        .args(["request", "watch", "--url", &process.base])
        .env("BURSAR_ADMIN_TOKEN", "nobodys-token-0123456789")
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not take the admin token"));
}

/// Each request that ended is one JSON object in the log, with what it was and cost, and without what anybody wrote.
/// Rules: S1-01, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_line_of_the_log_without_prompt_or_key() {
    let (mock, mut process, key) = world().await;
    let mut body = asking("out=7 in=20", true);
    body["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": PROMPT}));
    assert_eq!(ask(&process, &key, &body).await, 200);
    let mut forged = chat(5, false);
    forged["model"] = "made-up\n{\"status\":\"forged\"}".into();
    assert_ne!(ask(&process, &key, &forged).await, 200);
    let shown = process.admin("GET", "/requests?limit=10", &Value::Null).await;
    drop(shown);
    terminate(&mut process).await;

    let log = std::fs::read_to_string(process.folder.path().join("log-1")).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["target"] == "bursar_request").collect();
    assert_eq!(requests.len(), 2, "one line each: {log}");
    let first = requests[0];
    for (name, value) in [
        ("message", "request"),
        ("level", "INFO"),
        ("status", "completed"),
        ("project", "alpha"),
        ("user", "ann"),
        ("model", "small"),
        ("provider", "fake"),
        ("api_format", "openai_chat"),
    ] {
        assert_eq!(first[name], value, "{name} in {first}");
    }
    assert_eq!(first["list_cost"], mock.total().to_string());
    assert_eq!(
        (&first["status_code"], &first["attempts"], &first["stream"]),
        (&200.into(), &1.into(), &true.into())
    );
    let prefix = first["key_prefix"].as_str().expect("a prefix");
    assert!(key.starts_with(prefix) && prefix.len() < key.len() / 2, "{prefix}");
    assert_eq!(first["trace_id"], first["id"].as_str().unwrap().replace('-', ""));
    for number in ["input", "output", "added_us", "total_ms", "first_byte_ms"] {
        assert!(first[number].is_u64(), "{number} in {first}");
    }
    assert!(first["hold_usd"].is_string());
    assert_eq!((&requests[1]["status"], requests[1]["code"].is_string()), (&"denied".into(), true));
    for secret in [PROMPT, UPSTREAM_SECRET, &*key, &process.token()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Ends it in order, so that its last lines are written.
async fn terminate(process: &mut Process) {
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    assert!(process.ended().await.0.success());
}
