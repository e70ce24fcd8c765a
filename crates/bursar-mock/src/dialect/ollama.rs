//! Ollama `chat` and `generate`, plain and as newline-delimited JSON.

use super::padding;
use crate::answer::{Answer, Finish, TOOL_ARGUMENTS};
use crate::behaviour::UsageReport;
use crate::json::Out;
use bursar_core::ApiFormat;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    open(answer, out);
    text(answer, 0, answer.text_tokens(), answer.tool.is_some(), out);
    done(answer, out);
}

pub(crate) fn delta(answer: &Answer, from: u64, upto: u64, out: &mut Out) {
    open(answer, out);
    text(answer, from, upto, false, out);
    out.raw(",\"done\":false}\n");
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    if answer.tool.is_some() {
        open(answer, out);
        text(answer, 0, 0, true, out);
        out.raw(",\"done\":false}\n");
    }
    open(answer, out);
    text(answer, 0, 0, false, out);
    done(answer, out);
    out.raw("\n");
}

fn open(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"model":"#).text(&answer.model).raw(r#","created_at":"2026-10-01T00:00:00.000000Z","#);
}

fn text(answer: &Answer, from: u64, upto: u64, tool: bool, out: &mut Out) {
    if answer.format == ApiFormat::OllamaGenerate {
        out.raw(r#""response":""#).tokens(from, upto).raw("\"");
        return;
    }
    out.raw(r#""message":{"role":"assistant","content":""#).tokens(from, upto).raw("\"");
    if let Some(name) = answer.tool.as_ref().filter(|_| tool) {
        out.raw(r#","tool_calls":[{"function":{"name":"#).text(name);
        out.raw(r#","arguments":"#).raw(TOOL_ARGUMENTS).raw("}}]");
    }
    out.raw("}");
}

fn done(answer: &Answer, out: &mut Out) {
    out.raw(r#","done":true,"done_reason":""#);
    out.raw(if answer.finish == Finish::Length { "length" } else { "stop" });
    out.raw(r#"","total_duration":1000000,"load_duration":1000"#);
    match answer.final_report() {
        Some(tally) => {
            out.raw(r#","prompt_eval_count":"#).num(tally.prompt()).raw(r#","prompt_eval_duration":1000"#);
            out.raw(r#","eval_count":"#).num(tally.output);
        }
        None if answer.usage == UsageReport::Null => {
            out.raw(r#","prompt_eval_count":null,"eval_count":null"#);
        }
        None => {}
    }
    padding(answer, out);
    out.raw(r#","eval_duration":1000}"#);
}
