//! What a request says itself: who sends it, and how it wants to be answered.

use crate::asked::Asked;
use crate::behaviour::{Behaviour, DirectiveError};
use crate::draw::Draw;
use crate::limits::CREDENTIAL_BYTES_MAX;
use crate::script::{Facts, Live};
use http::{HeaderMap, HeaderValue};

/// The script's decision, and over it, where the script obeys requests, what the request itself asks.
pub(crate) fn behaviour(
    live: &Live,
    facts: &Facts<'_>,
    headers: &HeaderMap,
    recorded: Option<&str>,
    draw: Draw,
) -> Result<Behaviour, DirectiveError> {
    let mut how = live.decide(facts, draw)?;
    if live.script.obey_requests {
        how.apply_model(facts.model)?;
        if let Some(words) = marker(facts.body) {
            how.apply_words(words)?;
        }
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix("x-mock-") {
                how.apply(&key.replace('-', "_"), value.to_str().unwrap_or_default())?;
            }
        }
    }
    if let Some(id) = recorded {
        how.recorded = Some(id.into());
    }
    Ok(how)
}

/// The words of the last `[[mock …]]` in a body.
fn marker(body: &[u8]) -> Option<&str> {
    let at = memchr::memmem::rfind(body, b"[[mock ")?;
    let rest = body.get(at + 7..)?;
    let end = memchr::memmem::find(rest, b"]]")?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

/// `/recorded/<id>/…` answers with that recording, for clients that cannot say so otherwise.
pub(crate) fn recorded_prefix(path: &str) -> (&str, Option<&str>) {
    let Some(rest) = path.strip_prefix("/recorded/") else { return (path, None) };
    match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some((id, path)) => (path, Some(id)),
        None => (path, None),
    }
}

pub(crate) fn tool_wanted(asked: &Asked, body: &[u8]) -> bool {
    asked.tool.is_some()
        && !asked.tool_answered
        && (asked.tool_forced || memchr::memmem::find(body, b"call the tool").is_some())
}

/// The credential presented, wherever clients put it.
pub(crate) fn credential<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> &'a str {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = header("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    let in_query = || query?.split('&').find_map(|pair| pair.strip_prefix("key="));
    let found = bearer
        .or_else(|| header("x-api-key"))
        .or_else(|| header("x-goog-api-key"))
        .or_else(|| header("api-key"))
        .or_else(in_query)
        .unwrap_or_default();
    // A label on the bill, bounded like everything; a longer one is no credential of ours.
    if found.len() > CREDENTIAL_BYTES_MAX { "(too long)" } else { found }
}

/// Whether the request takes a compressed answer.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(http::header::ACCEPT_ENCODING);
    let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|word| matches!(word.split(';').next().map(str::trim), Some("gzip" | "*")))
}
