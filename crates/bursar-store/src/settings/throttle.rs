//! Throttle states: which provider is routed away from, for all, for one project, for one model.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{Revision, check_name, check_sentence, document_text};
use super::throttle_event::{self, ThrottleEvent};
use super::{Change, Settings, meta, throttle_moves};
use crate::sqlite::{column, text};
use bursar_core::Timestamp;

/// The state of one throttle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Which provider.
    pub provider: String,
    /// For which project, or projects, where `*` stands for any run of characters; absent: for all.
    pub project: Option<String>,
    /// For which model, or models; absent: for all.
    pub model: Option<String>,
    /// Whether the evaluator has engaged it.
    pub engaged: bool,
    /// Whether traffic is moved away, as was last told: engaged and no dry run, or forced.
    pub acting: bool,
    /// Since when it is as it is.
    #[serde(with = "text")]
    pub since: Timestamp,
    /// A person's decision over the evaluator's.
    pub forced: Option<bool>,
    /// Until when that decision holds; absent: until it is cleared.
    #[serde(serialize_with = "text::option::serialize")]
    pub forced_until: Option<Timestamp>,
    /// Whose decision it is.
    pub forced_by: Option<String>,
    /// Why it is as it is.
    pub reason: String,
    /// What the evaluator remembers of it.
    pub document: serde_json::Value,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const PUT: &str = "INSERT INTO throttles VALUES (:provider, :project, :model, :engaged, :acting, :since, :forced,
  :forced_until, :forced_by, :reason, :document, :version, :created_at, :updated_at)
  ON CONFLICT(provider, project, model) DO UPDATE SET engaged = :engaged, acting = :acting, since = :since,
    forced = :forced, forced_until = :forced_until, forced_by = :forced_by, reason = :reason, document = :document,
    version = :version, updated_at = :updated_at";
const SELECT: &str = "SELECT * FROM throttles WHERE provider = ?1 AND project = ?2 AND model = ?3";
const LIST: &str = "SELECT * FROM throttles ORDER BY provider, project, model";
const DELETE: &str = "DELETE FROM throttles WHERE provider = ?1 AND project = ?2 AND model = ?3";
/// The meta row that says which rules the last evaluation used.
pub(super) const RULES: &str = "throttle_rules";

impl Throttle {
    /// A throttle that is neither engaged nor forced.
    #[must_use]
    pub fn new(provider: &str, project: Option<&str>, model: Option<&str>, since: Timestamp) -> Self {
        Self {
            provider: provider.to_owned(),
            project: project.map(str::to_owned),
            model: model.map(str::to_owned),
            engaged: false,
            acting: false,
            since,
            forced: None,
            forced_until: None,
            forced_by: None,
            reason: String::new(),
            document: serde_json::Value::Null,
            revision: Revision::default(),
        }
    }
    /// Its name in audit and history: `provider`, `provider/project`, `provider/project/model`.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.project, &self.model) {
            (None, None) => self.provider.clone(),
            (Some(project), None) => format!("{}/{project}", self.provider),
            (project, Some(model)) => {
                format!("{}/{}/{model}", self.provider, project.as_deref().unwrap_or("*"))
            }
        }
    }
    fn key(&self) -> [&str; 3] {
        [
            &self.provider,
            self.project.as_deref().unwrap_or_default(),
            self.model.as_deref().unwrap_or_default(),
        ]
    }
}

impl Settings {
    /// Every throttle in order of providers, projects and models.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttles(&self) -> Result<Vec<Throttle>, SettingsError> {
        self.read(list)
    }
    /// The rules of the last evaluation, as whoever evaluated wrote them.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttle_rules(&self) -> Result<Option<serde_json::Value>, SettingsError> {
        self.read(|db| Ok(meta::find(db, RULES)?.and_then(|bytes| serde_json::from_slice(&bytes).ok())))
    }
}

