//! Reading the parts of a key that are words: formats, attributes, limits, addresses, its balance.

use crate::problem::Problem;
use bursar_core::key_limit::KEY_LIMIT_HELP;
use bursar_core::{ApiFormat, Attribute, Attributes, IpRange, KeyLimit, Usd, Value};
use std::collections::BTreeMap;

pub(super) fn api_format(word: &str) -> Result<ApiFormat, Problem> {
    let words: Vec<&str> = ApiFormat::ALL.iter().map(|format| format.as_str()).collect();
    ApiFormat::parse(word)
        .ok_or_else(|| Problem::field("api_formats", format!("`{word}` is not one of {}", words.join(", "))))
}

pub(super) fn may_set(word: &str) -> Result<Attribute, Problem> {
    let any_tag = Value::new("*").ok().map(Attribute::Tag);
    match word {
        "agent" => Ok(Attribute::Agent),
        "run" => Ok(Attribute::Run),
        "session" => Ok(Attribute::Session),
        "user" => Ok(Attribute::User),
        "tags" => any_tag.ok_or_else(|| Problem::field("may_set", "cannot be stored")),
        other => {
            Err(Problem::field("may_set", format!("`{other}` is not one of agent, run, session, user, tags")))
        }
    }
}

pub(super) fn bound(attributes: &BTreeMap<String, String>) -> Result<Attributes, Problem> {
    let mut bound = Attributes::new();
    for (word, text) in attributes {
        let known = Attribute::parse(word).filter(|attribute| {
            matches!(attribute, Attribute::Agent | Attribute::Run | Attribute::Session | Attribute::Tag(_))
        });
        let attribute = known.ok_or_else(|| {
            Problem::field("attributes", format!("`{word}` is not one of agent, run, session, tag.NAME"))
        })?;
        let value =
            Value::new(text).map_err(|error| Problem::field("attributes", format!("`{word}` {error}")))?;
        if !bound.set(&attribute, value) {
            return Err(Problem::field("attributes", "has too many tags"));
        }
    }
    Ok(bound)
}

/// Limits as people write them: `100 requests per minute`.
pub(super) fn limits(texts: &[String]) -> Result<Vec<KeyLimit>, Problem> {
    let read = |text: &String| {
        KeyLimit::parse(text)
            .map_err(|problem| Problem::field("limits", format!("`{text}` {problem}; {KEY_LIMIT_HELP}")))
    };
    texts.iter().map(read).collect()
}

/// Addresses and ranges of addresses.
pub(super) fn allowed_ips(texts: &[String]) -> Result<Vec<IpRange>, Problem> {
    let read = |text: &String| {
        IpRange::parse(text)
            .map_err(|problem| Problem::field("allowed_ips", format!("`{text}` {problem}: write 10.0.0.0/8")))
    };
    texts.iter().map(read).collect()
}

/// USD as a decimal, zero or more.
pub(super) fn usd(field: &str, text: &str) -> Result<Usd, Problem> {
    let usd = Usd::parse(text).map_err(|error| Problem::field(field, format!("`{text}` {error}")))?;
    if usd < Usd::ZERO {
        return Err(Problem::field(field, format!("`{text}` is negative")));
    }
    Ok(usd)
}
