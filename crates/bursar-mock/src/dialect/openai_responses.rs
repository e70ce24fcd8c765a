//! OpenAI Responses (`POST /v1/responses`) with its typed event stream.

use super::padding;
use crate::answer::{Answer, CREATED, Finish, TOOL_ARGUMENTS_ESCAPED};
use crate::behaviour::UsageReport;
use crate::json::Out;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    response(answer, true, out);
}

pub(crate) fn head(answer: &Answer, out: &mut Out) {
    for kind in ["response.created", "response.in_progress"] {
        event(kind, out);
        out.raw(r#","response":"#);
        response(answer, false, out);
        end(out);
    }
    event("response.output_item.added", out);
    out.raw(r#","output_index":0,"item":"#);
    if answer.tool.is_some() {
        call(answer, "", "in_progress", out);
    } else {
        message(answer, false, out);
        end(out);
        event("response.content_part.added", out);
        place(out);
        out.raw(r#","part":"#);
        part(0, out);
    }
    end(out);
}

pub(crate) fn delta(from: u64, upto: u64, out: &mut Out) {
    event("response.output_text.delta", out);
    out.raw(r#","item_id":"msg_mock","output_index":0,"content_index":0,"logprobs":[],"delta":""#);
    out.tokens(from, upto).raw("\"");
    end(out);
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    if answer.tool.is_some() {
        let half = TOOL_ARGUMENTS_ESCAPED.find(':').unwrap_or(0);
        let (first, second) = TOOL_ARGUMENTS_ESCAPED.split_at_checked(half).unwrap_or_default();
        for piece in [first, second] {
            event("response.function_call_arguments.delta", out);
            out.raw(r#","item_id":"fc_mock","output_index":0,"delta":""#).raw(piece).raw("\"");
            end(out);
        }
        event("response.function_call_arguments.done", out);
        out.raw(r#","item_id":"fc_mock","output_index":0,"arguments":""#)
            .raw(TOOL_ARGUMENTS_ESCAPED)
            .raw("\"");
        end(out);
        event("response.output_item.done", out);
        out.raw(r#","output_index":0,"item":"#);
        call(answer, TOOL_ARGUMENTS_ESCAPED, "completed", out);
    } else {
        event("response.output_text.done", out);
        place(out);
        out.raw(r#","logprobs":[],"text":""#).tokens(0, answer.visible).raw("\"");
        end(out);
        event("response.content_part.done", out);
        place(out);
        out.raw(r#","part":"#);
        part(answer.visible, out);
        end(out);
        event("response.output_item.done", out);
        out.raw(r#","output_index":0,"item":"#);
        message(answer, true, out);
    }
    end(out);
    let incomplete = answer.finish == Finish::Length;
    event(if incomplete { "response.incomplete" } else { "response.completed" }, out);
    out.raw(r#","response":"#);
    response(answer, true, out);
    end(out);
}

fn event(kind: &str, out: &mut Out) {
    // Bytes so far grow as a counter would, and need no state of their own.
    let sequence = out.position();
    out.raw("event: ")
        .raw(kind)
        .raw("\ndata: {\"type\":\"")
        .raw(kind)
        .raw(r#"","sequence_number":"#)
        .num(sequence);
}

fn end(out: &mut Out) {
    out.raw("}\n\n");
}

fn place(out: &mut Out) {
    out.raw(r#","item_id":"msg_mock","output_index":0,"content_index":0"#);
}

fn part(tokens: u64, out: &mut Out) {
    out.raw(r#"{"type":"output_text","annotations":[],"logprobs":[],"text":""#).tokens(0, tokens).raw("\"}");
}

fn message(answer: &Answer, done: bool, out: &mut Out) {
    out.raw(r#"{"id":"msg_mock","type":"message","role":"assistant","status":""#);
    out.raw(if done { "completed" } else { "in_progress" }).raw(r#"","content":["#);
    if done {
        part(answer.visible, out);
    }
    out.raw("]}");
}

fn call(answer: &Answer, arguments: &str, status: &str, out: &mut Out) {
    out.raw(r#"{"id":"fc_mock","type":"function_call","status":""#).raw(status).raw(r#"","arguments":""#);
    out.raw(arguments).raw(r#"","call_id":"call_"#).raw(&answer.id).raw(r#"","name":"#);
    out.text(answer.tool.as_deref().unwrap_or_default()).raw("}");
}

/// The response object: what is asked for, and at the end what came of it.
fn response(answer: &Answer, done: bool, out: &mut Out) {
    let incomplete = answer.finish == Finish::Length;
    let status = match (done, incomplete) {
        (false, _) => "in_progress",
        (true, true) => "incomplete",
        (true, false) => "completed",
    };
    out.raw(r#"{"id":"resp_"#).raw(&answer.id).raw(r#"","object":"response","created_at":"#).num(CREATED);
    out.raw(r#","status":""#).raw(status).raw(r#"","error":null,"incomplete_details":"#);
    out.raw(if done && incomplete { r#"{"reason":"max_output_tokens"}"# } else { "null" });
    out.raw(r#","instructions":null,"metadata":{},"model":"#).text(&answer.model).raw(r#","output":["#);
    if done && answer.tool.is_some() {
        call(answer, TOOL_ARGUMENTS_ESCAPED, "completed", out);
    } else if done {
        message(answer, true, out);
    }
    out.raw(r#"],"parallel_tool_calls":true,"temperature":1,"tool_choice":"auto","tools":[],"top_p":1"#);
    out.raw(
        r#","max_output_tokens":null,"previous_response_id":null,"reasoning":{"effort":null,"summary":null}"#,
    );
    out.raw(r#","store":false,"text":{"format":{"type":"text"}},"truncation":"disabled","service_tier":"#);
    out.text(answer.tier.as_deref().unwrap_or("default"));
    match answer.final_report().filter(|_| done) {
        Some(tally) => {
            out.raw(r#","usage":{"input_tokens":"#).num(tally.prompt());
            out.raw(r#","input_tokens_details":{"cached_tokens":"#).num(tally.cache_read);
            let written = tally.cache_write_5m + tally.cache_write_1h;
            if written > 0 {
                out.raw(r#","cache_write_tokens":"#).num(written);
            }
            out.raw(r#"},"output_tokens":"#).num(tally.output);
            out.raw(r#","output_tokens_details":{"reasoning_tokens":"#);
            out.num(answer.reported_reasoning().min(tally.output)).raw(r#"},"total_tokens":"#);
            out.num(tally.prompt().saturating_add(tally.output));
            if let Some(cost) = answer.cost {
                cost.write(out);
            }
            out.raw("}");
        }
        None if answer.usage == UsageReport::Missing => {}
        None => {
            out.raw(r#","usage":null"#);
        }
    }
    if done != answer.stream {
        padding(answer, out);
    }
    out.raw(r#","user":null}"#);
}
