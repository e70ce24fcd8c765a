//! What providers themselves billed, beside what the built-in book says.
//!
//! The usage objects are the providers' own; they are normalised here by the rules of docs/reference/pricing.md, so
//! that the price engine does not depend on the meter.

use bursar_core::bound::SearchContext;
use bursar_core::{Multiplier, Rate, Usage, UsageClass, Usd};
use bursar_pricing::{Conditions, PriceBook, PriceRow, cost};
use serde_json::Value;

use crate::common::{at, outside};

/// A recorded usage object with the provider's bill.
struct Oracle(Value);

impl Oracle {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }
    fn usage(&self) -> &Value {
        &self.0["usage"]
    }
    fn count(&self, path: &str) -> u64 {
        path.split('.').fold(self.usage(), |value, field| &value[field]).as_u64().unwrap_or(0)
    }
    fn provider(&self) -> &'static str {
        let kind = self.text("kind");
        let model = self.model();
        match () {
            () if kind.starts_with("openrouter") => "openrouter",
            () if kind.starts_with("xai") => "xai",
            () if kind.starts_with("perplexity") => "perplexity",
            () if model.starts_with("claude") => "anthropic",
            () if model.starts_with("gemini") => "gemini",
            () => "openai",
        }
    }
    fn billed_pico(&self) -> u128 {
        pico(&self.0["cost_usd"])
    }
    /// The usage by Bursar's classes.
    fn normalised(&self) -> Usage {
        let mut usage = Usage::new();
        let format = self.text("api_format");
        if self.usage().get("promptTokenCount").is_some() {
            let cached = self.count("cachedContentTokenCount");
            usage.set(UsageClass::Input, self.count("promptTokenCount") - cached);
            usage.set(UsageClass::CacheRead, cached);
            usage.set(
                UsageClass::Output,
                self.count("candidatesTokenCount") + self.count("thoughtsTokenCount"),
            );
        } else if format.starts_with("anthropic") {
            let hour = self.count("cache_creation.ephemeral_1h_input_tokens");
            usage.set(UsageClass::Input, self.count("input_tokens"));
            usage.set(UsageClass::CacheRead, self.count("cache_read_input_tokens"));
            usage.set(UsageClass::CacheWrite5m, self.count("cache_creation_input_tokens") - hour);
            usage.set(UsageClass::CacheWrite1h, hour);
            usage.set(UsageClass::Output, self.count("output_tokens"));
        } else {
            let (input, output, details) = if self.usage().get("input_tokens").is_some() {
                ("input_tokens", "output_tokens", "input_tokens_details")
            } else {
                ("prompt_tokens", "completion_tokens", "prompt_tokens_details")
            };
            let cached = self.count(&format!("{details}.cached_tokens"));
            let written = self.count(&format!("{details}.cache_write_tokens"));
            // Gemini behind OpenRouter: the same tokens are written to the cache and read from it, and both are billed.
            let prompt = self.count(input);
            let apart = prompt.checked_sub(cached + written);
            usage.set(UsageClass::Input, apart.unwrap_or(prompt.saturating_sub(cached.max(written))));
            usage.set(UsageClass::CacheRead, cached);
            usage.set(UsageClass::CacheWrite5m, written);
            usage.set(UsageClass::Output, self.count(output));
            let searches = self.count("server_side_tool_usage_details.web_search_calls")
                + self.count("server_tool_use_details.web_search_requests");
            if searches > 0 {
                usage.set(UsageClass::WebSearch, searches);
            }
        }
        usage
    }
    fn search_context(&self) -> SearchContext {
        match self.usage()["search_context_size"].as_str() {
            Some("low") => SearchContext::Low,
            Some("high") => SearchContext::High,
            _ => SearchContext::Medium,
        }
    }
    fn model(&self) -> &str {
        let path = self.0["source"]["path"].as_str().unwrap_or_default();
        match self.text("model") {
            // The transcription's body does not name its model; the recording does.
            "" if path.contains("gpt-4o-mini-transcribe") => "openai/gpt-4o-mini-transcribe",
            model => model,
        }
    }
    /// The built-in row, or the rates that the body itself states: its itemised parts by their tokens.
    fn check(&self) -> Answer {
        let Some(row) = PriceBook::builtin().find(self.provider(), self.model(), at("2026-10-15")) else {
            return Answer::Miss(format!("{}/{}: not in the book", self.provider(), self.model()));
        };
        let usage = self.normalised();
        let ours = self.cost(row, &usage);
        if self.matches(ours) {
            return Answer::Book;
        }
        if self.own_row(row, &usage).is_some_and(|own| self.matches(self.cost(&own, &usage))) {
            return Answer::OwnRates;
        }
        let usd = |pico| Usd::from_pico_ceil(pico).unwrap();
        let (billed, ours) = (usd(self.billed_pico()), usd(ours));
        Answer::Miss(format!("{} billed {billed} computed {ours} from {usage:?}", row.id()))
    }
    fn cost(&self, row: &PriceRow, usage: &Usage) -> u128 {
        let conditions =
            Conditions { search_context: self.search_context(), ..Conditions::at(at("2026-10-15")) };
        let cost = cost(row, usage, &conditions);
        // The caller's own key at the provider: OpenRouter bills nothing, which is a multiplier of zero.
        let own_key = self.usage()["is_byok"] == true;
        if own_key { Multiplier::ZERO.apply_pico(cost.list_pico) } else { cost.list_pico }
    }
    fn matches(&self, pico: u128) -> bool {
        pico.abs_diff(self.billed_pico()) <= 1_000_000
    }
    fn own_row(&self, row: &PriceRow, usage: &Usage) -> Option<PriceRow> {
        let part = |names: [&str; 2]| {
            let parts = [&self.usage()["cost_details"], &self.usage()["cost"]];
            parts
                .iter()
                .flat_map(|part| names.map(|name| &part[name]))
                .find(|part| part.is_number())
                .map(pico)
        };
        let prompt = part(["upstream_inference_prompt_cost", "input_tokens_cost"])?;
        let output = part(["upstream_inference_completions_cost", "output_tokens_cost"])?;
        let rate = |pico: u128, tokens: u64| {
            let nearest = (pico + u128::from(tokens) / 2).checked_div(u128::from(tokens)).unwrap_or(0);
            Rate::from_pico(u64::try_from(nearest).unwrap())
        };
        let mut spec = row.spec().clone();
        let tokens = usage.prompt_tokens();
        for class in [UsageClass::Input, UsageClass::CacheRead, UsageClass::CacheWrite5m] {
            spec.rates.set(class, rate(prompt, tokens));
        }
        spec.rates.set(UsageClass::Output, rate(output, usage.get(UsageClass::Output)));
        if self.provider() == "openrouter" {
            // The itemised parts hold the request fee of the model behind.
            spec.rates.set(bursar_pricing::RateClass::Request, Rate::ZERO);
        }
        Some(PriceRow::new(spec, "own rates"))
    }
}

