//! One of the secrets used towards a provider: its name, where it is kept, its share and its limits.

use super::field::{Field, Takes};
use super::provider::is_wrong;
use super::section::{Reading, Section};
use super::surroundings::SecretRef;
use super::tree::{Node, Place, Tree};
use bursar_core::{ApiFormat, Multiplier};
use std::collections::BTreeMap;

/// The fields of one of `credentials`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "name",
        Takes::Text("a name, such as `\"team-a\"`"),
        "required",
        "What budgets and records call it.",
    ),
    Field::new("secret", Takes::Secret, "required", "The secret itself."),
    Field::new("weight", Takes::Integer(0, 1_000_000), "1", "Its share of the requests."),
    Field::new("rate_multiplier", Takes::Decimal, "\"1\"", "Factor from list cost to effective cost."),
    Field::new(
        "rate_multipliers",
        Takes::Other("a table of API formats and decimals, such as `{ openai_chat = \"1.2\" }`"),
        "{}",
        "The factor of single API formats.",
    ),
    Field::new(
        "in_flight_max",
        Takes::Integer(1, 1_000_000),
        "no limit",
        "Requests in flight with it at once. Where it is reached, another credential or deployment is used.",
    ),
    Field::new(
        "requests_per_minute",
        Takes::Integer(1, 10_000_000),
        "no limit",
        "Requests with it within any 60 seconds. Where it is reached, another credential or deployment is used.",
    ),
];

/// One secret used towards a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// What budgets and records call it.
    pub name: String,
    /// Where the secret is kept.
    pub secret: SecretRef,
    /// Its share of the requests.
    pub weight: u32,
    /// Factor from list cost to effective cost.
    pub rate_multiplier: Multiplier,
    /// The factor of single API formats.
    pub rate_multipliers: BTreeMap<ApiFormat, Multiplier>,
    /// Requests in flight at once.
    pub in_flight_max: Option<u32>,
    /// Requests within any 60 seconds.
    pub requests_per_minute: Option<u32>,
}

/// The one credential of a provider that names no others.
pub(super) fn single(secret: SecretRef) -> Credential {
    Credential {
        name: "default".to_owned(),
        secret,
        weight: 1,
        rate_multiplier: Multiplier::ONE,
        rate_multipliers: BTreeMap::new(),
        in_flight_max: None,
        requests_per_minute: None,
    }
}

pub(super) fn several(
    section: &Section<'_>,
    node: &Node,
    reading: &mut Reading<'_>,
) -> Option<Vec<Credential>> {
    let path = section.field("credentials");
    let Tree::List(items) = &node.value else {
        if let Some(entry) = section.get("credentials") {
            section.mistyped(entry, "a list of tables", reading);
        }
        return None;
    };
    if items.is_empty() {
        let help = "write `[{ name = \"a\", secret = { env = \"NAME\" } }]`";
        reading.wrong(&node.place, &path, format!("`{path}` is empty"), help);
        return None;
    }
    let mut list: Vec<Credential> = Vec::new();
    let mut names: Vec<(String, &Place)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(inner) = Section::open(format!("{path}[{at}]"), item, FIELDS, reading) else {
            continue;
        };
        for required in ["name", "secret"] {
            if !inner.has(required) {
                inner.missing(required, "write `{ name = \"a\", secret = { env = \"NAME\" } }`", reading);
            }
        }
        if let Some(spot) = inner.text("name", reading) {
            super::name::check(spot, &inner.field("name"), reading);
            super::name::check_new(spot, &inner.field("name"), "credential", &mut names, reading);
        }
        list.extend(credential(&inner, reading));
    }
    if list.len() == items.len() && list.iter().all(|credential| credential.weight == 0) {
        let help = "give at least one a weight above 0";
        reading.wrong(&node.place, &path, format!("`{path}`: every weight is 0, so none is ever used"), help);
    }
    Some(list)
}

fn credential(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Credential> {
    let name = section.text("name", reading).map(|spot| spot.text.to_owned());
    let secret = section.secret("secret", reading);
    let weight = section.integer("weight", reading).and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let help = "write a decimal from 0 to 1000 with at most six places, such as `\"0.8\"`";
    let rate_multiplier =
        section.parsed("rate_multiplier", help, reading, |text| Multiplier::parse(text).map_err(is_wrong));
    let mut rate_multipliers = BTreeMap::new();
    if let Some(entry) = section.get("rate_multipliers") {
        let path = section.field("rate_multipliers");
        if !matches!(entry.node.value, Tree::Table(_)) {
            section.mistyped(entry, "a table", reading);
        }
        for factor in Section::entries(&entry.node) {
            let field = format!("{path}.{}", factor.name);
            let format = super::name::api_format(&factor.name, &factor.place, &field, reading);
            match &factor.node.value {
                Tree::Text(text) => match Multiplier::parse(text).map_err(is_wrong) {
                    Ok(multiplier) => rate_multipliers.extend(format.map(|format| (format, multiplier))),
                    Err(problem) => {
                        reading.wrong(
                            &factor.node.place,
                            &field,
                            format!("`{field}`: `{text}` {problem}"),
                            help,
                        );
                    }
                },
                other => {
                    let message = format!("`{field}` is {}, not a decimal in quotes", other.kind());
                    reading.wrong(&factor.node.place, &field, message, help);
                }
            }
        }
    }
    Some(Credential {
        name: name?,
        secret: secret?,
        weight,
        rate_multiplier: rate_multiplier.unwrap_or_default(),
        rate_multipliers,
        in_flight_max: section.integer("in_flight_max", reading).and_then(|n| u32::try_from(n).ok()),
        requests_per_minute: section
            .integer("requests_per_minute", reading)
            .and_then(|n| u32::try_from(n).ok()),
    })
}
