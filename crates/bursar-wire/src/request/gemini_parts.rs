//! Contents and their parts in Gemini's formats: text, inline data, files by reference, function calls and answers.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, null, seen, unseen};
use super::image_tokens::Detail;
use super::keys::Keys;
use super::limits::{MESSAGE_TOKENS, PART_TOKENS};
use super::media;
use super::scan::{Kind, Scanner};
use super::text::Text;

type Result<T> = std::result::Result<T, InputError>;

const PART: &[&str] = &[
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "thought",
    "thoughtSignature",
    "videoMetadata",
    "mediaResolution",
];

/// Reads a text, a content, or several.
pub(super) fn contents(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    match scan.kind()? {
        Kind::Object => content(scan, facts),
        Kind::Array => each(scan, facts, contents).map(|_| ()),
        Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => seen(scan, facts).map(|_| ()),
    }
}

fn content(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(MESSAGE_TOKENS);
    fields(scan, facts, Keys::proto(&["role", "parts"]), |scan, facts, name| match name {
        "parts" => parts(scan, facts),
        _ => seen(scan, facts).map(|_| ()),
    })
    .map(|_| ())
}

fn parts(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? == Kind::Object { part(scan, facts) } else { each(scan, facts, part).map(|_| ()) }
}

fn part(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(PART_TOKENS);
    if scan.kind()? != Kind::Object {
        return seen(scan, facts).map(|_| ());
    }
    let before = facts.unknown_fields;
    let mut inline = None;
    let mut detail = None;
    fields(scan, facts, Keys::proto(PART), |scan, facts, name| {
        match name {
            "inlineData" => inline = blob(scan, facts)?,
            "fileData" => {
                if unseen(scan)? {
                    media::document(facts);
                }
            }
            "functionResponse" => function_response(scan, facts)?,
            "mediaResolution" => {
                fields_or_null(scan, facts, Keys::proto(&["level"]), |scan, _, _| {
                    detail = Some(resolution(label(scan)?));
                    Ok(())
                })?;
            }
            "videoMetadata" | "thought" => {
                unseen(scan)?;
            }
            _ => {
                seen(scan, facts)?;
            }
        }
        Ok(())
    })?;
    if let Some((media_type, data)) = inline {
        let detail = detail.unwrap_or(Detail::Full);
        media::inline(facts, &media_type, data.raw, detail);
    }
    // A part of a kind that is not known may stand for more than it holds.
    facts.bound.by_reference |= facts.unknown_fields > before;
    Ok(())
}

/// `{"mimeType": …, "data": …}`
fn blob<'a>(scan: &mut Scanner<'a>, facts: &mut Facts) -> Result<Option<(String, Text<'a>)>> {
    let mut media_type = None;
    let mut data = None;
    fields_or_null(scan, facts, Keys::proto(&["mimeType", "data", "displayName"]), |scan, _, name| {
        match name {
            "mimeType" => media_type = label(scan)?.and_then(|text| text.decode()),
            "data" => data = label(scan)?,
            _ => {
                unseen(scan)?;
            }
        }
        Ok(())
    })?;
    Ok(data.map(|data| (media_type.unwrap_or_default(), data)))
}

/// An answer of a function, which may hold media in parts of its own.
fn function_response(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if null(scan)? {
        return Ok(());
    }
    let before = facts.unknown_fields;
    fields(scan, facts, Keys::proto(&["parts"]), |scan, facts, _| parts(scan, facts))?;
    facts.unknown_fields = before;
    Ok(())
}

/// A media resolution by its word.
fn resolution(word: Option<Text<'_>>) -> Detail {
    if word.is_some_and(|word| word.is("MEDIA_RESOLUTION_LOW")) { Detail::Low } else { Detail::Full }
}
