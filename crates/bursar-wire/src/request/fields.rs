//! Visits the fields of one object: governed ones by name, all others counted as text that the model may see.

use super::Facts;
use super::error::InputError;
use super::governed::wrong;
use super::keys::Keys;
use super::places::Inside;
use super::scan::{Kind, Scanner, Span};
use super::text::Text;

type Result<T> = std::result::Result<T, InputError>;

/// Fields of request bodies that no model sees and no bill depends on: they do not count as text.
const UNSEEN: &[&str] = &[
    "frequency_penalty",
    "include",
    "keep_alive",
    "logit_bias",
    "logprobs",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_settings",
    "safetySettings",
    "seed",
    "stop",
    "stop_sequences",
    "store",
    "temperature",
    "tool_choice",
    "toolConfig",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncation",
    "verbosity",
];

/// Visits an object. `visit` gets the name of each governed field and must consume its value.
pub(super) fn fields<'a, F>(
    scan: &mut Scanner<'a>,
    facts: &mut Facts,
    mut keys: Keys,
    mut visit: F,
) -> Result<Inside>
where
    F: FnMut(&mut Scanner<'a>, &mut Facts, &'static str) -> Result<()>,
{
    let kind = scan.kind()?;
    if kind != Kind::Object {
        return Err(wrong(scan, kind, "an object"));
    }
    let start = scan.at() + 1;
    let mut empty = true;
    scan.object(|scan, key| {
        empty = false;
        match keys.admit(&key)? {
            Some(name) => visit(scan, facts, name).map_err(|error| error.under(name)),
            None => other(scan, facts, &key),
        }
    })?;
    Ok(Inside { start, empty })
}

/// As [`fields`], where null stands for an absent object.
pub(super) fn fields_or_null<'a, F>(
    scan: &mut Scanner<'a>,
    facts: &mut Facts,
    keys: Keys,
    visit: F,
) -> Result<Option<Inside>>
where
    F: FnMut(&mut Scanner<'a>, &mut Facts, &'static str) -> Result<()>,
{
    if null(scan)? {
        return Ok(None);
    }
    fields(scan, facts, keys, visit).map(Some)
}

/// Visits the elements of an array, or nothing where null stands.
pub(super) fn each<'a, F>(scan: &mut Scanner<'a>, facts: &mut Facts, mut visit: F) -> Result<usize>
where
    F: FnMut(&mut Scanner<'a>, &mut Facts) -> Result<()>,
{
    if null(scan)? {
        return Ok(0);
    }
    let kind = scan.kind()?;
    if kind != Kind::Array {
        return Err(wrong(scan, kind, "an array"));
    }
    scan.array(|scan| visit(scan, facts))
}

/// Consumes null, if that is what stands here.
pub(super) fn null(scan: &mut Scanner<'_>) -> Result<bool> {
    let null = scan.kind()? == Kind::Null;
    if null {
        scan.word("null")?;
    }
    Ok(null)
}

/// Passes over a value that counts as text. Tells whether it was anything but null, false or empty.
pub(super) fn seen(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<bool> {
    let kind = scan.kind()?;
    let count = scan.skip()?;
    facts.add_text(count);
    Ok(!matches!(kind, Kind::Null | Kind::False) && count > 2)
}

/// Passes over a value that no model sees. Tells whether it was anything but null, false or empty.
pub(super) fn unseen(scan: &mut Scanner<'_>) -> Result<bool> {
    let kind = scan.kind()?;
    let count = scan.skip()?;
    Ok(!matches!(kind, Kind::Null | Kind::False) && count > 2)
}

/// Reads a count and tells where it stands.
pub(super) fn limit(scan: &mut Scanner<'_>) -> Result<(Option<u64>, Span)> {
    scan.kind()?;
    let start = scan.at();
    let count = super::governed::count(scan)?;
    Ok((count, Span { start, end: scan.at() }))
}

/// Reads a string that says what the object around it is, such as `type`. Other kinds say nothing.
pub(super) fn label<'a>(scan: &mut Scanner<'a>) -> Result<Option<Text<'a>>> {
    if scan.kind()? == Kind::String {
        return scan.string().map(Some);
    }
    scan.skip().map(|_| None)
}

fn other(scan: &mut Scanner<'_>, facts: &mut Facts, key: &Text<'_>) -> Result<()> {
    let count = scan.skip().map_err(|error| error.under(&key.lossy()))?;
    facts.unknown_fields = facts.unknown_fields.saturating_add(1);
    if !UNSEEN.iter().any(|name| key.is(name)) {
        facts.add_text(key.decoded_len() + 4);
        facts.add_text(count);
    }
    Ok(())
}
