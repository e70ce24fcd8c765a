//! Every edit in every place it can go, and the bytes around it unchanged.

use super::*;
use crate::request::read_facts;
use crate::request::tests::differential::{FORMATS, document};
use crate::route::SpendRoute;
use proptest::prelude::*;
use serde_json::Value;

fn spliced(format: ApiFormat, body: &str, splices: &[Splice]) -> String {
    let route = SpendRoute::of(format, Some("gemini-2.5-pro"));
    let facts = read_facts(&route, body.as_bytes()).unwrap();
    let out = splice(Bytes::copy_from_slice(body.as_bytes()), &facts, splices).unwrap();
    serde_json::from_slice::<serde_json::Value>(&out).expect("stays JSON");
    String::from_utf8(out.to_vec()).unwrap()
}
fn chat(body: &str, splices: &[Splice]) -> String {
    spliced(ApiFormat::OpenAiChat, body, splices)
}

#[test]
fn usage_is_asked_for_wherever_the_body_stands() {
    let ask = [Splice::IncludeUsage];
    for (body, expected) in [
        (
            r#"{"model":"m","stream":true,"messages":[]}"#,
            r#"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[]}"#,
        ),
        (
            r#"{"model":"m", "stream":true, "stream_options": null}"#,
            r#"{"model":"m", "stream":true, "stream_options": {"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ }}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"stream_options":{"include_obfuscation":false},"model":"m","stream":true}"#,
            r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"m","stream":true}"#,
        ),
        (
            r#"{"stream_options":{"include_usage": false},"model":"m","stream":true}"#,
            r#"{"stream_options":{"include_usage": true},"model":"m","stream":true}"#,
        ),
    ] {
        assert_eq!(chat(body, &ask), expected);
    }
}

#[test]
fn usage_is_not_asked_for_twice_or_in_vain() {
    for body in [
        r#"{"model":"m","messages":[]}"#,
        r#"{"model":"m","stream":false}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
    ] {
        assert_eq!(chat(body, &[Splice::IncludeUsage]), body);
    }
}

#[test]
fn a_model_and_a_limit_are_replaced_where_they_stand() {
    let body = "{ \"max_tokens\" : 4096 ,\n \"model\":\"alias\\/x\" , \"unknown\": [1.50, \"\\u00e9\"] }";
    let out = chat(body, &[Splice::Model("org/\"name\"".into()), Splice::OutputLimit(812)]);
    assert_eq!(
        out,
        "{ \"max_tokens\" : 812 ,\n \"model\":\"org/\\\"name\\\"\" , \"unknown\": [1.50, \"\\u00e9\"] }"
    );
}

