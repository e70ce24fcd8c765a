//! Environment variables that override fields.

use super::{read_with, report};
use crate::config::{Mode, Severity};

const FILE: &str = "
[providers.openai]
credential = \"client\"
[[budgets]]
name = \"platform daily\"
limit = \"1 USD\"
period = \"day\"
";

#[test]
fn any_field_can_be_overridden() {
    let variables = [
        ("BURSAR_THROTTLE__ENABLED", "true"),
        ("BURSAR_SERVER__LISTEN", "127.0.0.1:1234"),
        ("BURSAR_PROVIDERS__OPENAI__BASE_URL", "http://127.0.0.1:9/v1"),
        ("BURSAR_PROVIDERS__ACME__FAMILY", "openai"),
        ("BURSAR_PROVIDERS__ACME__BASE_URL", "http://acme.example"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__LIMIT", "5 USD"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__MODE", "shadow"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__THRESHOLDS", "[50, \"4 USD\"]"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__RAISE__AMOUNT", "1 USD"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__RAISE__UNTIL", "2026-12-31"),
        ("BURSAR_BUDGETS__PLATFORM_DAILY__RAISE__REASON", "a launch"),
        ("BURSAR_URL", "http://127.0.0.1:1"),
    ];
    let config = read_with(FILE, &variables).unwrap_or_else(|report| panic!("{report}")).config;
    assert!(config.throttle.enabled);
    assert_eq!(config.server.listen.port(), 1234);
    assert_eq!(config.provider("openai").unwrap().base_url, "http://127.0.0.1:9/v1");
    assert_eq!(config.provider("acme").unwrap().base_url, "http://acme.example");
    let budget = &config.budgets[0];
    assert_eq!((budget.limit, budget.mode, budget.thresholds.len()), (Some(5_000_000_000), Mode::Shadow, 2));
    assert_eq!(budget.raise.as_ref().unwrap().amount, 1_000_000_000);
}

/// Rules: S0-02, V T15.
#[test]
fn a_switch_in_the_environment_reads_as_people_write_it() {
    let enabled = |text: &str| {
        let read = read_with(FILE, &[("BURSAR_THROTTLE__ENABLED", text)]);
        read.map(|checked| checked.config.throttle.enabled).map_err(drop)
    };
    for on in ["true", "1", "yes", "on", " TRUE ", "Yes", "ON"] {
        assert_eq!(enabled(on), Ok(true), "{on}");
    }
    for off in ["false", "0", "no", "off", " Off"] {
        assert_eq!(enabled(off), Ok(false), "{off}");
    }
    assert_eq!(enabled("perhaps"), Err(()));
}

#[test]
fn mistakes_in_overrides_name_the_variable() {
    let variables = [
        ("BURSAR_SERVER__LISTEN", "nowhere"),
        ("BURSAR_SERVR__LISTEN", "127.0.0.1:1"),
        ("BURSAR_THROTTLE__ENABLE", "true"),
        ("BURSAR_THROTTLE__SHADOW", "perhaps"),
        ("BURSAR_BUDGETS__NONESUCH__LIMIT", "5 USD"),
        ("BURSAR_SERVER__LISTEN__PORT", "5"),
    ];
    let report = read_with(FILE, &variables).unwrap_err();
    assert!(report.items.iter().all(|item| item.severity == Severity::Error && item.variable.is_some()));
    insta::assert_snapshot!(report);
}

#[test]
fn no_message_shows_a_secret() {
    let text = "
[providers.openai]
credential = \"sk-live-0123\"
[providers.acme]
family = \"openai\"
base_url = \"https://user:sk-live-0123@acme.example\"
api_key = \"sk-live-0123\"
credentials = [{ name = \"a\", secret = \"sk-live-0123\", weigth = 2 }]
[server]
admin_token = \"sk-live-0123\"
[[keys]]
name = \"k\"
secret = \"sk-live-0123\"
project = \"p\"
";
    let shown = report(text);
    assert!(!shown.contains("0123"), "{shown}");
    insta::assert_snapshot!(shown);
    let broken = report("[providers.openai]\ncredential = sk-live-0123\n");
    assert!(!broken.contains("0123"), "{broken}");
    let open = report("[providers.openai]\ncredential = \"sk-live-0123\nx = 1");
    assert!(!open.contains("0123"), "{open}");
}
