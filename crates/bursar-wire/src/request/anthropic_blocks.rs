//! Messages and blocks of content in Anthropic's format: text, media, tool results within tool results, references.

use super::Facts;
use super::cache::cache_control;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, seen, unseen};
use super::governed::wrong;
use super::image_tokens::Detail;
use super::keys::Keys;
use super::limits::{MESSAGE_TOKENS, PART_TOKENS};
use super::media;
use super::scan::{Kind, Scanner};
use super::text::Text;

type Result<T> = std::result::Result<T, InputError>;

const BLOCK: &[&str] = &["type", "text", "source", "content", "file_id", "cache_control"];
const SOURCE: &[&str] = &["type", "media_type", "data", "url", "file_id", "content"];
/// Kinds of blocks that hold what they say. All others may stand for more than they hold.
const BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "search_result",
    "server_tool_use",
    "web_search_tool_result",
    "web_search_result",
    "web_fetch_tool_result",
    "web_fetch_result",
    "code_execution_tool_result",
    "code_execution_result",
    "bash_code_execution_tool_result",
    "bash_code_execution_result",
    "text_editor_code_execution_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "tool_reference",
    "tool_search_tool_result",
    "tool_search_tool_search_result",
    "compaction",
    "fallback",
];

/// Reads one message.
pub(super) fn message(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(MESSAGE_TOKENS);
    fields(scan, facts, Keys::new(&["role", "content"]), |scan, facts, name| match name {
        "content" => content(scan, facts),
        _ => seen(scan, facts).map(|_| ()),
    })
    .map(|_| ())
}

/// Reads a text, a block, or blocks.
pub(super) fn content(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    match scan.kind()? {
        Kind::Null => scan.word("null"),
        Kind::String => {
            let count = scan.string()?.decoded_len();
            facts.add_text(count);
            Ok(())
        }
        Kind::Array => each(scan, facts, block).map(|_| ()),
        Kind::Object => block(scan, facts),
        other => Err(wrong(scan, other, "a string, an array of blocks, or null")),
    }
}

fn block(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? != Kind::Object {
        return seen(scan, facts).map(|_| ());
    }
    facts.add_text(PART_TOKENS);
    let mut kind = None;
    fields(scan, facts, Keys::new(BLOCK), |scan, facts, name| match name {
        "type" => label(scan).map(|label| kind = label),
        "source" if scan.kind()? == Kind::Object => source(scan, facts),
        "content" => content(scan, facts),
        "file_id" => {
            if unseen(scan)? {
                media::document(facts);
            }
            Ok(())
        }
        "cache_control" => cache_control(scan, facts),
        _ => seen(scan, facts).map(|_| ()),
    })?;
    let known = kind.is_some_and(|kind| BLOCKS.iter().any(|name| kind.is(name)));
    facts.bound.by_reference |= !known;
    Ok(())
}

/// The source of an image or document: base64, text, blocks, or by reference.
fn source(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut media_type = None;
    let mut data: Option<Text<'_>> = None;
    let mut is_text = false;
    fields_or_null(scan, facts, Keys::new(SOURCE), |scan, facts, name| {
        match name {
            "type" => is_text = label(scan)?.is_some_and(|kind| kind.is("text")),
            "media_type" => media_type = label(scan)?.and_then(|text| text.decode()),
            "data" => data = label(scan)?,
            "content" => content(scan, facts)?,
            _ => {
                if unseen(scan)? {
                    media::document(facts);
                }
            }
        }
        Ok(())
    })?;
    match data {
        Some(text) if is_text => facts.add_text(text.decoded_len()),
        Some(base64) => media::inline(facts, &media_type.unwrap_or_default(), base64.raw, Detail::Full),
        None => {}
    }
    Ok(())
}
