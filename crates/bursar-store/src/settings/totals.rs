//! What keys and tokens have used: bookkeeping in batches, without audit.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::error::SettingsError;
use super::key::KeyId;
use super::shadow::{self, ShadowUse};
use super::throttle_moves::{self, ThrottleMoves};
use super::{Settings, meta};
use crate::sqlite::{column, text};
use bursar_core::{Timestamp, Usd};

/// The meta row that says up to which journal entry totals were added.
pub(super) const FLOOR: &str = "totals_floor";

/// What a key has used since it was made. For display; budgets decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct KeyTotals {
    /// Requests that were admitted.
    pub requests: u64,
    /// Tokens, every class once.
    pub tokens: u64,
    /// List cost.
    #[serde(with = "text")]
    pub list_cost: Usd,
    /// Effective cost.
    #[serde(with = "text")]
    pub effective_cost: Usd,
    /// The last request.
    #[serde(serialize_with = "text::option::serialize")]
    pub last_used_at: Option<Timestamp>,
}

/// What one batch of records adds to a key's totals. Amounts may be negative: a correction books the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key: KeyId,
    /// Requests that were admitted.
    pub requests: i64,
    /// Tokens, every class once.
    pub tokens: i64,
    /// List cost.
    pub list_cost: Usd,
    /// Effective cost.
    pub effective_cost: Usd,
    /// The newest of them.
    pub last_used_at: Timestamp,
}

const ADD: &str =
    "INSERT INTO key_totals SELECT id, max(?2, 0), max(?3, 0), ?4, ?5, ?6 FROM keys WHERE id = ?1
  ON CONFLICT(key) DO UPDATE SET requests = max(requests + ?2, 0), tokens = max(tokens + ?3, 0),
    list_cost = list_cost + ?4, effective_cost = effective_cost + ?5, last_used_at = max(last_used_at, ?6)";
const SELECT: &str = "SELECT * FROM key_totals WHERE key = ?1";
const LIST: &str = "SELECT * FROM key_totals ORDER BY key";
const TOUCH: &str = "UPDATE tokens SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";

impl Settings {
    /// Adds what a batch of records used, what shadow budgets would have refused of it and throttles in a dry run moved,
    /// once: a batch whose `floor` (the last journal entry in it) is not above the floor reached before was added already
    /// and answers false. After a restart the journal may be cut differently: leave entries at or below
    /// [`Settings::totals_floor`] out of what is given here. Unknown keys are passed over.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn add_totals(
        &self,
        uses: &[KeyUse],
        shadows: &[ShadowUse],
        moves: &[ThrottleMoves],
        floor: u64,
    ) -> Result<bool, SettingsError> {
        self.keep_books(|db| {
            if meta::counter(db, FLOOR)?.is_some_and(|reached| floor <= reached) {
                return Ok(false);
            }
            add(db, uses)?;
            shadow::add(db, shadows)?;
            throttle_moves::add(db, moves)?;
            meta::set_counter(db, FLOOR, floor)?;
            Ok(true)
        })
    }
    /// Adds corrections that no journal entry's record carries. Unknown keys are passed over.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn correct_totals(&self, uses: &[KeyUse]) -> Result<(), SettingsError> {
        self.keep_books(|db| add(db, uses))
    }
    /// The last journal entry whose use was added; 0 at first.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn totals_floor(&self) -> Result<u64, SettingsError> {
        self.read(|db| Ok(meta::counter(db, FLOOR)?.unwrap_or(0)))
    }
    /// Notes when tokens of the admin API were last used.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn touch_tokens(&self, used: &[(super::TokenId, Timestamp)]) -> Result<(), SettingsError> {
        self.keep_books(|db| {
            let mut statement = db.prepare_cached(TOUCH)?;
            for (token, at) in used {
                statement.execute((token.to_string(), at.micros()))?;
            }
            Ok(())
        })
    }
}

fn add(db: &Connection, uses: &[KeyUse]) -> Result<(), SettingsError> {
    let mut statement = db.prepare_cached(ADD)?;
    for used in uses {
        let (list, effective) = (used.list_cost.nanos(), used.effective_cost.nanos());
        let at = used.last_used_at.micros();
        statement.execute((used.key.to_string(), used.requests, used.tokens, list, effective, at))?;
    }
    Ok(())
}

pub(super) fn find(db: &Connection, key: KeyId) -> Result<KeyTotals, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([key.to_string()], read).optional()?;
    Ok(row.map(|(_, totals)| totals).unwrap_or_default())
}

pub(super) fn list(db: &Connection) -> Result<Vec<(KeyId, KeyTotals)>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(KeyId, KeyTotals)> {
    let totals = KeyTotals {
        requests: column::count(row, "requests")?,
        tokens: column::count(row, "tokens")?,
        list_cost: column::usd(row, "list_cost")?,
        effective_cost: column::usd(row, "effective_cost")?,
        last_used_at: Some(column::time(row, "last_used_at")?),
    };
    Ok((column::text(row, "key")?, totals))
}
