//! What shadow budgets would have refused, window by window: bookkeeping in batches, without audit.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Settings;
use super::error::SettingsError;
use super::limits::SHADOW_KEPT_S;
use crate::sqlite::column;
use bursar_core::Timestamp;

/// What one batch adds to a window of a shadow budget, or what a window or budget has in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ShadowRefusals {
    /// Attempts that would have been refused.
    pub refusals: u64,
    /// What they asked to hold, in the budget's measure.
    pub requested: i64,
}

/// What one batch of journal entries adds to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowUse {
    /// The window's id.
    pub window: u64,
    /// Its budget's id.
    pub budget: u32,
    /// What is added.
    pub refused: ShadowRefusals,
    /// The newest of them.
    pub last_at: Timestamp,
}

const ADD: &str = "INSERT INTO shadow_totals VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(window) DO UPDATE SET
  refusals = refusals + ?3, requested = requested + ?4, last_at = max(last_at, ?5)";
const FORGET: &str = "DELETE FROM shadow_totals WHERE last_at < ?1";
const OF_WINDOW: &str = "SELECT refusals, requested FROM shadow_totals WHERE window = ?1";
const OF_BUDGET: &str =
    "SELECT coalesce(sum(refusals), 0) AS refusals, coalesce(sum(requested), 0) AS requested
  FROM shadow_totals WHERE budget = ?1";

impl Settings {
    /// What a shadow budget would have refused in one of its windows; none: nothing yet.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn shadow_of_window(&self, window: u64) -> Result<ShadowRefusals, SettingsError> {
        self.read(|db| find(db, OF_WINDOW, i64::try_from(window).unwrap_or(i64::MAX)))
    }
    /// What a shadow budget would have refused in all of its windows, those of past periods included.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn shadow_of_budget(&self, budget: u32) -> Result<ShadowRefusals, SettingsError> {
        self.read(|db| find(db, OF_BUDGET, i64::from(budget)))
    }
}

/// Adds a batch, and forgets windows in which nothing would have been refused for longer than the longest period.
pub(super) fn add(db: &Connection, uses: &[ShadowUse]) -> Result<(), SettingsError> {
    let Some(newest) = uses.iter().map(|used| used.last_at).max() else { return Ok(()) };
    let mut statement = db.prepare_cached(ADD)?;
    for used in uses {
        let refusals = i64::try_from(used.refused.refusals).unwrap_or(i64::MAX);
        let window = i64::try_from(used.window).unwrap_or(i64::MAX);
        let row = (window, used.budget, refusals, used.refused.requested, used.last_at.micros());
        statement.execute(row)?;
    }
    db.prepare_cached(FORGET)?.execute([newest.plus_seconds(-SHADOW_KEPT_S).micros()])?;
    Ok(())
}

fn find(db: &Connection, sql: &str, id: i64) -> Result<ShadowRefusals, SettingsError> {
    let row = db.prepare_cached(sql)?.query_row([id], read).optional()?;
    Ok(row.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ShadowRefusals> {
    Ok(ShadowRefusals { refusals: column::count(row, "refusals")?, requested: row.get("requested")? })
}
