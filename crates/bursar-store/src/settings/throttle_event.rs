//! What became of throttles: a history for people, and the place where alerts are read from. Written in the transaction
//! of the change that it tells of; the newest are kept.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::Settings;
use super::error::{Object, SettingsError};
use super::limits::THROTTLE_EVENTS_MAX;
use super::row::document_text;
use crate::sqlite::{Page, PageRequest, column, text, words::words};
use bursar_core::Timestamp;

words! {
    /// What happened.
    ThrottleEventKind {
        /// Traffic is routed away from now on.
        Engaged = "engaged",
        /// Traffic is no longer routed away.
        Released = "released",
        /// It would be routed away, were this no dry run.
        WouldEngage = "would_engage",
        /// It would no longer be routed away, were this no dry run.
        WouldRelease = "would_release",
        /// A period ended in which it was engaged: the next one begins without it.
        PeriodReset = "period_reset",
        /// A person turned it on.
        ForcedOn = "forced_on",
        /// A person turned it off.
        ForcedOff = "forced_off",
        /// A person gave it back to the evaluator.
        Cleared = "cleared",
        /// A person's decision ran out.
        ForceExpired = "force_expired",
        /// A budget without a provider is projected past its limit: there is nowhere to route to.
        Projected = "projected",
        /// Such a budget no longer is.
        ProjectedNoMore = "projected_no_more",
        /// Three evaluations were missed: states are those of before.
        Stale = "stale",
        /// Evaluations work again.
        Fresh = "fresh",
        /// Other rules are in force.
        RulesChanged = "rules_changed",
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThrottleEvent {
    /// Its number, in order of time; 0 until it is written.
    pub id: i64,
    /// When.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// What happened.
    pub kind: ThrottleEventKind,
    /// To which provider; empty where it is about no single one.
    pub provider: String,
    /// For which project; absent: for all.
    pub project: Option<String>,
    /// For which model; absent: for all.
    pub model: Option<String>,
    /// Whether traffic goes on as before: the flag is off, or the rules say shadow.
    pub dry_run: bool,
    /// Who did it: `throttle`, or a token's name.
    pub actor: String,
    /// Why, in a word such as `over` or `budget_removed`, or in a person's words.
    pub reason: String,
    /// What to tell people: one sentence with the figures.
    pub message: String,
    /// The figures: `spent`, `limit`, `projected`, `ratio`, `budget`, ….
    pub document: serde_json::Value,
}

const INSERT: &str =
    "INSERT INTO throttle_events(at, kind, provider, project, model, dry_run, actor, reason, message,
  document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const TRIM: &str = "DELETE FROM throttle_events WHERE id <= (SELECT max(id) FROM throttle_events) - ?1";
const LIST: &str =
    "SELECT * FROM throttle_events WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR provider = ?2)
  ORDER BY id DESC LIMIT ?3";
const AFTER: &str = "SELECT * FROM throttle_events WHERE id > ?1 ORDER BY id LIMIT ?2";

impl Settings {
    /// Events, newest first; of one provider where it is named.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttle_events(
        &self,
        provider: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<ThrottleEvent>, SettingsError> {
        let position = page.position_integer()?;
        self.read(|db| {
            let mut statement = db.prepare_cached(LIST)?;
            let rows = statement.query_map((position, provider, page.fetch()), read)?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(rows, page, |event| event.id.to_be_bytes().to_vec()))
        })
    }
    /// Events behind number `after`, oldest first, at most `limit`: for an outbox that remembers the last one it took.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttle_events_after(&self, after: i64, limit: u32) -> Result<Vec<ThrottleEvent>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(AFTER)?;
            let rows = statement.query_map((after, limit), read)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
    /// Notes events that go with no change of a row.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn note_throttle_events(&self, events: &[ThrottleEvent]) -> Result<(), SettingsError> {
        self.keep_books(|db| insert(db, events))
    }
}

pub(super) fn insert(db: &Connection, events: &[ThrottleEvent]) -> Result<(), SettingsError> {
    for event in events {
        let document = document_text(Object::Throttle, &event.provider, &event.document)?;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        db.prepare_cached(INSERT)?.execute((
            event.at.micros(),
            event.kind.as_str(),
            &event.provider,
            part(&event.project),
            part(&event.model),
            event.dry_run,
            &event.actor,
            &event.reason,
            &event.message,
            document,
        ))?;
    }
    if !events.is_empty() {
        db.prepare_cached(TRIM)?.execute([THROTTLE_EVENTS_MAX])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ThrottleEvent> {
    let part = |name: &str| row.get::<_, String>(name);
    Ok(ThrottleEvent {
        id: row.get("id")?,
        at: column::time(row, "at")?,
        kind: column::text(row, "kind")?,
        provider: row.get("provider")?,
        project: Some(part("project")?).filter(|project| !project.is_empty()),
        model: Some(part("model")?).filter(|model| !model.is_empty()),
        dry_run: row.get("dry_run")?,
        actor: row.get("actor")?,
        reason: row.get("reason")?,
        message: row.get("message")?,
        document: column::json(row, "document")?,
    })
}
