//! From stored settings and the installed providers to the directory that requests look things up in.

use crate::budget::BudgetDocument;
use crate::directory::{Directory, Key, KeyKind, MaySet, Model, Project, Provider};
use crate::keys::HashedSecret;
use crate::seal::Sealer;
use crate::stored;
use bursar_core::{Attribute, Attributes, KeyLimit, Measure, Rate, Timestamp, Usd, Value};
use bursar_ledger::{Budget, BudgetId, HoldPolicy, Mode};
use bursar_pricing::{PriceBook, UnknownModel};
use bursar_store::settings::{self, BudgetRow, Snapshot, UnknownModelPolicy};
use std::collections::HashMap;
use std::sync::Arc;

/// What the configuration installs: it changes with a reload, not with the admin API.
#[derive(Default, Clone)]
pub struct Installed {
    /// Providers in declared order.
    pub providers: Vec<Arc<Provider>>,
    /// Listed models.
    pub models: HashMap<Box<str>, Arc<Model>>,
    /// The price book with its overlays.
    pub prices: Arc<PriceBook>,
    /// Rates of `unknown_model_policy = "fallback_price"` by project, input and output.
    pub fallback_prices: HashMap<Box<str>, (Rate, Rate)>,
    /// Opens the credentials that were given through the admin API.
    pub sealer: Option<Arc<Sealer>>,
}

/// Why stored settings make no directory.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A stored name is no attribute value.
    #[error("the stored {0} `{1}` is no attribute value")]
    Name(&'static str, String),
    /// A stored budget cannot be read.
    #[error("the stored budget `{name}` cannot be read: {error}")]
    Budget {
        /// Which.
        name: String,
        /// Why.
        error: String,
    },
}

/// Builds the directory of a snapshot. Inactive users' keys are left out of it: they are unknown.
///
/// # Errors
/// [`AssembleError::Name`].
pub fn directory(
    snapshot: &Snapshot,
    installed: &Installed,
    revision: u64,
) -> Result<Directory, AssembleError> {
    let mut directory =
        Directory {
            providers: installed.providers.clone(),
            models: installed.models.clone(),
            prices: Arc::clone(&installed.prices),
            revision,
            loose_holds: snapshot.budgets.iter().filter_map(|row| budget(row).ok()).any(|budget| {
                budget.active && budget.mode == Mode::Hard && budget.hold != HoldPolicy::WorstCase
            }),
            ..Directory::default()
        };
    let (providers, models) = (&mut directory.providers, &mut directory.models);
    stored::add(providers, models, &snapshot.credentials, installed.sealer.as_deref());
    for row in &snapshot.projects {
        let name = value("project", &row.name)?;
        let project = Project {
            name: name.clone(),
            require_budget: row.require_budget,
            unknown_model: Some(unknown_model(row, installed)),
            active: row.active,
        };
        directory.projects.insert(name, Arc::new(project));
    }
    let inactive = |user: &str| snapshot.users.iter().any(|row| row.name == user && !row.active);
    for row in &snapshot.keys {
        let Some(project) = Value::new(&row.project).ok().and_then(|name| directory.projects.get(&name))
        else {
            continue;
        };
        if row.user.as_deref().is_some_and(inactive) {
            continue;
        }
        let key = Arc::new(key(row, project)?);
        let current = row.hash.map(|hash| (hash, None));
        let previous = row.previous.map(|previous| (previous.hash, Some(previous.until)));
        for (hash, until) in [current, previous].into_iter().flatten() {
            let key = match until {
                None => Arc::clone(&key),
                Some(until) => Arc::new(expiring(row, project, until)?),
            };
            directory.keys.insert(HashedSecret::from_bytes(hash.0), key);
        }
    }
    Ok(directory)
}

/// The ledger's budget of a stored row.
///
/// # Errors
/// [`AssembleError::Budget`].
pub fn budget(row: &BudgetRow) -> Result<Budget, AssembleError> {
    let fail = |error: String| AssembleError::Budget { name: row.name.clone(), error };
    let document: BudgetDocument =
        serde_json::from_value(row.document.clone()).map_err(|error| fail(error.to_string()))?;
    let since = row.revision.created_at;
    document
        .to_budget(BudgetId(row.id), row.revision.version, &row.name, since, row.active)
        .map_err(|error| fail(error.to_string()))
}

