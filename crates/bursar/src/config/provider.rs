//! `[providers.NAME]`: who answers, with which credentials, within which times.

use super::authority;
use super::field::{Field, Takes};
use super::mistake::{choices, nearest};
use super::section::{Reading, Section, Spot};
use super::surroundings::SecretRef;
use super::tree::{Place, Tree};
use super::vendor;
use super::words::Billing;
use bursar_core::decimal::DecimalError;
use bursar_core::{ApiFormat, Family, Multiplier};
use std::collections::BTreeMap;
use std::path::PathBuf;

const FAMILIES: &[&str] = &["openai", "anthropic", "gemini", "ollama"];

/// The fields of `[providers.NAME]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "family",
        Takes::Word(FAMILIES),
        "that of a known provider name, else required",
        "Which API formats it speaks.",
    ),
    Field::new(
        "base_url",
        Takes::Text("a URL, such as `\"https://api.openai.com/v1\"`"),
        "that of a known provider name, else required",
        "Where it answers. Known names: openai, anthropic, gemini, mistral, deepseek, xai, groq, openrouter, together, fireworks, perplexity, ollama.",
    ),
    Field::new(
        "credential",
        Takes::Other("`{ env = \"NAME\" }`, `{ file = \"path\" }`, `\"client\"` or `\"none\"`"),
        "`\"none\"` for a plain `http` base URL, else required",
        "The secret used towards it. `\"client\"` forwards the caller's own, which then names itself by `x-bursar-key` or `/k/<key>/`.",
    ),
    Field::new(
        "credentials",
        Takes::Tables(CREDENTIAL_FIELDS),
        "`credential` alone, named `default`",
        "Several secrets, shared out by weight.",
    ),
    Field::new(
        "ca_file",
        Takes::Text("the path of a file, such as `\"private-ca.pem\"`"),
        "whom the platform trusts",
        "Certificates in PEM of the authorities that may vouch for it, for endpoints with certificates of one's own; nobody else's are accepted then. A relative path starts at the folder of this file.",
    ),
    Field::new(
        "prices",
        Takes::Text("the name of a provider of the price book, such as `\"openai\"`"),
        "the vendor that the base URL or name tells",
        "Whose rows of the price book apply.",
    ),
    Field::new(
        "billing",
        Takes::Word(Billing::WORDS),
        "\"pay_as_you_go\"",
        "How it bills. On a `free_tier` the effective cost is zero and the list cost is kept.",
    ),
    Field::new("connect_timeout_s", Takes::Integer(1, 600), "10", "Seconds to connect, TLS included."),
    Field::new(
        "first_byte_timeout_s",
        Takes::Integer(1, 3_600),
        "300",
        "Seconds from the request to the first byte of its answer.",
    ),
    Field::new(
        "idle_timeout_s",
        Takes::Integer(1, 3_600),
        "300",
        "Seconds between two bytes of an answer. There is no limit on the whole.",
    ),
    Field::new(
        "fallback",
        Takes::List("provider names"),
        "[]",
        "Providers to try when this one cannot be used.",
    ),
];

/// The fields of one of `credentials`.
pub(super) const CREDENTIAL_FIELDS: &[Field] = &[
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
];

/// A provider, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub family: Family,
    /// Where it answers: `http` or `https`, without a trailing slash, query or user.
    pub base_url: String,
    /// Certificates of the authorities that alone may vouch for it.
    pub ca_file: Option<PathBuf>,
    /// The secrets used towards it.
    pub credentials: Credentials,
    /// Whose rows of the price book apply, where the file says so or the name is known.
    pub prices: Option<String>,
    /// How it bills.
    pub billing: Billing,
    /// Seconds to connect.
    pub connect_timeout_s: u32,
    /// Seconds to the first byte.
    pub first_byte_timeout_s: u32,
    /// Seconds between bytes.
    pub idle_timeout_s: u32,
    /// Providers to try next.
    pub fallback: Vec<String>,
}

/// With what Bursar authenticates towards a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credentials {
    /// The caller's own header goes through.
    Client,
    /// Nothing is sent.
    None,
    /// Secrets of its own, at least one.
    Own(Vec<Credential>),
}

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
}

/// Seconds to connect, to the first byte, and between bytes, unless the file says otherwise (DESIGN section 4).
pub(super) const TIMEOUTS_S: (u32, u32, u32) = (10, 300, 300);

