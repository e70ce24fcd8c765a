//! Free answers: lists of models, token counts, versions.

use crate::answer::CREATED;
use crate::json::Out;
use crate::route::Shape;

/// The list of models in that shape.
pub(crate) fn list<'a>(shape: Shape, names: impl Iterator<Item = &'a str>, out: &mut Out) {
    let mut first = true;
    let mut next = |out: &mut Out| {
        if !first {
            out.raw(",");
        }
        first = false;
    };
    match shape {
        Shape::OpenAi => {
            out.raw(r#"{"object":"list","data":["#);
            for name in names {
                next(out);
                out.raw(r#"{"id":"#).text(name).raw(r#","object":"model","created":"#).num(CREATED);
                out.raw(r#","owned_by":"mock"}"#);
            }
            out.raw("]}");
        }
        Shape::Anthropic => {
            out.raw(r#"{"data":["#);
            for name in names {
                next(out);
                out.raw(r#"{"type":"model","id":"#).text(name).raw(r#","display_name":"#).text(name);
                out.raw(r#","created_at":"2026-10-01T00:00:00Z"}"#);
            }
            out.raw(r#"],"has_more":false,"first_id":null,"last_id":null}"#);
        }
        Shape::Gemini => {
            out.raw(r#"{"models":["#);
            for name in names {
                next(out);
                out.raw(r#"{"name":"#).text(&format!("models/{name}")).raw(r#","displayName":"#).text(name);
                out.raw(r#","version":"001","inputTokenLimit":1048576,"outputTokenLimit":65536"#);
                out.raw(r#","supportedGenerationMethods":["generateContent","countTokens"]}"#);
            }
            out.raw("]}");
        }
        Shape::OllamaTags => {
            out.raw(r#"{"models":["#);
            for name in names {
                next(out);
                out.raw(r#"{"name":"#).text(name).raw(r#","model":"#).text(name);
                out.raw(r#","modified_at":"2026-10-01T00:00:00Z","size":1,"digest":"0","details":{}}"#);
            }
            out.raw("]}");
        }
        Shape::OllamaVersion => {
            out.raw(r#"{"version":"0.0.0-mock"}"#);
        }
    }
}

/// A token count in that shape.
pub(crate) fn count(shape: Shape, tokens: u64, out: &mut Out) {
    match shape {
        Shape::Gemini => out.raw(r#"{"totalTokens":"#).num(tokens).raw("}"),
        Shape::OpenAi | Shape::Anthropic | Shape::OllamaTags | Shape::OllamaVersion => {
            out.raw(r#"{"input_tokens":"#).num(tokens).raw("}")
        }
    };
}
