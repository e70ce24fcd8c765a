//! `openai_chat`: the body of `POST /v1/chat/completions`.

use super::error::InputError;
use super::governed::{self, wrong};
use super::keys::Keys;
use super::limits::{MESSAGE_TOKENS, PART_TOKENS, TOOL_TOKENS};
use super::scan::{Kind, Scanner, Span};
use super::text::Text;
use super::{Facts, Inside};

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "messages",
    "tools",
    "service_tier",
    "response_format",
    "user",
];

/// Reads a body into `facts`.
pub(crate) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.asks_usage = false;
    let mut keys = Keys::new(BODY);
    scan.kind()?;
    let open = scan.at() + 1;
    let mut fields = 0u32;
    scan.object(|scan, key| {
        fields += 1;
        let Some(name) = keys.admit(&key)? else {
            let count = scan.skip().map_err(|error| error.under(&lossy(&key)))?;
            facts.add_text(key.decoded_len() + count);
            return Ok(());
        };
        field(scan, facts, name).map_err(|error| error.under(name))
    })?;
    facts.places.body = Inside { start: open, empty: fields == 0 };
    facts.asks_usage |= !facts.stream;
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => {
            let (model, place) = governed::model(scan)?;
            facts.model = model;
            facts.places.models.push(place);
        }
        "stream" => facts.stream = governed::switch(scan)?.unwrap_or(false),
        "stream_options" => stream_options(scan, facts)?,
        "max_tokens" | "max_completion_tokens" => {
            scan.kind()?;
            let start = scan.at();
            let limit = governed::count(scan)?;
            facts.limit_output(limit, Span { start, end: scan.at() });
        }
        "n" | "best_of" => {
            let choices = governed::at_least_one(scan)?.unwrap_or(1);
            facts.bound.choices = facts.bound.choices.max(choices);
        }
        "service_tier" => facts.bound.service_tier = governed::word(scan)?,
        "user" => facts.user = governed::user(scan)?,
        "response_format" => {
            facts.needs.structured_output = scan.kind()? == Kind::Object;
            let count = scan.skip()?;
            facts.add_text(count);
        }
        "tools" => {
            if scan.kind()? == Kind::Null {
                return scan.word("null");
            }
            scan.array(|scan| {
                facts.needs.tools = true;
                let count = scan.skip()?;
                facts.add_text(count + TOOL_TOKENS);
                Ok(())
            })?;
        }
        _ => {
            scan.array(|scan| message(scan, facts))?;
        }
    }
    Ok(())
}

/// `stream_options`: an object or null.
pub(crate) fn stream_options(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    match scan.kind()? {
        Kind::Null => facts.places.stream_options_null = Some(scan.span()?),
        Kind::Object => {
            let start = scan.at() + 1;
            let mut keys = Keys::new(&["include_usage"]);
            let mut empty = true;
            scan.object(|scan, key| {
                empty = false;
                if keys.admit(&key)?.is_none() {
                    return scan.skip().map(|_| ());
                }
                scan.kind()?;
                let start = scan.at();
                let asked = governed::switch(scan).map_err(|error| error.under("include_usage"))?;
                facts.asks_usage = asked == Some(true);
                facts.places.include_usage = Some(Span { start, end: scan.at() });
                Ok(())
            })?;
            facts.places.stream_options = Some(Inside { start, empty });
        }
        other => return Err(wrong(scan, other, "an object or null")),
    }
    Ok(())
}

fn message(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(MESSAGE_TOKENS);
    let mut keys = Keys::new(&["role", "content"]);
    scan.object(|scan, key| match keys.admit(&key)? {
        Some("content") => content(scan, facts).map_err(|error| error.under("content")),
        Some(_) => {
            let count = scan.skip()?;
            facts.add_text(count);
            Ok(())
        }
        None => {
            let count = scan.skip().map_err(|error| error.under(&lossy(&key)))?;
            facts.add_text(key.decoded_len() + count);
            Ok(())
        }
    })
}

fn content(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    match scan.kind()? {
        Kind::Null => scan.word("null")?,
        Kind::String => facts.add_text(scan.string()?.decoded_len()),
        Kind::Array => {
            scan.array(|scan| {
                let count = scan.skip()?;
                facts.add_text(count + PART_TOKENS);
                Ok(())
            })?;
        }
        other => return Err(wrong(scan, other, "a string, an array of parts, or null")),
    }
    Ok(())
}

/// A key for a path in an error.
pub(crate) fn lossy(key: &Text<'_>) -> String {
    String::from_utf8_lossy(key.raw.get(..64).unwrap_or(key.raw)).into_owned()
}
