//! `[models.NAME]`: deployments of a model, and prices that the price book does not have.

use super::field::{Field, Takes};
use super::provider::is_wrong;
use super::section::{Reading, Section};
use super::tree::{Place, Tree};
use bursar_core::{Rate, UsageClass};

/// The fields of `[models.NAME]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "deployments",
        Takes::Tables(DEPLOYMENT_FIELDS),
        "required",
        "Where the model is served, in the order of preference.",
    ),
    Field::new("fallback", Takes::List("model names"), "[]", "Models to try when no deployment can be used."),
];

/// The fields of one deployment.
pub(super) const DEPLOYMENT_FIELDS: &[Field] = &[
    Field::new(
        "provider",
        Takes::Text("the name of a provider, such as `\"openai\"`"),
        "required",
        "Who serves it.",
    ),
    Field::new(
        "model",
        Takes::Text("the provider's name for the model"),
        "the name asked for",
        "The name sent upstream.",
    ),
    Field::new("price", Takes::Table(PRICE_FIELDS), "the price book's row", "Its price here."),
    Field::new(
        "prefer_billed",
        Takes::Boolean,
        "false",
        "Charge what the provider itself says it bills, where its answer says so (OpenRouter, xAI, Perplexity). What usage and price make of it stays in the record.",
    ),
];

const PER_MILLION: Takes = Takes::Text("USD per million tokens, such as `\"0.15\"`");
const PER_UNIT: Takes = Takes::Text("USD for one, such as `\"0.01\"`");

/// The fields of a price.
pub(super) const PRICE_FIELDS: &[Field] = &[
    Field::new("input", PER_MILLION, "required", "Prompt tokens."),
    Field::new("output", PER_MILLION, "required but for embeddings", "Generated tokens, reasoning included."),
    Field::new(
        "cache_read",
        PER_MILLION,
        "the vendor's factor of `input`",
        "Prompt tokens read from a cache.",
    ),
    Field::new(
        "cache_write_5m",
        PER_MILLION,
        "the vendor's factor of `input`",
        "Prompt tokens written to a cache for five minutes.",
    ),
    Field::new(
        "cache_write_1h",
        PER_MILLION,
        "the vendor's factor of `input`",
        "Prompt tokens written to a cache for one hour.",
    ),
    Field::new("audio_input", PER_MILLION, "`input`", "Prompt tokens that are audio."),
    Field::new("image_input", PER_MILLION, "`input`", "Prompt tokens that are images."),
    Field::new("reasoning", PER_MILLION, "`output`", "Hidden reasoning."),
    Field::new("audio_output", PER_MILLION, "`output`", "Generated audio."),
    Field::new("image_output", PER_MILLION, "`output`", "Generated images, as tokens."),
    Field::new("web_search", PER_UNIT, "none", "One web search."),
    Field::new("image", PER_UNIT, "none", "One image."),
    Field::new("request", PER_UNIT, "\"0\"", "One request."),
    Field::new(
        "context",
        Takes::Integer(1, 100_000_000),
        "the price book's",
        "The context window in tokens: bounds what a prompt can cost.",
    ),
    Field::new(
        "max_output",
        Takes::Integer(1, 100_000_000),
        "the price book's",
        "The most output tokens: bounds what an answer can cost.",
    ),
    Field::new(
        "tools",
        Takes::Boolean,
        "the price book's",
        "Whether it takes tools: what it cannot do is not sent there.",
    ),
    Field::new("vision", Takes::Boolean, "the price book's", "Whether it takes images."),
];

/// A model, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// The name that clients ask for.
    pub name: String,
    /// Where it is served, in the order of preference; at least one.
    pub deployments: Vec<Deployment>,
    /// Models to try next.
    pub fallback: Vec<String>,
}

/// A model at one provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    /// Who serves it.
    pub provider: String,
    /// The name sent upstream; absent: the name asked for.
    pub model: Option<String>,
    /// Its price here; absent: the price book's row.
    pub price: Option<Price>,
    /// Charge what the provider says it bills.
    pub prefer_billed: bool,
}