pub(super) fn read(name: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Provider> {
    let known = vendor::find(name);
    let family = match section.word("family", reading, Family::parse) {
        None if !section.has("family") && known.is_none() => {
            section.missing("family", &format!("write {}", choices(FAMILIES.iter().copied())), reading);
            None
        }
        word => word.or(known.map(|vendor| vendor.family)),
    };
    let base_url = match section.text("base_url", reading) {
        Some(spot) => url(spot, section, reading),
        None if known.is_none() && !section.has("base_url") => {
            let near = nearest(name, vendor::VENDORS.iter().map(|vendor| vendor.name));
            let help = near.map_or_else(
                || "write where it answers, such as `base_url = \"https://api.example.com/v1\"`".to_owned(),
                |near| format!("write where it answers, or use the known name `{near}`"),
            );
            section.missing("base_url", &help, reading);
            None
        }
        None => known.map(|vendor| vendor.base_url.to_owned()),
    };
    let ca_file = authority::ca_file(section, base_url.as_deref(), reading);
    let credentials = credentials(section, base_url.as_deref(), known, reading);
    let seconds = |name: &str, default: u32, reading: &mut Reading<'_>| {
        section.integer(name, reading).and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
    };
    let (connect, first_byte, idle) = TIMEOUTS_S;
    let connect_timeout_s = seconds("connect_timeout_s", connect, reading);
    let first_byte_timeout_s = seconds("first_byte_timeout_s", first_byte, reading);
    let idle_timeout_s = seconds("idle_timeout_s", idle, reading);
    let prices = section.text("prices", reading).map(|spot| spot.text.to_owned());
    let billing = section.word("billing", reading, Billing::parse).unwrap_or(Billing::PayAsYouGo);
    let fallback = section.texts("fallback", false, reading).unwrap_or_default();
    Some(Provider {
        name: name.to_owned(),
        family: family?,
        base_url: base_url?,
        ca_file,
        credentials: credentials?,
        prices: prices.or(known.map(|vendor| vendor.prices.to_owned())),
        billing,
        connect_timeout_s,
        first_byte_timeout_s,
        idle_timeout_s,
        fallback: fallback.iter().map(|spot| spot.text.to_owned()).collect(),
    })
}

fn url(spot: Spot<'_>, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let path = section.field("base_url");
    let mut wrong = |message: String, help: &str| reading.wrong(spot.place, path.clone(), message, help);
    let parsed =
        spot.text.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    let Some(uri) = parsed else {
        let help = "write a whole URL, such as `\"https://api.example.com/v1\"`";
        wrong(format!("`{path}` is not a URL: `{}`", spot.text), help);
        return None;
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        wrong(format!("`{path}` is neither `http` nor `https`"), "start it with `https://`");
        return None;
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        wrong(format!("`{path}` contains a user or password"), "put the secret into `credential`");
        return None;
    }
    if uri.query().is_some() || spot.text.contains('#') {
        wrong(format!("`{path}` has a query or fragment"), "write scheme, host and path alone");
        return None;
    }
    Some(spot.text.trim_end_matches('/').to_owned())
}

fn credentials(
    section: &Section<'_>,
    base_url: Option<&str>,
    known: Option<&vendor::Vendor>,
    reading: &mut Reading<'_>,
) -> Option<Credentials> {
    let path = section.field("credential");
    match (section.get("credential"), section.get("credentials")) {
        (Some(_), Some(second)) => {
            let message = format!("`{}` has both `credential` and `credentials`", section.path);
            reading.wrong(&second.place, section.field("credentials"), message, "keep one of them");
            None
        }
        (Some(entry), None) => match &entry.node.value {
            Tree::Text(text) if text == "client" => Some(Credentials::Client),
            Tree::Text(text) if text == "none" => Some(Credentials::None),
            Tree::Text(_) => {
                let message = format!(
                    "`{path}` is neither `\"client\"` nor `\"none\"`, and a secret never stands in the file"
                );
                let help = "put it into an environment variable and write `{ env = \"NAME\" }`, or `{ file = \"path\" }`";
                reading.wrong(&entry.node.place, path, message, help);
                None
            }
            _ => section.secret("credential", reading).map(|secret| Credentials::Own(vec![single(secret)])),
        },
        (None, Some(entry)) => several(section, &entry.node, reading).map(Credentials::Own),
        (None, None) if base_url.is_none_or(|url| url.starts_with("http://")) => Some(Credentials::None),
        (None, None) => {
            let variable = known.and_then(|vendor| vendor.variables.first()).unwrap_or(&"NAME");
            let help = format!("write `credential = {{ env = \"{variable}\" }}`, `\"client\"` or `\"none\"`");
            section.missing("credential", &help, reading);
            None
        }
    }
}

/// The one credential of a provider that names no others.
pub(super) fn single(secret: SecretRef) -> Credential {
    Credential {
        name: "default".to_owned(),
        secret,
        weight: 1,
        rate_multiplier: Multiplier::ONE,
        rate_multipliers: BTreeMap::new(),
    }
}

fn several(
    section: &Section<'_>,
    node: &super::tree::Node,
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
        let Some(inner) = Section::open(format!("{path}[{at}]"), item, CREDENTIAL_FIELDS, reading) else {
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
    })
}

/// A decimal's problem as a fragment that stands behind the text.
pub(super) fn is_wrong(problem: DecimalError) -> String {
    match problem {
        DecimalError::Malformed => "is not a decimal number".to_owned(),
        DecimalError::TooPrecise(places) => format!("has more than {places} digits behind the point"),
        DecimalError::TooLarge => "is too large".to_owned(),
    }
}
