//! LiteLLM's `model_prices_and_context_window.json`: one flat map from a model's name to its keys.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::import::litellm_row::{self, Keys};
use crate::import::{ImportError, ImportOptions, Imported};
use crate::spec::RowSpec;

/// Entries that are not models: the list's own specimen and its rules for names.
const NOT_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

pub(crate) fn read(text: &str, options: &ImportOptions) -> Result<Imported, ImportError> {
    let list: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(text).map_err(|error| ImportError::Malformed(error.to_string()))?;
    let mut imported = Imported::default();
    for (name, value) in &list {
        if NOT_MODELS.contains(&name.as_str()) {
            continue;
        }
        imported.report.models += 1;
        let Ok(keys) = serde_json::from_str::<Keys>(value.get()) else {
            imported.report.skip("?", name, "is not a table of keys".to_owned());
            continue;
        };
        let text = |key: &str| {
            keys.get(key)
                .and_then(|value| serde_json::from_str::<String>(value.get()).ok())
                .unwrap_or_default()
        };
        let (provider, model) = place(&text("litellm_provider"), name);
        let mut spec = RowSpec::new(&provider, model);
        litellm_row::read(&mut spec, name, &keys, &mut imported.report);
        spec.effective_from = options.effective_from;
        let source = text("source");
        spec.source = Some(if source.is_empty() { options.source.clone() } else { source });
        if is_priced(&spec) {
            imported.rows.push(completed(spec));
        } else {
            imported.report.unpriced += 1;
        }
    }
    Ok(imported)
}

pub(crate) fn is_priced(spec: &RowSpec) -> bool {
    !spec.rates.is_empty() || !spec.variants.is_empty() || spec.tiers.is_some()
}

/// A row whose tiers or output are priced and whose input is not mentioned has free input: the list writes no zero.
pub(crate) fn completed(mut spec: RowSpec) -> RowSpec {
    let input = bursar_core::UsageClass::Input;
    let first = spec.tiers.as_mut().filter(|tiers| tiers.first().is_some_and(|tier| tier.up_to == Some(0)));
    if let Some(tiers) = first {
        // A list of ranges begins at zero: its first range is the base row.
        tiers.remove(0);
        let base = tiers.first().map(|tier| tier.rates.clone()).unwrap_or_default();
        spec.rates = spec.rates.over(&base);
    }
    if !spec.is_complete() && spec.rates.get(input).is_none() {
        spec.rates.set(input, bursar_core::Rate::ZERO);
    }
    spec
}

/// Whose price it is, in Bursar's words, and the model's name there: without the prefix by which LiteLLM routes.
pub(crate) fn place<'a>(litellm_provider: &str, name: &'a str) -> (String, &'a str) {
    let provider = match litellm_provider {
        "text-completion-openai" => "openai",
        "azure" | "azure_text" => "azure_openai",
        "bedrock" | "bedrock_converse" => "bedrock",
        "cohere_chat" => "cohere",
        "codestral" | "text-completion-codestral" => "codestral",
        "together_ai" => "together",
        "fireworks_ai" | "fireworks_ai-embedding-models" => "fireworks",
        "ollama_chat" => "ollama",
        vertex if vertex.starts_with("vertex_ai") => "vertex",
        other => other,
    };
    let prefix = name.split_once('/');
    let model = match prefix {
        Some((word, rest)) if routes(word, litellm_provider, provider) => rest,
        _ => name,
    };
    (provider.to_owned(), model)
}

fn routes(word: &str, litellm_provider: &str, provider: &str) -> bool {
    word == litellm_provider
        || word == provider
        || matches!(
            (word, provider),
            ("vertex_ai", "vertex")
                | ("azure" | "azure_text", "azure_openai")
                | ("bedrock" | "converse", "bedrock")
                | ("together_ai", "together")
                | ("fireworks_ai", "fireworks")
                | ("ollama_chat", "ollama")
                | ("text-completion-openai", "openai")
                | ("text-completion-codestral" | "codestral", "codestral")
        )
}
