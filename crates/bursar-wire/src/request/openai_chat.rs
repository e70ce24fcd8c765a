//! `openai_chat`: the body of `POST /v1/chat/completions`, as OpenAI, its compatible vendors and routers read it.

use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, limit, null, seen, unseen};
use super::governed;
use super::hosted;
use super::keys::Keys;
use super::openai_parts::item;
use super::openai_tools::tools;
use super::places::Place;
use super::scan::{Kind, Scanner, Span};
use super::{Facts, cache};
use crate::route::Surface;
use bursar_core::bound::{HostedToolKind, SearchContext};

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
    "functions",
    "service_tier",
    "response_format",
    "modalities",
    "audio",
    "prediction",
    "reasoning",
    "reasoning_effort",
    "thinking",
    "web_search_options",
    "search_parameters",
    "plugins",
    "models",
    "fallbacks",
    "preset",
    "extra_body",
    "data_sources",
    "dataSources",
    "deferred",
    "chat_template",
    "cache_control",
    "metadata",
    "user",
    "safety_identifier",
];

/// Reads a body into `facts`.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.asks_usage = false;
    facts.places.body = fields(scan, facts, Keys::new(BODY), field)?;
    facts.asks_usage |= !facts.stream;
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "max_tokens" | "max_completion_tokens" => {
            let (limit, place) = limit(scan)?;
            facts.limit_output(limit, place);
        }
        "messages" => {
            each(scan, facts, item)?;
        }
        "tools" | "functions" => tools(scan, facts)?,
        "response_format" => response_format(scan, facts)?,
        "modalities" => modalities(scan, facts)?,
        "prediction" => {
            let before = facts.bound.text_tokens;
            seen(scan, facts)?;
            // Predicted tokens that the model rejects are billed as output (predicted outputs guide, read 2026-11).
            facts.extra_output += facts.bound.text_tokens - before;
        }
        "reasoning_effort" => {
            facts.needs.thinking |= label(scan)?.is_some_and(|word| !word.is("none"));
        }
        "thinking" => thinking(scan, facts)?,
        "web_search_options" => web_search(scan, facts)?,
        "search_parameters" => {
            // xAI's live search: a fee a source, with a mode and a cap that only some models obey.
            if unseen(scan)? {
                hosted::add(facts, HostedToolKind::WebSearch(SearchContext::High), None);
            }
        }
        "data_sources" | "dataSources" => {
            // Azure looks into an index with calls of its own to the model, and puts what it finds into the prompt.
            if unseen(scan)? {
                hosted::add(facts, HostedToolKind::Other, None);
            }
        }
        "deferred" => {
            // xAI answers with an id; answer and usage are fetched later.
            if governed::switch(scan)? == Some(true) {
                facts.unmetered = Some(Surface::Background);
            }
        }
        "chat_template" => facts.bound.by_reference |= seen(scan, facts)?,
        "audio" => facts.bound.audio_output |= unseen(scan)?,
        "cache_control" => cache::cache_control(scan, facts)?,
        _ => shared(scan, facts, name)?,
    }
    Ok(())
}

/// Fields that chat, completions and Responses have in common.
pub(super) fn shared(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => {
            let (model, place) = governed::model(scan)?;
            facts.model = model;
            facts.places.models.push(place);
        }
        "stream" => facts.stream = governed::switch(scan)?.unwrap_or(false),
        "stream_options" => stream_options(scan, facts)?,
        "n" | "best_of" => {
            let choices = governed::at_least_one(scan)?.unwrap_or(1);
            facts.bound.choices = facts.bound.choices.max(choices);
        }
        "service_tier" => facts.bound.service_tier = governed::word(scan)?,
        "user" | "safety_identifier" => facts.user = governed::user(scan)?.or(facts.user.take()),
        "metadata" => {
            unseen(scan)?;
        }
        "reasoning" => reasoning(scan, facts)?,
        "models" | "fallbacks" => other_models(scan)?,
        "preset" => preset(scan)?,
        "extra_body" => wrapped(scan)?,
        "plugins" => plugins(scan, facts)?,
        _ => {
            seen(scan, facts)?;
        }
    }
    Ok(())
}

/// Refuses a list of models to fall back to: the answer would come from a model that was not priced.
pub(super) fn other_models(scan: &mut Scanner<'_>) -> Result<()> {
    scan.kind()?;
    let at = scan.at();
    if unseen(scan)? {
        let message = "lets the provider answer with a model that was not priced; leave it out, and let Bursar's \
                       configuration list fallbacks";
        return Err(InputError::new(at, message));
    }
    Ok(())
}