/// The budget that every user of a project gets, as a document: one window per user and month.
#[must_use]
pub fn default_user_budget(project: &settings::Project) -> Option<(String, BudgetDocument)> {
    let budget = project.default_user_budget?;
    let amount = match budget.measure {
        Measure::Usd => format!("{} USD", Usd::from_nanos(budget.limit)),
        Measure::Tokens | Measure::Requests => format!("{} {}", budget.limit, budget.measure.as_str()),
    };
    let matches = [("project".to_owned(), crate::budget::OneOrMany::One(project.name.clone()))];
    let document = BudgetDocument {
        limit: Some(amount),
        period: Some("month".to_owned()),
        time_zone: Some(project.time_zone.clone()),
        matches: matches.into_iter().collect(),
        per: vec!["user".to_owned()],
        missing: Some("skip".to_owned()),
        ..BudgetDocument::default()
    };
    Some((format!("each user of {}", project.name), document))
}

/// How the name of a budget begins that is a key's own balance.
const BALANCE_OF: &str = "balance of key ";

/// What the budget is called that is a key's own balance.
#[must_use]
pub fn balance_name(key: &str) -> String {
    format!("{BALANCE_OF}{key}")
}

/// The key whose balance a budget of this name is.
#[must_use]
pub fn balance_owner(name: &str) -> Option<&str> {
    name.strip_prefix(BALANCE_OF)
}

/// The budget that is a standalone key's balance, as a document: everything that it ever spends, within what was paid in.
#[must_use]
pub fn balance_budget(key: &settings::Key) -> Option<(String, BudgetDocument)> {
    let balance = key.balance?;
    let id = key.id.to_string();
    let matches = [("key".to_owned(), crate::budget::OneOrMany::One(id.clone()))];
    let document = BudgetDocument {
        limit: Some(format!("{balance} USD")),
        period: Some("total".to_owned()),
        matches: matches.into_iter().collect(),
        ..BudgetDocument::default()
    };
    Some((balance_name(&id), document))
}

fn unknown_model(project: &settings::Project, installed: &Installed) -> UnknownModel {
    match (project.unknown_model_policy, installed.fallback_prices.get(&*project.name)) {
        (UnknownModelPolicy::Deny, _) | (UnknownModelPolicy::FallbackPrice, None) => UnknownModel::Deny,
        (UnknownModelPolicy::FallbackPrice, Some((input, output))) => {
            UnknownModel::FallbackPrice { input: *input, output: *output }
        }
        (UnknownModelPolicy::Free, _) => UnknownModel::Free,
    }
}

fn key(row: &settings::Key, project: &Arc<Project>) -> Result<Key, AssembleError> {
    let id = value("key", &row.id.to_string())?;
    let mut bound: Attributes = row.bound.clone();
    bound.set(&Attribute::Project, project.name.clone());
    bound.set(&Attribute::Key, id.clone());
    // A standalone key spends its own balance, not its owner's budgets.
    if let Some(user) = row.user.as_ref().filter(|_| row.kind != settings::KeyKind::Standalone) {
        bound.set(&Attribute::User, value("user", user)?);
    }
    Ok(Key {
        id,
        prefix: row.prefix.as_str().into(),
        project: Arc::clone(project),
        kind: match row.kind {
            settings::KeyKind::Member => KeyKind::Member,
            settings::KeyKind::Service => KeyKind::Service,
            settings::KeyKind::Standalone => KeyKind::Standalone,
        },
        bound,
        may_set: may_set(&row.may_set),
        models: row.models.clone(),
        providers: row.providers.clone(),
        api_formats: row.api_formats.clone(),
        limits: limits(row),
        allowed_ips: row.allowed_ips.clone(),
        expires_at: row.expires_at,
        blocked: row.blocked,
        fit: row.fit,
    })
}

/// Every limit of a key, those with a field of their own among them.
#[must_use]
pub fn limits(row: &settings::Key) -> Arc<[KeyLimit]> {
    let own = [
        row.requests_per_minute.map(KeyLimit::requests_per_minute),
        row.concurrency_max.map(KeyLimit::at_once),
    ];
    own.into_iter().flatten().chain(row.limits.iter().cloned()).collect()
}

/// The key under its secret from before a rotation.
fn expiring(row: &settings::Key, project: &Arc<Project>, until: Timestamp) -> Result<Key, AssembleError> {
    let mut key = key(row, project)?;
    key.expires_at = Some(key.expires_at.map_or(until, |at| at.min(until)));
    Ok(key)
}

/// The stored list of attributes as flags; any tag stands for all.
#[must_use]
pub fn may_set(attributes: &[Attribute]) -> MaySet {
    let has = |wanted: &Attribute| attributes.contains(wanted);
    MaySet {
        agent: has(&Attribute::Agent),
        run: has(&Attribute::Run),
        session: has(&Attribute::Session),
        user: has(&Attribute::User),
        tags: attributes.iter().any(|attribute| matches!(attribute, Attribute::Tag(_))),
    }
}

fn value(what: &'static str, text: &str) -> Result<Value, AssembleError> {
    Value::new(text).map_err(|_| AssembleError::Name(what, text.to_owned()))
}
