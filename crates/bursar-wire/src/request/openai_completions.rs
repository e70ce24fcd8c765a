//! `openai_completions`: the body of `POST /v1/completions`.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, limit, seen};
use super::keys::Keys;
use super::openai_chat::{response_format, shared};
use super::scan::{Kind, Scanner};

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "n",
    "best_of",
    "prompt",
    "suffix",
    "service_tier",
    "response_format",
    "models",
    "fallbacks",
    "preset",
    "extra_body",
    "plugins",
    "metadata",
    "user",
];

/// Reads a body into `facts`. Each prompt has its own choices.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.asks_usage = false;
    let mut prompts = 1;
    facts.places.body = fields(scan, facts, Keys::new(BODY), |scan, facts, name| {
        match name {
            "max_tokens" => {
                let (limit, place) = limit(scan)?;
                facts.limit_output(limit, place);
            }
            "prompt" => prompts = texts(scan, facts)?,
            "response_format" => response_format(scan, facts)?,
            _ => shared(scan, facts, name)?,
        }
        Ok(())
    })?;
    facts.bound.choices = facts.bound.choices.saturating_mul(prompts.max(1));
    facts.asks_usage |= !facts.stream;
    Ok(())
}

/// Reads a text, a list of texts, a list of token numbers, or a list of such lists. Tells how many texts it is.
pub(super) fn texts(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<u32> {
    if scan.kind()? != Kind::Array {
        return seen(scan, facts).map(|_| 1);
    }
    let mut numbers = false;
    let count = each(scan, facts, |scan, facts| {
        match scan.kind()? {
            Kind::Number => {
                numbers = true;
                scan.number()?;
                facts.add_text(1);
            }
            Kind::Array => {
                each(scan, facts, |scan, facts| {
                    scan.number()?;
                    facts.add_text(1);
                    Ok(())
                })?;
            }
            Kind::Object => super::openai_parts::item(scan, facts)?,
            Kind::String | Kind::True | Kind::False | Kind::Null => {
                seen(scan, facts)?;
            }
        }
        Ok(())
    })?;
    Ok(if numbers { 1 } else { u32::try_from(count).unwrap_or(u32::MAX) })
}
