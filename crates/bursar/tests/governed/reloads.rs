//! A reload says what it cannot change.

use crate::house::priced;
use crate::process::Process;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_names_the_fields_that_wait_for_a_restart() {
    let mock = Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let reloaded = process.admin("POST", "/reload", &Value::Null).await;
    assert_eq!(reloaded["needs_restart"], json!([]), "{reloaded}");
    let config = std::fs::read_to_string(process.config()).unwrap();
    let config = config.replace("threads = 2", "threads = 1").replace("\"fast\"", "\"sync\"");
    let changed = format!("{config}[log]\nlevel = \"debug\"\n[telemetry]\nsample_pct = 7\n[projects.beta]\n");
    std::fs::write(process.config(), changed).unwrap();
    let reloaded = process.admin("POST", "/reload", &Value::Null).await;
    let expected = json!(["server.threads", "ledger.durability", "log.level", "telemetry.sample_pct"]);
    assert_eq!(reloaded["needs_restart"], expected, "{reloaded}");
    assert_eq!(
        process.admin("GET", "/projects/beta", &Value::Null).await["name"],
        "beta",
        "the rest is in force"
    );

    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(["reload", "--url", &process.base]).env("BURSAR_ADMIN_TOKEN", process.token());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("only after a restart: server.threads, ledger"),
        "{said}"
    );
    process.kill();
    process.start().await;
    let reloaded = process.admin("POST", "/reload", &Value::Null).await;
    assert_eq!(reloaded["needs_restart"], json!([]), "{reloaded}");
}
