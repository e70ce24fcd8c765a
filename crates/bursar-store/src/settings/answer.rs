//! Idempotency answers: what a finished request answered, sealed, so that a repeat of it is not paid twice.
//!
//! Scoped to who asked, bounded in number and bytes, and gone after their time. The client's own idempotency key is
//! kept as a hash only.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Settings;
use super::error::SettingsError;
use super::limits::{ANSWER_BYTES_MAX, ANSWERS_BYTES_MAX, ANSWERS_MAX, RETENTION_BATCH};
use crate::sqlite::{column, words::words};
use bursar_core::{RequestId, Timestamp};

words! {
    /// How far the request is.
    AnswerState {
        /// It runs.
        InFlight = "in_flight",
        /// It is finished; the answer was kept or was too large.
        Done = "done",
    }
}

/// What is known of the request that used an idempotency key first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request.
    pub request_id: RequestId,
    /// What tells the same request from another under the same key.
    pub fingerprint: u64,
    /// How far it is.
    pub state: AnswerState,
    /// The sealed answer, where it was kept.
    pub sealed: Option<Vec<u8>>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What beginning a request under an idempotency key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Began {
    /// The key is new: it is now in flight for this request.
    New,
    /// The key was used before.
    Used(Answer),
}

const FORGET_OLD: &str = "DELETE FROM answers WHERE expires_at <= ?1";
const INSERT: &str = "INSERT INTO answers VALUES (?1, ?2, ?3, ?4, 'in_flight', NULL, ?5, ?6)";
const FINISH: &str =
    "UPDATE answers SET state = 'done', sealed = ?3 WHERE scope = ?1 AND name = ?2 AND request_id = ?4";
const FORGET: &str = "DELETE FROM answers WHERE scope = ?1 AND name = ?2 AND request_id = ?3";
const INTERRUPT: &str = "UPDATE answers SET state = 'done' WHERE state = 'in_flight'";
const SELECT: &str = "SELECT * FROM answers WHERE scope = ?1 AND name = ?2";
const KEPT: &str = "SELECT answers, bytes FROM answers_kept";
const EVICT: &str = "DELETE FROM answers WHERE (scope, name) IN
  (SELECT scope, name FROM answers WHERE state = 'done' ORDER BY expires_at LIMIT ?1)";

impl Settings {
    /// Begins a request under an idempotency key. `scope` says who asks (`key:ID`, `token:ID`), `name` is the SHA-256 of
    /// what the client sent.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn begin_answer(
        &self,
        scope: &str,
        name: &[u8; 32],
        (request_id, fingerprint): (RequestId, u64),
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<Began, SettingsError> {
        self.keep_books(|db| {
            db.prepare_cached(FORGET_OLD)?.execute([now.micros()])?;
            if let Some(answer) = find(db, scope, name)? {
                return Ok(Began::Used(answer));
            }
            make_room(db)?;
            let bits = i64::from_be_bytes(fingerprint.to_be_bytes());
            let values = (scope, name, request_id.to_string(), bits, now.micros(), expires_at.micros());
            db.prepare_cached(INSERT)?.execute(values)?;
            Ok(Began::New)
        })
    }
    /// Keeps the sealed answer of a finished request; `None`, or one above [`ANSWER_BYTES_MAX`], only marks it done.
    /// Answers whether the request still had its place.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn finish_answer(
        &self,
        scope: &str,
        name: &[u8; 32],
        request_id: RequestId,
        sealed: Option<&[u8]>,
    ) -> Result<bool, SettingsError> {
        let sealed = sealed.filter(|sealed| sealed.len() <= ANSWER_BYTES_MAX);
        self.keep_books(|db| {
            let values = (scope, name, sealed, request_id.to_string());
            let finished = db.prepare_cached(FINISH)?.execute(values)?;
            make_room(db)?;
            Ok(finished > 0)
        })
    }
    /// Forgets a request that was not billed: a repeat of it is a new try.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn forget_answer(
        &self,
        scope: &str,
        name: &[u8; 32],
        request_id: RequestId,
    ) -> Result<(), SettingsError> {
        self.keep_books(|db| {
            db.prepare_cached(FORGET)?.execute((scope, name, request_id.to_string()))?;
            Ok(())
        })
    }
    /// At start: what was in flight when the process ended may have been billed, so it counts as done, without an answer.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn interrupt_answers(&self) -> Result<usize, SettingsError> {
        self.keep_books(|db| Ok(db.prepare_cached(INTERRUPT)?.execute([])?))
    }
}

/// Evicts finished answers, the next to expire first, until both bounds hold. What is in flight is never evicted.
fn make_room(db: &Connection) -> Result<(), SettingsError> {
    loop {
        let (count, bytes): (i64, i64) =
            db.prepare_cached(KEPT)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if count < ANSWERS_MAX && bytes <= ANSWERS_BYTES_MAX {
            return Ok(());
        }
        if db.prepare_cached(EVICT)?.execute([RETENTION_BATCH])? == 0 {
            return Ok(());
        }
    }
}

fn find(db: &Connection, scope: &str, name: &[u8; 32]) -> Result<Option<Answer>, SettingsError> {
    Ok(db.prepare_cached(SELECT)?.query_row((scope, name), read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Answer> {
    let bits: i64 = row.get("fingerprint")?;
    Ok(Answer {
        request_id: column::text(row, "request_id")?,
        fingerprint: u64::from_be_bytes(bits.to_be_bytes()),
        state: column::text(row, "state")?,
        sealed: row.get("sealed")?,
        started_at: column::time(row, "started_at")?,
        expires_at: column::time(row, "expires_at")?,
    })
}
