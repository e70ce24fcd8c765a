//! Alerts: what happened, written once per event. A source that is read in order says how far it was read in the same
//! transaction, so that a crash neither loses an alert nor writes it twice.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::Settings;
use super::error::{Object, SettingsError};
use super::limits::ALERTS_MAX;
use super::row::document_text;
use crate::sqlite::{Page, PageRequest, column, text, words::words};
use bursar_core::Timestamp;

words! {
    /// What happened.
    AlertEvent {
        /// A window crossed a threshold below its limit.
        Threshold = "threshold",
        /// A window's limit is reached, or a request was refused because nothing fits any more.
        Exhausted = "exhausted",
        /// A request cost more than was held for it.
        Overage = "overage",
        /// A budget without a provider is projected past its limit.
        Projected = "projected",
        /// A project spends several times what it usually does.
        BurnSpike = "burn_spike",
        /// A provider is routed away from.
        ThrottleEngaged = "throttle_engaged",
        /// It no longer is.
        ThrottleReleased = "throttle_released",
        /// It would be, were this no dry run.
        ThrottleWouldEngage = "throttle_would_engage",
        /// It would no longer be, were this no dry run.
        ThrottleWouldRelease = "throttle_would_release",
        /// Throttles were not evaluated: their states are those of before.
        ThrottleStale = "throttle_stale",
        /// A kill switch was turned on, or changed.
        KillOn = "kill_on",
        /// A kill switch was turned off, or ended.
        KillOff = "kill_off",
        /// A kill switch ends soon.
        KillExpiring = "kill_expiring",
        /// A provider failed so often that requests go elsewhere for a while.
        CircuitOpened = "circuit_opened",
        /// Bills of requests are unknown: they are charged at their holds.
        Suspense = "suspense",
        /// Requests in flight make no progress.
        StaleRequests = "stale_requests",
        /// A model has no price: its requests are refused.
        PriceMissing = "price_missing",
        /// A key ends soon.
        KeyExpiring = "key_expiring",
        /// The ledger cannot write: every priced request is refused.
        LedgerTrouble = "ledger_trouble",
        /// The daily recount found figures that do not add up.
        LedgerDrift = "ledger_drift",
    }
}

impl AlertEvent {
    /// Whether a person should hear of it at night, too.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        match self {
            Self::Exhausted
            | Self::BurnSpike
            | Self::ThrottleEngaged
            | Self::KillOn
            | Self::KillExpiring
            | Self::CircuitOpened
            | Self::LedgerTrouble
            | Self::LedgerDrift => true,
            Self::Threshold
            | Self::Overage
            | Self::Projected
            | Self::ThrottleReleased
            | Self::ThrottleWouldEngage
            | Self::ThrottleWouldRelease
            | Self::ThrottleStale
            | Self::KillOff
            | Self::Suspense
            | Self::StaleRequests
            | Self::PriceMissing
            | Self::KeyExpiring => false,
        }
    }
}

/// An alert that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// Tells it from every other: event, scope or budget, threshold, start of the period.
    pub dedup_key: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: AlertEvent,
    /// To whom: `platform`, `project=alpha`, …
    pub scope: String,
    /// The figures that its text is made of. Never a prompt, a key or a credential.
    pub document: serde_json::Value,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Its number, in the order of writing.
    pub id: i64,
    /// Tells it from every other.
    pub dedup_key: String,
    /// When it happened.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// What happened.
    pub event: AlertEvent,
    /// To whom.
    pub scope: String,
    /// The figures.
    pub document: serde_json::Value,
}

/// A source of alerts that is read in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertSource {
    /// Entries of the journal, by their sequence numbers.
    Journal,
    /// Events of throttles, by their numbers.
    Throttle,
    /// The audit, by its numbers: where kill switches tell what became of them.
    Audit,
    /// Alerts themselves, by their numbers: up to which each channel has its deliveries.
    Channels,
    /// Days in UTC since 1970: before which the daily recount has counted.
    Recount,
}

