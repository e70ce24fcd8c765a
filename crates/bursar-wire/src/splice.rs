//! The edits that a request may undergo, as byte splices: everything else stays as the client wrote it.

use crate::request::{Facts, Inside, Place, Span};
use bursar_core::ApiFormat;
use bytes::Bytes;

/// One declared edit of a request's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Splice {
    /// Ask for usage at the end of a stream (`stream_options.include_usage`). Changes nothing where the format needs no
    /// asking, where the client asked itself, and where the answer is no stream.
    IncludeUsage,
    /// The provider's name for the model. Where the path names it, see `SpendRoute::upstream_path`.
    Model(String),
    /// A limit on the output tokens of one choice, in the format's own field; every limit that is there is replaced.
    OutputLimit(u64),
}

/// Why a body was not edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The facts were read from another body.
    #[error("the facts were read from another body")]
    OtherBody,
    /// The format has no such field (an output limit on embeddings).
    #[error("the format has no field for it")]
    NoField,
    /// Two edits of the same bytes.
    #[error("two edits of the same field")]
    Overlap,
}

/// A replacement of bytes `start..end`.
struct Edit {
    at: Span,
    text: String,
}

/// Applies `splices` to the body that `facts` were read from.
///
/// # Errors
/// See [`SpliceError`].
pub fn splice(body: Bytes, facts: &Facts, splices: &[Splice]) -> Result<Bytes, SpliceError> {
    if facts.places.body_len != body.len() {
        return Err(SpliceError::OtherBody);
    }
    let renamed = splices.iter().find_map(|splice| match splice {
        Splice::Model(name) => Some(name.as_str()),
        Splice::IncludeUsage | Splice::OutputLimit(_) => None,
    });
    let model = renamed.unwrap_or(&facts.model);
    let mut edits = Vec::new();
    for splice in splices {
        match splice {
            Splice::IncludeUsage => include_usage(facts, &mut edits),
            Splice::Model(name) => rename(facts, name, &mut edits),
            Splice::OutputLimit(limit) => limit_output(facts, model, *limit, &mut edits)?,
        }
    }
    apply(body, edits)
}

fn include_usage(facts: &Facts, edits: &mut Vec<Edit>) {
    if facts.asks_usage {
        return;
    }
    let places = &facts.places;
    edits.push(match (places.include_usage, places.stream_options) {
        (Some(value), _) => Edit { at: value, text: "true".into() },
        (None, Place::Object(options)) => insert(options, r#""include_usage":true"#),
        (None, Place::Null(null)) => Edit { at: null, text: r#"{"include_usage":true}"#.into() },
        (None, Place::Absent) => insert(places.body, r#""stream_options":{"include_usage":true}"#),
    });
}

fn rename(facts: &Facts, name: &str, edits: &mut Vec<Edit>) {
    let quoted = serde_json::Value::from(name).to_string();
    // Gemini's bodies write `models/NAME` where they name it at all.
    let prefixed = serde_json::Value::from(format!("models/{name}")).to_string();
    for place in &facts.places.models {
        let text = if facts.places.models_prefixed { &prefixed } else { &quoted };
        edits.push(Edit { at: *place, text: text.clone() });
    }
}

fn limit_output(facts: &Facts, model: &str, limit: u64, edits: &mut Vec<Edit>) -> Result<(), SpliceError> {
    let places = &facts.places;
    let field = match facts.format {
        ApiFormat::OpenAiChat if wants_completion_tokens(model) => "max_completion_tokens",
        ApiFormat::OpenAiChat | ApiFormat::OpenAiCompletions | ApiFormat::AnthropicMessages => "max_tokens",
        ApiFormat::OpenAiResponses => "max_output_tokens",
        ApiFormat::GeminiGenerate => "maxOutputTokens",
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => "num_predict",
        ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed => {
            return Err(SpliceError::NoField);
        }
    };
    let parent = match facts.format {
        ApiFormat::GeminiGenerate => Some("generationConfig"),
        ApiFormat::OllamaChat | ApiFormat::OllamaGenerate => Some("options"),
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiCompletions
        | ApiFormat::OpenAiResponses
        | ApiFormat::OpenAiEmbeddings
        | ApiFormat::AnthropicMessages
        | ApiFormat::GeminiEmbed
        | ApiFormat::OllamaEmbed => None,
    };
    let pair = format!(r#""{field}":{limit}"#);
    if !places.limits.is_empty() {
        edits.extend(places.limits.iter().map(|place| Edit { at: *place, text: limit.to_string() }));
        return Ok(());
    }
    edits.push(match (parent, places.limit_parent) {
        (None, _) => insert(places.body, &pair),
        (Some(_), Place::Object(inside)) => insert(inside, &pair),
        (Some(_), Place::Null(null)) => Edit { at: null, text: format!("{{{pair}}}") },
        (Some(parent), Place::Absent) => insert(places.body, &format!(r#""{parent}":{{{pair}}}"#)),
    });
    Ok(())
}

/// OpenAI's reasoning models refuse `max_tokens`; servers that speak its format know `max_tokens`, not all of them the
/// newer field (API reference, read 2026-11).
fn wants_completion_tokens(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let digit_after = |prefix: &str| {
        name.strip_prefix(prefix).and_then(|rest| rest.bytes().next()).filter(u8::is_ascii_digit)
    };
    digit_after("o").is_some() || digit_after("gpt-").is_some_and(|digit| digit >= b'5')
}

fn insert(inside: Inside, pair: &str) -> Edit {
    let comma = if inside.empty { "" } else { "," };
    Edit { at: Span { start: inside.start, end: inside.start }, text: format!("{pair}{comma}") }
}

fn apply(body: Bytes, mut edits: Vec<Edit>) -> Result<Bytes, SpliceError> {
    if edits.is_empty() {
        return Ok(body);
    }
    edits.sort_by_key(|edit| edit.at.start);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut done = 0;
    for edit in edits {
        let kept = body.get(done..edit.at.start).ok_or(SpliceError::Overlap)?;
        out.extend_from_slice(kept);
        out.extend_from_slice(edit.text.as_bytes());
        done = edit.at.end;
    }
    out.extend_from_slice(body.get(done..).ok_or(SpliceError::Overlap)?);
    Ok(out.into())
}

#[cfg(test)]
mod tests;
