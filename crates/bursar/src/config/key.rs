//! `[[keys]]`: virtual API keys that the file declares, by a secret kept elsewhere or by hash.

use super::field::{Field, Takes};
use super::matching;
use super::mistake::{choices, nearest};
use super::section::{Reading, Section};
use super::surroundings::SecretRef;
use super::tree::Place;
use super::value::{Limit, TIME_HELP};
use super::words::KeyKind;
use bursar_core::key_limit::KEY_LIMIT_HELP;
use bursar_core::{ApiFormat, Attribute, IpRange, KeyLimit, Measure, Pattern, Timestamp, Usd, Value};

/// What a range of addresses should look like.
pub(super) const IP_HELP: &str = "write an address or a range, such as `\"192.0.2.7\"` or `\"10.0.0.0/8\"`";

/// The fields of one of `[[keys]]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "name",
        Takes::Text("a name, such as `\"ci\"`"),
        "required",
        "What lists, budgets and records call it.",
    ),
    Field::new("secret", Takes::Secret, "one of `secret` and `hash`", "The key itself, kept elsewhere."),
    Field::new(
        "hash",
        Takes::Text("`sha256:` and 64 hexadecimal digits"),
        "one of `secret` and `hash`",
        "The SHA-256 of the key, where the key is made elsewhere.",
    ),
    Field::new("project", Takes::Text("the name of a project"), "required", "Who is billed."),
    Field::new("user", Takes::Text("the name of a user"), "none", "Whose key it is."),
    Field::new(
        "kind",
        Takes::Word(KeyKind::WORDS),
        "`member` with a user, else `service`",
        "Whose budgets its spend counts against.",
    ),
    Field::new(
        "models",
        Takes::List("model names, `*` allowed"),
        "every model",
        "The models it may ask for.",
    ),
    Field::new(
        "providers",
        Takes::List("provider names, `*` allowed"),
        "every provider",
        "The providers that may answer it.",
    ),
    Field::new(
        "api_formats",
        Takes::List("API formats, such as `\"openai_chat\"`"),
        "every format",
        "The routes it may use.",
    ),
    Field::new(
        "may_set",
        Takes::List("`agent`, `run`, `session`, `user`, `tags` or `tag.NAME`"),
        "`[\"agent\", \"run\", \"session\", \"tags\"]`",
        "The attributes that the client may give in headers. Others are ignored and recorded.",
    ),
    Field::new(
        "attributes",
        Takes::Other("a table of attributes and values, such as `{ agent = \"ci\", tag.team = \"x\" }`"),
        "{}",
        "Attributes bound to the key: they win over headers.",
    ),
    Field::new("expires_at", Takes::Other("an instant or a date"), "never", "When it stops to work."),
    Field::new("blocked", Takes::Boolean, "false", "Whether it is blocked."),
    Field::new(
        "fit",
        Takes::Boolean,
        "false",
        "Consent to lower the output limit of a request to what is affordable.",
    ),
    Field::new(
        "balance",
        Takes::Text("an amount, such as `\"10 USD\"`"),
        "unlimited",
        "What a `standalone` key may spend in all.",
    ),
    Field::new(
        "requests_per_minute",
        Takes::Integer(1, 100_000_000),
        "unlimited",
        "Requests in one minute (E-RATE-001).",
    ),
    Field::new(
        "concurrency_max",
        Takes::Integer(1, 1_000_000),
        "unlimited",
        "Requests in flight (E-CONC-001).",
    ),
    Field::new(
        "limits",
        Takes::List(
            "limits such as `\"100 requests per minute\"`, `\"2M tokens per hour for gpt-*\"`, `\"5 USD per day\"` or `\"4 at once\"`",
        ),
        "unlimited",
        "How much per minute, hour or day, and at once; each also for some models alone (E-RATE-001, E-CONC-001).",
    ),
    Field::new(
        "allowed_ips",
        Takes::List("IP addresses and ranges, such as `\"10.0.0.0/8\"`"),
        "every address",
        "Where the key may be used from (E-AUTH-002).",
    ),
];

