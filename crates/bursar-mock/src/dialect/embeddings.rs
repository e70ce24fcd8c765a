//! Embeddings of OpenAI, Gemini and Ollama: vectors of a fixed pattern.

use super::padding;
use crate::answer::Answer;
use crate::json::Out;

/// 0.0625 and -0.03125 as little-endian `f32`, in base64: three values are twelve bytes are sixteen characters, so
/// groups of three values join without padding.
const GROUP_OF_THREE: &str = "AACAPQAAAL0AAIA9";
/// One value, and two values, with base64's own padding.
const LAST_ONE: &str = "AACAPQ==";
const LAST_TWO: &str = "AACAPQAAAL0=";

pub(crate) fn openai(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"object":"list","data":["#);
    for index in 0..answer.vectors {
        if index > 0 {
            out.raw(",");
        }
        out.raw(r#"{"object":"embedding","index":"#).num(index).raw(r#","embedding":"#);
        if answer.base64 {
            out.raw("\"");
            base64(answer.dimensions, out);
            out.raw("\"}");
        } else {
            vector(answer.dimensions, out);
            out.raw("}");
        }
    }
    out.raw(r#"],"model":"#).text(&answer.model);
    if let Some(tally) = answer.final_report() {
        out.raw(r#","usage":{"prompt_tokens":"#).num(tally.prompt());
        out.raw(r#","total_tokens":"#).num(tally.prompt()).raw("}");
    }
    padding(answer, out);
    out.raw("}");
}

pub(crate) fn gemini(answer: &Answer, out: &mut Out) {
    if answer.batch {
        out.raw(r#"{"embeddings":["#);
        for index in 0..answer.vectors {
            out.raw(if index > 0 { r#",{"values":"# } else { r#"{"values":"# });
            vector(answer.dimensions, out);
            out.raw("}");
        }
        out.raw("]");
    } else {
        out.raw(r#"{"embedding":{"values":"#);
        vector(answer.dimensions, out);
        out.raw("}");
    }
    if let Some(tally) = answer.final_report() {
        out.raw(r#","usageMetadata":{"promptTokenCount":"#).num(tally.prompt());
        out.raw(r#","totalTokenCount":"#).num(tally.prompt()).raw("}");
    }
    padding(answer, out);
    out.raw("}");
}

pub(crate) fn ollama(answer: &Answer, out: &mut Out) {
    out.raw(r#"{"model":"#).text(&answer.model).raw(r#","embeddings":["#);
    for index in 0..answer.vectors {
        if index > 0 {
            out.raw(",");
        }
        vector(answer.dimensions, out);
    }
    out.raw(r#"],"total_duration":1000000,"load_duration":1000"#);
    if let Some(tally) = answer.final_report() {
        out.raw(r#","prompt_eval_count":"#).num(tally.prompt());
    }
    padding(answer, out);
    out.raw("}");
}

fn vector(dimensions: u64, out: &mut Out) {
    out.raw("[");
    for at in 0..dimensions {
        out.raw(if at > 0 { "," } else { "" }).raw(if at % 3 == 1 { "-0.03125" } else { "0.0625" });
    }
    out.raw("]");
}

fn base64(dimensions: u64, out: &mut Out) {
    for _ in 0..dimensions / 3 {
        out.raw(GROUP_OF_THREE);
    }
    match dimensions % 3 {
        1 => out.raw(LAST_ONE),
        2 => out.raw(LAST_TWO),
        _ => out,
    };
}