impl Change<'_> {
    /// Puts the state of one throttle and, in the same transaction, what happened to it. Its revision must be that of the
    /// row in the file, or the default for a new one.
    ///
    /// # Errors
    /// [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn put_throttle(
        &mut self,
        throttle: &Throttle,
        events: &[ThrottleEvent],
    ) -> Result<Throttle, SettingsError> {
        let name = throttle.name();
        check_name(Object::Throttle, &throttle.provider)?;
        for part in [&throttle.project, &throttle.model].into_iter().flatten() {
            check_name(Object::Throttle, part)?;
        }
        check_sentence(Object::Throttle, &name, "reason", &throttle.reason)?;
        let document = document_text(Object::Throttle, &name, &throttle.document)?;
        let [provider, project, model] = throttle.key();
        let before = find(&self.transaction, throttle.key())?;
        let found = before.as_ref().map(|before| before.revision).unwrap_or_default();
        let revision = match found.follow(throttle.revision, Object::Throttle, &name, self.now)? {
            first if before.is_none() => Revision { created_at: self.now, ..first },
            next => next,
        };
        let after = Throttle { revision, ..throttle.clone() };
        self.transaction.prepare_cached(PUT)?.execute(named_params! {
            ":provider": provider,
            ":project": project,
            ":model": model,
            ":engaged": after.engaged,
            ":acting": after.acting,
            ":since": after.since.micros(),
            ":forced": after.forced,
            ":forced_until": after.forced_until.map(Timestamp::micros),
            ":forced_by": after.forced_by,
            ":reason": after.reason,
            ":document": document,
            ":version": column::integer(revision.version),
            ":created_at": revision.created_at.micros(),
            ":updated_at": revision.updated_at.micros(),
        })?;
        throttle_event::insert(&self.transaction, events)?;
        throttle_moves::begin(&self.transaction, throttle.key(), events)?;
        let action = if before.is_none() { Action::Create } else { Action::Update };
        self.audit(action, Object::Throttle, &name, before.as_ref(), Some(&after))?;
        Ok(after)
    }
    /// Deletes a throttle that no budget stands behind any more, and notes what happened in the same transaction.
    ///
    /// # Errors
    /// [`SettingsError::Stale`], [`SettingsError::NotFound`] and what writing may bring.
    pub fn delete_throttle(
        &mut self,
        throttle: &Throttle,
        events: &[ThrottleEvent],
    ) -> Result<(), SettingsError> {
        let name = throttle.name();
        let found = find(&self.transaction, throttle.key())?;
        let before = found.ok_or_else(|| SettingsError::not_found(Object::Throttle, &name))?;
        before.revision.follow(throttle.revision, Object::Throttle, &name, self.now)?;
        self.transaction.prepare_cached(DELETE)?.execute(throttle.key())?;
        throttle_moves::forget(&self.transaction, throttle.key())?;
        throttle_event::insert(&self.transaction, events)?;
        self.audit(Action::Delete, Object::Throttle, &name, Some(&before), None)
    }
    /// Notes which rules are in force from now on.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn put_throttle_rules(
        &mut self,
        rules: &serde_json::Value,
        events: &[ThrottleEvent],
    ) -> Result<(), SettingsError> {
        let before = meta::find(&self.transaction, RULES)?;
        let before: Option<serde_json::Value> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if before.as_ref() == Some(rules) {
            return Ok(());
        }
        let text = document_text(Object::Throttle, "rules", rules)?;
        meta::set(&self.transaction, RULES, text.as_bytes())?;
        throttle_event::insert(&self.transaction, events)?;
        let action = if before.is_none() { Action::Create } else { Action::Update };
        self.audit(action, Object::Throttle, "rules", before.as_ref(), Some(rules))
    }
}

fn find(db: &Connection, key: [&str; 3]) -> Result<Option<Throttle>, SettingsError> {
    Ok(db.prepare_cached(SELECT)?.query_row(key, read).optional()?)
}

pub(super) fn list(db: &Connection) -> Result<Vec<Throttle>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Throttle> {
    let part = |name: &str| row.get::<_, String>(name);
    Ok(Throttle {
        provider: row.get("provider")?,
        project: Some(part("project")?).filter(|project| !project.is_empty()),
        model: Some(part("model")?).filter(|model| !model.is_empty()),
        engaged: row.get("engaged")?,
        acting: row.get("acting")?,
        since: column::time(row, "since")?,
        forced: row.get("forced")?,
        forced_until: column::time_option(row, "forced_until")?,
        forced_by: row.get("forced_by")?,
        reason: row.get("reason")?,
        document: column::json(row, "document")?,
        revision: Revision::read(row)?,
    })
}
