//! OpenAI text completions (`POST /v1/completions`).

use super::openai_chat::{finish, running_usage, usage};
use super::padding;
use crate::answer::{Answer, CREATED};
use crate::behaviour::UsageReport;
use crate::json::Out;

pub(crate) fn plain(answer: &Answer, out: &mut Out) {
    open(answer, out);
    for index in 0..answer.choices {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"text":""#).tokens(0, answer.visible).raw(r#"","index":"#).num(index);
        out.raw(r#","logprobs":null,"finish_reason":""#).raw(finish(answer.finish)).raw("\"}");
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
    padding(answer, out);
    out.raw("}");
}

pub(crate) fn delta(answer: &Answer, from: u64, upto: u64, out: &mut Out) {
    for index in 0..answer.choices {
        out.raw("data: ");
        open(answer, out);
        out.raw(r#"{"text":""#).tokens(from, upto).raw(r#"","index":"#).num(index);
        out.raw(r#","logprobs":null,"finish_reason":null}]"#);
        running_usage(answer, answer.made(upto), out);
        out.raw("}\n\n");
    }
}

pub(crate) fn tail(answer: &Answer, out: &mut Out) {
    for index in 0..answer.choices {
        out.raw("data: ");
        open(answer, out);
        out.raw(r#"{"text":"","index":"#).num(index);
        out.raw(r#","logprobs":null,"finish_reason":""#).raw(finish(answer.finish)).raw("\"}]");
        if index + 1 == answer.choices && answer.usage == UsageReport::InFinish {
            out.raw(",");
            usage(answer, &answer.reported(answer.tally.output), out);
        } else {
            running_usage(answer, answer.tally.output, out);
        }
        out.raw("}\n\n");
    }
    if answer.include_usage && matches!(answer.usage, UsageReport::Honest | UsageReport::Zero) {
        out.raw("data: ");
        open(answer, out);
        out.raw("],");
        usage(answer, &answer.reported(answer.tally.output), out);
        out.raw("}\n\n");
    }
    out.raw("data: [DONE]\n\n");
}

fn open(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"id":"cmpl-"#).raw(&answer.id).raw(r#"","object":"text_completion","created":"#);
    out.num(CREATED).raw(r#","model":"#).text(&answer.model).raw(r#","choices":["#);
}