/// A price of the file's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Price {
    /// The rates that were written, in pico-USD per unit.
    pub rates: Vec<(UsageClass, Rate)>,
    /// USD per request, in pico-USD.
    pub request: Option<Rate>,
    /// The context window in tokens.
    pub context: Option<u64>,
    /// The most output tokens.
    pub max_output: Option<u64>,
    /// Whether it takes tools.
    pub tools: Option<bool>,
    /// Whether it takes images.
    pub vision: Option<bool>,
}

pub(super) fn read<'a>(
    name: &str,
    section: &Section<'a>,
    providers: &[&str],
    reading: &mut Reading<'_>,
) -> Option<Model> {
    let fallback = section.texts("fallback", false, reading).unwrap_or_default();
    let fallback = fallback.iter().map(|spot| spot.text.to_owned()).collect();
    let Some(entry) = section.get("deployments") else {
        section.missing("deployments", "write `deployments = [{ provider = \"openai\" }]`", reading);
        return None;
    };
    let Tree::List(items) = &entry.node.value else {
        section.mistyped(entry, "a list of tables", reading);
        return None;
    };
    let path = section.field("deployments");
    if items.is_empty() {
        let help = "write `[{ provider = \"openai\" }]`";
        reading.wrong(&entry.node.place, &path, format!("`{path}` is empty"), help);
    }
    let mut deployments = Vec::new();
    let mut seen: Vec<(String, &'a Place)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(inner) = Section::open(format!("{path}[{at}]"), item, DEPLOYMENT_FIELDS, reading) else {
            continue;
        };
        deployments.extend(deployment(&inner, providers, &mut seen, reading));
    }
    Some(Model { name: name.to_owned(), deployments, fallback })
}

fn deployment<'a>(
    section: &Section<'a>,
    providers: &[&str],
    seen: &mut Vec<(String, &'a Place)>,
    reading: &mut Reading<'_>,
) -> Option<Deployment> {
    let provider = section.text("provider", reading);
    if !section.has("provider") {
        section.missing("provider", "write `{ provider = \"openai\" }`", reading);
    }
    let model = section.text("model", reading).map(|spot| spot.text.to_owned());
    let price = section.get("price").and_then(|entry| {
        let inner = Section::open(section.field("price"), &entry.node, PRICE_FIELDS, reading)?;
        read_price(&inner, reading)
    });
    let spot = provider?;
    super::name::check_known(
        spot,
        &section.field("provider"),
        "provider",
        providers.iter().copied(),
        reading,
    );
    let key = format!("{} {}", spot.text, model.as_deref().unwrap_or_default());
    if let Some((_, first)) = seen.iter().find(|(other, _)| *other == key) {
        let message = format!("`{}` is the same deployment as one before it", section.path);
        let help = "remove it, or give it another `model`";
        let mistake = super::mistake::Mistake::new(section.place.clone(), &section.path, message, help);
        reading.mistakes.push(mistake.with_other((*first).clone(), "the first"));
    }
    seen.push((key, section.place));
    let prefer_billed = section.boolean("prefer_billed", false, reading);
    Some(Deployment { provider: spot.text.to_owned(), model, price, prefer_billed })
}

/// Reads a price table: deployments have one each, projects their `fallback_price`.
pub(super) fn read_price(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Price> {
    let mut price = Price::default();
    for field in PRICE_FIELDS {
        let Takes::Text(meaning) = field.takes else {
            continue;
        };
        let help = format!("write {meaning}");
        let is_fee = matches!(field.name, "web_search" | "image" | "request");
        let parse = if is_fee { Rate::parse_per_unit } else { Rate::parse_per_million };
        let rate = section.parsed(field.name, &help, reading, |text| parse(text).map_err(is_wrong));
        match (rate, UsageClass::parse(field.name)) {
            (Some(rate), Some(class)) => price.rates.push((class, rate)),
            (Some(rate), None) => price.request = Some(rate),
            (None, _) => {}
        }
    }
    if !section.has("input") && !section.has("request") {
        section.missing(
            "input",
            "write `{ input = \"0.15\", output = \"0.60\" }`, in USD per million tokens",
            reading,
        );
        return None;
    }
    let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    price.context = count(section.integer("context", reading));
    price.max_output = count(section.integer("max_output", reading));
    price.tools = section.has("tools").then(|| section.boolean("tools", true, reading));
    price.vision = section.has("vision").then(|| section.boolean("vision", true, reading));
    Some(price)
}
