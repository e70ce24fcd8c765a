//! Bills of each kind beside records.

use super::export::{Billed, pico, read};
use super::matching::{Drift, Verdict, compare, day_after, drift};
use serde_json::json;

#[test]
fn amounts_are_read_exactly_with_exponents() {
    let cases = [
        ("0.06", 60_000_000_000),
        ("1e-05", 10_000_000),
        ("1.5E2", 150_000_000_000_000),
        ("-0.25", -250_000_000_000),
        ("0.0000000000019", 1),
        ("7e-13", 0),
        ("12", 12_000_000_000_000),
    ];
    for (text, expected) in cases {
        assert_eq!(pico(text), Some(expected), "{text}");
    }
    for text in ["", "x", "1e", "1.2.3"] {
        assert_eq!(pico(text), None, "{text}");
    }
}

fn line(id: Option<&str>, provider: &str, model: &str, day: &str, pico: i128) -> Billed {
    Billed {
        upstream_request_id: id.map(str::to_owned),
        provider: provider.to_owned(),
        model: model.to_owned(),
        day: day.to_owned(),
        pico,
    }
}

#[test]
fn each_kind_of_bill_is_told_from_its_text() {
    let openai = r#"{"object":"page","data":[{"object":"bucket","start_time":1730419200,"end_time":1730505600,"results":[
        {"object":"organization.costs.result","amount":{"value":0.06,"currency":"usd"},"line_item":"gpt-4o-mini-2024-07-18, input","project_id":null}]}]}"#;
    let expected = line(None, "openai", "gpt-4o-mini-2024-07-18", "2024-11-01", 60_000_000_000);
    assert_eq!(read(openai, None).unwrap(), [expected]);

    let anthropic = r#"{"data":[{"starting_at":"2026-11-01T00:00:00Z","ending_at":"2026-11-02T00:00:00Z","results":[
        {"currency":"USD","amount":"123.45","model":"claude-sonnet-4-5","cost_type":"tokens"}]}],"has_more":false}"#;
    let expected = line(None, "anthropic", "claude-sonnet-4-5", "2026-11-01", 1_234_500_000_000);
    assert_eq!(read(anthropic, None).unwrap(), [expected]);

    let openrouter = "generation_id,created_at,cost_total,model_permaslug,provider_name\ngen-1,2026-11-01 23:59:59.713,0.0123,openai/gpt-oss-120b,Groq\n";
    let expected = line(Some("gen-1"), "openrouter", "openai/gpt-oss-120b", "2026-11-01", 12_300_000_000);
    assert_eq!(read(openrouter, None).unwrap(), [expected]);

    let own =
        "upstream_request_id,provider,model,at,cost_usd\n\"chat,1\",openai,gpt-4o,2026-11-01T10:00:00Z,1\n";
    let expected = line(Some("chat,1"), "openai", "gpt-4o", "2026-11-01", 1_000_000_000_000);
    assert_eq!(read(own, None).unwrap(), [expected]);

    assert_eq!(read("a,b\n1,2\n", None).unwrap_err(), "has no column `cost_usd`");
    assert_eq!(read("at,cost_usd\nnow,1\n", None).unwrap_err(), "line 2: `now` is no time");
}

#[test]
fn lines_are_matched_by_id_else_by_day_and_model() {
    let record = |id: &str, cost: &str| {
        json!({ "upstream_request_id": id, "created_at": "2026-11-01T10:00:00Z", "list_cost": cost,
                "attributes": { "provider": "openai", "model": "gpt-4o", "served_model": "gpt-4o-2024-08-06" } })
    };
    let records = [record("a", "0.10"), record("b", "0.20"), record("c", "0.30")];
    let tenth = 100_000_000_000;
    let billed = [
        line(Some("a"), "openai", "gpt-4o", "2026-11-01", tenth),
        line(Some("b"), "openai", "gpt-4o", "2026-11-01", tenth),
        line(Some("x"), "openai", "gpt-4o", "2026-11-01", tenth),
        line(None, "openai", "gpt-4o-2024-08-06", "2026-11-01", 5 * tenth),
        line(None, "openai", "gpt-4o-2024-08-06", "2026-11-01", tenth),
        line(None, "openai", "gpt-4o", "2026-11-02", tenth),
    ];
    let verdicts: Vec<Verdict> = compare(&billed, &records, 0).iter().map(|row| row.verdict).collect();
    let expected =
        [Verdict::Matched, Verdict::Differing, Verdict::Missing, Verdict::Matched, Verdict::Missing];
    assert_eq!(verdicts, expected);
    assert_eq!(day_after("2026-12-31"), "2027-01-01T00:00:00Z");
}

/// Rules: S0-19.
#[test]
fn small_differences_that_lean_one_way_show_by_model_and_day() {
    let record = |id: &str| json!({ "upstream_request_id": id, "created_at": "2026-11-01T10:00:00Z", "list_cost": "0.1" });
    let records = [record("a"), record("b")];
    let billed = ["a", "b"].map(|id| line(Some(id), "openai", "gpt-4o", "2026-11-01", 100_000_000_400));
    let compared = compare(&billed, &records, 1_000);
    assert!(compared.iter().all(|row| row.verdict == Verdict::Matched));
    let expected = Drift { lines: 2, billed: 200_000_000_800, recorded: 200_000_000_000 };
    assert_eq!(
        drift(&compared).into_iter().collect::<Vec<_>>(),
        [(["2026-11-01", "openai", "gpt-4o"], expected)]
    );
}

#[test]
fn the_same_id_of_two_providers_is_told_apart() {
    let record = |provider: &str, cost: &str| {
        json!({ "upstream_request_id": "req-1", "created_at": "2026-11-01T10:00:00Z", "list_cost": cost,
                "attributes": { "provider": provider, "model": "m" } })
    };
    let both = [record("openai", "0.10"), record("azure", "0.20")];
    let tenth = 100_000_000_000;
    let bill = |provider: &str, pico: i128| line(Some("req-1"), provider, "m", "2026-11-01", pico);
    let verdicts = |rows: &[Billed], records: &[serde_json::Value]| {
        compare(rows, records, 0).iter().map(|row| row.verdict).collect::<Vec<_>>()
    };
    let lines = [bill("openai", tenth), bill("azure", 2 * tenth), bill("azure", tenth), bill("other", tenth)];
    let expected = [Verdict::Matched, Verdict::Matched, Verdict::Differing, Verdict::Missing];
    assert_eq!(verdicts(&lines, &both), expected);
    // A bill that names nobody means whoever answered; one that knows the provider by another name means the only one.
    assert_eq!(verdicts(&[bill("", 3 * tenth)], &both), [Verdict::Matched]);
    assert_eq!(verdicts(&[bill("the vendor", tenth)], &both[..1]), [Verdict::Matched]);
}
