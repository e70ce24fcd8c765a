//! Shadow budgets: what they would have refused is shown where one looks before turning them on.

use crate::house::{House, chat, nanos, priced};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const BUDGETS: &str = "[[budgets]]\nname = \"trial\"\nlimit = \"0.004 USD\"\nperiod = \"total\"\nmode = \"shadow\"\nper = [\"user\"]\n\
     [[budgets]]\nname = \"all\"\nlimit = \"1 USD\"\nperiod = \"total\"\n";

async fn would_have_refused(house: &House, count: u64) -> Value {
    for _ in 0..1_500 {
        let shown = house.admin("GET", "/budgets/trial", &Value::Null).await;
        if shown["would_have_refused"]["count"] == count {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {count}: {}", house.admin("GET", "/budgets/trial", &Value::Null).await);
}

/// Rules: S0-04, S3-02.
#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_budget_says_how_often_and_how_much_it_would_have_refused() {
    let mut house = House::with(priced(), BUDGETS).await;
    let shown = house.admin("GET", "/budgets/trial", &Value::Null).await;
    assert_eq!(shown["would_have_refused"], json!({"count": 0, "requested": "0"}), "{shown}");
    // Each costs 0.00181 and holds a little over 0.002: two fit, three do not.
    let mut holds = Vec::new();
    for _ in 0..5 {
        let answer = house.chat(&chat(900, false)).await;
        assert_eq!(answer.status, 200, "nothing is refused");
        let record = house.record(answer.header("x-bursar-request-id")).await;
        holds.push((nanos(&record["hold_usd"]), record["shadow"].as_array().unwrap().len()));
    }
    let refused: Vec<i64> = holds.iter().filter(|(_, shadows)| *shadows > 0).map(|(hold, _)| *hold).collect();
    assert_eq!(refused.len(), 3, "{holds:?}");

    // A restart reads the journal again and counts nothing twice.
    for _ in 0..2 {
        let shown = would_have_refused(&house, 3).await;
        let requested = nanos(&shown["would_have_refused"]["requested"]);
        assert_eq!(requested, refused.iter().sum::<i64>(), "{shown}");
        assert_eq!(shown["windows"][0]["would_have_refused"], shown["would_have_refused"], "one window");
        assert_eq!(shown["windows"][0]["per"]["user"], "ann");
        house.stop();
        house.start_again();
    }
    let windows = house.admin("GET", "/budgets/trial/windows", &Value::Null).await;
    assert_eq!(windows["items"][0]["would_have_refused"]["count"], 3, "{windows}");
    let listed = house.admin("GET", "/budgets", &Value::Null).await;
    let of = |name: &str| {
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|one| one["name"] == *name).unwrap()["would_have_refused"].clone()
    };
    assert_eq!((&of("trial")["count"], of("all")), (&json!(3), Value::Null), "hard ones refuse, and say so");
    let standings = house.admin("GET", "/usage/budgets", &Value::Null).await;
    let trial = standings["items"].as_array().unwrap().iter().find(|one| one["budget"] == "trial").unwrap();
    assert_eq!(trial["would_have_refused"]["count"], 3, "{standings}");

    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(arguments).args(["--url", &house.base]).env("NO_COLOR", "1");
        let output = command.env("BURSAR_ADMIN_TOKEN", house.token()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    for text in [run(&["budget", "show", "trial"]), run(&["budget", "list"])] {
        let shown = text.to_lowercase();
        assert!(shown.contains("would have refused") && shown.contains("3 ($0.00"), "{text}");
    }
}
