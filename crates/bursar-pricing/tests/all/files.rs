//! Price files: what is read, how it is written back, and how errors speak.

use bursar_pricing::{PriceBook, file};

use crate::common::{at, bill, usage};

const FULL: &str = r#"
[[price]]
provider = "anthropic"
model = "claude-x"
aliases = ["claude-x-20260101"]
patterns = ["claude-x-*"]
effective_from = 2026-01-01
effective_until = 2026-12-31
deprecated = 2027-01-01
source = "https://example.com/prices"
note = "the vendor's page and another list differ: the page was taken"
input = "3"
cache_read = "0.3"
cache_write_5m = "3.75"
cache_write_1h = "6"
output = "15"
web_search = { high = "0.012", low = "0.01", medium = "0.01" }
request = "0.001"
image = { default = "0.04", "1024x1024/hd" = "0.08" }
context = 200000
max_output = 64000
tools = true
vision = false
writes_cache = false
formats = ["anthropic_messages"]
tiers = [{ up_to = 200000, input = "3" }, { input = "6", output = "22.5" }]
service_tiers = { batch = { input = "1.5", output = "7.5" }, fast = { input = "9", tiers = [{ up_to = 1000, input = "9" }, { input = "18" }] } }
periods = [{ from = "16:30", until = "00:30", weekdays = ["monday", "sunday"], input = "2" }]
regions = { eu = "1.1", "us-*" = "1.05" }
free = { grounding = { per_day = 1500 } }
cache_factors = { read = "0.1", write_5m = "1.25", write_1h = "2" }
"#;

#[test]
fn a_row_is_written_as_it_is_read() {
    let rows = file::parse(FULL).unwrap();
    let text = file::to_toml(&rows);
    assert_eq!(file::parse(&text).unwrap(), rows);
    insta::assert_snapshot!(text);
}

/// Rules: S4-06.
#[test]
fn rows_are_found_by_name_alias_and_family_while_in_force() {
    let book = PriceBook::from_toml(FULL, "test").unwrap();
    let found = |model, date| book.find("anthropic", model, at(date)).map(|row| row.id().to_string());
    let id = Some("anthropic/claude-x@2026-01-01".to_owned());
    assert_eq!(found("claude-x", "2026-01-01"), id);
    assert_eq!(found("claude-x-20260101", "2026-06-01"), id);
    assert_eq!(found("claude-x-latest", "2026-06-01"), id);
    assert_eq!(found("claude-xl", "2026-06-01"), None, "never by a part of the name");
    assert_eq!(found("claude-x", "2025-12-31"), None, "not before its time");
    assert_eq!(found("claude-x", "2026-12-31"), None, "nor after it");
    assert_eq!(book.provider_of("claude-x-20260101"), Some("anthropic"));
    assert_eq!(book.provider_of("claude-x-9"), Some("anthropic"));
    assert_eq!(book.provider_of("claude"), None);
}

/// Rules: S1-05, S4-06.
#[test]
fn a_request_is_priced_by_the_row_in_force_when_it_was_sent() {
    let text = r#"
        [[price]]
        provider = "p"
        model = "m"
        effective_from = 2026-02-01
        input = "2"
        [[price]]
        provider = "p"
        model = "m"
        input = "1"
    "#;
    let book = PriceBook::from_toml(text, "test").unwrap();
    let on = |date| bill(book.find("p", "m", at(date)).unwrap(), "input 1000000").list.to_string();
    assert_eq!(on("2020-01-01"), "1");
    assert_eq!(on("2026-01-31T23:59:59.999999Z"), "1");
    assert_eq!(on("2026-02-01"), "2");
    assert_eq!(usage("input 1").tokens(), 1);
}

/// The error for a row of provider `p`, model `m` with these further lines.
fn error(lines: &str) -> String {
    let text = format!("[[price]]\nprovider = \"p\"\nmodel = \"m\"\n{lines}");
    let wrong = file::parse(&text).unwrap_err();
    wrong.into_iter().map(|error| error.to_string()).collect::<Vec<_>>().join("; ")
}

/// Rules: S4-08, S4-11.
#[test]
fn errors_name_row_field_and_what_would_be_right() {
    let bad = [
        "input = 3.0",
        "input = \"-3\"",
        "input = \"0.0000001\"",
        "input = \"3 USD\"",
        "input = \"3000000\"",
        "imput = \"3\"",
        "input = \"3\"\ncurrency = \"EUR\"",
        "tiers = [{ up_to = 5, input = \"1\" }, { up_to = 5, input = \"1\" }, { input = \"1\" }]",
        "tiers = [{ up_to = 5, input = \"1\" }, { up_to = 9, input = \"1\" }]",
        "tiers = [{ input = \"1\" }, { input = \"2\" }]",
        "cache_write_1h = \"3\"",
        "cache_write_5m = \"6\"\ncache_write_1h = \"3\"",
        "service_tiers = { batch = { input = 1 } }",
        "effective_from = 2026-01-02\neffective_until = 2026-01-01",
        "formats = [\"openai\"]",
        "patterns = [\"*\"]",
        "periods = [{ from = \"25:00\", until = \"01:00\" }]",
        "free = { grounding = 3 }",
        "regions = { eu = \"-1\" }",
        "context = -1",
        "tools = \"yes\"",
        "input = { low = \"1\" }",
    ];
    insta::assert_snapshot!(bad.map(|lines| format!("{lines}\n=> {}\n", error(lines))).join("\n"));
    let nameless = file::parse("[[price]]\nprovider = \"p\"\n").unwrap_err();
    assert_eq!(
        nameless[0].to_string(),
        "price row 1 (p/?): `model` is missing: every row names its provider and model"
    );
}

#[test]
fn rows_of_a_file_must_not_contradict_each_other() {
    let twice = "[[price]]\nprovider = \"p\"\nmodel = \"m\"\ninput = \"1\"\n".repeat(2);
    let error = PriceBook::from_toml(&twice, "mine.toml").unwrap_err().to_string();
    assert_eq!(
        error,
        "1 of the price rows in mine.toml cannot be used: price row 2 (p/m): `effective_from` is the same as in row 1: \
         rows of one model need different dates"
    );
    let stolen = "[[price]]\nprovider = \"p\"\nmodel = \"m\"\ninput = \"1\"\n\
                  [[price]]\nprovider = \"p\"\nmodel = \"n\"\naliases = [\"m\"]\ninput = \"1\"\n";
    assert!(PriceBook::from_toml(stolen, "mine.toml").is_err());
}

#[test]
fn the_example_in_the_documentation_is_a_price_file() {
    let page = include_str!("../../../../docs/reference/pricing.md");
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(file::parse(example).unwrap().len(), 1);
}
