//! Messages and parts of content in OpenAI's formats, of chat and of Responses alike: text, media, references.

use super::Facts;
use super::cache::cache_control;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, null, seen, unseen};
use super::governed::wrong;
use super::image_tokens::Detail;
use super::keys::Keys;
use super::limits::{MESSAGE_TOKENS, PART_TOKENS};
use super::media;
use super::scan::{Kind, Scanner};
use super::text::Text;

type Result<T> = std::result::Result<T, InputError>;

/// A message of chat, or an item of Responses, which has more kinds.
const ITEM: &[&str] = &["type", "role", "content", "output", "result", "audio", "id", "cache_control"];
/// A part of content.
const PART: &[&str] = &[
    "type",
    "text",
    "image_url",
    "detail",
    "input_audio",
    "file",
    "file_id",
    "file_url",
    "file_data",
    "cache_control",
];
/// Kinds of items that hold what they say. All others may stand for more than they hold.
const ITEMS: &[&str] = &[
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "computer_call",
    "computer_call_output",
    "reasoning",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
];
/// Kinds of parts that hold what they say.
const PARTS: &[&str] = &[
    "text",
    "input_text",
    "output_text",
    "summary_text",
    "reasoning_text",
    "refusal",
    "thinking",
    "redacted_thinking",
    "image_url",
    "input_image",
    "computer_screenshot",
    "input_audio",
    "file",
    "input_file",
];

/// Reads one message or item.
pub(super) fn item(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(MESSAGE_TOKENS);
    let mut kind = None;
    fields(scan, facts, Keys::new(ITEM), |scan, facts, name| match name {
        "type" => label(scan).map(|label| kind = label),
        "content" | "output" => content(scan, facts),
        "result" => result(scan, facts),
        // The answer's own audio, named by its id.
        "audio" => {
            facts.bound.by_reference |= unseen(scan)?;
            Ok(())
        }
        "cache_control" => cache_control(scan, facts),
        "id" => unseen(scan).map(|_| ()),
        _ => seen(scan, facts).map(|_| ()),
    })?;
    facts.bound.by_reference |= kind.is_some_and(|kind| !among(&kind, ITEMS));
    Ok(())
}

/// Reads the content of a message: a text, or parts.
pub(super) fn content(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    match scan.kind()? {
        Kind::Null => scan.word("null"),
        Kind::String => {
            let count = scan.string()?.decoded_len();
            facts.add_text(count);
            Ok(())
        }
        Kind::Array => each(scan, facts, part).map(|_| ()),
        Kind::Object => part(scan, facts),
        other => Err(wrong(scan, other, "a string, an array of parts, or null")),
    }
}

fn part(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(PART_TOKENS);
    if scan.kind()? == Kind::String {
        let count = scan.string()?.decoded_len();
        facts.add_text(count);
        return Ok(());
    }
    let mut kind = None;
    let mut url = None;
    let mut detail = Detail::Full;
    fields(scan, facts, Keys::new(PART), |scan, facts, name| {
        match name {
            "type" => kind = label(scan)?,
            "text" => {
                seen(scan, facts)?;
            }
            "image_url" => url = image(scan, facts, &mut detail)?,
            "detail" => detail = look(label(scan)?),
            "input_audio" => audio(scan, facts)?,
            "cache_control" => cache_control(scan, facts)?,
            "file" => {
                fields_or_null(scan, facts, Keys::new(PART), file)?;
            }
            _ => file(scan, facts, name)?,
        }
        Ok(())
    })?;
    if let Some(url) = url {
        media::image_url(facts, &url, detail);
    }
    facts.bound.by_reference |= kind.is_some_and(|kind| !among(&kind, PARTS));
    Ok(())
}

/// A file, inline or by reference: pages that cannot be counted, or sound.
fn file(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "file_id" | "file_url" | "file_data" => {
            if unseen(scan)? {
                media::document(facts);
            }
            Ok(())
        }
        _ => seen(scan, facts).map(|_| ()),
    }
}

/// `"url"`, or `{"url": …, "detail": …}`.
fn image<'a>(scan: &mut Scanner<'a>, facts: &mut Facts, detail: &mut Detail) -> Result<Option<Text<'a>>> {
    if scan.kind()? != Kind::Object {
        return label(scan);
    }
    let mut url = None;
    fields(scan, facts, Keys::new(&["url", "detail"]), |scan, _, name| {
        if name == "url" {
            url = label(scan)?;
        } else {
            *detail = look(label(scan)?);
        }
        Ok(())
    })?;
    Ok(url)
}

/// `{"data": …, "format": …}`
fn audio(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    fields_or_null(scan, facts, Keys::new(&["data", "format"]), |scan, facts, name| {
        let text = label(scan)?;
        if let Some(data) = text.filter(|_| name == "data") {
            media::audio(facts, data.raw);
        }
        Ok(())
    })
    .map(|_| ())
}

/// The image that an earlier `image_generation_call` made: base64, or null.
fn result(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if null(scan)? {
        return Ok(());
    }
    if scan.kind()? == Kind::String {
        let text = scan.string()?;
        // A short result is a text, not an image.
        if text.raw.len() < 256 {
            facts.add_text(text.decoded_len());
        } else {
            media::image(facts, text.raw, Detail::Full);
        }
        return Ok(());
    }
    seen(scan, facts).map(|_| ())
}

fn look(word: Option<Text<'_>>) -> Detail {
    if word.is_some_and(|word| word.is("low")) { Detail::Low } else { Detail::Full }
}

fn among(kind: &Text<'_>, known: &[&str]) -> bool {
    known.iter().any(|name| kind.is(name))
}
