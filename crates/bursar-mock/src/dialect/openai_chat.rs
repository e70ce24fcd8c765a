//! OpenAI chat completions (`POST /v1/chat/completions`), as api.openai.com answered in 2026.

use super::padding;
use crate::answer::{Answer, CREATED, Finish, TOOL_ARGUMENTS_ESCAPED};
use crate::behaviour::UsageReport;
use crate::bill::Tally;
use crate::json::Out;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"id":"chatcmpl-"#).raw(&answer.id).raw(r#"","object":"chat.completion","created":"#);
    out.num(CREATED).raw(r#","model":"#).text(&answer.model).raw(r#","choices":["#);
    for index in 0..answer.choices {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"index":"#).num(index).raw(r#","message":{"role":"assistant","content":"#);
        if let Some(tool) = &answer.tool {
            out.raw(r#"null,"tool_calls":[{"id":"call_"#).raw(&answer.id).raw("_").num(index);
            out.raw(r#"","type":"function","function":{"name":"#).text(tool);
            out.raw(r#","arguments":""#).raw(TOOL_ARGUMENTS_ESCAPED).raw(r#""}}]"#);
        } else {
            out.raw("\"").tokens(0, answer.visible).raw("\"");
        }
        out.raw(r#","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":""#);
        out.raw(finish(answer.finish)).raw("\"}");
    }
    out.raw("]");
    match answer.final_report() {
        Some(tally) => {
            out.raw(",");
            usage(answer, &tally, out);
        }
        None if answer.usage == UsageReport::Null => {
            out.raw(r#","usage":null"#);
        }
        None => {}
    }
    tier(answer, out);
    padding(answer, out);
    out.raw(r#","system_fingerprint":"fp_mock"}"#);
}

pub(crate) fn head(answer: &Answer, out: &mut Out) {
    for index in 0..answer.choices {
        open(answer, out);
        out.raw(r#"{"index":"#).num(index);
        out.raw(r#","delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}"#);
        close(answer, 0, index == 0, out);
    }
}

pub(crate) fn delta(answer: &Answer, from: u64, upto: u64, out: &mut Out) {
    for index in 0..answer.choices {
        open(answer, out);
        out.raw(r#"{"index":"#).num(index).raw(r#","delta":{"content":""#).tokens(from, upto);
        out.raw(r#""},"logprobs":null,"finish_reason":null}"#);
        close(answer, answer.made(upto), false, out);
    }
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    for index in 0..answer.choices {
        if let Some(tool) = &answer.tool {
            tool_call(answer, index, tool, out);
        }
        open(answer, out);
        out.raw(r#"{"index":"#).num(index).raw(r#","delta":{},"logprobs":null,"finish_reason":""#);
        out.raw(finish(answer.finish)).raw("\"}]");
        let last = index + 1 == answer.choices;
        if last && answer.usage == UsageReport::InFinish {
            out.raw(",");
            usage(answer, &answer.reported(answer.tally.output), out);
        } else {
            running_usage(answer, answer.tally.output, out);
        }
        out.raw("}\n\n");
    }
    let asked = answer.include_usage && matches!(answer.usage, UsageReport::Honest | UsageReport::Zero);
    if asked {
        open(answer, out);
        out.raw("],");
        usage(answer, &answer.reported(answer.tally.output), out);
        out.raw("}\n\n");
    }
    out.raw("data: [DONE]\n\n");
}

fn tool_call(answer: &Answer, index: u64, tool: &str, out: &mut Out) {
    open(answer, out);
    out.raw(r#"{"index":"#).num(index).raw(r#","delta":{"tool_calls":[{"index":0,"id":"call_"#);
    out.raw(&answer.id).raw("_").num(index).raw(r#"","type":"function","function":{"name":"#).text(tool);
    out.raw(r#","arguments":""}}]},"logprobs":null,"finish_reason":null}"#);
    close(answer, 0, false, out);
    let half = TOOL_ARGUMENTS_ESCAPED.find(':').unwrap_or(0);
    let (first, second) = TOOL_ARGUMENTS_ESCAPED.split_at_checked(half).unwrap_or_default();
    for piece in [first, second] {
        open(answer, out);
        out.raw(r#"{"index":"#).num(index);
        out.raw(r#","delta":{"tool_calls":[{"index":0,"function":{"arguments":""#).raw(piece);
        out.raw(r#""}}]},"logprobs":null,"finish_reason":null}"#);
        close(answer, 0, false, out);
    }
}

fn open(answer: &Answer, out: &mut Out) {
    out.raw(r#"data: {"id":"chatcmpl-"#).raw(&answer.id);
    out.raw(r#"","object":"chat.completion.chunk","created":"#).num(CREATED).raw(r#","model":"#);
    out.text(&answer.model);
    tier(answer, out);
    out.raw(r#","system_fingerprint":"fp_mock","choices":["#);
}

fn close(answer: &Answer, made: u64, padded: bool, out: &mut Out) {
    out.raw("]");
    running_usage(answer, made, out);
    if padded {
        padding(answer, out);
    }
    out.raw("}\n\n");
}

/// `"usage":null` in each chunk where usage was asked for, cumulative counts where the script says so.
pub(super) fn running_usage(answer: &Answer, made: u64, out: &mut Out) {
    match answer.usage {
        UsageReport::EveryChunk => {
            out.raw(",");
            usage(answer, &answer.reported(made), out);
        }
        UsageReport::Honest | UsageReport::Zero | UsageReport::Null if answer.include_usage => {
            out.raw(r#","usage":null"#);
        }
        UsageReport::Honest
        | UsageReport::Zero
        | UsageReport::Null
        | UsageReport::Missing
        | UsageReport::InFinish => {}
    }
}

/// `"usage":{…}`; prompt counts include the caches, completion counts include reasoning.
pub(super) fn usage(answer: &Answer, tally: &Tally, out: &mut Out) {
    out.raw(r#""usage":{"prompt_tokens":"#).num(tally.prompt());
    out.raw(r#","completion_tokens":"#).num(tally.output);
    out.raw(r#","total_tokens":"#).num(tally.prompt().saturating_add(tally.output));
    out.raw(r#","prompt_tokens_details":{"cached_tokens":"#).num(tally.cache_read);
    let written = tally.cache_write_5m + tally.cache_write_1h;
    if written > 0 {
        out.raw(r#","cache_write_tokens":"#).num(written);
    }
    out.raw(r#","audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":"#);
    out.num(answer.reported_reasoning().min(tally.output));
    out.raw(r#","audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}"#);
    if let Some(cost) = answer.cost {
        cost.write(out);
    }
    out.raw("}");
}

pub(super) fn tier(answer: &Answer, out: &mut Out) {
    out.raw(r#","service_tier":"#).text(answer.tier.as_deref().unwrap_or("default"));
}

pub(super) fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool_calls",
    }
}