const INSERT: &str = "INSERT INTO alerts(dedup_key, at, event, scope, document) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT(dedup_key) DO NOTHING";
const KNOWN: &str = "SELECT 1 FROM alerts WHERE dedup_key = ?1";
const AFTER: &str = "SELECT * FROM alerts WHERE id > ?1 ORDER BY id LIMIT ?2";
const LIST: &str = "SELECT * FROM alerts WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR event = ?2)
  ORDER BY id DESC LIMIT ?3";
const CURSOR: &str = "SELECT position FROM alert_cursors WHERE source = ?1";
const MOVE: &str = "INSERT INTO alert_cursors(source, position) VALUES (?1, ?2)
  ON CONFLICT(source) DO UPDATE SET position = max(position, excluded.position)";
const TRIM: &str = "DELETE FROM alerts WHERE id <= (SELECT max(id) FROM alerts) - ?1";

impl AlertSource {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Throttle => "throttle",
            Self::Audit => "audit",
            Self::Channels => "channels",
            Self::Recount => "recount",
        }
    }
}

impl Settings {
    /// Writes alerts that were not written before, and how far their source was read. Answers how many are new.
    ///
    /// # Errors
    /// See [`SettingsError`]; nothing is written then.
    pub fn note_alerts(
        &self,
        alerts: &[NewAlert],
        read_to: Option<(AlertSource, i64)>,
    ) -> Result<usize, SettingsError> {
        if alerts.is_empty() && matches!(read_to, None | Some((AlertSource::Journal, _))) {
            // Entries that tell nothing tell nothing when they are read again.
            return Ok(0);
        }
        self.keep_books(|db| {
            let mut new = 0;
            for alert in alerts {
                let document = document_text(Object::AlertChannel, &alert.dedup_key, &alert.document)?;
                new += db.prepare_cached(INSERT)?.execute((
                    &alert.dedup_key,
                    alert.at.micros(),
                    alert.event.as_str(),
                    &alert.scope,
                    document,
                ))?;
            }
            if let Some((source, position)) = read_to {
                move_to(db, source, position)?;
            }
            if new > 0 {
                db.prepare_cached(TRIM)?.execute([ALERTS_MAX])?;
            }
            Ok(new)
        })
    }
    /// Whether an alert of that key is written.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn alert_is_known(&self, dedup_key: &str) -> Result<bool, SettingsError> {
        self.read(|db| Ok(db.prepare_cached(KNOWN)?.exists([dedup_key])?))
    }
    /// How far a source was read; 0 at first.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn alert_cursor(&self, source: AlertSource) -> Result<i64, SettingsError> {
        self.read(|db| {
            let found = db.prepare_cached(CURSOR)?.query_row([source.as_str()], |row| row.get(0));
            Ok(found.optional()?.unwrap_or(0))
        })
    }
    /// Alerts, newest first; of one event where it is named.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn alerts(
        &self,
        event: Option<AlertEvent>,
        page: &PageRequest,
    ) -> Result<Page<Alert>, SettingsError> {
        let position = page.position_integer()?;
        self.read(|db| {
            let mut statement = db.prepare_cached(LIST)?;
            let rows = statement.query_map((position, event.map(AlertEvent::as_str), page.fetch()), read)?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(rows, page, |alert| alert.id.to_be_bytes().to_vec()))
        })
    }
    /// Alerts behind number `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn alerts_after(&self, after: i64, limit: u32) -> Result<Vec<Alert>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(AFTER)?;
            let rows = statement.query_map((after, limit), read)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
}

pub(super) fn move_to(db: &Connection, source: AlertSource, position: i64) -> Result<(), SettingsError> {
    db.prepare_cached(MOVE)?.execute((source.as_str(), position))?;
    Ok(())
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Alert> {
    Ok(Alert {
        id: row.get("id")?,
        dedup_key: row.get("dedup_key")?,
        at: column::time(row, "at")?,
        event: column::text(row, "event")?,
        scope: row.get("scope")?,
        document: column::json(row, "document")?,
    })
}
