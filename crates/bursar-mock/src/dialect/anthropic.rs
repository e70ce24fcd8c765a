//! Anthropic messages (`POST /v1/messages`).

use super::padding;
use crate::answer::{Answer, Finish, TOOL_ARGUMENTS, TOOL_ARGUMENTS_ESCAPED};
use crate::behaviour::UsageReport;
use crate::bill::Tally;
use crate::json::Out;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    open(answer, out);
    out.raw("[");
    if let Some(tool) = &answer.tool {
        tool_use(answer, tool, TOOL_ARGUMENTS, out);
    } else {
        out.raw(r#"{"type":"text","text":""#).tokens(0, answer.visible).raw("\"}");
    }
    out.raw(r#"],"stop_reason":""#).raw(stop(answer.finish)).raw(r#"","stop_sequence":null"#);
    usage(answer, answer.final_report().as_ref(), out);
    padding(answer, out);
    out.raw("}");
}

pub(crate) fn head(answer: &Answer, out: &mut Out) {
    out.raw("event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    open(answer, out);
    out.raw(r#"[],"stop_reason":null,"stop_sequence":null"#);
    let early = answer.final_report().map(|_| answer.reported(1));
    usage(answer, early.as_ref(), out);
    padding(answer, out);
    out.raw("}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":");
    if let Some(tool) = &answer.tool {
        tool_use(answer, tool, "{}", out);
    } else {
        out.raw(r#"{"type":"text","text":""}"#);
    }
    out.raw("}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n");
}

pub(crate) fn delta(from: u64, upto: u64, out: &mut Out) {
    out.raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,");
    out.raw(r#""delta":{"type":"text_delta","text":""#).tokens(from, upto).raw("\"}}\n\n");
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    if answer.tool.is_some() {
        let half = TOOL_ARGUMENTS_ESCAPED.find(':').unwrap_or(0);
        let (first, second) = TOOL_ARGUMENTS_ESCAPED.split_at_checked(half).unwrap_or_default();
        for piece in ["", first, second] {
            out.raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,");
            out.raw(r#""delta":{"type":"input_json_delta","partial_json":""#).raw(piece).raw("\"}}\n\n");
        }
    }
    out.raw("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    out.raw("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"");
    out.raw(stop(answer.finish)).raw(r#"","stop_sequence":null}"#);
    // Since 2025 the last event repeats every count.
    usage(answer, answer.final_report().as_ref(), out);
    out.raw("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

fn open(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"id":"msg_"#).raw(&answer.id).raw(r#"","type":"message","role":"assistant","model":"#);
    out.text(&answer.model).raw(r#","content":"#);
}

fn tool_use(answer: &Answer, tool: &str, input: &str, out: &mut Out) {
    out.raw(r#"{"type":"tool_use","id":"toolu_"#).raw(&answer.id).raw(r#"","name":"#).text(tool);
    out.raw(r#","input":"#).raw(input).raw("}");
}

/// `,"usage":{…}`; prompt counts leave the caches out.
fn usage(answer: &Answer, tally: Option<&Tally>, out: &mut Out) {
    let Some(tally) = tally else {
        if answer.usage == UsageReport::Null {
            out.raw(r#","usage":null"#);
        }
        return;
    };
    out.raw(r#","usage":{"input_tokens":"#).num(tally.input);
    out.raw(r#","cache_creation_input_tokens":"#).num(tally.cache_write_5m + tally.cache_write_1h);
    out.raw(r#","cache_read_input_tokens":"#).num(tally.cache_read);
    out.raw(r#","cache_creation":{"ephemeral_5m_input_tokens":"#).num(tally.cache_write_5m);
    out.raw(r#","ephemeral_1h_input_tokens":"#).num(tally.cache_write_1h);
    out.raw(r#"},"output_tokens":"#).num(tally.output).raw(r#","service_tier":"#);
    out.text(answer.tier.as_deref().unwrap_or("standard")).raw("}");
}

fn stop(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tool => "tool_use",
    }
}
