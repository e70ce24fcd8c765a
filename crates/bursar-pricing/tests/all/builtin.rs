//! The book that ships: it parses, it is large enough, every row says whence and since when, and it finds models.

use bursar_core::UsageClass;
use bursar_pricing::{BUILT_IN, PriceBook, RateClass, file};

use crate::common::{amounts, at, bill};

/// Rules: S1-05, S2-20.
#[test]
fn every_row_is_dated_and_names_its_source() {
    let book = PriceBook::builtin();
    assert!(book.len() > 2000, "{}", book.len());
    for row in book.rows() {
        assert!(row.effective_from().is_some(), "{} has no date", row.id());
        assert!(
            row.source().is_some_and(|source| source.starts_with("https://")),
            "{} has no source",
            row.id()
        );
        assert_eq!(&**row.origin(), BUILT_IN);
        let priced =
            row.is_free() || row.spec().rates.iter().next().is_some() || !row.spec().variants.is_empty();
        assert!(priced, "{} prices nothing", row.id());
    }
}

#[test]
fn every_promised_provider_is_there() {
    let providers = [
        "openai",
        "azure_openai",
        "anthropic",
        "gemini",
        "vertex",
        "bedrock",
        "mistral",
        "deepseek",
        "xai",
        "groq",
        "cohere",
        "together",
        "fireworks",
        "perplexity",
        "openrouter",
        "nvidia_nim",
        "ollama",
    ];
    let rows = PriceBook::builtin().rows();
    for provider in providers {
        let models = rows.iter().filter(|row| row.provider() == provider).count();
        assert!(models >= 10, "{provider}: {models}");
    }
    assert_eq!(rows.len(), PriceBook::builtin().len(), "names do not hide rows");
}

#[test]
fn well_known_models_are_found_under_their_names() {
    let book = PriceBook::builtin();
    let names = [
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-4o-2024-08-06"),
        ("openai", "gpt-5-2025-08-07"),
        ("openai", "text-embedding-3-small"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc"),
        ("azure_openai", "gpt-4.1"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-opus-4-7"),
        ("gemini", "gemini-2.5-flash"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("mistral", "mistral-large-latest"),
        ("deepseek", "deepseek-chat"),
        ("xai", "grok-4.3"),
        ("groq", "openai/gpt-oss-120b"),
        ("cohere", "command-a-03-2025"),
        ("perplexity", "sonar"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("ollama", "qwen3:8b"),
        ("ollama", "whatever-i-pulled:latest"),
    ];
    for (provider, model) in names {
        assert!(book.find(provider, model, at("2026-11-01")).is_some(), "{provider}/{model}");
    }
    for (provider, model) in [("openai", "gpt-4o-mini-evil"), ("anthropic", "claude"), ("openai", "qwen3:8b")]
    {
        assert!(book.find(provider, model, at("2026-11-01")).is_none(), "{provider}/{model}");
    }
}

#[test]
fn a_model_without_a_deployment_goes_to_its_maker() {
    let book = PriceBook::builtin();
    let makers = [
        ("gpt-4o-mini", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-flash", "gemini"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("grok-4.3", "xai"),
        ("anthropic/claude-sonnet-4.5", "openrouter"),
    ];
    for (model, maker) in makers {
        assert_eq!(book.provider_of(model), Some(maker), "{model}");
    }
    assert_eq!(
        book.provider_of("nobody-knows-me"),
        None,
        "a local server's pattern for everything claims nothing"
    );
}

#[test]
fn the_rates_of_a_few_models_are_what_their_makers_publish() {
    let million = "input 1000000, cache_read 1000000, output 1000000";
    let shown = |provider, model| {
        let row = PriceBook::builtin().find(provider, model, at("2026-11-01")).unwrap();
        amounts(&bill(row, &million.replace("1000000", "100000")))
    };
    assert_eq!(shown("openai", "gpt-4o-mini"), "input 0.015, cache_read 0.0075, output 0.06");
    assert_eq!(shown("anthropic", "claude-haiku-4-5"), "input 0.1, cache_read 0.01, output 0.5");
    assert_eq!(shown("gemini", "gemini-2.5-flash"), "input 0.03, cache_read 0.003, output 0.25");
}

/// Rules: S1-05.
#[test]
fn a_changed_price_keeps_its_history() {
    let history = PriceBook::builtin().history("deepseek", "deepseek-v4-pro");
    assert!(history.len() >= 2, "{history:?}");
    let dates: Vec<_> = history.iter().map(|row| row.effective_from()).collect();
    assert!(dates.is_sorted());
}

#[test]
fn claude_rows_state_both_cache_writes_in_their_documented_order() {
    for row in PriceBook::builtin().rows().into_iter().filter(|row| row.provider() == "anthropic") {
        let rate = |class: UsageClass| row.spec().rates.get(RateClass::from(class));
        let (Some(short), Some(long)) = (rate(UsageClass::CacheWrite5m), rate(UsageClass::CacheWrite1h))
        else {
            continue;
        };
        assert!(short < long, "{}", row.id());
    }
}

#[test]
fn the_shipped_files_are_written_as_the_writer_writes_them() {
    for row in PriceBook::builtin().rows() {
        let text = file::row_to_toml(row.spec());
        assert_eq!(file::parse(&text).unwrap(), [row.spec().clone()]);
    }
}
