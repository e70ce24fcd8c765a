//! What real bodies do that surprises, each as a small body of its own. The order is that of the notes on recorded
//! bodies: usage that is missing, elsewhere, of another meaning, more than one bill; errors.

use super::{chat, plain, read, stream};
use crate::meter::{Anomaly, Billed, BodyKind};
use bursar_core::ApiFormat::{self, *};

/// A stream of these data lines.
fn events(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

// Usage that is missing.

#[test]
fn a_stream_that_was_not_asked_for_usage_has_none() {
    let body = events(&[
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Grüße"},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let reading = stream(OpenAiChat, "openai", &body);
    assert_eq!(format!("{:?}", reading.usage), "{}");
    assert_eq!((reading.text_bytes, reading.complete, reading.billed()), (7, true, Billed::Unstated));
    assert_eq!(reading.text_bytes_by_choice.as_slice(), [7]);
}

#[test]
fn groqs_stream_that_fails_in_a_tool_call_has_neither_usage_nor_done() {
    let body = events(&[r#"{"choices":[{"index":0,"delta":{"reasoning":"maybe"},"finish_reason":null}]}"#])
        + "event: error\ndata: {\"error\":{\"message\":\"did not call a tool\",\"type\":\"invalid_request_error\",\"code\":\"tool_use_failed\",\"status_code\":400}}\n\n";
    let reading = stream(OpenAiChat, "groq", &body);
    let error = reading.error.clone().unwrap();
    assert_eq!(error.kind.as_deref(), Some("invalid_request_error"));
    assert_eq!((reading.text_bytes, reading.complete, reading.billed()), (5, false, Billed::Unstated));
}

#[test]
fn a_background_response_has_its_usage_later() {
    let reading = plain(
        OpenAiResponses,
        "openai",
        r#"{"id":"resp_1","status":"queued","background":true,"model":"gpt-5","output":[],"usage":null,"error":null}"#,
    );
    assert!(reading.usage.is_empty() && !reading.complete && reading.error.is_none());
    assert_eq!(reading.finish.as_deref(), Some("queued"));
    assert_eq!(reading.billed(), Billed::Nothing);
}

#[test]
fn geminis_blocked_prompt_states_no_counts() {
    let reading = plain(
        GeminiGenerate,
        "vertex",
        r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"trafficType":"ON_DEMAND"},"modelVersion":"gemini-2.5-flash"}"#,
    );
    assert!(reading.usage.is_empty() && reading.complete);
    assert_eq!(reading.finish.as_deref(), Some("PROHIBITED_CONTENT"));
}

#[test]
fn gemini_embeddings_state_usage_or_not() {
    let with = r#"{"embedding":{"values":[0.1,-2e-3]},"usageMetadata":{"promptTokenCount":7,"promptTokenDetails":[{"modality":"TEXT","tokenCount":7}]}}"#;
    let reading = plain(GeminiEmbed, "gemini", with);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 7, "output": 0}"#);
    let without = plain(GeminiEmbed, "gemini", r#"{"embeddings":[{"values":[0.1]}]}"#);
    assert!(without.usage.is_empty() && without.complete);
    assert_eq!(without.billed(), Billed::Unstated);
}

#[test]
fn ollama_leaves_the_prompt_out_when_it_was_cached() {
    let lines = "{\"model\":\"llama3\",\"response\":\"A\",\"done\":false}\n{\"model\":\"llama3\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2],\"eval_count\":58}\n";
    let reading = read(OllamaGenerate, "ollama", BodyKind::JsonLines, lines.as_bytes());
    assert_eq!(format!("{:?}", reading.usage), r#"{"output": 58}"#);
    assert!(reading.complete && reading.anomalies.is_empty());
    let zero = lines.replace("\"eval_count\":58", "\"prompt_eval_count\":0,\"eval_count\":0");
    let reading = read(OllamaGenerate, "ollama", BodyKind::JsonLines, zero.as_bytes());
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 0, "output": 0}"#, "zero is stated");
}

#[test]
fn voyage_states_the_total_alone() {
    let body =
        r#"{"object":"list","data":[{"embedding":[0.5]}],"model":"voyage-3.5","usage":{"total_tokens":3}}"#;
    assert_eq!(
        format!("{:?}", plain(OpenAiEmbeddings, "voyage", body).usage),
        r#"{"input": 3, "output": 0}"#
    );
}

// Usage that is not where one looks.

#[test]
fn azures_first_chunk_and_openais_last_have_no_choices() {
    let body = events(&[
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"{"choices":[{"content_filter_results":{},"delta":{"content":"Hi"},"finish_reason":"stop","index":0}],"id":"c","model":"gpt-4o","usage":null}"#,
        r#"{"choices":[],"id":"c","model":"gpt-4o","usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}"#,
        "[DONE]",
    ]);
    let reading = stream(OpenAiChat, "azure", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 5, "output": 1}"#);
    assert_eq!((reading.model.as_deref(), reading.response_id.as_deref()), (Some("gpt-4o"), Some("c")));
}

#[test]
fn usage_beside_the_finish_reason_counts() {
    let body = events(&[
        r#"{"choices":[{"delta":{"content":"!"},"finish_reason":"stop","index":0}],"usage":{"prompt_tokens":451,"completion_tokens":21,"total_tokens":472,"prompt_tokens_details":{"cached_tokens":384},"prompt_cache_hit_tokens":384,"prompt_cache_miss_tokens":67}}"#,
        "[DONE]",
    ]);
    let reading = stream(OpenAiChat, "deepseek", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 67, "cache_read": 384, "output": 21}"#);
}

#[test]
fn groqs_usage_in_two_places_counts_once() {
    let usage = r#"{"prompt_tokens":18,"completion_tokens":73,"total_tokens":91,"queue_time":0.28}"#;
    for body in [
        format!(
            r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{"id":"r","usage":{usage}}}}}"#
        ),
        format!(r#"{{"choices":[],"x_groq":{{"usage":{usage}}},"usage":{usage}}}"#),
    ] {
        let reading = stream(OpenAiChat, "groq", &events(&[&body, "[DONE]"]));
        assert_eq!(format!("{:?}", reading.usage), r#"{"input": 18, "output": 73}"#);
    }
}

#[test]
fn perplexitys_cumulative_usage_in_every_chunk_is_taken_once() {
    let chunk = |output: u64, finish: &str| {
        format!(
            r#"{{"model":"sonar","choices":[{{"index":0,"delta":{{"content":"x"}},"finish_reason":{finish}}}],"usage":{{"prompt_tokens":11,"completion_tokens":{output},"total_tokens":{},"search_context_size":"low","cost":{{"request_cost":0.005,"total_cost":0.00507}}}}}}"#,
            11 + output
        )
    };
    let body = events(&[&chunk(1, "null"), &chunk(40, "null"), &chunk(62, "\"stop\"")]).replace('\n', "\r\n");
    let reading = stream(OpenAiChat, "perplexity", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 11, "output": 62}"#);
    assert_eq!(reading.provider_cost_pico, Some(5_070_000_000));
    assert!(reading.complete && reading.anomalies.is_empty());
}

#[test]
fn anthropics_last_statement_of_each_field_wins() {
    let body = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-opus-4-1\",\"content\":[],\"usage\":{\"input_tokens\":2039,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n\
event: ping\ndata: {\"type\": \"ping\"}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n\
event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":10423,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":341,\"server_tool_use\":{\"web_search_requests\":1}}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let reading = stream(AnthropicMessages, "anthropic", body);
    assert_eq!(
        format!("{:?}", reading.usage),
        r#"{"input": 10423, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "output": 341, "web_search": 1}"#
    );
    assert_eq!((reading.finish.as_deref(), reading.complete), (Some("end_turn"), true));

    // Streams of 2024 state only the output in the end.
    let old = body.replace(
        "\"input_tokens\":10423,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,",
        "",
    );
    let reading = stream(AnthropicMessages, "anthropic", &old);
    assert_eq!(reading.usage.get(bursar_core::UsageClass::Input), 2039);
}

/// Rules: S4-14.
#[test]
fn anthropics_split_of_cache_writes_may_be_older_than_their_total() {
    let body = events(&[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":2,"cache_creation_input_tokens":3068,"cache_creation":{"ephemeral_5m_input_tokens":3068,"ephemeral_1h_input_tokens":0},"output_tokens":69}}}"#,
        r#"{"type":"message_delta","usage":{"input_tokens":6,"cache_creation_input_tokens":3337,"cache_read_input_tokens":6289,"output_tokens":198}}"#,
    ]);
    let reading = stream(AnthropicMessages, "anthropic", &body);
    assert_eq!(
        format!("{:?}", reading.usage),
        r#"{"input": 6, "cache_read": 6289, "cache_write_5m": 3337, "cache_write_1h": 0, "output": 198}"#
    );
    assert!(reading.anomalies.has(Anomaly::CacheWriteSplit));
    // Where writes for an hour are in the split, what came later may be dearer, so it is.
    let hour = body
        .replace("_5m_input_tokens\":3068", "_5m_input_tokens\":68")
        .replace("_1h_input_tokens\":0", "_1h_input_tokens\":3000");
    let reading = stream(AnthropicMessages, "anthropic", &hour);
    assert_eq!(reading.usage.get(bursar_core::UsageClass::CacheWrite1h), 3269);
}

#[test]
fn geminis_usage_is_cumulative_and_its_plain_stream_an_array() {
    let one = r#"{"candidates":[{"content":{"parts":[{"text":"The weather"}]},"index":0}],"usageMetadata":{"promptTokenCount":233,"candidatesTokenCount":4,"totalTokenCount":237}}"#;
    let two = r#"{"candidates":[{"content":{"parts":[{"text":" is 15°C"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":233,"candidatesTokenCount":21,"totalTokenCount":254,"serviceTier":"standard"},"modelVersion":"gemini-2.5-flash","responseId":"r"}"#;
    let array = format!("[{one}\n,\r\n{two}\n]\n");
    let sse = events(&[one, two]).replace('\n', "\r\n");
    for body in [array, sse] {
        let reading = stream(GeminiGenerate, "gemini", &body);
        assert_eq!(format!("{:?}", reading.usage), r#"{"input": 233, "output": 21}"#);
        assert_eq!((reading.text_bytes, reading.complete), (20, true));
        assert_eq!(reading.service_tier.as_deref(), Some("standard"));
    }
}

// Usage that does not mean what its name says.

/// Rules: S4-15.
#[test]
fn a_prompt_includes_what_was_cached_or_does_not() {
    let openai = plain(
        OpenAiChat,
        "openai",
        &chat(
            r#""prompt_tokens":1149,"completion_tokens":353,"total_tokens":1502,"prompt_tokens_details":{"cached_tokens":1024}"#,
        ),
    );
    assert_eq!(format!("{:?}", openai.usage), r#"{"input": 125, "cache_read": 1024, "output": 353}"#);
    let anthropic = plain(
        AnthropicMessages,
        "anthropic",
        r#"{"usage":{"input_tokens":10,"cache_read_input_tokens":7351,"output_tokens":4}}"#,
    );
    assert_eq!(format!("{:?}", anthropic.usage), r#"{"input": 10, "cache_read": 7351, "output": 4}"#);
}

#[test]
fn xais_reasoning_stands_beside_the_output() {
    let usage = r#""prompt_tokens":291,"completion_tokens":26,"total_tokens":513,"prompt_tokens_details":{"cached_tokens":290},"completion_tokens_details":{"reasoning_tokens":196},"cost_in_usd_ticks":1330500"#;
    let expected = r#"{"input": 1, "cache_read": 290, "output": 222, "reasoning": 196}"#;
    let reading = plain(OpenAiChat, "xai", &chat(usage));
    assert_eq!(format!("{:?}", reading.usage), expected);
    assert_eq!(reading.provider_cost_pico, Some(133_050_000));
    // The total proves it for a provider of any name; without a total the name decides.
    assert_eq!(format!("{:?}", plain(OpenAiChat, "openai", &chat(usage)).usage), expected);
    let untotalled = chat(&usage.replace(r#""total_tokens":513,"#, ""));
    assert_eq!(format!("{:?}", plain(OpenAiChat, "x-ai", &untotalled).usage), expected);
    // Through OpenRouter the reasoning is inside, and the total proves that, too.
    let inside = chat(
        r#""prompt_tokens":687,"completion_tokens":240,"total_tokens":927,"completion_tokens_details":{"reasoning_tokens":165}"#,
    );
    assert_eq!(
        format!("{:?}", plain(OpenAiChat, "xai", &inside).usage),
        r#"{"input": 687, "output": 240, "reasoning": 165}"#
    );
}

/// Rules: S4-15.
#[test]
fn geminis_thoughts_and_tool_prompts_come_on_top() {
    let usage = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":40,"promptTokenCount":15,"thoughtsTokenCount":257,"toolUsePromptTokenCount":288,"totalTokenCount":600}}"#;
    let reading = plain(GeminiGenerate, "gemini", usage);
    assert_eq!(
        format!("{:?}", reading.usage),
        r#"{"input": 303, "output": 297, "tool_use_input": 288, "reasoning": 257}"#
    );
    assert!(reading.anomalies.is_empty());
}

#[test]
fn geminis_compatible_front_shows_thinking_in_the_total_alone() {
    let body = chat(r#""prompt_tokens":66,"completion_tokens":6,"total_tokens":100"#);
    assert_eq!(format!("{:?}", plain(OpenAiChat, "gemini", &body).usage), r#"{"input": 66, "output": 34}"#);
    let reading = plain(OpenAiChat, "somebody", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 66, "output": 6}"#);
    assert!(reading.anomalies.has(Anomaly::TotalMismatch), "no rule says why: flagged");
}

#[test]
fn mistrals_audio_stands_outside_of_the_prompt() {
    let body =
        chat(r#""prompt_audio_seconds":30,"prompt_tokens":9,"completion_tokens":20,"total_tokens":404"#);
    let reading = plain(OpenAiChat, "mistral", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 384, "output": 20, "audio_input": 375}"#);
}

#[test]
fn more_cached_than_the_prompt_has_never_becomes_a_negative_count() {
    let body = chat(
        r#""prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":163}"#,
    );
    let reading = plain(OpenAiChat, "azure", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 0, "cache_read": 163, "output": 1}"#);
    assert!(reading.anomalies.has(Anomaly::CacheAbovePrompt));
}

#[test]
fn openrouters_gemini_reads_and_writes_the_same_tokens_and_bills_both() {
    let body = chat(
        r#""prompt_tokens":2168,"completion_tokens":100,"total_tokens":2268,"cost":0.0004970133333333333,"is_byok":false,"prompt_tokens_details":{"cached_tokens":2161,"cache_write_tokens":2161}"#,
    );
    let reading = plain(OpenAiChat, "openrouter", &body);
    assert_eq!(
        format!("{:?}", reading.usage),
        r#"{"input": 7, "cache_read": 2161, "cache_write_5m": 2161, "output": 100}"#
    );
    assert_eq!(reading.provider_cost_pico, Some(497_013_334), "rounded up");
}

#[test]
fn reasoning_above_the_output_is_cut_to_it() {
    let body = chat(
        r#""prompt_tokens":5,"completion_tokens":10,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":11},"cost":0"#,
    );
    let reading = plain(OpenAiChat, "openrouter", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 5, "output": 10, "reasoning": 10}"#);
    assert!(reading.anomalies.has(Anomaly::PartAboveWhole));
    assert_eq!(reading.provider_cost_pico, Some(0), "a free model costs nothing");
    // A fake provider's Responses: reasoning 315 beside an output of 105, total 422.
    let beside = r#"{"status":"completed","usage":{"input_tokens":2,"output_tokens":105,"total_tokens":422,"output_tokens_details":{"reasoning_tokens":315}}}"#;
    assert_eq!(
        format!("{:?}", plain(OpenAiResponses, "", beside).usage),
        r#"{"input": 2, "output": 420, "reasoning": 315}"#
    );
}

#[test]
fn openai_states_cache_writes() {
    let body = r#"{"status":"completed","service_tier":"default","usage":{"input_tokens":4020,"input_tokens_details":{"cache_write_tokens":4012,"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":4025}}"#;
    let reading = plain(OpenAiResponses, "openai", body);
    assert_eq!(
        format!("{:?}", reading.usage),
        r#"{"input": 8, "cache_read": 0, "cache_write_5m": 4012, "output": 5, "reasoning": 0}"#
    );
    assert_eq!(reading.service_tier.as_deref(), Some("default"));
}

// Usage that is more than one bill.

#[test]
fn groqs_compound_names_its_inner_models() {
    let body = r#"{"model":"groq/compound","choices":[{"message":{"content":"4"},"finish_reason":"stop"}],"usage":{"prompt_tokens":300,"completion_tokens":30,"total_tokens":330},"usage_breakdown":{"models":[{"model":"llama-3.3","usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}},{"model":"gpt-oss","usage":{"prompt_tokens":150,"completion_tokens":15,"total_tokens":165}},{"model":"llama-3.3","usage":{"prompt_tokens":50,"completion_tokens":5,"total_tokens":55}}]}}"#;
    assert_eq!(
        format!("{:?}", plain(OpenAiChat, "groq", body).billed_by_model),
        r#"[("llama-3.3", {"input": 150, "output": 15}), ("gpt-oss", {"input": 150, "output": 15})]"#
    );
}

/// One Anthropic message with these iterations.
fn iterated(top: &str, iterations: &str) -> String {
    format!(
        r#"{{"type":"message","model":"claude-sonnet-5","stop_reason":"end_turn","content":[],"usage":{{{top},"iterations":[{iterations}]}}}}"#
    )
}

#[test]
fn an_advisors_tokens_are_billed_beside_the_top_level() {
    let body = iterated(
        r#""input_tokens":2390,"output_tokens":121,"output_tokens_details":{"thinking_tokens":28},"server_tool_use":{"web_search_requests":2}"#,
        r#"{"type":"message","input_tokens":1128,"output_tokens":110},{"type":"advisor_message","model":"claude-opus-4-8","input_tokens":2518,"output_tokens":22},{"type":"message","model":null,"input_tokens":1262,"output_tokens":11}"#,
    );
    let reading = plain(AnthropicMessages, "anthropic", &body);
    assert_eq!(reading.usage.get(bursar_core::UsageClass::Input), 2390, "the top level stays what it is");
    assert_eq!(
        format!("{:?}", reading.billed_by_model),
        r#"[("claude-sonnet-5", {"input": 2390, "output": 121, "reasoning": 28, "web_search": 2}), ("claude-opus-4-8", {"input": 2518, "output": 22})]"#
    );
}

#[test]
fn a_compactions_tokens_are_billed_beside_the_top_level() {
    let body = iterated(
        r#""input_tokens":229,"output_tokens":5,"cache_read_input_tokens":0,"cache_creation_input_tokens":0"#,
        r#"{"type":"compaction","input_tokens":100,"output_tokens":131,"cache_creation_input_tokens":55096,"cache_creation":{"ephemeral_5m_input_tokens":55096,"ephemeral_1h_input_tokens":0}},{"type":"message","input_tokens":229,"output_tokens":5}"#,
    );
    assert_eq!(
        format!("{:?}", plain(AnthropicMessages, "anthropic", &body).billed_by_model),
        r#"[("claude-sonnet-5", {"input": 329, "cache_read": 0, "cache_write_5m": 55096, "cache_write_1h": 0, "output": 136})]"#
    );
    // Iterations that only repeat the top level add nothing.
    let repeated = iterated(
        r#""input_tokens":229,"output_tokens":5"#,
        r#"{"type":"message","input_tokens":229,"output_tokens":5}"#,
    );
    assert!(plain(AnthropicMessages, "anthropic", &repeated).billed_by_model.is_empty());
}

/// Rules: S1-22, S4-32.
#[test]
fn the_model_that_answered_is_read_not_the_one_that_was_asked() {
    let body = r#"{"type":"message","model":"claude-opus-4-8","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2,"inference_geo":"us","speed":"fast","service_tier":"priority"}}"#;
    let reading = plain(AnthropicMessages, "anthropic", body);
    assert_eq!(reading.model.as_deref(), Some("claude-opus-4-8"));
    assert_eq!((reading.region.as_deref(), reading.speed.as_deref()), (Some("us"), Some("fast")));
    assert_eq!(reading.service_tier.as_deref(), Some("priority"));
}

#[test]
fn another_gateways_fields_in_the_usage_pass() {
    let body = chat(
        r#""prompt_tokens":13,"completion_tokens":11,"total_tokens":24,"pydantic_ai_gateway":{"cost_estimate":0.00012625,"prompt_tokens":99}"#,
    );
    let reading = plain(OpenAiChat, "gateway", &body);
    assert_eq!(format!("{:?}", reading.usage), r#"{"input": 13, "output": 11}"#);
    assert_eq!(reading.provider_cost_pico, None);
}

#[test]
fn a_routers_fee_is_not_the_cost_where_the_customers_own_key_pays() {
    let with = r#""prompt_tokens":480,"completion_tokens":33,"total_tokens":513,"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0002265}"#;
    assert_eq!(plain(OpenAiChat, "openrouter", &chat(with)).provider_cost_pico, Some(226_500_000));
    let without = with.replace("0.0002265", "null");
    assert_eq!(plain(OpenAiChat, "openrouter", &chat(&without)).provider_cost_pico, None);
    let empty =
        chat(r#""prompt_tokens":377,"completion_tokens":69,"total_tokens":446,"cost_in_usd_ticks":0"#);
    assert_eq!(plain(OpenAiChat, "azure", &empty).provider_cost_pico, None, "a field left empty is not free");
}

// Errors.

#[test]
fn errors_of_every_shape_are_read_and_not_billed() {
    let cases: [(ApiFormat, &str, Option<&str>, Option<&str>); 14] = [
        (
            OpenAiChat,
            r#"{"error":{"message":"no","type":"invalid_request_error","code":"tool_use_failed"}}"#,
            Some("invalid_request_error"),
            Some("no"),
        ),
        (
            OpenAiChat,
            r#"{"error":{"message":"no","type":null,"code":"content_filter","status":400}}"#,
            Some("content_filter"),
            Some("no"),
        ),
        (
            OpenAiChat,
            r#"{"code":"Client specified an invalid argument","error":"no"}"#,
            Some("Client specified an invalid argument"),
            Some("no"),
        ),
        (OpenAiChat, r#"{"detail":"Invalid API Key"}"#, None, Some("Invalid API Key")),
        (OpenAiChat, r#"{"message":"Unauthorized","code":401}"#, Some("401"), Some("Unauthorized")),
        (
            OpenAiChat,
            r#"{"choices":[{"error":{"message":"no","code":500},"finish_reason":"error","message":{"content":""}}]}"#,
            Some("500"),
            Some("no"),
        ),
        (
            OpenAiResponses,
            r#"{"error":{"message":"no","type":"server_error","code":null}}"#,
            Some("server_error"),
            Some("no"),
        ),
        (
            OpenAiResponses,
            r#"{"id":"r","status":"failed","error":{"code":"server_error","message":"no"},"usage":null}"#,
            Some("server_error"),
            Some("no"),
        ),
        (
            AnthropicMessages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"no"},"request_id":"req_1"}"#,
            Some("overloaded_error"),
            Some("no"),
        ),
        (AnthropicMessages, r#"{"message":"no"}"#, None, Some("no")),
        (
            GeminiGenerate,
            r#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#,
            Some("RESOURCE_EXHAUSTED"),
            Some("no"),
        ),
        (
            GeminiGenerate,
            r#"[{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}]"#,
            Some("UNAVAILABLE"),
            Some("no"),
        ),
        (OllamaChat, r#"{"error":"no"}"#, None, Some("no")),
        (OllamaEmbed, r#"{"error":"no"}"#, None, Some("no")),
    ];
    for (format, body, kind, message) in cases {
        for reading in [plain(format, "", body), stream(format, "", body)] {
            let error = reading.error.clone().unwrap_or_else(|| panic!("no error in {body}"));
            assert_eq!((error.kind.as_deref(), error.message.as_deref()), (kind, message), "{body}");
            assert_eq!(reading.billed(), Billed::Nothing, "{body}");
            assert!(reading.anomalies.is_empty(), "{body}");
        }
    }
}

#[test]
fn an_error_that_states_its_usage_is_billed() {
    let body = r#"{"error":{"message":"no","code":"content_filter"},"usage":{"prompt_tokens":9,"completion_tokens":0,"total_tokens":9}}"#;
    assert_eq!(plain(OpenAiChat, "", body).billed(), Billed::Stated);
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_seen() {
    let body = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}}\n\n";
    let reading = stream(AnthropicMessages, "anthropic", body);
    assert_eq!(reading.error.unwrap().kind.as_deref(), Some("overloaded_error"));
    assert!(!reading.complete);
    let body = events(&[r#"{"type":"error","code":"server_error","message":"no"}"#]);
    let error = stream(OpenAiResponses, "openai", &body).error.unwrap();
    assert_eq!((error.kind.as_deref(), error.message.as_deref()), (Some("server_error"), Some("no")));
}

#[test]
fn a_long_error_message_is_cut() {
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "ü".repeat(5_000));
    assert!(plain(OpenAiChat, "", &body).error.unwrap().message.unwrap().len() <= 256);
}
