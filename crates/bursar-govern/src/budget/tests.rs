//! Documents turn into budgets and back, and say what is wrong with them.

use super::*;

fn budget(json: &str) -> Result<Budget, DocumentError> {
    let document: BudgetDocument = serde_json::from_str(json).unwrap();
    document.to_budget(BudgetId(1), 1, "b", Timestamp::from_micros(0), true)
}

#[test]
fn a_document_survives_the_round_trip() {
    let full = r#"{"limit":"10 USD","period":"week","week_start":"sunday","time_zone":"Asia/Taipei",
        "match":{"project":"alpha","model":["gpt-*","o3"],"tag.team":"x"},"per":["user"],"mode":"shadow",
        "thresholds":[50,"9 USD"],"hold":"streaming","suspense":"estimate_after 24h","missing":"skip",
        "auto_renew":false,"on_expiry":"deactivate","rollover_cap_pct":20,
        "raise":{"amount":"5 USD","until":"2026-12-31","reason":"launch"},"fit":["wait","clamp"],
        "wait_ms":500,"windows_max":9,"idle_after":"2h"}"#;
    for json in [
        full,
        "{}",
        r#"{"limit":"2M tokens","period":"7d","anchor":"2026-01-05"}"#,
        r#"{"measure":"requests"}"#,
    ] {
        let once = budget(json).unwrap();
        let again = BudgetDocument::of(&once).to_budget(once.id, 1, "b", once.since, true).unwrap();
        assert_eq!(again, once, "{json}");
    }
}

#[test]
fn limits_are_read_exactly() {
    let read = |text: &str| parse_limit(text).map(|limit| (limit.measure, limit.amount));
    assert_eq!(read("0.29 USD"), Ok((Measure::Usd, 290_000_000)));
    assert_eq!(read("1_000 requests"), Ok((Measure::Requests, 1_000)));
    assert_eq!(read("1.5M tokens"), Ok((Measure::Tokens, 1_500_000)));
    for bad in ["100", "ten USD", "-1 USD", "1.5 requests", "5 EUR", "99999999999 USD"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let problem = |json: &str| budget(json).unwrap_err().to_string();
    insta::assert_snapshot!(
        [
            problem(r#"{"limit":"100"}"#),
            problem(r#"{"period":"fortnight"}"#),
            problem(r#"{"match":{"planet":"earth"}}"#),
            problem(r#"{"mode":"firm"}"#),
            problem(r#"{"time_zone":"Mars/Olympus"}"#),
            problem(r#"{"limit":"5 USD","raise":{"amount":"5 tokens","until":"2026-12-31"}}"#),
            problem(r#"{"suspense":"estimate_after soon"}"#),
        ]
        .join("\n")
    );
}
