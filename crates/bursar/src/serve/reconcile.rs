//! Reconcile: what the file declares is in the settings; what it no longer declares is deactivated, never deleted.

use crate::config::{self, Config, KeyIdentity, Surroundings};
use bursar_core::{Attribute, Attributes, Timestamp, Value};
use bursar_govern::assemble::{balance_budget, default_user_budget};
use bursar_govern::budget::BudgetDocument;
use bursar_govern::keys::HashedSecret;
use bursar_store::settings::{
    BudgetRow, Change, DefaultUserBudget, Key, KeyHash, KeyId, KeyKind, ManagedBy, Project, Settings,
    SettingsError, Snapshot, Stamp, UnknownModelPolicy, User,
};

/// Why the file's objects are not in the settings.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The settings refused one.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A secret that was there at the check is gone.
    #[error("keys.{name}: {problem}")]
    Secret {
        /// Which key.
        name: String,
        /// What is wrong, without the secret.
        problem: String,
    },
    /// A budget cannot be written as a document.
    #[error("budget `{0}` cannot be stored")]
    Document(String),
}

/// One difference between file and settings: `create`, `update` or `deactivate`, what, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What happens.
    pub action: &'static str,
    /// To what kind of thing.
    pub object: &'static str,
    /// To which.
    pub name: String,
}

/// Brings the settings in line with `config`, in one transaction; what was different.
///
/// # Errors
/// See [`ReconcileError`]; nothing is changed then.
pub fn reconcile(
    settings: &Settings,
    config: &Config,
    surroundings: &Surroundings<'_>,
    random: &dyn Fn() -> u128,
    now: Timestamp,
) -> Result<Vec<Difference>, ReconcileError> {
    let before = settings.snapshot()?;
    settings.change(&Stamp::new("config", now), |change| {
        let mut work = Work { change, before: &before, differences: Vec::new(), balances: Vec::new() };
        config.projects.iter().try_for_each(|declared| work.project(declared))?;
        config.users.iter().try_for_each(|declared| work.user(declared))?;
        for declared in &config.keys {
            work.key(declared, surroundings, random)?;
        }
        config.budgets.iter().try_for_each(|declared| work.budget(declared))?;
        work.deactivate(config)?;
        Ok(work.differences)
    })
}

struct Work<'w, 'c> {
    change: &'w mut Change<'c>,
    before: &'w Snapshot,
    differences: Vec<Difference>,
    /// The budgets that are balances of declared keys.
    balances: Vec<String>,
}

impl Work<'_, '_> {
    fn note(&mut self, action: &'static str, object: &'static str, name: &str) {
        self.differences.push(Difference { action, object, name: name.to_owned() });
    }

    fn project(&mut self, declared: &config::Project) -> Result<(), ReconcileError> {
        let existing = self.before.projects.iter().find(|row| row.name == declared.name);
        let mut row = existing.cloned().unwrap_or_else(|| Project::new(&declared.name, ManagedBy::File));
        row.time_zone.clone_from(&declared.time_zone);
        row.require_budget = declared.require_budget;
        row.unknown_model_policy = match declared.unknown_model_policy {
            config::UnknownModelPolicy::Deny => UnknownModelPolicy::Deny,
            config::UnknownModelPolicy::FallbackPrice => UnknownModelPolicy::FallbackPrice,
            config::UnknownModelPolicy::Free => UnknownModelPolicy::Free,
        };
        row.default_user_budget = declared
            .default_user_budget
            .map(|limit| DefaultUserBudget { measure: limit.measure, limit: limit.amount });
        row.managed_by = ManagedBy::File;
        row.active = true;
        match existing {
            None => {
                self.change.create_project(&row)?;
                self.note("create", "project", &declared.name);
            }
            Some(same) if *same == row => {}
            Some(_) => {
                self.change.update_project(&row)?;
                self.note("update", "project", &declared.name);
            }
        }
        match default_user_budget(&row) {
            Some((name, document)) => self.document(&name, &document, true),
            None => Ok(()),
        }
    }

    fn user(&mut self, declared: &config::User) -> Result<(), ReconcileError> {
        let existing = self.before.users.iter().find(|row| row.name == declared.name);
        let mut row = existing.cloned().unwrap_or_else(|| User::new(&declared.name, ManagedBy::File));
        row.email.clone_from(&declared.email);
        row.display_name.clone_from(&declared.display_name);
        row.managed_by = ManagedBy::File;
        row.active = true;
        match existing {
            None => {
                self.change.create_user(&row)?;
                self.note("create", "user", &declared.name);
            }
            Some(same) if *same == row => {}
            Some(_) => {
                self.change.update_user(&row)?;
                self.note("update", "user", &declared.name);
            }
        }
        Ok(())
    }

