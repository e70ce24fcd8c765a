//! Settings: who may spend what. One SQLite file with an audit of every change.
//!
//! Reads go through a read-only connection, changes through one writer behind a mutex, one transaction each.
//! Both block on the disk: call them from a thread that may wait.
//!
//! Invariant: no row changes without an audit entry in the same transaction, except the bookkeeping of
//! [`Settings::add_totals`], [`Settings::touch_tokens`], [`Settings::note_throttle_events`], alerts with their deliveries,
//! and the idempotency answers, which no person does.
//! Invariant: no secret is in an audit entry, and none is in the file but hashed or sealed by the caller.

mod alert;
mod alert_delivery;
mod answer;
mod audit;
mod backup;
mod budget;
mod change;
mod credential;
mod document;
mod error;
mod key;
mod key_change;
mod kill_switch;
pub mod limits;
mod meta;
mod project;
mod row;
mod shadow;
mod snapshot;
mod throttle;
mod throttle_event;
mod throttle_moves;
mod token;
mod totals;
mod user;

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sqlite::{Migration, OpenError, Schema, Synchronous, open_reader, open_writer};
use bursar_core::Timestamp;

pub use alert::{Alert, AlertEvent, AlertSource, NewAlert};
pub use alert_delivery::{Delivery, DeliveryState, NewDelivery, Tried};
pub use answer::{Answer, AnswerState, Began};
pub use audit::{Action, AuditEntry, AuditFilter};
pub use budget::BudgetRow;
pub use change::{Change, Stamp};
pub use credential::{Credential, Sealed};
pub use document::{Document, DocumentKind};
pub use error::{Object, SettingsError};
pub use key::{Key, KeyFilter, KeyHash, KeyId, KeyKind, PreviousHash};
pub use kill_switch::KillSwitch;
pub use project::{DefaultUserBudget, Project, UnknownModelPolicy};
pub use row::{ManagedBy, Revision};
pub use shadow::{ShadowRefusals, ShadowUse};
pub use snapshot::Snapshot;
pub use throttle::Throttle;
pub use throttle_event::{ThrottleEvent, ThrottleEventKind};
pub use throttle_moves::ThrottleMoves;
pub use token::{Role, Token, TokenId};
pub use totals::{KeyTotals, KeyUse};
pub use user::User;

/// Marks `settings.db` in its header: "BurS".
const APPLICATION_ID: i32 = 0x4275_7253;

static SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    migrations: &[
        Migration { name: "settings", sql: include_str!("settings/sql/001_settings.sql") },
        Migration { name: "throttle", sql: include_str!("settings/sql/002_throttle.sql") },
        Migration { name: "key limits", sql: include_str!("settings/sql/003_key_limits.sql") },
        Migration { name: "alerts", sql: include_str!("settings/sql/004_alerts.sql") },
        Migration { name: "shadow", sql: include_str!("settings/sql/005_shadow.sql") },
        Migration { name: "throttle moves", sql: include_str!("settings/sql/006_throttle_moves.sql") },
    ],
};

/// The open settings file.
pub struct Settings {
    path: PathBuf,
    // Closed first: the writer, closing last, brings the write-ahead log home.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
    generation: AtomicU64,
}

impl Settings {
    /// Opens or creates the file and brings it to the newest version.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let writer = open_writer(path, &SCHEMA, Synchronous::Full, now)?;
        let reader = open_reader(path)?;
        Ok(Self {
            path: path.to_owned(),
            reader: Mutex::new(reader),
            writer: Mutex::new(writer),
            generation: AtomicU64::new(0),
        })
    }
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Counts the changes since the file was opened: tells whether a [`Snapshot`] is still the newest.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
    /// Makes one or several changes in one transaction: all of them and their audit entries are on disk when this
    /// returns `Ok`, none of them when it returns `Err`.
    ///
    /// # Errors
    /// What `make` answers, or a [`SettingsError`] of the transaction itself.
    pub fn change<T, E: From<SettingsError>>(
        &self,
        stamp: &Stamp<'_>,
        make: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock();
        let transaction = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| E::from(error.into()))?;
        let mut change = Change::new(transaction, stamp);
        let answer = make(&mut change)?;
        change.commit().map_err(E::from)?;
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(answer)
    }
    /// A transaction without audit: for the bookkeeping that the module's text names.
    fn keep_books<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = write(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }
    /// Reads in one transaction, so that several statements see the same state.
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let mut reader = self.reader.lock();
        let transaction = reader.transaction()?;
        let answer = read(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
