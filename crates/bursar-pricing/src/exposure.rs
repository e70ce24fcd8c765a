//! How much a request can use at most: prompt tokens by kind, output tokens, hosted tools.

use smallvec::SmallVec;

use bursar_core::bound::{HostedToolKind, SearchContext};
use bursar_core::{RequestBound, UsageClass};

use crate::limits::{CONTEXT_ASSUMED, OUTPUT_ASSUMED, TOOL_USES_ASSUMED};
use crate::quote::Unbounded;
use crate::spec::Facts;

/// The most that a request can use at a model.
pub(crate) struct Exposure {
    /// Prompt tokens in all.
    pub(crate) input: u64,
    /// Of these: the request's own, of the kinds it shows.
    pub(crate) told: u64,
    /// Of these: of a kind that the request does not tell.
    pub(crate) any: u64,
    /// Of the request's own at most: text.
    pub(crate) text: u64,
    /// Of the request's own at most: media that is not audio.
    pub(crate) media: u64,
    /// Of the request's own at most: audio.
    pub(crate) audio: u64,
    /// The limit on output tokens of one choice.
    pub(crate) output_limit: u64,
    /// Choices; zero when nothing is generated.
    pub(crate) choices: u64,
    /// Uses of what is priced by the piece.
    pub(crate) fees: SmallVec<[(UsageClass, u64); 2]>,
    /// The search context that the request names.
    pub(crate) search_context: Option<SearchContext>,
    /// What has no bound; the figures then rest on an assumption.
    pub(crate) unbounded: Option<Unbounded>,
}

/// Reads the exposure off a request's bounds and a model's facts.
pub(crate) fn exposure(facts: &Facts, bound: &RequestBound) -> Exposure {
    let tools = tools(facts, bound);
    let mut unbounded = tools.unbounded;
    let mut context = || {
        facts.context.unwrap_or_else(|| {
            unbounded = unbounded.or(Some(Unbounded::Context));
            CONTEXT_ASSUMED
        })
    };
    let own = bound.text_tokens.saturating_add(bound.media_tokens);
    let first = match facts.context {
        Some(context) => own.min(context),
        None => own,
    };
    let first = if bound.by_reference || tools.adds_prompt { context() } else { first };
    // Each further pass over the model may fill the window anew.
    let later = if tools.passes == 0 { 0 } else { context().saturating_mul(tools.passes) };
    let input = first.saturating_add(later);

    let told = if bound.by_reference { 0 } else { own.min(first) };
    let audio = bound.audio_tokens.min(bound.media_tokens);
    let (output_limit, choices) = output(facts, bound, &mut unbounded);
    Exposure {
        input,
        text: bound.text_tokens,
        media: bound.media_tokens - audio,
        audio,
        told,
        any: input - told,
        output_limit,
        choices,
        fees: tools.fees,
        search_context: tools.search_context,
        unbounded,
    }
}

fn output(facts: &Facts, bound: &RequestBound, unbounded: &mut Option<Unbounded>) -> (u64, u64) {
    if bound.no_output {
        return (0, 0);
    }
    let limit = bound.output_limit.or(facts.max_output).unwrap_or_else(|| {
        *unbounded = unbounded.or(Some(Unbounded::Output));
        facts.context.unwrap_or(OUTPUT_ASSUMED).min(OUTPUT_ASSUMED)
    });
    (limit, u64::from(bound.choices.max(1)))
}

#[derive(Default)]
struct Tools {
    fees: SmallVec<[(UsageClass, u64); 2]>,
    passes: u64,
    adds_prompt: bool,
    search_context: Option<SearchContext>,
    unbounded: Option<Unbounded>,
}

fn tools(facts: &Facts, bound: &RequestBound) -> Tools {
    let mut tools = Tools::default();
    let per_prompt = facts.grounding_per_prompt == Some(true);
    for tool in &bound.hosted_tools {
        let uses = match tool.uses_max {
            Some(uses) => uses,
            None if per_prompt && is_grounding(tool.kind) => 1,
            None => {
                tools.unbounded = Some(Unbounded::HostedTool);
                TOOL_USES_ASSUMED
            }
        };
        let uses = u64::from(uses);
        let class = match tool.kind {
            HostedToolKind::WebSearch(size) => {
                tools.search_context = tools.search_context.max(Some(size));
                Some(UsageClass::WebSearch)
            }
            HostedToolKind::WebFetch => Some(UsageClass::WebFetch),
            HostedToolKind::CodeInterpreter => Some(UsageClass::CodeInterpreter),
            HostedToolKind::FileSearch => Some(UsageClass::FileSearch),
            HostedToolKind::Grounding => Some(UsageClass::Grounding),
            HostedToolKind::MapsGrounding => Some(UsageClass::MapsGrounding),
            HostedToolKind::ImageGeneration => Some(UsageClass::Image),
            HostedToolKind::Other => None,
        };
        if is_grounding(tool.kind) {
            tools.adds_prompt = true;
        } else {
            tools.passes = tools.passes.saturating_add(uses);
        }
        let billed = if per_prompt && is_grounding(tool.kind) { 1 } else { uses };
        tools.fees.extend(class.map(|class| (class, billed)));
    }
    let searches = tools.fees.iter().any(|(class, _)| *class == UsageClass::WebSearch);
    if facts.always_searches == Some(true) && !searches {
        tools.fees.push((UsageClass::WebSearch, 1));
    }
    if facts.researches == Some(true) {
        tools.unbounded = Some(Unbounded::Research);
        tools.passes = tools.passes.saturating_add(u64::from(TOOL_USES_ASSUMED));
        tools.fees.push((UsageClass::WebSearch, u64::from(TOOL_USES_ASSUMED)));
    }
    if bound.image_output {
        tools.fees.push((UsageClass::Image, u64::from(bound.choices.max(1))));
    }
    tools
}

const fn is_grounding(kind: HostedToolKind) -> bool {
    matches!(kind, HostedToolKind::Grounding | HostedToolKind::MapsGrounding)
}
