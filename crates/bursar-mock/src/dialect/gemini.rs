//! Gemini `generateContent` and `streamGenerateContent`, as event stream and as JSON array.

use super::padding;
use crate::answer::{Answer, Finish, TOOL_ARGUMENTS};
use crate::behaviour::UsageReport;
use crate::json::Out;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    candidates(answer, 0, answer.visible, true, out);
    usage(answer, answer.tally.output, out);
    padding(answer, out);
    close(answer, out);
}

/// Nothing but the array's bracket: Gemini's first event already has text.
pub(crate) fn head(answer: &Answer, out: &mut Out) {
    if answer.array {
        out.raw("[");
    }
}

pub(crate) fn delta(answer: &Answer, from: u64, upto: u64, out: &mut Out) {
    if !answer.array {
        out.raw("data: ");
    }
    candidates(answer, from, upto, false, out);
    usage(answer, answer.made(upto), out);
    if from == 0 {
        padding(answer, out);
    }
    close(answer, out);
    out.raw(if answer.array { "\n,\r\n" } else { "\r\n\r\n" });
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    if !answer.array {
        out.raw("data: ");
    }
    candidates(answer, answer.visible, answer.visible, true, out);
    usage(answer, answer.tally.output, out);
    close(answer, out);
    out.raw(if answer.array { "\n]\n" } else { "\r\n\r\n" });
}

fn candidates(answer: &Answer, from: u64, upto: u64, last: bool, out: &mut Out) {
    out.raw(r#"{"candidates":["#);
    for index in 0..answer.choices {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"content":{"parts":[{"#);
        match &answer.tool {
            Some(tool) if last => {
                out.raw(r#""functionCall":{"name":"#)
                    .text(tool)
                    .raw(r#","args":"#)
                    .raw(TOOL_ARGUMENTS)
                    .raw("}");
            }
            Some(_) | None => {
                out.raw(r#""text":""#).tokens(from, upto).raw("\"");
            }
        }
        out.raw(r#"}],"role":"model"},"#);
        if last {
            out.raw(r#""finishReason":""#);
            out.raw(if answer.finish == Finish::Length { "MAX_TOKENS" } else { "STOP" }).raw(r#"","#);
        }
        out.raw(r#""index":"#).num(index).raw("}");
    }
    out.raw("]");
}

/// `,"usageMetadata":{…}`, cumulative; the prompt includes the cache, candidates leave thoughts out.
fn usage(answer: &Answer, made: u64, out: &mut Out) {
    match answer.usage {
        UsageReport::Missing => return,
        UsageReport::Null => {
            out.raw(r#","usageMetadata":{"trafficType":"ON_DEMAND"}"#);
            return;
        }
        UsageReport::Honest | UsageReport::Zero | UsageReport::EveryChunk | UsageReport::InFinish => {}
    }
    let tally = answer.reported(made);
    let thoughts = answer.reported_reasoning().min(tally.output);
    out.raw(r#","usageMetadata":{"promptTokenCount":"#).num(tally.prompt());
    out.raw(r#","candidatesTokenCount":"#).num(tally.output - thoughts);
    out.raw(r#","totalTokenCount":"#).num(tally.prompt().saturating_add(tally.output));
    if tally.cache_read > 0 {
        out.raw(r#","cachedContentTokenCount":"#).num(tally.cache_read);
    }
    if thoughts > 0 {
        out.raw(r#","thoughtsTokenCount":"#).num(thoughts);
    }
    out.raw(r#","promptTokensDetails":[{"modality":"TEXT","tokenCount":"#).num(tally.prompt()).raw("}]}");
}

fn close(answer: &Answer, out: &mut Out) {
    out.raw(r#","modelVersion":"#).text(&answer.model).raw(r#","responseId":""#).raw(&answer.id).raw("\"}");
}
