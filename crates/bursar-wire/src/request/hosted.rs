//! Tools that the provider runs itself: which they are, how often they may run, and what they let into the prompt.

use super::Facts;
use bursar_core::bound::{HostedTool, HostedToolKind, SearchContext};

/// Who runs a tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Runner {
    /// The client: the model only asks.
    Client,
    /// The provider, for a fee or in rounds that bill the prompt again.
    Provider(HostedToolKind),
}

/// Adds a hosted tool. What it brings enters the prompt, so the prompt may fill the context window.
pub(super) fn add(facts: &mut Facts, kind: HostedToolKind, uses_max: Option<u32>) {
    facts.bound.by_reference = true;
    facts.bound.hosted_tools.push(HostedTool { kind, uses_max });
}

/// Caps every hosted tool that was added: OpenAI's `max_tool_calls` counts all of them together.
pub(super) fn cap(facts: &mut Facts, uses_max: Option<u32>) {
    for tool in &mut facts.bound.hosted_tools {
        tool.uses_max = match (tool.uses_max, uses_max) {
            (Some(own), Some(all)) => Some(own.min(all)),
            (own, all) => own.or(all),
        };
    }
}

/// Who runs a tool of OpenAI's formats, by its `type`. Routers and vendors that speak the format add types of their own;
/// a type that is not known is the provider's.
pub(super) fn openai_runner(kind: &str, context: SearchContext) -> Runner {
    match kind {
        "function"
        | "custom"
        | "namespace"
        | "local_shell"
        | "apply_patch"
        | "computer"
        | "computer_use"
        | "computer_use_preview" => Runner::Client,
        "file_search" => Runner::Provider(HostedToolKind::FileSearch),
        "code_interpreter" | "code_execution" | "shell" => Runner::Provider(HostedToolKind::CodeInterpreter),
        "image_generation" => Runner::Provider(HostedToolKind::ImageGeneration),
        _ if kind.contains("web_search") || kind == "browser_search" => {
            Runner::Provider(HostedToolKind::WebSearch(context))
        }
        _ => Runner::Provider(HostedToolKind::Other),
    }
}

/// The size of a search's context by its word. A word that is not known is the dearest.
pub(super) fn search_context(word: &str) -> SearchContext {
    match word {
        "low" => SearchContext::Low,
        "medium" => SearchContext::Medium,
        _ => SearchContext::High,
    }
}

/// Who runs a tool of Anthropic's, by its `type`, which ends in a date. No type, or `custom`: the client.
pub(super) fn anthropic_runner(kind: &str) -> Runner {
    let is = |name: &str| kind.starts_with(name);
    if kind.is_empty()
        || kind == "custom"
        || is("bash_")
        || is("text_editor_")
        || is("computer_")
        || is("memory_")
    {
        Runner::Client
    } else if is("web_search_") {
        Runner::Provider(HostedToolKind::WebSearch(SearchContext::default()))
    } else if is("web_fetch_") {
        Runner::Provider(HostedToolKind::WebFetch)
    } else if is("code_execution_") {
        Runner::Provider(HostedToolKind::CodeInterpreter)
    } else {
        // `advisor_…` calls a second, dearer model; `mcp_toolset`, `tool_search_tool_…` and what comes run in rounds.
        Runner::Provider(HostedToolKind::Other)
    }
}

/// Who runs a tool of Gemini's, by its field.
pub(super) fn gemini_runner(field: &str) -> (Runner, Option<u32>) {
    match field {
        "functionDeclarations" | "computerUse" => (Runner::Client, None),
        "googleSearch" | "googleSearchRetrieval" | "enterpriseWebSearch" => {
            (Runner::Provider(HostedToolKind::Grounding), None)
        }
        "googleMaps" => (Runner::Provider(HostedToolKind::MapsGrounding), None),
        "codeExecution" => (Runner::Provider(HostedToolKind::CodeInterpreter), None),
        // At most 20 addresses a request (URL context guide, read 2026-11).
        "urlContext" => (Runner::Provider(HostedToolKind::WebFetch), Some(20)),
        "fileSearch" => (Runner::Provider(HostedToolKind::FileSearch), None),
        _ => (Runner::Provider(HostedToolKind::Other), None),
    }
}
