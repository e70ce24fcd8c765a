//! `ollama_chat`, `ollama_generate` and `ollama_embed`: bodies that a server in Go reads, to whom the case of top-level
//! keys is all the same. Answers are streams unless the body says otherwise.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, seen, unseen};
use super::governed::{self, Signed, wrong};
use super::image_tokens::Detail;
use super::keys::Keys;
use super::limits::{MESSAGE_TOKENS, TOOL_TOKENS, TOOLS_TOKENS};
use super::media;
use super::openai_completions::texts;
use super::places::Place;
use super::scan::{Kind, Scanner, Span};
use bursar_core::ApiFormat;

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "messages",
    "prompt",
    "input",
    "suffix",
    "system",
    "template",
    "context",
    "images",
    "tools",
    "format",
    "options",
    "stream",
    "raw",
    "think",
    "truncate",
    "shift",
    "dimensions",
];

/// Reads a body into `facts`.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let embeds = facts.format == ApiFormat::OllamaEmbed;
    facts.stream = !embeds;
    facts.bound.no_output = embeds;
    facts.places.body = fields(scan, facts, Keys::new(BODY), field)?;
    if embeds {
        facts.stream = false;
    }
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => {
            let (model, place) = governed::model(scan)?;
            facts.model = model;
            facts.places.models.push(place);
        }
        "messages" => {
            each(scan, facts, message)?;
        }
        "input" => {
            texts(scan, facts)?;
        }
        "context" => {
            each(scan, facts, |scan, facts| {
                facts.add_text(1);
                scan.number().map(|_| ())
            })?;
        }
        // A template may repeat what it is given.
        "template" => facts.bound.by_reference |= seen(scan, facts)?,
        "images" => images(scan, facts)?,
        "tools" => {
            let count = each(scan, facts, |scan, facts| {
                facts.needs.tools = true;
                facts.add_text(TOOL_TOKENS);
                seen(scan, facts).map(|_| ())
            })?;
            if count > 0 {
                facts.add_text(TOOLS_TOKENS);
            }
        }
        "format" => {
            facts.needs.structured_output |= seen(scan, facts)?;
        }
        "options" => options(scan, facts)?,
        "stream" => facts.stream = governed::switch(scan)?.unwrap_or(true),
        "think" => facts.needs.thinking |= unseen(scan)?,
        "raw" | "truncate" | "shift" | "dimensions" => {
            unseen(scan)?;
        }
        _ => {
            seen(scan, facts)?;
        }
    }
    Ok(())
}

fn message(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(MESSAGE_TOKENS);
    fields(scan, facts, Keys::new(&["role", "content", "images"]), |scan, facts, name| match name {
        "images" => images(scan, facts),
        _ => seen(scan, facts).map(|_| ()),
    })
    .map(|_| ())
}

/// Base64 without a type: images.
fn images(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    each(scan, facts, |scan, facts| {
        let data = label(scan)?;
        if let Some(data) = data {
            media::image(facts, data.raw, Detail::Full);
        }
        Ok(())
    })
    .map(|_| ())
}

/// `num_predict`: -1 is no limit, -2 fills the context (model file reference, read 2026-11).
fn options(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? == Kind::Null {
        facts.places.limit_parent = Place::Null(scan.span()?);
        return Ok(());
    }
    let before = facts.bound.text_tokens;
    let inside = fields_or_null(scan, facts, Keys::new(&["num_predict"]), |scan, facts, _| {
        let kind = scan.kind()?;
        let start = scan.at();
        let limit = match governed::signed(scan)? {
            None | Some(Signed::Negative { size: 1 | 2, .. }) => None,
            Some(Signed::Count(limit)) => Some(limit),
            Some(Signed::Negative { .. }) => {
                return Err(wrong(scan, kind, "a whole number from 0, or -1 or -2"));
            }
        };
        facts.limit_output(limit, Span { start, end: scan.at() });
        Ok(())
    })?;
    facts.bound.text_tokens = before;
    facts.places.limit_parent = inside.map_or(Place::Absent, Place::Object);
    Ok(())
}
