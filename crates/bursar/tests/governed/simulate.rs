//! What a budget would have done, told from records before it is turned on, through the real binary.

use crate::house::{asking, nanos, priced};
use crate::process::Process;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_tells_what_the_budget_refuses_when_it_is_turned_on() {
    let mock = Mock::start(priced()).await.expect("a mock");
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().expect("a key").to_owned();
    for _ in 0..3 {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        let url = format!("{}/v1/chat/completions", process.base);
        let body = asking("out=900 in=10", false).to_string().into_bytes();
        let answer = process.http.send("POST", &url, &headers, body).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    // Each cost 0.00181 and held a little more than 0.002: of 0.004 two fit, one after the other.
    let file = process.folder.path().join("wanted.toml");
    let text = "[[budgets]]\nname = \"tight\"\nlimit = \"0.004 USD\"\nperiod = \"total\"\nmode = \"shadow\"\n\
                [[budgets]]\nname = \"calls\"\nlimit = \"10 requests\"\nperiod = \"total\"\nper = [\"project\"]\n";
    std::fs::write(&file, text).expect("the file is written");
    let run = |json: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(["budget", "simulate"]).arg(&file).args(["--since", "1h"]);
        command.args(json.then_some("--json")).env("BURSAR_URL", &process.base);
        command.env("BURSAR_ADMIN_TOKEN", process.token()).env("NO_COLOR", "1");
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let mut done = Value::Null;
    for _ in 0..200 {
        done = serde_json::from_str(&run(true)).expect("JSON");
        if done["requests"] == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&done["requests"], &done["refused"], &done["cut"]), (&json!(3), &json!(1), &json!(false)));
    let tight = &done["items"][0];
    assert_eq!(
        (&tight["name"], &tight["admitted"], &tight["refused"]),
        (&json!("tight"), &json!(2), &json!(1))
    );
    assert_eq!((&tight["refused_cost"], &tight["refused_held"]), (&json!("0.00181"), &json!(0)));
    let window = &tight["windows"][0];
    assert_eq!((&window["settled"], &window["remaining"]), (&json!("0.00362"), &json!("0.00038")));
    assert!(nanos(&window["held_max"]) > 2_000_000, "{window}");
    let calls = &done["items"][1];
    assert_eq!(
        (&calls["admitted"], &calls["refused"]),
        (&json!(2), &json!(0)),
        "what is refused is not counted"
    );
    assert_eq!(
        (&calls["windows"][0]["per"]["project"], &calls["windows"][0]["settled"]),
        (&json!("alpha"), &json!("2"))
    );
    let text = run(false);
    assert!(text.contains("`tight` would have refused 1 that cost $0.00181"), "{text}");
    assert!(text.contains("`calls` would have refused none of 2"), "{text}");
    // Nothing was made.
    let listed = process.admin("GET", "/budgets", &Value::Null).await;
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["all", "runs"]);
}
