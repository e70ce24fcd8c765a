//! Reads what providers bill: OpenAI costs, Anthropic cost reports, OpenRouter activity, or Bursar's own columns.

use super::csv;
use bursar_core::amount::PICO_PLACES;
use bursar_core::{Timestamp, decimal};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One line of a bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Billed {
    /// The provider's id of the request, where the bill goes that far.
    pub(super) upstream_request_id: Option<String>,
    /// Who bills.
    pub(super) provider: String,
    /// The model, as the bill calls it; empty where it does not say.
    pub(super) model: String,
    /// The day in UTC, `2026-11-23`.
    pub(super) day: String,
    /// Pico-USD.
    pub(super) pico: i128,
}

/// Reads a bill; its form is told from the text.
pub(super) fn read(text: &str, provider: Option<&str>) -> Result<Vec<Billed>, String> {
    let start = text.trim_start();
    if start.starts_with('{') {
        if start.contains("organization.costs.result") {
            return openai(start, provider.unwrap_or("openai"));
        }
        if start.contains("\"starting_at\"") {
            return anthropic(start, provider.unwrap_or("anthropic"));
        }
        return Err("is neither OpenAI's costs nor Anthropic's cost report".to_owned());
    }
    let (head, rows) = csv::parse(text).ok_or("is neither JSON nor CSV with a head")?;
    let column = |names: &[&str]| head.iter().position(|name| names.contains(&name.as_str()));
    let cost = column(&["cost_usd", "cost_total"]).ok_or("has no column `cost_usd`")?;
    let at = column(&["at", "created_at", "date"]).ok_or("has no column `at`")?;
    let id = column(&["upstream_request_id", "generation_id"]);
    let model = column(&["model", "model_permaslug"]);
    let seller = column(&["provider"]);
    let is_openrouter = head.iter().any(|name| name == "generation_id");
    let default = provider.unwrap_or(if is_openrouter { "openrouter" } else { "" });
    let mut billed = Vec::new();
    for (number, row) in (2..).zip(&rows) {
        let field = |place: Option<usize>| {
            place.and_then(|place| row.get(place)).map(|text| text.trim()).unwrap_or_default()
        };
        let amount = field(Some(cost));
        let pico = pico(amount).ok_or_else(|| format!("line {number}: `{amount}` is no amount in USD"))?;
        let when = field(Some(at));
        let day = day(when).ok_or_else(|| format!("line {number}: `{when}` is no time"))?;
        let provider = match field(seller) {
            "" => default,
            named => named,
        };
        billed.push(Billed {
            upstream_request_id: Some(field(id).to_owned()).filter(|id| !id.is_empty()),
            provider: provider.to_owned(),
            model: field(model).to_owned(),
            day,
            pico,
        });
    }
    Ok(billed)
}

#[derive(Deserialize)]
struct OpenAiPage<'a> {
    #[serde(borrow)]
    data: Vec<OpenAiBucket<'a>>,
}

#[derive(Deserialize)]
struct OpenAiBucket<'a> {
    start_time: i64,
    #[serde(borrow)]
    results: Vec<OpenAiResult<'a>>,
}

#[derive(Deserialize)]
struct OpenAiResult<'a> {
    #[serde(borrow)]
    amount: OpenAiAmount<'a>,
    line_item: Option<String>,
}

#[derive(Deserialize)]
struct OpenAiAmount<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

/// `GET /v1/organization/costs`, best grouped by line item, which names the model: `gpt-4o-mini-2024-07-18, input`.
/// <https://platform.openai.com/docs/api-reference/usage/costs> (2026-11).
fn openai(text: &str, provider: &str) -> Result<Vec<Billed>, String> {
    let page: OpenAiPage<'_> =
        serde_json::from_str(text).map_err(|error| format!("is not OpenAI's costs: {error}"))?;
    let mut billed = Vec::new();
    for bucket in page.data {
        let at = Timestamp::from_micros(bucket.start_time.saturating_mul(1_000_000)).to_string();
        for result in bucket.results {
            let value = result.amount.value.get().trim_matches('"');
            let item = result.line_item.unwrap_or_default();
            billed.push(Billed {
                upstream_request_id: None,
                provider: provider.to_owned(),
                model: item.split(',').next().unwrap_or_default().trim().to_owned(),
                day: day(&at).ok_or("a bucket has no time")?,
                pico: pico(value).ok_or_else(|| format!("`{value}` is no amount in USD"))?,
            });
        }
    }
    Ok(billed)
}

#[derive(Deserialize)]
struct AnthropicReport {
    data: Vec<AnthropicBucket>,
}

#[derive(Deserialize)]
struct AnthropicBucket {
    starting_at: String,
    results: Vec<AnthropicResult>,
}

#[derive(Deserialize)]
struct AnthropicResult {
    amount: String,
    model: Option<String>,
}

/// `GET /v1/organizations/cost_report`, grouped by description, whose amounts are cents as decimal text.
/// <https://platform.claude.com/docs/en/api/admin/cost_report> (2026-11).
fn anthropic(text: &str, provider: &str) -> Result<Vec<Billed>, String> {
    let report: AnthropicReport =
        serde_json::from_str(text).map_err(|error| format!("is not Anthropic's cost report: {error}"))?;
    let mut billed = Vec::new();
    for bucket in report.data {
        let day = day(&bucket.starting_at).ok_or_else(|| format!("`{}` is no time", bucket.starting_at))?;
        for result in bucket.results {
            let cents = pico(&result.amount).ok_or_else(|| format!("`{}` is no amount", result.amount))?;
            billed.push(Billed {
                upstream_request_id: None,
                provider: provider.to_owned(),
                model: result.model.unwrap_or_default(),
                day: day.clone(),
                pico: cents / 100,
            });
        }
    }
    Ok(billed)
}

/// The day of an instant in UTC. A space for the `T` and a missing zone are UTC.
fn day(text: &str) -> Option<String> {
    let date: String = text.chars().take(10).collect();
    let plain = text.replace(' ', "T");
    let at = Timestamp::parse(&plain)
        .or_else(|| Timestamp::parse(&format!("{plain}Z")))
        .or_else(|| Timestamp::parse(&date))?;
    Some(at.to_string().chars().take(10).collect())
}

/// Decimal USD as pico-USD, with the exponents that JSON numbers may have; what is below a pico-USD is cut.
pub(super) fn pico(text: &str) -> Option<i128> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = digits.strip_prefix('-').map_or((1, digits), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let places = i32::try_from(PICO_PLACES).ok()?.checked_add(exponent)?;
    let kept = usize::try_from(places.clamp(-40, 40)).unwrap_or(0);
    let cut: String = fraction.chars().take(kept).collect();
    let zeros = kept.saturating_sub(cut.len());
    let mut text = format!("{whole}{cut}{}", "0".repeat(zeros));
    if places < 0 {
        let drop = usize::try_from(places.unsigned_abs()).ok()?;
        text.truncate(text.len().saturating_sub(drop));
        if text.is_empty() {
            text.push('0');
        }
    }
    decimal::parse(&text, 0).ok().map(|value| value * sign)
}