/// A key, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// What lists, budgets and records call it.
    pub name: String,
    /// How the key is known.
    pub identity: KeyIdentity,
    /// Who is billed.
    pub project: String,
    /// Whose key it is.
    pub user: Option<String>,
    /// Whose budgets its spend counts against.
    pub kind: KeyKind,
    /// The models it may ask for; empty: every model.
    pub models: Vec<Pattern>,
    /// The providers that may answer it; empty: every provider.
    pub providers: Vec<Pattern>,
    /// The routes it may use; empty: every route.
    pub api_formats: Vec<ApiFormat>,
    /// The attributes that the client may give in headers; absent: the default.
    pub may_set: Option<Vec<MaySet>>,
    /// Attributes bound to the key.
    pub attributes: Vec<(Attribute, Value)>,
    /// When it stops to work.
    pub expires_at: Option<Timestamp>,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Consent to lower the output limit to what is affordable.
    pub fit: bool,
    /// What a standalone key may spend in all.
    pub balance: Option<Usd>,
    /// Requests in one minute.
    pub requests_per_minute: Option<u32>,
    /// Requests in flight.
    pub concurrency_max: Option<u32>,
    /// How much per minute, hour or day, and at once.
    pub limits: Vec<KeyLimit>,
    /// Where it may be used from; empty: everywhere.
    pub allowed_ips: Vec<IpRange>,
}

/// How a declared key is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyIdentity {
    /// The key itself, kept elsewhere.
    Secret(SecretRef),
    /// The SHA-256 of the key.
    Hash([u8; 32]),
}

/// What a client may give in headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MaySet {
    /// One attribute.
    Attribute(Attribute),
    /// Every tag.
    Tags,
}

/// What the declared objects are called, for references between them.
pub(super) struct Known<'a> {
    pub(super) providers: Vec<&'a str>,
    pub(super) projects: Vec<&'a str>,
    pub(super) users: Vec<&'a str>,
}

pub(super) fn read<'a>(
    section: &Section<'a>,
    known: &Known<'_>,
    names: &mut Vec<(String, &'a Place)>,
    reading: &mut Reading<'_>,
) -> Option<Key> {
    let identity = identity(section, reading);
    if !section.has("name") {
        section.missing("name", "write `name = \"ci\"`", reading);
    }
    let name = section.text("name", reading);
    if let Some(spot) = name {
        super::name::check(spot, &section.field("name"), reading);
        super::name::check_new(spot, &section.field("name"), "key", names, reading);
    }
    if !section.has("project") {
        section.missing("project", "write the name of the project that is billed", reading);
    }
    let project = section.text("project", reading);
    if let Some(spot) = project {
        super::name::check_known(
            spot,
            &section.field("project"),
            "project",
            known.projects.iter().copied(),
            reading,
        );
    }
    let user = section.text("user", reading);
    if let Some(spot) = user {
        super::name::check_known(spot, &section.field("user"), "user", known.users.iter().copied(), reading);
    }
    let kind = section.word("kind", reading, KeyKind::parse);
    if kind == Some(KeyKind::Member) && !section.has("user") {
        section.missing("user", "a `member` key needs a user; or write `kind = \"service\"`", reading);
    }
    let kind = kind.unwrap_or(if user.is_some() { KeyKind::Member } else { KeyKind::Service });
    let limit = |name: &str, reading: &mut Reading<'_>| {
        section.integer(name, reading).and_then(|n| u32::try_from(n).ok())
    };
    let key = Key {
        name: name.map(|spot| spot.text.to_owned()).unwrap_or_default(),
        identity: identity?,
        project: project?.text.to_owned(),
        user: user.map(|spot| spot.text.to_owned()),
        kind,
        models: patterns(section, "models", None, reading),
        providers: patterns(section, "providers", Some(&known.providers), reading),
        api_formats: api_formats(section, reading),
        may_set: may_set(section, reading),
        attributes: matching::bound(section, "attributes", reading),
        expires_at: super::instant::read(section, "expires_at", TIME_HELP, reading),
        blocked: section.boolean("blocked", false, reading),
        fit: section.boolean("fit", false, reading),
        balance: balance(section, kind, reading),
        requests_per_minute: limit("requests_per_minute", reading),
        concurrency_max: limit("concurrency_max", reading),
        limits: section.parsed_list("limits", KEY_LIMIT_HELP, reading, KeyLimit::parse),
        allowed_ips: section.parsed_list("allowed_ips", IP_HELP, reading, IpRange::parse),
    };
    name.map(|_| key)
}

