//! What two readers could read differently is refused: with the field, the place and what would be right.

use super::*;

const CHAT: ApiFormat = ApiFormat::OpenAiChat;

#[test]
fn a_governed_key_twice_escaped_or_in_another_case_is_refused() {
    for (format, body) in [
        (CHAT, r#"{"model":"cheap","messages":[],"model":"dear"}"#),
        (CHAT, r#"{"model":"cheap","\u006dodel":"dear"}"#),
        (CHAT, r#"{"model":"cheap","Model":"dear"}"#),
        (CHAT, r#"{"\u006dodel":"dear"}"#),
        (CHAT, r#"{"model":"m","max_tokens":1,"max_tokens":100000}"#),
        (CHAT, r#"{"model":"m","max_tokens":1,"MAX_TOKENS":100000}"#),
        (CHAT, "{\"model\":\"m\",\"\u{17f}tream\":true}"),
        (CHAT, r#"{"model":"m","stream_options":{"include_usage":true,"include_usage":false}}"#),
        (CHAT, r#"{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}"#),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","type":"image_url"}]}]}"#,
        ),
        (ApiFormat::OpenAiResponses, r#"{"model":"m","input":"x","background":false,"background":true}"#),
        (ApiFormat::AnthropicMessages, r#"{"model":"m","max_tokens":1,"max_\u0074okens":100000}"#),
        (
            ApiFormat::GeminiGenerate,
            r#"{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":100000}}"#,
        ),
        (ApiFormat::GeminiGenerate, r#"{"generationConfig":{"maxOutputTokens":1},"generation_config":{}}"#),
        (ApiFormat::OllamaChat, r#"{"model":"m","Options":{"num_predict":100000}}"#),
        (ApiFormat::OllamaChat, r#"{"MODEL":"m"}"#),
    ] {
        let error = refused(format, body);
        assert!(error.contains("twice") || error.contains("spelled"), "{body}: {error}");
    }
}

#[test]
fn a_number_that_not_every_reader_reads_alike_is_refused() {
    for number in [
        "1e3",
        "1.0",
        "1.5",
        "-1",
        "99999999999999999999",
        "9007199254740992",
        "\"100\"",
        "true",
        "[1]",
        "{}",
    ] {
        for (format, body) in [
            (CHAT, format!(r#"{{"model":"m","max_tokens":{number}}}"#)),
            (CHAT, format!(r#"{{"model":"m","max_completion_tokens":{number}}}"#)),
            (CHAT, format!(r#"{{"model":"m","n":{number}}}"#)),
            (ApiFormat::OpenAiCompletions, format!(r#"{{"model":"m","best_of":{number}}}"#)),
            (ApiFormat::OpenAiResponses, format!(r#"{{"model":"m","max_output_tokens":{number}}}"#)),
            (
                ApiFormat::AnthropicMessages,
                format!(r#"{{"model":"m","thinking":{{"budget_tokens":{number}}}}}"#),
            ),
            (ApiFormat::GeminiGenerate, format!(r#"{{"generationConfig":{{"maxOutputTokens":{number}}}}}"#)),
            (ApiFormat::GeminiGenerate, format!(r#"{{"generationConfig":{{"candidateCount":{number}}}}}"#)),
            (ApiFormat::OllamaGenerate, format!(r#"{{"model":"m","options":{{"num_predict":{number}}}}}"#)),
        ] {
            if number == "-1" && format == ApiFormat::OllamaGenerate {
                assert_eq!(read(format, &body).output_limit, None);
            } else {
                refused(format, &body);
            }
        }
    }
    refused(CHAT, r#"{"model":"m","n":0}"#);
    refused(ApiFormat::OllamaGenerate, r#"{"model":"m","options":{"num_predict":-3}}"#);
}

#[test]
fn an_error_names_field_place_and_what_would_be_right() {
    let shown = [
        (CHAT, r#"{"model":"m","max_tokens":1e3}"#),
        (CHAT, r#"{"model":"m","max_tokens":-1}"#),
        (CHAT, r#"{"model":"m","stream":"yes"}"#),
        (CHAT, r#"{"model":7}"#),
        (CHAT, r#"{"messages":[]}"#),
        (CHAT, r#"{"model":"a","model":"b"}"#),
        (CHAT, r#"{"model":"m","models":["dear/model"]}"#),
        (CHAT, r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":7}]}"#),
        (CHAT, r#"{"model":"m","messages":[{"content":[{"type":"text","text":"a","type":"image_url"}]}]}"#),
        (CHAT, r#"{"model":"m","messages":[{"content":"a"},]}"#),
        (CHAT, r#"{"model":"m"} {"model":"n"}"#),
        (CHAT, r#"{"model":"m","messages":["#),
        (CHAT, "[]"),
        (CHAT, ""),
        (CHAT, r#"{"model":"m","preset":"mine"}"#),
        (CHAT, r#"{"model":"m","deferred":"true"}"#),
        (ApiFormat::AnthropicMessages, r#"{"model":"m","fallbacks":[{"model":"dear"}]}"#),
        (ApiFormat::GeminiGenerate, r#"{"model":"models/gemini-dear","contents":[]}"#),
        (
            ApiFormat::GeminiEmbed,
            r#"{"requests":[{"model":"models/gemini-2.5-pro"},{"model":"models/dear"}]}"#,
        ),
    ]
    .map(|(format, body)| format!("{body}\n  {}", refused(format, body)));
    insta::assert_snapshot!("errors", shown.join("\n"));
}

/// Settings that are kept at a router, in every format that it speaks.
#[test]
fn a_routers_preset_is_refused_and_none_is_not() {
    for format in
        [CHAT, ApiFormat::OpenAiCompletions, ApiFormat::OpenAiResponses, ApiFormat::AnthropicMessages]
    {
        let error = refused(format, r#"{"model":"m","preset":"mine"}"#);
        assert!(error.contains("`preset`") && error.contains("not priced"), "{format}: {error}");
        for none in ["null", "\"\""] {
            read(format, &format!(r#"{{"model":"m","preset":{none}}}"#));
        }
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for body in [
        "",
        " ",
        "{",
        "}",
        "nul",
        "null",
        "\"m\"",
        "{\"model\":\"m\",}",
        "{model:\"m\"}",
        "{'model':'m'}",
        "{\"model\":\"m\"}x",
        "{\"model\":\"m\" \"n\":1}",
        "{\"model\":\"m\",\"x\":01}",
        "{\"model\":\"m\",\"x\":1.}",
        "{\"model\":\"m\",\"x\":.5}",
        "{\"model\":\"m\",\"x\":+1}",
        "{\"model\":\"m\",\"x\":NaN}",
        "{\"model\":\"m\",\"x\":1e}",
        "{\"model\":\"m\",\"x\":\"\u{1}\"}",
        "{\"model\":\"m\",\"x\":\"\\x\"}",
        "{\"model\":\"m\",\"x\":\"\\u12g4\"}",
        "{\"model\":\"m\",\"x\":\"open}",
        "\u{feff}{\"model\":\"m\"}",
        "{\"model\":\"m\"/**/}",
        "{\"model\":\"m\",\"x\":[1 2]}",
        "{\"model\":\"m\",\"x\":tru}",
        "{\"model\":\"m\",\"x\":truely}",
    ] {
        refused(CHAT, body);
    }
    let route = SpendRoute::of(CHAT, None);
    assert!(read_facts(&route, b"{\"model\":\"m\xff\"}").is_err(), "not UTF-8");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!(r#"{{"model":"m","x":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    read(CHAT, &nested(100));
    assert!(refused(CHAT, &nested(128)).contains("nests deeper"));
    assert!(refused(CHAT, &nested(1_000_000)).contains("nests deeper"));
    let blocks = |depth: usize| {
        let open = r#"[{"type":"tool_result","content":"#.repeat(depth);
        let close = "}]".repeat(depth);
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":{open}"x"{close}}}]}}"#)
    };
    read(ApiFormat::AnthropicMessages, &blocks(60));
    assert!(refused(ApiFormat::AnthropicMessages, &blocks(500)).contains("nests deeper"));
}

#[test]
fn names_that_are_no_models_are_refused() {
    let long = "m".repeat(300);
    for name in ["", " m", "m\\n", "\\ud800", &long] {
        refused(CHAT, &format!(r#"{{"model":"{name}"}}"#));
    }
}
