//! `[projects.NAME]` and `[users.NAME]`: the units that are billed, and the people in them.

use super::field::{Field, Takes};
use super::model::{PRICE_FIELDS, Price, read_price};
use super::section::{Reading, Section};
use super::value::{LIMIT_HELP, Limit};
use super::words::UnknownModelPolicy;

/// The fields of `[projects.NAME]`.
pub(super) const PROJECT_FIELDS: &[Field] = &[
    Field::new(
        "time_zone",
        Takes::Text("an IANA name, such as `\"Asia/Taipei\"`"),
        "\"UTC\"",
        "The zone of its reports and of its users' default budgets.",
    ),
    Field::new(
        "require_budget",
        Takes::Boolean,
        "false",
        "Refuse a request to which no budget applies (E-BUDGET-016).",
    ),
    Field::new(
        "unknown_model_policy",
        Takes::Word(UnknownModelPolicy::WORDS),
        "\"deny\"",
        "What to do for a model without a price: refuse it, use `fallback_price`, or count it as free.",
    ),
    Field::new(
        "fallback_price",
        Takes::Table(PRICE_FIELDS),
        "none",
        "The price of a model without one, for `unknown_model_policy = \"fallback_price\"`.",
    ),
    Field::new(
        "default_user_budget",
        Takes::Text("a limit, such as `\"10 USD\"`"),
        "none",
        "A hard monthly budget for each user of the project.",
    ),
];

/// The fields of `[users.NAME]`.
pub(super) const USER_FIELDS: &[Field] = &[
    Field::new("email", Takes::Text("an e-mail address"), "none", "Where the person is reached."),
    Field::new(
        "display_name",
        Takes::Text("a name, such as `\"Ann Lee\"`"),
        "none",
        "The name that people are shown.",
    ),
];

/// A project, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Whether a request without a budget is refused.
    pub require_budget: bool,
    /// What to do for a model without a price.
    pub unknown_model_policy: UnknownModelPolicy,
    /// The price of a model without one.
    pub fallback_price: Option<Price>,
    /// The monthly budget of each user.
    pub default_user_budget: Option<Limit>,
}

/// A person, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name that budgets and records use.
    pub name: String,
    /// An e-mail address.
    pub email: Option<String>,
    /// The name that people are shown.
    pub display_name: Option<String>,
}

pub(super) fn read_project(name: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Project {
    let time_zone = super::zone::read(section, reading).unwrap_or_else(|| "UTC".to_owned());
    let policy = section.word("unknown_model_policy", reading, UnknownModelPolicy::parse);
    let policy = policy.unwrap_or(UnknownModelPolicy::Deny);
    let fallback_price = section.get("fallback_price").and_then(|entry| {
        let inner = Section::open(section.field("fallback_price"), &entry.node, PRICE_FIELDS, reading)?;
        read_price(&inner, reading)
    });
    if policy == UnknownModelPolicy::FallbackPrice && !section.has("fallback_price") {
        let help = "write `fallback_price = { input = \"3\", output = \"15\" }`, in USD per million tokens";
        let field = section.field("fallback_price");
        let message = format!("`{field}` is missing, and `unknown_model_policy` needs it");
        reading.wrong(section.place_of("unknown_model_policy"), field, message, help);
    }
    let require_budget = section.boolean("require_budget", false, reading);
    let default_user_budget = section.parsed("default_user_budget", LIMIT_HELP, reading, Limit::parse);
    Project {
        name: name.to_owned(),
        time_zone,
        require_budget,
        unknown_model_policy: policy,
        fallback_price,
        default_user_budget,
    }
}

pub(super) fn read_user(name: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> User {
    let email = section.parsed("email", "write an address such as `\"ann@example.com\"`", reading, |text| {
        let is_address =
            text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        if is_address { Ok(text.to_owned()) } else { Err("is not an e-mail address".to_owned()) }
    });
    let display_name = section.text("display_name", reading).map(|spot| spot.text.to_owned());
    User { name: name.to_owned(), email, display_name }
}
