//! Errors in each family's own shape, as whole bodies and as the last event of a stream.

use crate::json::Out;
use bursar_core::{ApiFormat, Family};

/// The error body of a family for a status.
pub(crate) fn body(family: Family, status: u16, message: &str, out: &mut Out) {
    match family {
        Family::OpenAi => {
            out.raw(r#"{"error":{"message":"#).text(message).raw(r#","type":""#).raw(openai_type(status));
            out.raw(r#"","param":null,"code":"#);
            match openai_code(status) {
                Some(code) => out.text(code),
                None => out.raw("null"),
            };
            out.raw("}}");
        }
        Family::Anthropic => {
            out.raw(r#"{"type":"error","error":{"type":""#)
                .raw(anthropic_type(status))
                .raw(r#"","message":"#);
            out.text(message).raw(r#"},"request_id":"req_mock"}"#);
        }
        Family::Gemini => {
            out.raw(r#"{"error":{"code":"#).num(u64::from(status)).raw(r#","message":"#).text(message);
            out.raw(r#","status":""#).raw(gemini_status(status)).raw("\"}}");
        }
        Family::Ollama => {
            out.raw(r#"{"error":"#).text(message).raw("}");
        }
    }
}

/// The same as the last event of a stream of that format.
pub(crate) fn event(format: ApiFormat, message: &str, out: &mut Out) {
    match format {
        ApiFormat::OpenAiResponses => {
            out.raw("event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":")
                .text(message);
            out.raw(",\"param\":null,\"sequence_number\":999}\n\n");
        }
        ApiFormat::AnthropicMessages => {
            out.raw("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":");
            out.text(message).raw("}}\n\n");
        }
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::GeminiGenerate
        | ApiFormat::GeminiEmbed => {
            out.raw("data: ");
            body(format.family(), 500, message, out);
            out.raw("\n\n");
        }
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => {
            body(Family::Ollama, 500, message, out);
            out.raw("\n");
        }
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        400..=499 if status != 429 => "invalid_request_error",
        429 => "requests",
        _ => "server_error",
    }
}

fn openai_code(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("invalid_api_key"),
        404 => Some("model_not_found"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
