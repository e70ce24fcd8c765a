//! Projects: the units that own keys and are billed.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{ManagedBy, Revision, check_name, check_sentence};
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column, words::words};
use bursar_core::Measure;

words! {
    /// What happens to a model without a price.
    UnknownModelPolicy {
        /// Refuse: no price, no call.
        Deny = "deny",
        /// Price it by the configured fallback row.
        FallbackPrice = "fallback_price",
        /// Let it pass at no cost.
        Free = "free",
    }
}

/// The budget that every user of a project gets: a limit and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultUserBudget {
    /// What it counts.
    pub measure: Measure,
    /// The limit in units of the measure (nano-USD, tokens, requests).
    pub limit: i64,
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its name, which is also the attribute value.
    pub name: String,
    /// The IANA time zone of its reports and default budgets.
    pub time_zone: String,
    /// Whether a request to which no budget applies is refused.
    pub require_budget: bool,
    /// What happens to a model without a price.
    pub unknown_model_policy: UnknownModelPolicy,
    /// The budget that every user gets.
    #[serde(serialize_with = "default_user_budget_json")]
    pub default_user_budget: Option<DefaultUserBudget>,
    /// Who decides about the row.
    pub managed_by: ManagedBy,
    /// Whether its keys work.
    pub active: bool,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str = "INSERT INTO projects VALUES (:name, :time_zone, :require_budget, :unknown_model_policy,
  :default_user_budget, :managed_by, :active, :version, :created_at, :updated_at)";
const UPDATE: &str = "UPDATE projects SET time_zone = :time_zone, require_budget = :require_budget,
  unknown_model_policy = :unknown_model_policy, default_user_budget = :default_user_budget, managed_by = :managed_by,
  active = :active, version = :version, created_at = :created_at, updated_at = :updated_at WHERE name = :name";
const SELECT: &str = "SELECT * FROM projects WHERE name = ?1";
const LIST: &str = "SELECT * FROM projects WHERE (?1 IS NULL OR name > ?1) ORDER BY name LIMIT ?2";

impl Project {
    /// An active project with the defaults of the configuration: UTC, no budget required, unknown models denied.
    #[must_use]
    pub fn new(name: &str, managed_by: ManagedBy) -> Self {
        Self {
            name: name.to_owned(),
            time_zone: "UTC".to_owned(),
            require_budget: false,
            unknown_model_policy: UnknownModelPolicy::Deny,
            default_user_budget: None,
            managed_by,
            active: true,
            revision: Revision::default(),
        }
    }
    fn check(&self) -> Result<(), SettingsError> {
        check_name(Object::Project, &self.name)?;
        check_sentence(Object::Project, &self.name, "time_zone", &self.time_zone)?;
        if self.default_user_budget.is_some_and(|budget| budget.limit < 0) {
            let problem = "is negative";
            return Err(SettingsError::invalid(Object::Project, &self.name, "default_user_budget", problem));
        }
        Ok(())
    }
    fn write(&self, db: &Connection, sql: &str) -> rusqlite::Result<usize> {
        db.prepare_cached(sql)?.execute(named_params! {
            ":name": self.name,
            ":time_zone": self.time_zone,
            ":require_budget": self.require_budget,
            ":unknown_model_policy": self.unknown_model_policy.as_str(),
            ":default_user_budget": self.default_user_budget.map(|budget| budget.to_text()),
            ":managed_by": self.managed_by.as_str(),
            ":active": self.active,
            ":version": column::integer(self.revision.version),
            ":created_at": self.revision.created_at.micros(),
            ":updated_at": self.revision.updated_at.micros(),
        })
    }
}

impl DefaultUserBudget {
    fn to_text(self) -> String {
        serde_json::json!({ "measure": self.measure.as_str(), "limit": self.limit }).to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            measure: String,
            limit: i64,
        }
        let stored: Stored = serde_json::from_str(text).ok()?;
        let measures = [Measure::Usd, Measure::Tokens, Measure::Requests];
        let measure = measures.into_iter().find(|measure| measure.as_str() == stored.measure)?;
        Some(Self { measure, limit: stored.limit })
    }
}

impl Settings {
    /// One project.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn project(&self, name: &str) -> Result<Project, SettingsError> {
        self.read(|db| find(db, name))
    }
    /// Projects in order of their names.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn projects(&self, page: &PageRequest) -> Result<Page<Project>, SettingsError> {
        let position = page.position_text()?;
        let rows = self.read(|db| list(db, position.as_deref(), page.fetch()))?;
        Ok(Page::cut(rows, page, |project| project.name.clone().into_bytes()))
    }
}

impl Change<'_> {
    /// Makes a project; its revision is set here.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_project(&mut self, project: &Project) -> Result<Project, SettingsError> {
        project.check()?;
        let after = Project { revision: Revision::first(self.now), ..project.clone() };
        let name = &after.name;
        after
            .write(&self.transaction, INSERT)
            .map_err(|error| SettingsError::insert(Object::Project, name, error))?;
        self.audit(Action::Create, Object::Project, name, None, Some(&after))?;
        Ok(after)
    }
    /// Changes everything but the name.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_project(&mut self, project: &Project) -> Result<Project, SettingsError> {
        project.check()?;
        let before = find(&self.transaction, &project.name)?;
        let revision = before.revision.follow(project.revision, Object::Project, &project.name, self.now)?;
        if (Project { revision: before.revision, ..project.clone() }) == before {
            return Ok(before);
        }
        let after = Project { revision, ..project.clone() };
        after.write(&self.transaction, UPDATE)?;
        self.audit(Action::Update, Object::Project, &after.name, Some(&before), Some(&after))?;
        Ok(after)
    }
}

pub(super) fn find(db: &Connection, name: &str) -> Result<Project, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([name], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Project, name))
}

pub(super) fn list(db: &Connection, after: Option<&str>, rows: i64) -> Result<Vec<Project>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map((after, rows), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Project> {
    let budget: Option<String> = row.get("default_user_budget")?;
    let read_budget =
        |text: String| DefaultUserBudget::from_text(&text).ok_or_else(|| column::bad("default_user_budget"));
    Ok(Project {
        name: row.get("name")?,
        time_zone: row.get("time_zone")?,
        require_budget: row.get("require_budget")?,
        unknown_model_policy: column::text(row, "unknown_model_policy")?,
        default_user_budget: budget.map(read_budget).transpose()?,
        managed_by: column::text(row, "managed_by")?,
        active: row.get("active")?,
        revision: Revision::read(row)?,
    })
}

fn default_user_budget_json<S: serde::Serializer>(
    budget: &Option<DefaultUserBudget>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let json = budget.map(|budget| {
        serde_json::json!({ "measure": budget.measure.as_str(), "limit": budget.measure.format(budget.limit) })
    });
    json.serialize(serializer)
}
