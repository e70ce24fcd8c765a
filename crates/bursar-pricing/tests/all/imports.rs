//! Price lists of other programs: what becomes of every field, and the whole recorded lists.

use bursar_core::UsageClass;
use bursar_pricing::import::{ImportError, ImportOptions, Imported, SourceFormat, import};
use bursar_pricing::{PriceBook, diff, file};

use crate::common::{at, outside};

fn options() -> ImportOptions {
    ImportOptions {
        source: "https://example.com/list".to_owned(),
        own_dates: true,
        ..ImportOptions::default()
    }
}

fn read(text: &str) -> Imported {
    import(text, None, &options()).unwrap()
}

/// The rows as a price file, and the report.
fn shown(imported: &Imported) -> String {
    format!("{}\n{}", file::to_toml(&imported.rows), imported.report)
}

const LITELLM: &str = r#"{
  "sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0.0},
  "anthropic/claude-x": {
    "litellm_provider": "anthropic", "mode": "chat", "max_input_tokens": 1000000, "max_output_tokens": 64000,
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
    "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 7.5e-06,
    "provider_specific_entry": {"us": 1.1, "fast": 2.0},
    "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01, "search_context_size_high": 0.01},
    "supports_vision": true, "supports_function_calling": true, "deprecation_date": "2027-01-31"},
  "xai/grok-x": {"litellm_provider": "xai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
    "input_cost_per_token_above_128k_tokens": 2e-06},
  "perplexity/sonar-x": {"litellm_provider": "perplexity", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
    "search_context_cost_per_query": {"search_context_size_low": 0.005, "search_context_size_medium": 0.008, "search_context_size_high": 0.012},
    "citation_cost_per_token": 2e-06},
  "dashscope/qwen-x": {"litellm_provider": "dashscope", "tiered_pricing": [
    {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
    {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]},
  "deepseek-x": {"litellm_provider": "deepseek", "input_cost_per_token": 3e-07, "output_cost_per_token": 1.2e-06,
    "cache_creation_input_token_cost": 0.0, "off_peak_pricing": {"input_cost_per_token": 1.5e-07,
    "windows": [{"hours_utc": ["00:00-01:00", "10:00-00:00"], "weekdays": [1, 2]}, {"hours_utc": "00:00-00:00", "weekdays": [6, 7]}]}},
  "1024-x-1024/dall-e-2": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1.9e-08, "output_cost_per_pixel": 0.0},
  "fal_ai/video-x": {"litellm_provider": "fal_ai", "output_cost_per_second": 0.1, "output_cost_per_second_1080p": 0.2},
  "gemini/gemini-x": {"litellm_provider": "gemini", "input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06,
    "search_context_cost_per_query": {"search_context_size_low": 0.035, "search_context_size_medium": 0.035, "search_context_size_high": 0.035},
    "search_free_requests": {"count": 1500, "period": "day"}, "input_cost_per_audio_token": 1e-06,
    "regional_endpoint_uplift_multiplier": 1.1},
  "somebody/listed-only": {"litellm_provider": "somebody", "mode": "chat"},
  "somebody/new": {"litellm_provider": "somebody", "input_cost_per_token": 1.00000000000001e-06, "input_cost_per_dream": 0.1}
}"#;

#[test]
fn a_litellm_price_map() {
    insta::assert_snapshot!(shown(&read(LITELLM)));
}

#[test]
fn a_litellm_configuration() {
    let text = "
model_list:
  - model_name: cheap
    litellm_params: {model: openai/gpt-x, api_key: os.environ/KEY, input_cost_per_token: 0.0000025, output_cost_per_token: 1e-05}
  - model_name: by-info
    litellm_params: {model: together_ai/org/model-x}
    model_info: {input_cost_per_token: 2.0e-07, output_cost_per_token: 2.0e-07, max_input_tokens: 8192}
  - model_name: unpriced
    litellm_params: {model: anthropic/claude-x}
litellm_settings:
  cost_margin_config: {global: 0.1}
";
    assert_eq!(SourceFormat::detect(text), Some(SourceFormat::LiteLlmConfig));
    insta::assert_snapshot!(shown(&read(text)));
}

