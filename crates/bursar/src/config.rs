//! `bursar.toml` as a checked [`Config`]: pure, from text and surroundings; every mistake is found in one pass.

mod alert;
mod alone;
mod authority;
mod budget;
mod channel_secret;
mod check;
mod credential;
mod default_key;
pub mod field;
mod instant;
mod key;
mod matching;
mod mistake;
mod model;
mod name;
mod overrides;
mod project;
mod provider;
mod records;
mod reference;
mod report;
mod restart;
mod section;
mod server;
mod start;
mod surface;
mod surroundings;
mod throttle;
mod tree;
mod value;
pub mod vendor;
mod watching;
mod words;
mod zone;

pub use alert::{AlertChannel, AlertTarget};
pub use alone::{read_budgets_alone, read_server_alone};
pub(crate) use authority::authorities;
pub use budget::{Budget, Raise};
pub use bursar_govern::seal::Secret;
pub use channel_secret::ChannelSecret;
pub use credential::Credential;
pub use default_key::DefaultKey;
pub use key::{Key, KeyIdentity, MaySet};
pub use mistake::Severity;
pub(crate) use mistake::nearest;
pub use model::{Deployment, Model, Price};
pub use project::{Project, User};
pub use provider::{Credentials, Provider};
pub use records::{Records, Retention};
pub use reference::reference;
pub use report::{Report, ReportItem};
pub use server::{Ledger, Server, default_listen};
pub use surroundings::{Environment, SecretRef, Surroundings};
pub use throttle::Throttle;
pub use value::{Limit, Period, Suspense, Threshold, duration_s};
pub use watching::{Log, LogFilter, Telemetry, Watching};
pub use words::{
    AlertType, Billing, Durability, Fit, Hold, KeyKind, Language, LogFormat, MailSecurity, Missing, Mode,
    OnExpiry, Projection, RecordLevel, RefusalStatus, UnknownModelPolicy, Weekday,
};

use bursar_core::Attribute;
use check::Fallback;
use field::{Field, Takes};
use key::Known;
use section::{Reading, Section, Spot};
use std::path::Path;
use tree::{Entry, Place, Table, Tree};

/// Longest configuration file in bytes: ten thousand budgets of the longest kind; anything above is another file.
pub const CONFIG_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Every section of the file.
pub const SECTIONS: &[Field] = &[
    Field::new(
        "server",
        Takes::Table(server::SERVER_FIELDS),
        "",
        "Where Bursar listens and where its data lives.",
    ),
    Field::new("ledger", Takes::Table(server::LEDGER_FIELDS), "", "How what is spent is written down."),
    Field::new("providers", Takes::Named(provider::FIELDS), "", "Who answers."),
    Field::new(
        "models",
        Takes::Named(model::FIELDS),
        "",
        "Where single models are served. An unlisted model goes to the provider whose price book knows it.",
    ),
    Field::new(
        "projects",
        Takes::Named(project::PROJECT_FIELDS),
        "",
        "The units that own keys and are billed.",
    ),
    Field::new("users", Takes::Named(project::USER_FIELDS), "", "People."),
    Field::new(
        "keys",
        Takes::Tables(key::FIELDS),
        "",
        "Virtual API keys that are made elsewhere. Others are made by `bursar key create`.",
    ),
    Field::new("budgets", Takes::Tables(budget::FIELDS), "", "Limits on what is spent."),
    Field::new(
        "throttle",
        Takes::Table(throttle::FIELDS),
        "",
        "When Bursar re-routes away from a provider whose projected spend is too high.",
    ),
    Field::new("records", Takes::Table(records::FIELDS), "", "What is kept of requests."),
    Field::new("retention", Takes::Table(records::RETENTION_FIELDS), "", "How long it is kept."),
    Field::new("alerts", Takes::Named(alert::FIELDS), "", "The channels that alerts go to."),
    watching::LOG,
    watching::TELEMETRY,
];

