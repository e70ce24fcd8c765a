//! Secrets of channels that the configuration only names: given on the command line, sealed, turned without a restart.

use crate::house::priced;
use crate::process::Process;
use crate::receivers::Receiver;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs `bursar` against a process: its exit code, and all that it said.
fn run(process: &Process, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(arguments).args(["--url", &process.base]);
    command.env("BURSAR_ADMIN_TOKEN", process.token()).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), said.concat())
}

/// What a test of the channel brought.
async fn tested(process: &Process, channel: &str) -> Value {
    process.admin("POST", "/alerts/test", &json!({"channel": channel})).await["items"][0].clone()
}

/// Rules: S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn a_channels_secret_is_given_once_sealed_and_turned_without_a_restart() {
    let receiver = Receiver::start(&[]).await;
    let mock = Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    let mut config = std::fs::read_to_string(process.config()).unwrap();
    config.push_str(&format!(
        "[alerts.hook]\ntype = \"webhook\"\nurl = {{ sealed = \"hook url\" }}\nsecret = {{ sealed = \"hook signing\" }}\n\
         [alerts.phone]\ntype = \"telegram\"\ntoken = {{ sealed = \"bot\" }}\nchat = \"-100\"\nbase_url = \"{}\"\n",
        receiver.base
    ));
    std::fs::write(process.config(), config).unwrap();
    // It starts without them: how else would they be given?
    process.start().await;
    process.admin("POST", "/kill", &json!({"scope": "run=r", "reason": "early"})).await;
    let no = tested(&process, "hook").await;
    assert_eq!(no["delivered"], false);
    let problem = no["problem"].as_str().unwrap();
    assert!(problem.contains("`hook url` is not set: `bursar alert secret set hook url`"), "{problem}");

    let (code, said) =
        run(&process, &["alert", "secret", "set", "hook url"], &format!("{}/first\n", receiver.base));
    assert!(code == Some(0) && said.contains("hook") && !said.contains("/first"), "{said}");
    run(&process, &["alert", "secret", "set", "hook signing"], "sign-with-this\n");
    run(&process, &["alert", "secret", "set", "bot"], "123:bot-token");
    // What happened before is told now.
    let early = receiver.until(2, |got| got.body.contains("early")).await;
    assert!(early.iter().any(|got| got.path == "/first"), "{early:?}");
    assert!(early.iter().any(|got| got.path == "/bot123:bot-token/sendMessage"), "{early:?}");
    let got = early.iter().find(|got| got.path == "/first").unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"sign-with-this");
    let content = format!("{}.{}.{}", got.header("webhook-id"), got.header("webhook-timestamp"), got.body);
    let tag = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        got.header("webhook-signature").trim_start_matches("v1,"),
    );
    aws_lc_rs::hmac::verify(&key, content.as_bytes(), &tag.unwrap()).expect("signed with the sealed secret");

    // Turned while it runs, and still there after a restart.
    run(&process, &["alert", "secret", "set", "hook url"], &format!("{}/second", receiver.base));
    assert_eq!(tested(&process, "hook").await["delivered"], true);
    receiver.until(1, |got| got.path == "/second").await;
    process.kill();
    process.start().await;
    assert_eq!(tested(&process, "hook").await["delivered"], true);
    receiver.until(2, |got| got.path == "/second").await;

    let (_, listed) = run(&process, &["alert", "secret", "list", "--json"], "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let rows: Vec<(&str, &str, i64)> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["used_by"][0].as_str().unwrap(),
                row["version"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(rows, [("bot", "phone", 1), ("hook signing", "hook", 1), ("hook url", "hook", 2)]);
    let (code, said) = run(&process, &["alert", "secret", "delete", "hook url"], "");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(tested(&process, "hook").await["delivered"], false);
    let audit = process.admin("GET", "/audit?limit=100", &Value::Null).await.to_string();
    assert!(audit.contains("alerts/secrets/hook url") && !audit.contains("/second"), "{audit}");

    // What cannot be an address is refused, and nothing of it is repeated.
    for (name, secret) in [("hook url", ""), ("hook url", "two\nlines"), ("", "something-secret")] {
        let no = process.admin("POST", "/alerts/secrets", &json!({"name": name, "secret": secret})).await;
        assert_eq!(no["status"], 422, "{no}");
        assert!(!no.to_string().contains("something-secret"), "{no}");
    }
}
