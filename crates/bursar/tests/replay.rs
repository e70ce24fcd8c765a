//! A recorded trace against a hard budget that runs out on the way: what is billed never passes the limit.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// The public Azure trace where the recorded data is, else one drawn with its columns and proportions.
fn trace(folder: &std::path::Path) -> PathBuf {
    let data = std::env::var_os("BURSAR_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let recorded = data.join("azure_2023_conv.csv.gz");
    if recorded.exists() {
        return recorded;
    }
    eprintln!("SKIPPED: no recorded trace at {}; a generated one is replayed", recorded.display());
    let path = folder.join("trace.csv");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "TIMESTAMP,ContextTokens,GeneratedTokens").unwrap();
    for row in 0..2_000u64 {
        let (input, output) = (100 + row * 7919 % 2_000, 20 + row * 104_729 % 480);
        writeln!(file, "2023-11-16 18:{:02}:{:02}.0000000,{input},{output}", row / 60 % 60, row % 60)
            .unwrap();
    }
    path
}

fn nanos(value: &Value) -> i64 {
    bursar_core::Usd::parse(value.as_str().unwrap()).unwrap().nanos()
}

#[test]
fn a_hard_budget_that_runs_out_on_the_way_is_never_overspent() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bursar"))
        .arg("replay")
        .arg(trace(folder.path()))
        .args(["--rows", "2000", "--speed-up", "0", "--limit", "0.30 USD", "--connections", "64", "--json"])
        .env_clear()
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["requests"], 2_000, "{shown:#}");
    assert!(shown["answered"].as_u64().unwrap() > 100, "{shown:#}");
    assert!(shown["refused"].as_u64().unwrap() > 100, "{shown:#}");
    assert!(nanos(&shown["billed"]) <= nanos(&shown["limit"]), "{shown:#}");
    assert_eq!(shown["settled"], shown["billed"], "{shown:#}");
    assert_eq!((&shown["held"], &shown["suspense"]), (&"0".into(), &"0".into()), "{shown:#}");
    assert!(shown["latency_samples"].as_u64().unwrap() > 0, "{shown:#}");
}
