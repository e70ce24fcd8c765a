//! What became of telling a channel of an alert: one row for each, also a log for people.

use rusqlite::Row;
use serde::Serialize;

use super::Settings;
use super::alert::{self, Alert, AlertSource};
use super::error::SettingsError;
use crate::sqlite::{column, text, words::words};
use bursar_core::Timestamp;

words! {
    /// How far a delivery is.
    DeliveryState {
        /// It is to be sent, or sent again.
        Pending = "pending",
        /// The channel took it.
        Delivered = "delivered",
        /// It was tried too often, or its channel is gone.
        Failed = "failed",
    }
}

/// One alert on its way to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The alert.
    pub alert: i64,
    /// The channel.
    pub channel: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be sent.
    #[serde(with = "text")]
    pub due_at: Timestamp,
    /// When it was last tried.
    #[serde(serialize_with = "text::option::serialize")]
    pub tried_at: Option<Timestamp>,
    /// Why the last try failed, without secrets; empty where it did not.
    pub problem: String,
}

/// A delivery that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The alert.
    pub alert: i64,
    /// The channel.
    pub channel: String,
    /// Whether quiet hours do not hold it back.
    pub urgent: bool,
    /// When it is to be sent.
    pub due_at: Timestamp,
}

/// What a try brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The channel took it.
    Delivered,
    /// It is tried again at that time.
    Again(Timestamp, String),
    /// It is not tried again.
    GaveUp(String),
}

const INSERT: &str = "INSERT INTO alert_deliveries(alert, channel, state, urgent, attempts, due_at, problem)
  VALUES (?1, ?2, 'pending', ?3, 0, ?4, '') ON CONFLICT DO NOTHING";
const OF_ALERT: &str = "SELECT * FROM alert_deliveries WHERE alert = ?1 ORDER BY channel";
const PENDING: &str =
    "SELECT a.*, d.attempts AS attempts, d.due_at AS due_at FROM alert_deliveries d JOIN alerts a ON a.id = d.alert
  WHERE d.channel = ?1 AND d.state = 'pending' AND (?2 = 0 OR d.urgent = 1) ORDER BY d.due_at, a.id LIMIT ?3";
const CHANNELS: &str = "SELECT DISTINCT channel FROM alert_deliveries WHERE state = 'pending'";
const TRIED: &str =
    "UPDATE alert_deliveries SET state = ?3, attempts = attempts + 1, due_at = coalesce(?4, due_at),
  tried_at = ?5, problem = ?6 WHERE alert = ?1 AND channel = ?2 AND state = 'pending'";
const ABANDON: &str =
    "UPDATE alert_deliveries SET state = 'failed', problem = ?2 WHERE channel = ?1 AND state = 'pending'";

impl Settings {
    /// Gives alerts up to number `upto` their deliveries.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn plan_deliveries(&self, deliveries: &[NewDelivery], upto: i64) -> Result<(), SettingsError> {
        self.keep_books(|db| {
            let mut statement = db.prepare_cached(INSERT)?;
            for new in deliveries {
                statement.execute((new.alert, &new.channel, new.urgent, new.due_at.micros()))?;
            }
            alert::move_to(db, AlertSource::Channels, upto)
        })
    }
    /// What became of an alert, channel by channel.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn alert_deliveries(&self, alert: i64) -> Result<Vec<Delivery>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(OF_ALERT)?;
            let rows = statement.query_map([alert], read)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
    /// What a channel still has to be told, the earliest due first: alert, tries so far, and when it is due.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn pending_deliveries(
        &self,
        channel: &str,
        urgent_only: bool,
        limit: u32,
    ) -> Result<Vec<(Alert, u32, Timestamp)>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(PENDING)?;
            let rows = statement.query_map((channel, urgent_only, limit), |row| {
                Ok((alert::read(row)?, row.get("attempts")?, column::time(row, "due_at")?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
    /// The channels that still have to be told something.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn pending_channels(&self) -> Result<Vec<String>, SettingsError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(CHANNELS)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
    /// Writes what a try with these alerts brought.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn tried_deliveries(
        &self,
        channel: &str,
        alerts: &[i64],
        tried: &Tried,
        now: Timestamp,
    ) -> Result<(), SettingsError> {
        let (state, due_at, problem) = match tried {
            Tried::Delivered => (DeliveryState::Delivered, None, ""),
            Tried::Again(at, problem) => (DeliveryState::Pending, Some(at.micros()), problem.as_str()),
            Tried::GaveUp(problem) => (DeliveryState::Failed, None, problem.as_str()),
        };
        self.keep_books(|db| {
            let mut statement = db.prepare_cached(TRIED)?;
            for alert in alerts {
                statement.execute((alert, channel, state.as_str(), due_at, now.micros(), problem))?;
            }
            Ok(())
        })
    }
    /// Gives up what a channel that is gone still had to be told. Answers how many.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn abandon_deliveries(&self, channel: &str, problem: &str) -> Result<usize, SettingsError> {
        self.keep_books(|db| Ok(db.prepare_cached(ABANDON)?.execute((channel, problem))?))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        alert: row.get("alert")?,
        channel: row.get("channel")?,
        state: column::text(row, "state")?,
        attempts: row.get("attempts")?,
        due_at: column::time(row, "due_at")?,
        tried_at: column::time_option(row, "tried_at")?,
        problem: row.get("problem")?,
    })
}
