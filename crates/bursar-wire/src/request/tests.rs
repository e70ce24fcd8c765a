//! Stories of request bodies: what is read, what is refused, what bounds it.

mod bounds;
pub(crate) mod differential;
mod recorded;
mod smuggling;

use super::*;

/// Reads a body in a format; Gemini's path names `gemini-2.5-pro`.
fn facts(format: ApiFormat, body: &str) -> Result<Facts, InputError> {
    let gemini = matches!(format, ApiFormat::GeminiGenerate | ApiFormat::GeminiEmbed);
    read_facts(&SpendRoute::of(format, gemini.then_some("gemini-2.5-pro")), body.as_bytes())
}
fn read(format: ApiFormat, body: &str) -> Facts {
    facts(format, body).unwrap_or_else(|error| panic!("{format} {body}: {error}"))
}
fn refused(format: ApiFormat, body: &str) -> String {
    match facts(format, body) {
        Err(error) => error.to_string(),
        Ok(facts) => panic!("{format} {body} was taken: {facts:?}"),
    }
}

#[test]
fn each_format_names_its_model_stream_and_limit() {
    for (format, body, stream, limit) in [
        (ApiFormat::OpenAiChat, r#"{"model":"m","messages":[],"stream":true,"max_tokens":7}"#, true, Some(7)),
        (ApiFormat::OpenAiChat, r#"{"model":"m","max_completion_tokens":7,"max_tokens":9}"#, false, Some(9)),
        (ApiFormat::OpenAiCompletions, r#"{"model":"m","prompt":"x","max_tokens":null}"#, false, None),
        (
            ApiFormat::OpenAiResponses,
            r#"{"model":"m","input":"x","max_output_tokens":7,"stream":true}"#,
            true,
            Some(7),
        ),
        (ApiFormat::OpenAiEmbeddings, r#"{"model":"m","input":["x"]}"#, false, None),
        (
            ApiFormat::AnthropicMessages,
            r#"{"model":"m","max_tokens":7,"stream":true,"messages":[]}"#,
            true,
            Some(7),
        ),
        (ApiFormat::OllamaChat, r#"{"model":"m","messages":[],"options":{"num_predict":7}}"#, true, Some(7)),
        (
            ApiFormat::OllamaGenerate,
            r#"{"model":"m","prompt":"x","stream":false,"options":{"num_predict":-1}}"#,
            false,
            None,
        ),
        (ApiFormat::OllamaEmbed, r#"{"model":"m","input":"x"}"#, false, None),
    ] {
        let facts = read(format, body);
        assert_eq!((&*facts.model, facts.stream, facts.output_limit), ("m", stream, limit), "{body}");
    }
    let gemini =
        read(ApiFormat::GeminiGenerate, r#"{"contents":[],"generation_config":{"max_output_tokens":7}}"#);
    assert_eq!((&*gemini.model, gemini.output_limit), ("gemini-2.5-pro", Some(7)));
}

#[test]
fn a_limit_of_nothing_is_no_limit_but_where_it_is_documented() {
    assert_eq!(read(ApiFormat::OpenAiChat, r#"{"model":"m","max_tokens":0}"#).output_limit, None);
    assert_eq!(read(ApiFormat::AnthropicMessages, r#"{"model":"m","max_tokens":0}"#).output_limit, Some(0));
}

#[test]
fn names_are_decoded_and_users_kept() {
    let facts = read(ApiFormat::OpenAiChat, r#"{"model":"meta\/llama-\u0033","user":"ada","messages":[]}"#);
    assert_eq!((&*facts.model, facts.user.as_deref()), ("meta/llama-3", Some("ada")));
    let facts = read(ApiFormat::AnthropicMessages, r#"{"model":"m","metadata":{"user_id":"ada"}}"#);
    assert_eq!(facts.user.as_deref(), Some("ada"));
}

#[test]
fn needs_are_what_the_body_asks_for() {
    let needs = |format, body: &str| read(format, body).needs;
    let chat = needs(
        ApiFormat::OpenAiChat,
        r#"{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"reasoning_effort":"high",
            "response_format":{"type":"json_schema","json_schema":{}},
            "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
    );
    assert!(
        chat.tools
            && chat.thinking
            && chat.structured_output
            && chat.vision
            && !chat.audio
            && !chat.documents
    );
    assert_eq!(needs(ApiFormat::OpenAiChat, r#"{"model":"m","messages":[]}"#), Needs::default());
    let claude = r#"{"model":"m","thinking":{"type":"enabled","budget_tokens":2048},"max_tokens":4096}"#;
    let facts = read(ApiFormat::AnthropicMessages, claude);
    assert_eq!((facts.needs.thinking, facts.thinking_budget), (true, Some(2048)));
    let gemini = r#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingBudget":-1},"responseMimeType":"application/json"}}"#;
    let facts = read(ApiFormat::GeminiGenerate, gemini);
    assert_eq!(
        (facts.needs.thinking, facts.needs.structured_output, facts.thinking_budget),
        (true, true, None)
    );
}

#[test]
fn what_the_body_asks_for_beyond_the_meter_is_named() {
    let facts = read(ApiFormat::OpenAiResponses, r#"{"model":"m","input":"x","background":true}"#);
    assert_eq!(facts.unmetered, Some(Surface::Background));
    let facts = read(ApiFormat::OpenAiResponses, r#"{"model":"m","input":"x","background":false}"#);
    assert_eq!(facts.unmetered, None);
    let deferred =
        |value| read(ApiFormat::OpenAiChat, &format!(r#"{{"model":"m","deferred":{value}}}"#)).unmetered;
    assert_eq!(deferred("true"), Some(Surface::Background));
    assert_eq!((deferred("false"), deferred("null")), (None, None));
}
