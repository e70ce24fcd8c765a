//! The story of a backup under load: what is restored from it is sound, whole, and goes on where it was made.

use crate::house::{House, chat, nanos, priced};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const BUDGETS: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"100 USD\"\nperiod = \"day\"\n\
    [[budgets]]\nname = \"each agent\"\nlimit = \"100 USD\"\nperiod = \"day\"\nper = [\"agent\"]\n";

/// Sends requests until told to stop.
async fn load(house: &House, stop: &AtomicBool, sent: &AtomicUsize, agent: usize) {
    let mut headers = house.headers();
    headers.push(("x-bursar-agent", format!("agent-{agent}")));
    while !stop.load(Ordering::Relaxed) {
        let answer =
            house.send(&headers, chat(20, agent.is_multiple_of(2)).to_string()).await.expect("an answer");
        assert_eq!(answer.status, 200);
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

async fn backups(house: &House, stop: &AtomicBool, sent: &AtomicUsize) -> Vec<PathBuf> {
    let mut made = Vec::new();
    for name in ["first", "second", "third"] {
        let goal = sent.load(Ordering::Relaxed) + 50;
        while sent.load(Ordering::Relaxed) < goal {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let answer = house.admin("POST", "/backups", &json!({"name": name})).await;
        made.push(PathBuf::from(answer["folder"].as_str().unwrap_or_else(|| panic!("no backup: {answer}"))));
    }
    stop.store(true, Ordering::Relaxed);
    made
}

fn verified(folder: &Path) -> Value {
    let output = tokio::task::block_in_place(|| {
        Command::new(env!("CARGO_BIN_EXE_bursar"))
            .args(["ledger", "verify", "--json", "--data-dir"])
            .arg(folder)
            .env_clear()
            .output()
            .expect("bursar runs")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// All records, once nothing is left to drain: their sum is what the window counts.
async fn sum_of_records(house: &House, spent: i64) -> (usize, i64) {
    let mut found = (0, 0);
    for _ in 0..200 {
        let (mut count, mut sum, mut cursor) = (0, 0, String::new());
        loop {
            let page = house.admin("GET", &format!("/requests?limit=500{cursor}"), &Value::Null).await;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            count += items.len();
            sum += items.iter().map(|record| nanos(&record["list_cost"])).sum::<i64>();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        found = (count, sum);
        if sum == spent {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    found
}

/// Rules: S2-03, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_sound_and_whole() {
    let mut house = House::with(priced(), BUDGETS).await;
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (made, ..) = tokio::join!(
        backups(&house, &stop, &sent),
        load(&house, &stop, &sent, 1),
        load(&house, &stop, &sent, 2),
        load(&house, &stop, &sent, 3),
        load(&house, &stop, &sent, 4),
    );
    let twice = house.admin("POST", "/backups", &json!({"name": "first"})).await;
    assert_eq!(twice["status"], 409, "{twice}");
    let outside = house.admin("POST", "/backups", &json!({"name": "../outside"})).await;
    assert_eq!((&outside["status"], &outside["field"]), (&json!(422), &json!("name")));
    house.stop();

    let mut before = 0;
    for folder in &made {
        let found = verified(folder);
        assert_eq!(found["sound"], true, "{found}");
        house.start_on(folder);
        let window = house.window("daily").await;
        let spent = nanos(&window["settled"]) + nanos(&window["suspense"]);
        let (count, sum) = sum_of_records(&house, spent).await;
        assert_eq!(sum, spent, "{count} records of {window}");
        assert!(count > before, "{count} records, {before} in the backup before");
        before = count;
        let agents = house.admin("GET", "/budgets/each%20agent", &Value::Null).await;
        let of_agents = |name: &str| {
            agents["windows"].as_array().unwrap().iter().map(|window| nanos(&window[name])).sum::<i64>()
        };
        assert_eq!(of_agents("settled") + of_agents("suspense"), spent);
        assert_eq!(house.chat(&chat(5, false)).await.status, 200, "keys and budgets are there");
        house.stop();
        assert_eq!(verified(folder)["sound"], true);
    }
}
