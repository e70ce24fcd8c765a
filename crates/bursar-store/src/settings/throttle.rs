//! Throttle states: which provider is routed away from, for all or for one project.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{Revision, check_name, check_sentence, document_text};
use super::{Change, Settings};
use crate::sqlite::{column, text};
use bursar_core::Timestamp;

/// The state of one throttle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Which provider.
    pub provider: String,
    /// For which project; absent: for all.
    pub project: Option<String>,
    /// Whether the evaluator has engaged it.
    pub engaged: bool,
    /// Since when it is as it is.
    #[serde(with = "text")]
    pub since: Timestamp,
    /// A person's decision over the evaluator's.
    pub forced: Option<bool>,
    /// Until when that decision holds; absent: until it is cleared.
    #[serde(serialize_with = "text::option::serialize")]
    pub forced_until: Option<Timestamp>,
    /// Why it is as it is.
    pub reason: String,
    /// The figures that led to it.
    pub document: serde_json::Value,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const PUT: &str = "INSERT INTO throttles VALUES (:provider, :project, :engaged, :since, :forced, :forced_until, :reason,
  :document, :version, :created_at, :updated_at)
  ON CONFLICT(provider, project) DO UPDATE SET engaged = :engaged, since = :since, forced = :forced,
    forced_until = :forced_until, reason = :reason, document = :document, version = :version, updated_at = :updated_at";
const SELECT: &str = "SELECT * FROM throttles WHERE provider = ?1 AND project = ?2";
const LIST: &str = "SELECT * FROM throttles ORDER BY provider, project";

impl Throttle {
    /// A throttle that is neither engaged nor forced.
    #[must_use]
    pub fn new(provider: &str, project: Option<&str>, since: Timestamp) -> Self {
        Self {
            provider: provider.to_owned(),
            project: project.map(str::to_owned),
            engaged: false,
            since,
            forced: None,
            forced_until: None,
            reason: String::new(),
            document: serde_json::Value::Null,
            revision: Revision::default(),
        }
    }
    fn name(&self) -> String {
        match &self.project {
            Some(project) => format!("{}/{project}", self.provider),
            None => self.provider.clone(),
        }
    }
}

impl Settings {
    /// Every throttle in order of providers and projects.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttles(&self) -> Result<Vec<Throttle>, SettingsError> {
        self.read(list)
    }
}

impl Change<'_> {
    /// Puts the state of one throttle. Its revision must be that of the row in the file, or the default for a new one.
    ///
    /// # Errors
    /// [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn put_throttle(&mut self, throttle: &Throttle) -> Result<Throttle, SettingsError> {
        let name = throttle.name();
        check_name(Object::Throttle, &throttle.provider)?;
        check_sentence(Object::Throttle, &name, "reason", &throttle.reason)?;
        let document = document_text(Object::Throttle, &name, &throttle.document)?;
        let project = throttle.project.as_deref().unwrap_or_default();
        let before = find(&self.transaction, &throttle.provider, project)?;
        let found = before.as_ref().map(|before| before.revision).unwrap_or_default();
        let revision = match found.follow(throttle.revision, Object::Throttle, &name, self.now)? {
            first if before.is_none() => Revision { created_at: self.now, ..first },
            next => next,
        };
        let after = Throttle { revision, ..throttle.clone() };
        self.transaction.prepare_cached(PUT)?.execute(named_params! {
            ":provider": after.provider,
            ":project": project,
            ":engaged": after.engaged,
            ":since": after.since.micros(),
            ":forced": after.forced,
            ":forced_until": after.forced_until.map(Timestamp::micros),
            ":reason": after.reason,
            ":document": document,
            ":version": column::integer(revision.version),
            ":created_at": revision.created_at.micros(),
            ":updated_at": revision.updated_at.micros(),
        })?;
        let action = if before.is_none() { Action::Create } else { Action::Update };
        self.audit(action, Object::Throttle, &name, before.as_ref(), Some(&after))?;
        Ok(after)
    }
}

fn find(db: &Connection, provider: &str, project: &str) -> Result<Option<Throttle>, SettingsError> {
    Ok(db.prepare_cached(SELECT)?.query_row([provider, project], read).optional()?)
}

pub(super) fn list(db: &Connection) -> Result<Vec<Throttle>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Throttle> {
    let project: String = row.get("project")?;
    Ok(Throttle {
        provider: row.get("provider")?,
        project: Some(project).filter(|project| !project.is_empty()),
        engaged: row.get("engaged")?,
        since: column::time(row, "since")?,
        forced: row.get("forced")?,
        forced_until: column::time_option(row, "forced_until")?,
        reason: row.get("reason")?,
        document: column::json(row, "document")?,
        revision: Revision::read(row)?,
    })
}
