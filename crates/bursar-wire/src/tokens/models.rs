//! Which models have which tokenizer. What is not in this table has none.

use super::Tokenizer;

/// What is known of how a model counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// It may think in tokens that are billed as output and are in no text.
    pub hides_reasoning: bool,
}

const CL100K: Known = Known { tokenizer: Tokenizer::Cl100k, hides_reasoning: false };
const O200K: Known = Known { tokenizer: Tokenizer::O200k, hides_reasoning: false };
const O200K_HIDING: Known = Known { tokenizer: Tokenizer::O200k, hides_reasoning: true };

/// Names and beginnings of names, the first that fits. Tokenizers: `tiktoken/model.py` of github.com/openai/tiktoken, 0.14;
/// which models reason: developers.openai.com/api/docs/guides/reasoning, 2026-11. `gpt-oss` has the vocabulary of
/// `o200k_base` too, but who serves it decides how its turns are framed and what of its reasoning is shown.
const MODELS: [(&str, Known); 33] = [
    ("gpt-4o", O200K),
    ("gpt-4o-*", O200K),
    ("chatgpt-4o-*", O200K),
    ("gpt-4.1", O200K),
    ("gpt-4.1-*", O200K),
    ("gpt-4.5-*", O200K),
    ("gpt-5-chat-latest", O200K),
    ("gpt-5", O200K_HIDING),
    ("gpt-5-*", O200K_HIDING),
    ("gpt-5.*", O200K_HIDING),
    ("o1", O200K_HIDING),
    ("o1-*", O200K_HIDING),
    ("o3", O200K_HIDING),
    ("o3-*", O200K_HIDING),
    ("o4-mini", O200K_HIDING),
    ("o4-mini-*", O200K_HIDING),
    ("codex-mini-*", O200K_HIDING),
    ("gpt-4", CL100K),
    ("gpt-4-*", CL100K),
    ("gpt-3.5-turbo", CL100K),
    ("gpt-3.5-turbo-*", CL100K),
    ("gpt-35-turbo", CL100K),
    ("gpt-35-turbo-*", CL100K),
    ("davinci-002", CL100K),
    ("babbage-002", CL100K),
    ("text-embedding-ada-002", CL100K),
    ("text-embedding-3-small", CL100K),
    ("text-embedding-3-large", CL100K),
    // The same at routers.
    ("openai/gpt-4o", O200K),
    ("openai/gpt-4o-*", O200K),
    ("openai/gpt-4.1", O200K),
    ("openai/gpt-4.1-*", O200K),
    ("openai/gpt-4-*", CL100K),
];

impl Known {
    /// By the model's name, as the provider knows it. A fine-tuned model (`ft:BASE:…`) counts as its base does.
    #[must_use]
    pub fn of(model: &str) -> Option<Self> {
        let model = match model.strip_prefix("ft:") {
            Some(tuned) => tuned.split(':').next()?,
            None => model,
        };
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(begin) => model.starts_with(begin),
            None => model == pattern,
        };
        MODELS.iter().find(|(pattern, _)| fits(pattern)).map(|(_, known)| *known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_tokenizer_that_its_maker_published_for_it_or_none() {
        let of =
            |model: &str| Known::of(model).map(|known| (known.tokenizer.as_str(), known.hides_reasoning));
        for (model, known) in [
            ("gpt-4o", Some(("o200k_base", false))),
            ("gpt-4o-mini-2024-07-18", Some(("o200k_base", false))),
            ("gpt-4.1-nano", Some(("o200k_base", false))),
            ("gpt-5", Some(("o200k_base", true))),
            ("gpt-5.2-codex", Some(("o200k_base", true))),
            ("gpt-5-chat-latest", Some(("o200k_base", false))),
            ("o4-mini", Some(("o200k_base", true))),
            ("gpt-4", Some(("cl100k_base", false))),
            ("gpt-4-0613", Some(("cl100k_base", false))),
            ("gpt-35-turbo", Some(("cl100k_base", false))),
            ("text-embedding-3-small", Some(("cl100k_base", false))),
            ("ft:gpt-4o-mini-2024-07-18:acme::abc", Some(("o200k_base", false))),
            ("openai/gpt-4o", Some(("o200k_base", false))),
            // Not by what a name contains, and not what is only alike.
            ("my-gpt-4o", None),
            ("gpt-4.9", None),
            ("gpt-6", None),
            ("gpt-4oo", None),
            ("o4", None),
            ("gpt-oss-120b", None),
            ("claude-sonnet-4-5", None),
            ("gemini-2.5-flash", None),
            ("mistral-large", None),
            ("ft:", None),
            ("", None),
        ] {
            assert_eq!(of(model), known, "{model}");
        }
    }
}
