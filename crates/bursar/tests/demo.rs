//! The demonstration as a stranger runs it: budgets fill, the runaway agent is stopped, and the bills agree.

use serde_json::Value;
use std::process::Command;

fn demo(arguments: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.arg("demo").args(arguments).current_dir(folder.path()).env_clear();
    command.env("TMPDIR", folder.path()).output().unwrap()
}

#[test]
fn budgets_hold_and_the_ledger_is_what_the_providers_billed() {
    let output = demo(&["--seconds", "4", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["charged"], shown["billed"]);
    assert_ne!(shown["charged"], "0");
    assert_eq!(shown["complaints"], Value::Array(Vec::new()));
    assert_eq!(shown["requests"]["incomplete"], 0);

    let budgets = shown["budgets"].as_array().unwrap();
    for budget in budgets {
        assert_eq!((&budget["held"], &budget["over_limit"]), (&"0".into(), &"0".into()), "{budget}");
    }
    let refused = |name: &str, per: Value| {
        let found = budgets.iter().find(|budget| budget["name"] == name && budget["per"] == per);
        found.unwrap_or_else(|| panic!("no window {per} of {name}: {shown:#}"))["refused"].as_u64().unwrap()
    };
    assert!(refused("each agent run", "runaway-1".into()) > 0, "the runaway agent is stopped");
    assert_eq!(refused("each agent run", "crawl-1".into()), 0, "its quiet neighbour is not");
    assert!(refused("search month", Value::Null) > 0);
    assert!(said.contains("runaway-1: E-BUDGET-001"), "{said}");
}

#[test]
fn without_a_terminal_it_is_a_clean_log_that_ends_in_a_table() {
    let output = demo(&["--seconds", "2", "--seed", "7"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(shown.contains("they agree to the nano-dollar"), "{shown}");
    assert!(shown.contains("BUDGET"), "{shown}");
}
