//! What throttles in a dry run would have moved, and where to: bookkeeping in batches, without audit.

use rusqlite::{Connection, Row};

use super::Settings;
use super::error::SettingsError;
use super::throttle_event::{ThrottleEvent, ThrottleEventKind as Kind};
use crate::sqlite::column;
use bursar_core::Usd;

/// Requests of one throttle that would have gone to one other provider, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ThrottleMoves {
    /// The provider of the throttle.
    pub provider: String,
    /// Its project or projects; absent: all.
    pub project: Option<String>,
    /// Its model or models; absent: all.
    pub model: Option<String>,
    /// Where they would have gone; absent: nowhere, they would have been refused.
    pub to: Option<String>,
    /// How many.
    pub requests: u64,
    /// What they cost where they went, as list cost.
    pub list_cost: Usd,
}

const ADD: &str =
    "INSERT INTO throttle_moves VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(provider, project, model, moved_to)
  DO UPDATE SET requests = requests + ?5, list_cost = list_cost + ?6";
const LIST: &str = "SELECT * FROM throttle_moves ORDER BY provider, project, model, requests DESC, moved_to";
const FORGET: &str = "DELETE FROM throttle_moves WHERE provider = ?1 AND project = ?2 AND model = ?3";

impl Settings {
    /// What every throttle would have moved in its last dry run, by throttle, most requests first.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn throttle_moves(&self) -> Result<Vec<ThrottleMoves>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(LIST)?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Adds a batch.
pub(super) fn add(db: &Connection, moves: &[ThrottleMoves]) -> Result<(), SettingsError> {
    let mut statement = db.prepare_cached(ADD)?;
    for moved in moves {
        let requests = i64::try_from(moved.requests).unwrap_or(i64::MAX);
        let [project, model, to] =
            [&moved.project, &moved.model, &moved.to].map(|name| name.as_deref().unwrap_or_default());
        statement.execute((&moved.provider, project, model, to, requests, moved.list_cost.nanos()))?;
    }
    Ok(())
}

/// Begins anew where a dry run begins or a throttle acts.
pub(super) fn begin(
    db: &Connection,
    throttle: [&str; 3],
    events: &[ThrottleEvent],
) -> Result<(), SettingsError> {
    let begins =
        |event: &ThrottleEvent| matches!(event.kind, Kind::WouldEngage | Kind::Engaged | Kind::Released);
    if events.iter().any(begins) {
        forget(db, throttle)?;
    }
    Ok(())
}

/// Forgets a throttle that is gone.
pub(super) fn forget(db: &Connection, throttle: [&str; 3]) -> Result<(), SettingsError> {
    db.prepare_cached(FORGET)?.execute(throttle)?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ThrottleMoves> {
    let name = |title: &str| {
        let name = row.get::<_, String>(title)?;
        Ok::<_, rusqlite::Error>(Some(name).filter(|name| !name.is_empty()))
    };
    Ok(ThrottleMoves {
        provider: row.get("provider")?,
        project: name("project")?,
        model: name("model")?,
        to: name("moved_to")?,
        requests: column::count(row, "requests")?,
        list_cost: column::usd(row, "list_cost")?,
    })
}