/// Refuses settings that are kept at a router: they may bring models, tools and text that were not priced.
pub(super) fn preset(scan: &mut Scanner<'_>) -> Result<()> {
    scan.kind()?;
    let at = scan.at();
    if unseen(scan)? {
        let message =
            "brings a model, tools or text that were not priced; write into the request what it stands for";
        return Err(InputError::new(at, message));
    }
    Ok(())
}

/// Refuses fields wrapped for another reader: routers unwrap them over the ones that were read here.
fn wrapped(scan: &mut Scanner<'_>) -> Result<()> {
    scan.kind()?;
    let at = scan.at();
    if unseen(scan)? {
        let message =
            "is unwrapped by some routers over the fields beside it; put its fields beside it yourself";
        return Err(InputError::new(at, message));
    }
    Ok(())
}

/// `stream_options`: an object or null.
pub(super) fn stream_options(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? == Kind::Null {
        facts.places.stream_options = Place::Null(scan.span()?);
        return Ok(());
    }
    let before = facts.bound.text_tokens;
    let inside = fields(scan, facts, Keys::new(&["include_usage"]), |scan, facts, _| {
        scan.kind()?;
        let start = scan.at();
        facts.asks_usage = governed::switch(scan)? == Some(true);
        facts.places.include_usage = Some(Span { start, end: scan.at() });
        Ok(())
    })?;
    facts.bound.text_tokens = before;
    facts.places.stream_options = Place::Object(inside);
    Ok(())
}

/// `{"type": "json_schema" | "json_object" | "text", …}`
pub(super) fn response_format(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    fields_or_null(scan, facts, Keys::new(&["type"]), |scan, facts, _| {
        facts.needs.structured_output |= label(scan)?.is_some_and(|kind| !kind.is("text"));
        Ok(())
    })
    .map(|_| ())
}

/// `["text", "audio", "image"]`
fn modalities(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut texts = 0;
    let all = each(scan, facts, |scan, facts| {
        let word = label(scan)?;
        facts.bound.audio_output |= word.is_some_and(|word| word.is("audio"));
        facts.bound.image_output |= word.is_some_and(|word| word.is("image"));
        texts += usize::from(word.is_some_and(|word| word.is("text")));
        Ok(())
    })?;
    facts.bound.text_only = all > 0 && texts == all;
    facts.needs.audio |= facts.bound.audio_output;
    Ok(())
}

/// `{"type": "enabled", "budget_tokens": …}`, as vendors of Claude, GLM and Kimi in this format read it.
fn thinking(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    fields_or_null(scan, facts, Keys::new(&["type", "budget_tokens"]), |scan, facts, name| {
        if name == "type" {
            facts.needs.thinking |= label(scan)?.is_some_and(|kind| !kind.is("disabled"));
        } else {
            facts.thinking_budget = governed::count(scan)?.max(facts.thinking_budget);
        }
        Ok(())
    })
    .map(|_| ())
}

/// `{"effort": …, "max_tokens": …, "summary": …}`: OpenAI's on Responses, OpenRouter's on chat.
fn reasoning(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    const REASONING: &[&str] = &["effort", "max_tokens", "enabled", "exclude", "summary", "generate_summary"];
    fields_or_null(scan, facts, Keys::new(REASONING), |scan, facts, name| {
        match name {
            "effort" => facts.needs.thinking |= label(scan)?.is_some_and(|word| !word.is("none")),
            "max_tokens" => facts.thinking_budget = governed::count(scan)?.max(facts.thinking_budget),
            "enabled" => facts.needs.thinking |= governed::switch(scan)? == Some(true),
            _ => {
                unseen(scan)?;
            }
        }
        Ok(())
    })
    .map(|_| ())
}

/// `{"search_context_size": …}`: a search model searches once for a request.
fn web_search(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut context = SearchContext::default();
    let there = fields_or_null(scan, facts, Keys::new(&["search_context_size"]), |scan, _, _| {
        if let Some(word) = label(scan)?.and_then(|text| text.decode()) {
            context = hosted::search_context(&word);
        }
        Ok(())
    })?;
    if there.is_some() {
        hosted::add(facts, HostedToolKind::WebSearch(context), Some(1));
    }
    Ok(())
}

/// OpenRouter's plugins: `web` searches once for a request, others run what they run.
fn plugins(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if null(scan)? {
        return Ok(());
    }
    each(scan, facts, |scan, facts| {
        let mut web = false;
        fields(scan, facts, Keys::new(&["id"]), |scan, _, _| {
            web = label(scan)?.is_some_and(|id| id.is("web"));
            Ok(())
        })?;
        let search = HostedToolKind::WebSearch(SearchContext::High);
        let (kind, uses_max) = if web { (search, Some(1)) } else { (HostedToolKind::Other, None) };
        hosted::add(facts, kind, uses_max);
        Ok(())
    })
    .map(|_| ())
}