/// The whole configuration, checked. What is in it is consistent: references resolve, secrets were there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[providers.NAME]`, by name.
    pub providers: Vec<Provider>,
    /// `[models.NAME]`, by name.
    pub models: Vec<Model>,
    /// `[projects.NAME]`, by name.
    pub projects: Vec<Project>,
    /// `[users.NAME]`, by name.
    pub users: Vec<User>,
    /// `[[keys]]`, in the order of the file.
    pub keys: Vec<Key>,
    /// `[[budgets]]`, in the order of the file.
    pub budgets: Vec<Budget>,
    /// `[throttle]`
    pub throttle: Throttle,
    /// `[records]`
    pub records: Records,
    /// `[retention]`
    pub retention: Retention,
    /// `[alerts.NAME]`, by name.
    pub alerts: Vec<AlertChannel>,
    /// `[log]` and `[telemetry]`
    pub watching: Watching,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Warnings alone; empty when all is well.
    pub warnings: Report,
}

impl Config {
    /// Reads the text of a configuration file. `file` is its name for messages; relative paths in it start at its
    /// folder. Environment variables `BURSAR_SECTION__FIELD` override fields.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn read(text: &str, file: &Path, surroundings: &Surroundings<'_>) -> Result<Checked, Report> {
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut reading =
            Reading { surroundings: *surroundings, folder, mistakes: mistake::Mistakes::default() };
        let config = Self::read_tree(text, &mut reading);
        let is_fatal = reading.mistakes.is_fatal();
        let report = Report::new(&file.display().to_string(), text, reading.mistakes);
        match config {
            Some(config) if !is_fatal => Ok(Checked { config, warnings: report }),
            _ => Err(report),
        }
    }

    fn read_tree(text: &str, reading: &mut Reading<'_>) -> Option<Self> {
        if text.len() > CONFIG_BYTES_MAX {
            let message = format!("the file has more than {CONFIG_BYTES_MAX} bytes");
            reading.wrong(&Place::Whole, "", message, "make budgets and keys through the admin API instead");
            return None;
        }
        let mut root = tree::parse(text, &mut reading.mistakes)?;
        overrides::apply(&mut root, SECTIONS, reading);
        Some(Self::from_table(&root, reading))
    }

    fn from_table(root: &Table, reading: &mut Reading<'_>) -> Self {
        let sections = Section::root(root, SECTIONS, reading);
        let server = one(&sections, "server", server::SERVER_FIELDS, reading);
        let ledger = one(&sections, "ledger", server::LEDGER_FIELDS, reading);
        let throttle = one(&sections, "throttle", throttle::FIELDS, reading);
        let records = one(&sections, "records", records::FIELDS, reading);
        let retention = one(&sections, "retention", records::RETENTION_FIELDS, reading);
        let providers = named(&sections, "providers", provider::FIELDS, reading);
        let models = named(&sections, "models", model::FIELDS, reading);
        let projects = named(&sections, "projects", project::PROJECT_FIELDS, reading);
        let users = named(&sections, "users", project::USER_FIELDS, reading);
        let alerts = named(&sections, "alerts", alert::FIELDS, reading);
        let keys = listed(&sections, "keys", key::FIELDS, reading);
        let budgets = listed(&sections, "budgets", budget::FIELDS, reading);

        let known = Known { providers: names(&providers), projects: names(&projects), users: names(&users) };
        let fallbacks = fallbacks(&providers);
        for fallback in &fallbacks {
            for (at, spot) in fallback.next.iter().enumerate() {
                let field = format!("{}[{at}]", fallback.field);
                name::check_known(*spot, &field, "provider", known.providers.iter().copied(), reading);
            }
        }
        check::check_cycles(&fallbacks, reading);
        check::check_cycles(&self::fallbacks(&models), reading);

        let mut key_names = Vec::new();
        let mut budget_names = Vec::new();
        let budgets: Vec<_> =
            budgets.iter().filter_map(|section| budget::read(section, &mut budget_names, reading)).collect();
        let declared = [
            (Attribute::Provider, known.providers.clone()),
            (Attribute::Project, known.projects.clone()),
            (Attribute::User, known.users.clone()),
        ];
        for budget in &budgets {
            check::check_matched(budget, &declared, reading);
        }
        check::check_windows(&budgets, reading);
        Self {
            server: server::read_server(server.as_ref(), reading),
            ledger: server::read_ledger(ledger.as_ref(), reading),
            providers: providers
                .iter()
                .filter_map(|(name, section)| provider::read(name, section, reading))
                .collect(),
            models: models
                .iter()
                .filter_map(|(name, section)| model::read(name, section, &known.providers, reading))
                .collect(),
            projects: projects
                .iter()
                .map(|(name, section)| project::read_project(name, section, reading))
                .collect(),
            users: users.iter().map(|(name, section)| project::read_user(name, section, reading)).collect(),
            keys: keys
                .iter()
                .filter_map(|section| key::read(section, &known, &mut key_names, reading))
                .collect(),
            budgets: budgets.into_iter().map(|read| read.budget).collect(),
            throttle: throttle::read(throttle.as_ref(), reading),
            records: records::read(records.as_ref(), reading),
            retention: records::read_retention(retention.as_ref(), reading),
            alerts: alerts.iter().filter_map(|(name, section)| alert::read(name, section, reading)).collect(),
            watching: watching::read(&sections, reading),
        }
    }

    /// The provider of that name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}