#[test]
fn a_models_dev_list() {
    let text = r#"{"google": {"doc": "https://example.com/google", "models": {
      "gemini-x": {"cost": {"input": 1.25, "output": 10, "cache_read": 0.31, "input_audio": 1.5, "output_dream": 3,
        "tiers": [{"tier": {"size": 200000}, "input": 2.5, "output": 15}]},
        "limit": {"context": 1048576, "output": 65536}, "modalities": {"input": ["text", "image"]},
        "release_date": "2026-03", "tool_call": true, "reasoning": true},
      "free": {"limit": {"context": 1, "output": 1}, "release_date": "2026-01-01"}}}}"#;
    insta::assert_snapshot!(shown(&read(text)));
}

#[test]
fn a_genai_prices_list() {
    let text = r#"[{"id": "anthropic", "pricing_urls": ["https://example.com/prices"], "models": [
      {"id": "claude-x", "match": {"or": [{"equals": "claude-x-20260101"}, {"starts_with": "claude-x"}]}, "context_window": 200000,
       "prices": [
         {"prices": {"input_mtok": {"base": 3, "tiers": [{"start": 200000, "price": 6}]}, "output_mtok": 15, "web_searches_kcount": 10}},
         {"constraint": {"start_date": "2026-09-01"}, "prices": {"input_mtok": 2, "cache_write_mtok": 2.5, "cache_write_1h_mtok": 4, "output_mtok": 10}}]},
      {"id": "hourly", "match": {"equals": "hourly"}, "prices": [
         {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"}, "prices": {"input_mtok": 0.55, "output_mtok": 2.19}},
         {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 0.135, "output_mtok": 0.55}}]}]}]"#;
    insta::assert_snapshot!(shown(&read(text)));
}

#[test]
fn what_is_no_price_list_is_said_to_be_none() {
    assert_eq!(import("hello", None, &options()).unwrap_err(), ImportError::Unknown);
    assert!(matches!(
        import("{\"litellm_provider\"", None, &options()).unwrap_err(),
        ImportError::Malformed(_)
    ));
}

#[test]
fn a_dry_run_says_what_would_change() {
    let mine = "[[price]]\nprovider = \"anthropic\"\nmodel = \"claude-x\"\ninput = \"3\"\noutput = \"14\"\n\
                [[price]]\nprovider = \"xai\"\nmodel = \"grok-old\"\ninput = \"1\"\n";
    let book = PriceBook::from_toml(mine, "mine").unwrap();
    insta::assert_snapshot!(diff(&book, &read(LITELLM).rows, at("2026-11-01")));
}

#[test]
fn the_whole_litellm_map_imports_and_under_one_percent_is_unsupported() {
    let Some(text) = outside("BURSAR_DATA", "../shared/data", "litellm_model_prices.json") else { return };
    let imported = read(&text);
    let report = &imported.report;
    assert!(report.rows > 4000, "{report}");
    assert!(report.affected() * 100 < report.models, "{report}");
    insta::assert_snapshot!(report);
    let book = PriceBook::empty().overlay(imported.rows, "litellm").unwrap();
    assert!(book.len() > 4000);
}

#[test]
fn the_other_recorded_lists_import() {
    for (list, rows) in [("models_dev.json", 4500), ("genai_prices_data_v2.json", 1200)] {
        let Some(text) = outside("BURSAR_DATA", "../shared/data", list) else { return };
        let imported = read(&text);
        assert!(imported.report.rows > rows, "{}", imported.report);
        assert!(imported.report.affected() * 100 < imported.report.models, "{}", imported.report);
        assert!(
            imported
                .rows
                .iter()
                .all(|row| row.rates.get(UsageClass::Input).is_some() || !row.variants.is_empty())
        );
    }
}