fn identity(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<KeyIdentity> {
    let secret = section.secret("secret", reading).map(KeyIdentity::Secret);
    let help = "write `sha256:` and the 64 hexadecimal digits of the key's SHA-256";
    let hash = section.parsed("hash", help, reading, |text| {
        let digits =
            text.strip_prefix("sha256:").ok_or_else(|| "does not start with `sha256:`".to_owned())?;
        unhex(digits).map(KeyIdentity::Hash).ok_or_else(|| "is not a SHA-256".to_owned())
    });
    match (section.has("secret"), section.has("hash")) {
        (true, true) => {
            let message = format!("`{}` has both `secret` and `hash`", section.path);
            reading.wrong(section.place_of("hash"), section.field("hash"), message, "keep one of them");
            None
        }
        (false, false) => {
            section.missing(
                "secret",
                "write `secret = { env = \"NAME\" }` or `hash = \"sha256:…\"`",
                reading,
            );
            None
        }
        (true, false) | (false, true) => secret.or(hash),
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (place, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn patterns(
    section: &Section<'_>,
    name: &str,
    known: Option<&[&str]>,
    reading: &mut Reading<'_>,
) -> Vec<Pattern> {
    let spots = section.texts(name, false, reading).unwrap_or_default();
    for (at, spot) in spots.iter().enumerate() {
        let field = format!("{}[{at}]", section.field(name));
        if spot.text.is_empty() {
            reading.wrong(
                spot.place,
                &field,
                format!("`{field}` is empty"),
                "write a name, or `*` for every",
            );
        } else if let Some(known) = known
            && Pattern::new(spot.text).exact().is_some()
        {
            super::name::check_known(*spot, &field, "provider", known.iter().copied(), reading);
        }
    }
    spots.iter().map(|spot| Pattern::new(spot.text)).collect()
}

fn api_formats(section: &Section<'_>, reading: &mut Reading<'_>) -> Vec<ApiFormat> {
    let spots = section.texts("api_formats", false, reading).unwrap_or_default();
    let field = section.field("api_formats");
    let formats = spots.iter().enumerate();
    formats
        .filter_map(|(at, spot)| {
            super::name::api_format(spot.text, spot.place, &format!("{field}[{at}]"), reading)
        })
        .collect()
}

fn may_set(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Vec<MaySet>> {
    const WORDS: [&str; 6] = ["agent", "run", "session", "user", "tags", "tag.NAME"];
    let spots = section.texts("may_set", false, reading)?;
    let mut list = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        match (spot.text, Attribute::parse(spot.text)) {
            ("tags", _) => list.push(MaySet::Tags),
            (
                _,
                Some(
                    attribute @ (Attribute::Agent
                    | Attribute::Run
                    | Attribute::Session
                    | Attribute::User
                    | Attribute::Tag(_)),
                ),
            ) => list.push(MaySet::Attribute(attribute)),
            (text, _) => {
                let field = format!("{}[{at}]", section.field("may_set"));
                let help = match nearest(text, WORDS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it takes {}", choices(WORDS)),
                };
                reading.wrong(spot.place, field, format!("a client can never set `{text}`"), help);
            }
        }
    }
    Some(list)
}

fn balance(section: &Section<'_>, kind: KeyKind, reading: &mut Reading<'_>) -> Option<Usd> {
    let help = "write an amount such as `\"10 USD\"`";
    let balance = section.parsed("balance", help, reading, |text| {
        let limit = Limit::parse(text)?;
        if limit.measure == Measure::Usd {
            Ok(Usd::from_nanos(limit.amount))
        } else {
            Err("is not in USD".to_owned())
        }
    });
    if section.has("balance") && kind != KeyKind::Standalone {
        let field = section.field("balance");
        let message = format!("`{field}` is for `standalone` keys alone");
        let help = "write `kind = \"standalone\"`, or declare a budget that matches the key";
        reading.wrong(section.place_of("balance"), field, message, help);
    }
    balance
}
