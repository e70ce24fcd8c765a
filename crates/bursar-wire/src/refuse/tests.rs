//! What each format's client is told: one snapshot per format and class of code.

use super::*;
use crate::route::Framing;
use bursar_core::amount::{Measure, Usd};
use bursar_core::refusal::Blocking;
use bursar_core::{RequestId, Scope, Timestamp};

fn usd(text: &str) -> i64 {
    Usd::parse(text).unwrap().nanos()
}

/// "alpha month" is spent: the worked example of the reference.
fn spent() -> Refusal {
    let asked_at = Timestamp::parse("2026-03-15T12:00:00Z").unwrap();
    let mut refusal = Refusal::new(
        Code::BudgetProject,
        RequestId::new(asked_at, 7),
        "the budget `alpha month` is exhausted until 2026-04-01T00:00:00Z",
    );
    refusal.blocking.push(Blocking {
        code: Code::BudgetProject,
        budget: "alpha month".into(),
        measure: Measure::Usd,
        scope: Scope::parse("project=alpha").unwrap(),
        per: Vec::new(),
        starts_at: Timestamp::parse("2026-03-01"),
        ends_at: Timestamp::parse("2026-04-01"),
        limit: usd("10"),
        settled: usd("9.99"),
        suspense: 0,
        held: 0,
        requested: usd("0.0203"),
    });
    refusal.fits_max_output = Some(412);
    refusal
}
fn plain(code: Code) -> Refusal {
    Refusal::new(code, spent().request_id, "as it happens")
}
fn shown(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    let headers: Vec<String> =
        response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{}\n{}\n\n{}", response.status, headers.join("\n"), serde_json::to_string_pretty(&body).unwrap())
}

#[test]
fn a_spent_budget_in_every_format() {
    for format in ApiFormat::ALL {
        let said = shown(&refuse(format, &spent(), RefusalStatus::Native));
        insta::assert_snapshot!(format!("spent_{format}"), said);
    }
}

#[test]
fn every_class_of_code_in_every_family() {
    let classes = [
        ("kill_switch", Code::KillSwitch),
        ("held", Code::BudgetHeld),
        ("too_large", Code::RequestTooLarge),
        ("unavailable", Code::LedgerUnavailable),
        ("no_price", Code::NoPrice),
        ("unknown_key", Code::KeyUnknown),
        ("forbidden", Code::KeyForbidden),
        ("bad_input", Code::BadInput),
        ("body_too_large", Code::BodyTooLarge),
        ("upstream_timeout", Code::UpstreamTimeout),
        ("idempotency", Code::Idempotency),
    ];
    let families = [
        ApiFormat::OpenAiChat,
        ApiFormat::OpenAiResponses,
        ApiFormat::AnthropicMessages,
        ApiFormat::GeminiGenerate,
        ApiFormat::OllamaChat,
    ];
    for format in families {
        let mut all = String::new();
        for (name, code) in classes {
            all.push_str(&format!(
                "== {name}\n{}\n\n",
                shown(&refuse(format, &plain(code), RefusalStatus::Native))
            ));
        }
        insta::assert_snapshot!(format!("classes_{format}"), all);
    }
}

#[test]
fn statuses_follow_the_configuration() {
    for format in ApiFormat::ALL {
        for code in Code::ALL {
            let status = |choice: RefusalStatus| choice.of(format, *code);
            assert_eq!(status(RefusalStatus::Always402), code.status(), "{format} {code}");
            let expected = if code.is_spent_budget() { 429 } else { code.status() };
            assert_eq!(status(RefusalStatus::Always429), expected, "{format} {code}");
            if !code.is_spent_budget() {
                assert_eq!(status(RefusalStatus::Native), code.status(), "{format} {code}");
            }
        }
    }
    for word in ["native", "402", "429"] {
        assert!(RefusalStatus::parse(word).is_some());
    }
    assert_eq!(RefusalStatus::parse("500"), None);
}

#[test]
fn a_retry_is_invited_only_where_it_can_help() {
    for code in Code::ALL {
        let said = refuse(ApiFormat::OpenAiChat, &plain(*code), RefusalStatus::Native);
        let names: Vec<&str> = said.headers.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"x-should-retry") && names.contains(&"x-bursar-request-id"));
        assert_eq!(names.contains(&"retry-after"), code.is_retryable(), "{code}");
    }
}

#[test]
fn a_stream_ends_with_an_event_that_its_clients_raise() {
    let end = |framing, started, mid_event| StreamEnd {
        refusal: spent(),
        framing,
        started,
        mid_event,
        response: Some(("resp_1".into(), 42)),
    };
    let mut all = String::new();
    for (format, framing, started, mid_event) in [
        (ApiFormat::OpenAiChat, Framing::Sse, true, false),
        (ApiFormat::OpenAiCompletions, Framing::Sse, true, true),
        (ApiFormat::OpenAiResponses, Framing::Sse, true, false),
        (ApiFormat::AnthropicMessages, Framing::Sse, true, false),
        (ApiFormat::GeminiGenerate, Framing::Sse, true, false),
        (ApiFormat::GeminiGenerate, Framing::JsonArray, true, false),
        (ApiFormat::GeminiGenerate, Framing::JsonArray, false, false),
        (ApiFormat::OllamaChat, Framing::NdJson, true, true),
    ] {
        let bytes = end_stream(format, &end(framing, started, mid_event));
        let text = String::from_utf8(bytes).unwrap();
        all.push_str(&format!("== {format} {framing:?} started={started} mid_event={mid_event}\n{text}\n"));
    }
    insta::assert_snapshot!("ends", all);
}

#[test]
fn nothing_there_is_said_in_each_familys_shape() {
    let mut all = String::new();
    for family in Family::ALL {
        let said = not_found(family, 404, spent().request_id, "there is no model `gpt-9`");
        all.push_str(&format!("== {family}\n{}\n\n", shown(&said)));
    }
    insta::assert_snapshot!("absent", all);
}