    fn key(
        &mut self,
        declared: &config::Key,
        surroundings: &Surroundings<'_>,
        random: &dyn Fn() -> u128,
    ) -> Result<(), ReconcileError> {
        let (hash, prefix) = match &declared.identity {
            KeyIdentity::Hash(hash) => (*hash, "declared by hash".to_owned()),
            KeyIdentity::Secret(place) => {
                let secret = place
                    .resolve(surroundings)
                    .map_err(|problem| ReconcileError::Secret { name: declared.name.clone(), problem })?;
                // Keys that are made elsewhere may be short: show nothing of them but where they come from.
                (*HashedSecret::of(secret.expose()).as_bytes(), "declared by secret".to_owned())
            }
        };
        let named =
            |row: &&Key| row.managed_by == ManagedBy::File && row.name.as_deref() == Some(&declared.name);
        let existing = self.before.keys.iter().find(named);
        let kind = match declared.kind {
            config::KeyKind::Member => KeyKind::Member,
            config::KeyKind::Service => KeyKind::Service,
            config::KeyKind::Standalone => KeyKind::Standalone,
        };
        if let Some(user) = &declared.user
            && !self.before.users.iter().any(|row| row.name == *user)
        {
            self.change.create_user(&User::new(user, ManagedBy::File)).map(drop).or_else(exists)?;
        }
        let id = existing.map_or_else(|| KeyId::from_u128(random()), |row| row.id);
        let fresh = Key::new(id, &prefix, KeyHash(hash), &declared.project, kind);
        let mut row = existing.cloned().unwrap_or(fresh);
        row.name = Some(declared.name.clone());
        row.user.clone_from(&declared.user);
        row.models.clone_from(&declared.models);
        row.providers.clone_from(&declared.providers);
        row.api_formats.clone_from(&declared.api_formats);
        row.may_set = may_set(declared.may_set.as_deref());
        row.bound = bound(&declared.attributes);
        row.fit = declared.fit;
        row.requests_per_minute = declared.requests_per_minute;
        row.concurrency_max = declared.concurrency_max;
        row.limits.clone_from(&declared.limits);
        row.allowed_ips.clone_from(&declared.allowed_ips);
        row.balance = declared.balance;
        row.expires_at = declared.expires_at;
        row.blocked = declared.blocked;
        row.managed_by = ManagedBy::File;
        match existing {
            None => {
                self.change.create_key(&row)?;
                self.note("create", "key", &declared.name);
            }
            Some(same) => {
                if same.hash.is_none_or(|old| old.0 != hash) {
                    let rotated = self.change.rotate_key(id, &prefix, KeyHash(hash), None)?;
                    row.revision = rotated.revision;
                    self.note("update", "key", &declared.name);
                }
                if *same != row {
                    self.change.update_key(&row)?;
                    self.note("update", "key", &declared.name);
                }
            }
        }
        match balance_budget(&row) {
            Some((name, document)) => {
                self.document(&name, &document, true)?;
                self.balances.push(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn budget(&mut self, declared: &config::Budget) -> Result<(), ReconcileError> {
        self.document(&declared.name, &super::budgets::document(declared), declared.active)
    }

    fn document(
        &mut self,
        name: &str,
        document: &BudgetDocument,
        active: bool,
    ) -> Result<(), ReconcileError> {
        let json = serde_json::to_value(document).map_err(|_| ReconcileError::Document(name.to_owned()))?;
        match self.before.budgets.iter().find(|row| row.name == name) {
            None => {
                let row = self.change.create_budget(name, &json, ManagedBy::File)?;
                if !active {
                    self.change.update_budget(&BudgetRow { active, ..row })?;
                }
                self.note("create", "budget", name);
            }
            Some(row)
                if row.document == json && row.active == active && row.managed_by == ManagedBy::File => {}
            Some(row) => {
                let wanted = BudgetRow { document: json, active, managed_by: ManagedBy::File, ..row.clone() };
                self.change.update_budget(&wanted)?;
                self.note("update", "budget", name);
            }
        }
        Ok(())
    }

    /// What the file made once and no longer declares.
    fn deactivate(&mut self, config: &Config) -> Result<(), ReconcileError> {
        let ours = ManagedBy::File;
        let before = self.before;
        for row in before.projects.iter().filter(|row| row.managed_by == ours && row.active) {
            if !config.projects.iter().any(|declared| declared.name == row.name) {
                self.change.update_project(&Project { active: false, ..row.clone() })?;
                self.note("deactivate", "project", &row.name);
            }
        }
        for row in before.keys.iter().filter(|row| row.managed_by == ours && !row.blocked) {
            let name = row.name.clone().unwrap_or_default();
            if !config.keys.iter().any(|declared| declared.name == name) {
                self.change.update_key(&Key { blocked: true, ..row.clone() })?;
                self.note("deactivate", "key", &name);
            }
        }
        let defaults: Vec<String> = config
            .projects
            .iter()
            .filter(|project| project.default_user_budget.is_some())
            .map(|project| format!("each user of {}", project.name))
            .collect();
        for row in before.budgets.iter().filter(|row| row.managed_by == ours && row.active) {
            let declared = config.budgets.iter().any(|declared| declared.name == row.name);
            if !declared && !defaults.contains(&row.name) && !self.balances.contains(&row.name) {
                self.change.update_budget(&BudgetRow { active: false, ..row.clone() })?;
                self.note("deactivate", "budget", &row.name);
            }
        }
        Ok(())
    }
}

fn exists(error: SettingsError) -> Result<(), SettingsError> {
    match error {
        SettingsError::Duplicate { .. } => Ok(()),
        other => Err(other),
    }
}

fn may_set(declared: Option<&[config::MaySet]>) -> Vec<Attribute> {
    let any_tag = || Value::new("*").ok().map(Attribute::Tag);
    match declared {
        None => [Some(Attribute::Agent), Some(Attribute::Run), Some(Attribute::Session), any_tag()]
            .into_iter()
            .flatten()
            .collect(),
        Some(list) => list
            .iter()
            .filter_map(|one| match one {
                config::MaySet::Attribute(attribute) => Some(attribute.clone()),
                config::MaySet::Tags => any_tag(),
            })
            .collect(),
    }
}

fn bound(declared: &[(Attribute, Value)]) -> Attributes {
    declared.iter().fold(Attributes::new(), |bound, (attribute, value)| bound.with(attribute, value.clone()))
}
