//! `gemini_embed`: the bodies of `:embedContent` and `:batchEmbedContents`.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, unseen};
use super::gemini::same_model;
use super::gemini_parts::contents;
use super::keys::Keys;
use super::scan::Scanner;

type Result<T> = std::result::Result<T, InputError>;

const REQUEST: &[&str] = &[
    "model",
    "content",
    "contents",
    "taskType",
    "title",
    "outputDimensionality",
    "embedContentConfig",
    "requests",
];

/// Reads a body into `facts`. Each request of a batch names the model again.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.bound.no_output = true;
    facts.places.body = fields(scan, facts, Keys::proto(REQUEST), field)?;
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => same_model(scan, facts)?,
        "content" | "contents" | "title" => contents(scan, facts)?,
        "requests" => {
            each(scan, facts, |scan, facts| fields(scan, facts, Keys::proto(REQUEST), field).map(|_| ()))?;
        }
        _ => {
            unseen(scan)?;
        }
    }
    Ok(())
}