#[test]
fn a_limit_goes_into_the_field_that_the_model_understands() {
    let limit = |model: &str| chat(&format!(r#"{{"model":"{model}"}}"#), &[Splice::OutputLimit(9)]);
    assert_eq!(limit("gpt-4o"), r#"{"max_tokens":9,"model":"gpt-4o"}"#);
    assert_eq!(limit("gpt-5-mini"), r#"{"max_completion_tokens":9,"model":"gpt-5-mini"}"#);
    assert_eq!(limit("openai/o3"), r#"{"max_completion_tokens":9,"model":"openai/o3"}"#);
    assert_eq!(limit("mistral-small"), r#"{"max_tokens":9,"model":"mistral-small"}"#);
}

#[test]
fn facts_of_another_body_are_not_used() {
    let facts = read_facts(&SpendRoute::of(ApiFormat::OpenAiChat, None), br#"{"model":"m"}"#).unwrap();
    let other = Bytes::from_static(br#"{"model":"mm"}"#);
    assert_eq!(splice(other, &facts, &[]), Err(SpliceError::OtherBody));
}

#[test]
fn every_formats_limit_has_its_place() {
    let limit = |format, body: &str| spliced(format, body, &[Splice::OutputLimit(9)]);
    for (format, body, expected) in [
        (ApiFormat::OpenAiCompletions, r#"{"model":"m"}"#, r#"{"max_tokens":9,"model":"m"}"#),
        (ApiFormat::OpenAiResponses, r#"{"model":"m"}"#, r#"{"max_output_tokens":9,"model":"m"}"#),
        (
            ApiFormat::AnthropicMessages,
            r#"{"model":"m","max_tokens": 4096}"#,
            r#"{"model":"m","max_tokens": 9}"#,
        ),
        (ApiFormat::GeminiGenerate, "{}", r#"{"generationConfig":{"maxOutputTokens":9}}"#),
        (
            ApiFormat::GeminiGenerate,
            r#"{"generationConfig": null}"#,
            r#"{"generationConfig": {"maxOutputTokens":9}}"#,
        ),
        (
            ApiFormat::GeminiGenerate,
            r#"{"generation_config": {"temperature": 1}}"#,
            r#"{"generation_config": {"maxOutputTokens":9,"temperature": 1}}"#,
        ),
        (
            ApiFormat::GeminiGenerate,
            r#"{"generationConfig":{"max_output_tokens":null}}"#,
            r#"{"generationConfig":{"max_output_tokens":9}}"#,
        ),
        (ApiFormat::OllamaChat, r#"{"model":"m"}"#, r#"{"options":{"num_predict":9},"model":"m"}"#),
        (
            ApiFormat::OllamaGenerate,
            r#"{"model":"m","options":{"num_predict":-1}}"#,
            r#"{"model":"m","options":{"num_predict":9}}"#,
        ),
    ] {
        assert_eq!(limit(format, body), expected);
    }
    let both = r#"{"model":"m","max_tokens":100,"max_completion_tokens":200}"#;
    assert_eq!(
        limit(ApiFormat::OpenAiChat, both),
        r#"{"model":"m","max_tokens":9,"max_completion_tokens":9}"#
    );
    let facts = read_facts(&SpendRoute::of(ApiFormat::OpenAiEmbeddings, None), br#"{"model":"m"}"#).unwrap();
    let none = splice(Bytes::from_static(br#"{"model":"m"}"#), &facts, &[Splice::OutputLimit(9)]);
    assert_eq!(none, Err(SpliceError::NoField));
}

#[test]
fn geminis_bodies_follow_the_path() {
    let rename = [Splice::Model("gemini-3-pro".into())];
    let plain = r#"{"contents":[]}"#;
    assert_eq!(spliced(ApiFormat::GeminiGenerate, plain, &rename), plain);
    let batch = r#"{"requests":[{"model":"models/gemini-2.5-pro"},{"model":"models/gemini-2.5-pro"}]}"#;
    assert_eq!(
        spliced(ApiFormat::GeminiEmbed, batch, &rename),
        r#"{"requests":[{"model":"models/gemini-3-pro"},{"model":"models/gemini-3-pro"}]}"#
    );
}

#[test]
fn all_edits_together_leave_the_rest_alone() {
    let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"h\u{e9} \\u00e9\"}], \"model\":\"a\",\"stream\":true, \"x\": 1.0}";
    let out = chat(body, &[Splice::IncludeUsage, Splice::Model("b".into()), Splice::OutputLimit(9)]);
    let expected = body.replacen('{', r#"{"stream_options":{"include_usage":true},"max_tokens":9,"#, 1);
    assert_eq!(out, expected.replace(r#""model":"a""#, r#""model":"b""#));
}

/// Whether two documents are equal but for what splices may write.
fn equal_but_spliced(before: &Value, after: &Value) {
    const SPLICED: [&str; 9] = [
        "model",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "options",
        "generationConfig",
        "generation_config",
        "num_predict",
    ];
    let rest = |value: &Value| {
        let mut fields = value.as_object().unwrap().clone();
        fields.retain(|key, _| !SPLICED.contains(&key.as_str()));
        fields
    };
    assert_eq!(rest(before), rest(after));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_spliced_is_read_back_and_nothing_else_changed(body in document()) {
        for format in FORMATS {
            let route = SpendRoute::of(format, (format == ApiFormat::GeminiGenerate).then_some("gemini-2.5-pro"));
            let Ok(facts) = read_facts(&route, body.as_bytes()) else { continue };
            let splices = [Splice::OutputLimit(77), Splice::Model("other".into()), Splice::IncludeUsage];
            let out = splice(Bytes::from(body.clone()), &facts, &splices).unwrap();
            let renamed = SpendRoute { model: route.model.as_ref().map(|_| "other".into()), ..route };
            let again = read_facts(&renamed, &out).unwrap_or_else(|error| panic!("{format} {body}: {error}"));
            prop_assert_eq!(again.output_limit, Some(77));
            prop_assert_eq!(&*again.model, "other");
            prop_assert_eq!(again.stream, facts.stream);
            prop_assert!(again.asks_usage);
            if let Ok(before) = serde_json::from_str::<Value>(&body) {
                equal_but_spliced(&before, &serde_json::from_slice(&out).unwrap());
            }
        }
    }
}
