//! `gemini_generate`: the body of `:generateContent`, `:streamGenerateContent` and `:countTokens`. A reader of protocol
//! buffers takes `snake_case` and `camelCase` for the same field.

use super::Facts;
use super::error::InputError;
use super::fields::{each, fields, fields_or_null, label, limit, seen, unseen};
use super::gemini_parts::contents;
use super::governed::{self, Signed};
use super::hosted::{self, Runner};
use super::keys::Keys;
use super::limits::{BUILT_IN_TOOL_TOKENS, TOOL_TOKENS};
use super::places::Place;
use super::scan::{Kind, Scanner};
use bursar_core::bound::HostedToolKind;

type Result<T> = std::result::Result<T, InputError>;

const BODY: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "tools",
    "generationConfig",
    "cachedContent",
    "serviceTier",
    "labels",
    "modelArmorConfig",
    "generateContentRequest",
];
const CONFIG: &[&str] = &[
    "maxOutputTokens",
    "candidateCount",
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "mediaResolution",
    "speechConfig",
    "imageConfig",
    "serviceTier",
    "stopSequences",
    "temperature",
    "topK",
    "topP",
];
const TOOL: &[&str] = &[
    "functionDeclarations",
    "googleSearch",
    "googleSearchRetrieval",
    "enterpriseWebSearch",
    "googleMaps",
    "codeExecution",
    "urlContext",
    "fileSearch",
    "computerUse",
    "retrieval",
    "mcpServers",
];

/// Reads a body into `facts`. Usage is in every answer; model and stream stand in the path.
pub(super) fn read(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    facts.places.body = fields(scan, facts, Keys::proto(BODY), field)?;
    Ok(())
}

fn field(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "model" => same_model(scan, facts)?,
        "contents" => contents(scan, facts)?,
        "systemInstruction" => contents(scan, facts)?,
        "tools" => {
            if scan.kind()? == Kind::Object {
                return tool(scan, facts);
            }
            each(scan, facts, tool)?;
        }
        "generationConfig" => {
            if scan.kind()? == Kind::Null {
                facts.places.limit_parent = Place::Null(scan.span()?);
                return Ok(());
            }
            facts.places.limit_parent = Place::Object(fields(scan, facts, Keys::proto(CONFIG), config)?);
        }
        "cachedContent" => facts.bound.by_reference |= unseen(scan)?,
        "serviceTier" => facts.bound.service_tier = governed::word(scan)?.or(facts.bound.service_tier.take()),
        // Counting takes a whole request; it costs nothing.
        "generateContentRequest" => {
            seen(scan, facts)?;
        }
        _ => {
            unseen(scan)?;
        }
    }
    Ok(())
}

/// A model in the body must be the one of the path: the path decides the price.
pub(super) fn same_model(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    if scan.kind()? == Kind::Null {
        return scan.word("null");
    }
    let (model, place) = governed::model(scan)?;
    let name = model.strip_prefix("models/");
    let prefixed = name.is_some();
    if name.unwrap_or(&model) != &*facts.model {
        return Err(InputError::new(
            place.start,
            format!("must be the model of the path, `{}`", facts.model),
        ));
    }
    if !facts.places.models.is_empty() && facts.places.models_prefixed != prefixed {
        return Err(InputError::new(
            place.start,
            "is spelled in two ways; spell it `models/NAME` everywhere",
        ));
    }
    facts.places.models_prefixed = prefixed;
    facts.places.models.push(place);
    Ok(())
}

fn config(scan: &mut Scanner<'_>, facts: &mut Facts, name: &'static str) -> Result<()> {
    match name {
        "maxOutputTokens" => {
            let (limit, place) = limit(scan)?;
            facts.limit_output(limit, place);
        }
        "candidateCount" => {
            let choices = governed::count(scan)?.unwrap_or(1);
            facts.bound.choices = u32::try_from(choices).unwrap_or(u32::MAX).max(1);
        }
        "thinkingConfig" => thinking(scan, facts)?,
        "responseMimeType" => {
            facts.needs.structured_output |= label(scan)?.is_some_and(|kind| !kind.is("text/plain"));
        }
        "responseSchema" | "responseJsonSchema" => facts.needs.structured_output |= seen(scan, facts)?,
        "responseModalities" => modalities(scan, facts)?,
        "imageConfig" => facts.bound.image_output |= unseen(scan)?,
        "serviceTier" => facts.bound.service_tier = governed::word(scan)?.or(facts.bound.service_tier.take()),
        _ => {
            unseen(scan)?;
        }
    }
    Ok(())
}

/// `thinkingBudget`: -1 lets the model decide, 0 is off.
fn thinking(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    const THINKING: &[&str] = &["thinkingBudget", "thinkingLevel", "includeThoughts"];
    fields_or_null(scan, facts, Keys::proto(THINKING), |scan, facts, name| {
        match name {
            "thinkingBudget" => {
                scan.kind()?;
                let at = scan.at();
                match governed::signed(scan)? {
                    None => {}
                    Some(Signed::Count(budget)) => {
                        facts.thinking_budget = Some(budget);
                        facts.needs.thinking |= budget > 0;
                    }
                    Some(Signed::Negative { size: 1, .. }) => facts.needs.thinking = true,
                    Some(Signed::Negative { .. }) => {
                        return Err(InputError::new(
                            at,
                            "must be a whole number from 0, or -1 to let the model decide",
                        ));
                    }
                }
            }
            "thinkingLevel" => facts.needs.thinking |= label(scan)?.is_some(),
            _ => {
                unseen(scan)?;
            }
        }
        Ok(())
    })
    .map(|_| ())
}

/// What the answer may be. A model that makes images answers in text and images where nothing is said.
fn modalities(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let mut texts = 0;
    let all = each(scan, facts, |scan, facts| {
        let word = label(scan)?.and_then(|word| word.decode()).unwrap_or_default().to_ascii_uppercase();
        facts.bound.image_output |= word == "IMAGE";
        facts.bound.audio_output |= word == "AUDIO";
        texts += usize::from(word == "TEXT");
        Ok(())
    })?;
    facts.bound.text_only = all > 0 && texts == all;
    Ok(())
}

fn tool(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let before = facts.unknown_fields;
    fields(scan, facts, Keys::proto(TOOL), |scan, facts, name| {
        if name == "functionDeclarations" {
            return functions(scan, facts);
        }
        // `{}` switches a tool on, null leaves it off.
        let on = scan.kind()? != Kind::Null;
        seen(scan, facts)?;
        if on {
            facts.add_text(BUILT_IN_TOOL_TOKENS);
            match hosted::gemini_runner(name) {
                (Runner::Client, _) => facts.needs.tools = true,
                (Runner::Provider(kind), uses_max) => hosted::add(facts, kind, uses_max),
            }
        }
        Ok(())
    })?;
    if facts.unknown_fields > before {
        // A tool of a kind that is not known may run anywhere.
        hosted::add(facts, HostedToolKind::Other, None);
    }
    Ok(())
}

fn functions(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<()> {
    let one = |scan: &mut Scanner<'_>, facts: &mut Facts| {
        facts.needs.tools = true;
        facts.add_text(TOOL_TOKENS);
        seen(scan, facts).map(|_| ())
    };
    if scan.kind()? == Kind::Object { one(scan, facts) } else { each(scan, facts, one).map(|_| ()) }
}