/// A number of a body as pico-USD, from its text: no float lies between.
fn pico(number: &Value) -> u128 {
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().unwrap();
    let shift = exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap() + 12;
    let ten = 10u128.pow(shift.unsigned_abs());
    if shift >= 0 { digits * ten } else { digits / ten }
}

/// How a bill was reproduced.
#[derive(PartialEq)]
enum Answer {
    Book,
    OwnRates,
    Miss(String),
}

#[test]
fn the_built_in_book_matches_what_providers_billed() {
    let Some(text) = outside("BURSAR_DATA", "../shared/data", "cost_oracles.json") else { return };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let answers: Vec<Answer> = all.into_iter().map(|oracle| Oracle(oracle).check()).collect();
    let count = |answer: &Answer| answers.iter().filter(|other| *other == answer).count();
    let misses = answers.iter().filter_map(|answer| match answer {
        Answer::Miss(why) => Some(why.as_str()),
        Answer::Book | Answer::OwnRates => None,
    });
    let misses: Vec<&str> = misses.collect();
    insta::assert_snapshot!(format!(
        "{} by the built-in book, {} by the rates that the body states, {} missed\n{}",
        count(&Answer::Book),
        count(&Answer::OwnRates),
        misses.len(),
        misses.join("\n")
    ));
    assert!(misses.len() <= 2);
}