/// The names of a budget's fields, as the file and the admin API have them.
pub fn budget_field_names() -> impl Iterator<Item = &'static str> {
    budget::FIELDS.iter().map(|field| field.name)
}

type NamedSections<'a> = Vec<(&'a str, Section<'a>)>;

fn one<'a>(
    sections: &Section<'a>,
    name: &str,
    fields: &'static [Field],
    reading: &mut Reading<'_>,
) -> Option<Section<'a>> {
    let entry = sections.get(name)?;
    Section::open(name.to_owned(), &entry.node, fields, reading)
}

fn named<'a>(
    sections: &Section<'a>,
    name: &str,
    fields: &'static [Field],
    reading: &mut Reading<'_>,
) -> NamedSections<'a> {
    let Some(entry) = sections.get(name) else {
        return Vec::new();
    };
    if !matches!(entry.node.value, Tree::Table(_)) {
        sections.mistyped(entry, &format!("tables such as `[{name}.NAME]`"), reading);
    }
    let mut list = Vec::new();
    for Entry { name: key, place, node } in Section::entries(&entry.node) {
        let path = sections_path(name, key);
        name::check(Spot { text: key, place }, &path, reading);
        if let Some(section) = Section::open(path, node, fields, reading) {
            list.push((key.as_str(), section));
        }
    }
    list
}

fn sections_path(name: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { format!("{name}.{key}") } else { format!("{name}.{key:?}") }
}

fn listed<'a>(
    sections: &Section<'a>,
    name: &str,
    fields: &'static [Field],
    reading: &mut Reading<'_>,
) -> Vec<Section<'a>> {
    let Some(entry) = sections.get(name) else {
        return Vec::new();
    };
    let Tree::List(items) = &entry.node.value else {
        sections.mistyped(entry, &format!("a list of tables such as `[[{name}]]`"), reading);
        return Vec::new();
    };
    let open = |(at, item)| Section::open(format!("{name}[{at}]"), item, fields, reading);
    items.iter().enumerate().filter_map(open).collect()
}

fn names<'a>(sections: &[(&'a str, Section<'a>)]) -> Vec<&'a str> {
    sections.iter().map(|(name, _)| *name).collect()
}

/// The fallback lists as far as they are lists of texts; what is not is noted when the section is read.
fn fallbacks<'a>(sections: &[(&'a str, Section<'a>)]) -> Vec<Fallback<'a>> {
    let mut list = Vec::new();
    for (name, section) in sections {
        let Some(Entry { node, .. }) = section.get("fallback") else {
            continue;
        };
        let Tree::List(items) = &node.value else {
            continue;
        };
        let text = |item: &'a tree::Node| match &item.value {
            Tree::Text(text) => Some(Spot { text, place: &item.place }),
            _ => None,
        };
        let next = items.iter().filter_map(text).collect();
        list.push(Fallback { name: (*name).to_owned(), field: section.field("fallback"), next });
    }
    list
}

#[cfg(test)]
mod tests;
