//! `anthropic_messages`: the body of `POST /v1/messages`.

use super::Facts;
use super::anthropic_blocks::{content, message};
use super::cache::cache_control;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, limit, seen, unseen};
use super::governed;
use super::hosted::{self, Runner};
use super::keys::Keys;
use super::limits::{ANTHROPIC_TOOLS_TOKENS, BUILT_IN_TOOL_TOKENS, TOOL_TOKENS};
use super::openai_chat::{other_models, preset};
use super::scan::{Kind, Scanner};
use bursar_core::bound::HostedToolKind;

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "stream",
    "thinking",
    "service_tier",
    "speed",
    "inference_geo",
    "metadata",
    "mcp_servers",
    "container",
    "context_management",
    "output_format",
    "output_config",
    "cache_control",
    "fallbacks",
    "models",
    "preset",
];

/// Reads a body into `facts`. Its streams carry usage without being asked.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut speed = None;
    facts.places.body = fields(scan, facts, Keys::new(BODY), |scan, facts, name| {
        if name == "speed" {
            speed = governed::word(scan)?.filter(|speed| &**speed != "standard");
            return Ok(());
        }
        field(scan, facts, name)
    })?;
    // Fast mode has a price of its own, whatever the tier.
    facts.bound.service_tier = speed.or(facts.bound.service_tier.take());
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => {
            let (model, place) = governed::model(scan)?;
            facts.model = model;
            facts.places.models.push(place);
        }
        "max_tokens" => {
            let (limit, place) = limit(scan)?;
            facts.limit_output(limit, place);
            // 0 fills the cache without an answer (prompt caching guide, read 2026-11).
            facts.output_limit = facts.output_limit.or(limit);
        }
        "messages" => {
            each(scan, facts, message)?;
        }
        "system" => content(scan, facts)?,
        "tools" => tools(scan, facts)?,
        "stream" => facts.stream = governed::switch(scan)?.unwrap_or(false),
        "thinking" => thinking(scan, facts)?,
        "service_tier" => facts.bound.service_tier = governed::word(scan)?,
        "inference_geo" => facts.bound.region = governed::word(scan)?,
        "metadata" => metadata(scan, facts)?,
        "mcp_servers" => {
            if unseen(scan)? {
                hosted::add(facts, HostedToolKind::Other, None);
            }
        }
        "container" => facts.bound.by_reference |= unseen(scan)?,
        "context_management" => context_management(scan, facts)?,
        "output_format" => {
            facts.needs.structured_output |= seen(scan, facts)?;
        }
        "output_config" => {
            fields_or_null(scan, facts, Keys::new(&["format", "effort"]), |scan, facts, name| {
                if name == "format" {
                    facts.needs.structured_output |= seen(scan, facts)?;
                } else {
                    unseen(scan)?;
                }
                Ok(())
            })?;
        }
        "cache_control" => cache_control(scan, facts)?,
        "preset" => preset(scan)?,
        _ => other_models(scan)?,
    }
    Ok(())
}

fn tools(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let count = each(scan, facts, tool)?;
    if count > 0 {
        facts.add_text(ANTHROPIC_TOOLS_TOKENS);
    }
    Ok(())
}

fn tool(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(TOOL_TOKENS);
    let mut kind = None;
    let mut uses_max = None;
    fields(scan, facts, Keys::new(&["type", "max_uses", "cache_control"]), |scan, facts, name| {
        match name {
            "type" => kind = label(scan)?.and_then(|text| text.decode()),
            "max_uses" => uses_max = governed::at_least_one(scan)?,
            _ => cache_control(scan, facts)?,
        }
        Ok(())
    })?;
    let kind = kind.unwrap_or_default();
    match hosted::anthropic_runner(&kind) {
        Runner::Client => facts.needs.tools = true,
        // Each use of an advisor is a call to another model, at its price: a cap on uses bounds no cost.
        Runner::Provider(HostedToolKind::Other) => hosted::add(facts, HostedToolKind::Other, None),
        Runner::Provider(kind) => hosted::add(facts, kind, uses_max),
    }
    if !kind.is_empty() && kind != "custom" {
        facts.add_text(BUILT_IN_TOOL_TOKENS);
    }
    Ok(())
}

fn thinking(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    fields_or_null(scan, facts, Keys::new(&["type", "budget_tokens", "display"]), |scan, facts, name| {
        match name {
            "type" => facts.needs.thinking = label(scan)?.is_some_and(|kind| !kind.is("disabled")),
            "budget_tokens" => facts.thinking_budget = governed::count(scan)?,
            _ => {
                unseen(scan)?;
            }
        }
        Ok(())
    })
    .map(|_| ())
}

fn metadata(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? != Kind::Object {
        return unseen(scan).map(|_| ());
    }
    let before = facts.bound.text_tokens;
    fields(scan, facts, Keys::new(&["user_id"]), |scan, facts, _| {
        facts.user = governed::user(scan)?;
        Ok(())
    })?;
    facts.bound.text_tokens = before;
    Ok(())
}

/// `{"edits": [{"type": …}]}`: clearing costs nothing, compaction is a round of its own with the prompt billed again.
fn context_management(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    fields_or_null(scan, facts, Keys::new(&["edits"]), |scan, facts, _| {
        each(scan, facts, |scan, facts| {
            let mut clears = false;
            fields(scan, facts, Keys::new(&["type"]), |scan, _, _| {
                clears = label(scan)?.is_some_and(|kind| kind.raw.starts_with(b"clear_"));
                Ok(())
            })?;
            if !clears {
                hosted::add(facts, HostedToolKind::Other, None);
            }
            Ok(())
        })
        .map(|_| ())
    })
    .map(|_| ())
}
