//! `openai_responses`: the body of `POST /v1/responses`.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, limit, seen, unseen};
use super::governed;
use super::hosted;
use super::keys::Keys;
use super::openai_chat::{response_format, shared};
use super::openai_parts::{content, item};
use super::openai_tools::tools;
use super::scan::{Kind, Scanner};
use crate::route::Surface;
use bursar_core::bound::HostedToolKind;

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_output_tokens",
    "max_tool_calls",
    "input",
    "instructions",
    "tools",
    "previous_response_id",
    "conversation",
    "prompt",
    "background",
    "service_tier",
    "text",
    "reasoning",
    "context_management",
    "models",
    "fallbacks",
    "preset",
    "extra_body",
    "plugins",
    "metadata",
    "user",
    "safety_identifier",
];

/// Reads a body into `facts`. Its streams carry usage without being asked.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut calls_max = None;
    facts.places.body = fields(scan, facts, Keys::new(BODY), |scan, facts, name| {
        match name {
            "max_output_tokens" => {
                let (limit, place) = limit(scan)?;
                facts.limit_output(limit, place);
            }
            "max_tool_calls" => calls_max = governed::at_least_one(scan)?,
            _ => field(scan, facts, name)?,
        }
        Ok(())
    })?;
    hosted::cap(facts, calls_max);
    facts.asks_usage = true;
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "input" | "instructions" if scan.kind()? == Kind::Array => {
            each(scan, facts, item)?;
        }
        "input" | "instructions" => content(scan, facts)?,
        "tools" => tools(scan, facts)?,
        "previous_response_id" | "conversation" => facts.bound.by_reference |= unseen(scan)?,
        "prompt" => {
            // A stored prompt may bring text and tools of its own.
            if seen(scan, facts)? {
                hosted::add(facts, HostedToolKind::Other, None);
            }
        }
        "background" => {
            if governed::switch(scan)? == Some(true) {
                facts.unmetered = Some(Surface::Background);
            }
        }
        "text" => {
            fields_or_null(
                scan,
                facts,
                Keys::new(&["format", "verbosity"]),
                |scan, facts, name| match name {
                    "format" => response_format(scan, facts),
                    _ => unseen(scan).map(|_| ()),
                },
            )?;
        }
        "context_management" => context_management(scan, facts)?,
        _ => shared(scan, facts, name)?,
    }
    Ok(())
}

/// Compaction is a round of its own, with the prompt billed again.
fn context_management(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    each(scan, facts, |scan, facts| {
        let mut compacts = false;
        fields(scan, facts, Keys::new(&["type"]), |scan, _, _| {
            compacts = label(scan)?.is_some();
            Ok(())
        })?;
        if compacts {
            hosted::add(facts, HostedToolKind::Other, None);
        }
        Ok(())
    })
    .map(|_| ())
}
