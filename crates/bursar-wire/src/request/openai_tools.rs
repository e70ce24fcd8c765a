//! Tool definitions in OpenAI's formats.

use super::Facts;
use super::cache::cache_control;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, seen};
use super::hosted::{self, Runner};
use super::keys::Keys;
use super::limits::{TOOL_TOKENS, TOOLS_TOKENS};
use super::scan::Scanner;

type Result<T> = std::result::Result<T, InputError>;

const TOOL: &[&str] =
    &["type", "search_context_size", "max_uses", "execution", "environment", "cache_control"];

/// Reads the array under `tools`.
pub(super) fn tools(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if each(scan, facts, tool)? > 0 {
        facts.add_text(TOOLS_TOKENS);
    }
    Ok(())
}

fn tool(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.add_text(TOOL_TOKENS);
    let mut kind = None;
    let mut context = bursar_core::bound::SearchContext::default();
    let mut uses_max = None;
    let mut at_client = false;
    fields(scan, facts, Keys::new(TOOL), |scan, facts, name| {
        match name {
            "type" => kind = label(scan)?.and_then(|text| text.decode()),
            "search_context_size" => {
                context = label(scan)?
                    .and_then(|text| text.decode())
                    .map_or(context, |w| hosted::search_context(&w));
            }
            "max_uses" => uses_max = super::governed::at_least_one(scan)?,
            "execution" => at_client |= label(scan)?.is_some_and(|text| text.is("client")),
            "environment" => {
                fields_or_null(scan, facts, Keys::new(&["type"]), |scan, _, _| {
                    at_client |= label(scan)?.is_some_and(|text| text.is("local"));
                    Ok(())
                })?;
            }
            "cache_control" => cache_control(scan, facts)?,
            _ => {
                seen(scan, facts)?;
            }
        }
        Ok(())
    })?;
    match hosted::openai_runner(kind.as_deref().unwrap_or("function"), context) {
        Runner::Provider(kind) if !at_client => hosted::add(facts, kind, uses_max),
        Runner::Provider(_) | Runner::Client => facts.needs.tools = true,
    }
    Ok(())
}
