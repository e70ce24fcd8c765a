//! Kill switches: manual stops at any scope. At most one is on per scope; those that were on stay as history.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::check_sentence;
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column, text};
use bursar_core::{Scope, Timestamp};

/// One kill switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KillSwitch {
    /// Its number, in order of time.
    pub id: i64,
    /// What it stops.
    #[serde(with = "text")]
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Whether streams in flight are cut.
    pub cut_streams: bool,
    /// Who turned it on, or last changed it.
    pub actor: String,
    /// Since when.
    #[serde(with = "text")]
    pub since: Timestamp,
    /// Until when it works by itself.
    #[serde(serialize_with = "text::option::serialize")]
    pub until: Option<Timestamp>,
    /// When it was turned off.
    #[serde(serialize_with = "text::option::serialize")]
    pub lifted_at: Option<Timestamp>,
    /// Who turned it off.
    pub lifted_by: Option<String>,
}

const INSERT: &str = "INSERT INTO kill_switches(scope, reason, cut_streams, actor, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE: &str =
    "UPDATE kill_switches SET reason = ?2, cut_streams = ?3, actor = ?4, until = ?5 WHERE id = ?1";
const LIFT: &str = "UPDATE kill_switches SET lifted_at = ?2, lifted_by = ?3 WHERE id = ?1";
const ON: &str = "SELECT * FROM kill_switches WHERE scope = ?1 AND lifted_at IS NULL";
const ALL_ON: &str = "SELECT * FROM kill_switches WHERE lifted_at IS NULL ORDER BY id";
const BY_ID: &str = "SELECT * FROM kill_switches WHERE id = ?1";
const LIST: &str = "SELECT * FROM kill_switches WHERE (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2";

impl Settings {
    /// Every kill switch that is or was on, newest first.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn kill_switches(&self, page: &PageRequest) -> Result<Page<KillSwitch>, SettingsError> {
        let position = page.position_integer()?;
        self.read(|db| {
            let mut statement = db.prepare_cached(LIST)?;
            let rows = statement.query_map((position, page.fetch()), read)?.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(rows, page, |switch| switch.id.to_be_bytes().to_vec()))
        })
    }
    /// Those that are on, also where their end has passed: who has the clock lifts them.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn kill_switches_on(&self) -> Result<Vec<KillSwitch>, SettingsError> {
        self.read(list_on)
    }
}

impl Change<'_> {
    /// Stops everything in `scope`. Where it is stopped already, reason, cut and end are replaced: turning a kill switch
    /// on never fails for being on.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] and what writing may bring.
    pub fn turn_on_kill_switch(
        &mut self,
        scope: &Scope,
        reason: &str,
        cut_streams: bool,
        until: Option<Timestamp>,
    ) -> Result<KillSwitch, SettingsError> {
        let name = scope.to_string();
        check_sentence(Object::KillSwitch, &name, "reason", reason)?;
        let mut before = find(&self.transaction, &name)?;
        if before.as_ref().is_some_and(|old| old.until.is_some_and(|until| until <= self.now)) {
            // It has ended by itself and nobody has written that down yet: what begins now is another one.
            self.turn_off_kill_switch(scope)?;
            before = None;
        }
        let end = until.map(Timestamp::micros);
        let id = match &before {
            Some(on) => {
                let values = (on.id, reason, cut_streams, &self.actor, end);
                self.transaction.prepare_cached(UPDATE)?.execute(values)?;
                on.id
            }
            None => {
                let values = (&name, reason, cut_streams, &self.actor, self.now.micros(), end);
                self.transaction.prepare_cached(INSERT)?.execute(values)?;
                self.transaction.last_insert_rowid()
            }
        };
        let after = self.transaction.prepare_cached(BY_ID)?.query_row([id], read)?;
        self.audit(Action::TurnOn, Object::KillSwitch, &name, before.as_ref(), Some(&after))?;
        Ok(after)
    }
    /// Turns the kill switch of exactly `scope` off.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] when it is not on, and what writing may bring.
    pub fn turn_off_kill_switch(&mut self, scope: &Scope) -> Result<KillSwitch, SettingsError> {
        let name = scope.to_string();
        let found = find(&self.transaction, &name)?;
        let before = found.ok_or_else(|| SettingsError::not_found(Object::KillSwitch, &name))?;
        self.transaction.prepare_cached(LIFT)?.execute((before.id, self.now.micros(), &self.actor))?;
        let after = self.transaction.prepare_cached(BY_ID)?.query_row([before.id], read)?;
        self.audit(Action::TurnOff, Object::KillSwitch, &name, Some(&before), Some(&after))?;
        Ok(after)
    }
    /// Writes down that a kill switch that is kept elsewhere (a file, a signal) went on, changed, or went off. `name` says
    /// which.
    ///
    /// # Errors
    /// What writing may bring.
    pub fn note_kill_switch(
        &mut self,
        name: &str,
        before: Option<&KillSwitch>,
        after: Option<&KillSwitch>,
    ) -> Result<(), SettingsError> {
        let action = if after.is_some() { Action::TurnOn } else { Action::TurnOff };
        self.audit(action, Object::KillSwitch, name, before, after)
    }
}

fn find(db: &Connection, scope: &str) -> Result<Option<KillSwitch>, SettingsError> {
    Ok(db.prepare_cached(ON)?.query_row([scope], read).optional()?)
}

/// Those that are on; whether `until` has passed is the reader's to see, who has the clock.
pub(super) fn list_on(db: &Connection) -> Result<Vec<KillSwitch>, SettingsError> {
    let mut statement = db.prepare_cached(ALL_ON)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<KillSwitch> {
    Ok(KillSwitch {
        id: row.get("id")?,
        scope: column::text(row, "scope")?,
        reason: row.get("reason")?,
        cut_streams: row.get("cut_streams")?,
        actor: row.get("actor")?,
        since: column::time(row, "since")?,
        until: column::time_option(row, "until")?,
        lifted_at: column::time_option(row, "lifted_at")?,
        lifted_by: row.get("lifted_by")?,
    })
}
