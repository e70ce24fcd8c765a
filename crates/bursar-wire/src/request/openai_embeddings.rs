//! `openai_embeddings`: the body of `POST /v1/embeddings`.

use super::Facts;
use super::error::InputError;
use super::fields::{fields, unseen};
use super::keys::Keys;
use super::openai_chat::shared;
use super::openai_completions::texts;
use super::scan::Scanner;

/// Reads a body into `facts`.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<(), InputError> {
    facts.bound.no_output = true;
    const BODY: &[&str] =
        &["model", "input", "dimensions", "encoding_format", "service_tier", "models", "user"];
    facts.places.body = fields(scan, facts, Keys::new(BODY), |scan, facts, name| match name {
        "input" => texts(scan, facts).map(|_| ()),
        "dimensions" | "encoding_format" => unseen(scan).map(|_| ()),
        _ => shared(scan, facts, name),
    })?;
    Ok(())
}
