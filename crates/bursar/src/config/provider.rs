//! `[providers.NAME]`: who answers, with which credentials, within which times.

use super::authority;
use super::credential::{self, Credential};
use super::field::{Field, Takes};
use super::mistake::{choices, nearest};
use super::section::{Reading, Section, Spot};
use super::surface;
use super::tree::Tree;
use super::vendor;
use super::words::Billing;
use bursar_core::decimal::DecimalError;
use bursar_core::{Family, Rate};
use bursar_wire::Surface;
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
        Takes::Other("`{ env = \"NAME\" }`, `{ file = \"path\" }`, `\"client\"`, `\"none\"` or `\"sealed\"`"),
        "`\"none\"` for a plain `http` base URL, else required",
        "The secret used towards it. `\"client\"` forwards the caller's own, which then names itself by `x-bursar-key` or `/k/<key>/`. `\"sealed\"`: only those given through the admin API.",
    ),
    Field::new(
        "credentials",
        Takes::Tables(credential::FIELDS),
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
        "Providers to try when this one cannot be used, in order.",
    ),
    Field::new(
        "fallback_model",
        Takes::Text("a model, such as `\"llama3.2\"`"),
        "the model asked for",
        "What is asked here when a request comes by fallback with a model that has no price here.",
    ),
    Field::new(
        "after_silence",
        Takes::Word(&["stop", "next"]),
        "\"stop\"",
        "What follows a timeout or a connection that broke after the request was sent. `next` asks the next deployment, although both may be billed: the silent one is charged at its hold until its bill is known.",
    ),
    Field::new(
        "surfaces",
        Takes::Other("a table of surfaces and USD for one request, such as `{ images = \"0.25\" }`"),
        "{}",
        "Surfaces without a meter that pass, each request held and charged at the price declared here. The others are refused by name.",
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
    /// The model to ask for where the one asked for has no price.
    pub fallback_model: Option<String>,
    /// Whether to try the next deployment after a silence.
    pub next_after_silence: bool,
    /// Surfaces without a meter that pass, with what each request is charged.
    pub surfaces: BTreeMap<Surface, Rate>,
}

/// With what Bursar authenticates towards a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credentials {
    /// The caller's own header goes through.
    Client,
    /// Nothing is sent.
    None,
    /// Secrets of its own; none: they are given through the admin API.
    Own(Vec<Credential>),
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
    let fallback_model = section.text("fallback_model", reading).map(|spot| spot.text.to_owned());
    let after_silence = section.word("after_silence", reading, |word| match word {
        "stop" => Some(false),
        "next" => Some(true),
        _ => None,
    });
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
        fallback_model,
        next_after_silence: after_silence.unwrap_or(false),
        surfaces: surface::read(section, reading),
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
            Tree::Text(text) if text == "sealed" => Some(Credentials::Own(Vec::new())),
            Tree::Text(_) => {
                let message = format!(
                    "`{path}` is none of `\"client\"`, `\"none\"` and `\"sealed\"`, and a secret never stands in the file"
                );
                let help = "put it into an environment variable and write `{ env = \"NAME\" }`, or `{ file = \"path\" }`";
                reading.wrong(&entry.node.place, path, message, help);
                None
            }
            _ => section
                .secret("credential", reading)
                .map(|secret| Credentials::Own(vec![credential::single(secret)])),
        },
        (None, Some(entry)) => credential::several(section, &entry.node, reading).map(Credentials::Own),
        (None, None) if base_url.is_none_or(|url| url.starts_with("http://")) => Some(Credentials::None),
        (None, None) => {
            let variable = known.and_then(|vendor| vendor.variables.first()).unwrap_or(&"NAME");
            let help = format!("write `credential = {{ env = \"{variable}\" }}`, `\"client\"` or `\"none\"`");
            section.missing("credential", &help, reading);
            None
        }
    }
}

/// A decimal's problem as a fragment that stands behind the text.
pub(super) fn is_wrong(problem: DecimalError) -> String {
    match problem {
        DecimalError::Malformed => "is not a decimal number".to_owned(),
        DecimalError::TooPrecise(places) => format!("has more than {places} digits behind the point"),
        DecimalError::TooLarge => "is too large".to_owned(),
    }
}
