//! `rollups.db`: up to which entry the journal is drained, and the roll-ups of months whose records are gone.

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

use super::grain::Grain;
use super::month::Month;
use super::roll::{CrossKey, NameKey, Rolls, each_roll};
use super::strings::{Numbers, Texts};
use super::{RecordsError, meta};
use crate::journal::Seq;
use crate::sqlite::{Migration, OpenError, Schema, Synchronous, column, open_writer};
use bursar_core::Timestamp;

/// The name of the file.
pub(super) const FILE_NAME: &str = "rollups.db";
/// Marks it in its header: "BurU".
const APPLICATION_ID: i32 = 0x4275_7255;

static SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    migrations: &[
        Migration { name: "rollups", sql: include_str!("sql/001_rollups.sql") },
        Migration { name: "reports", sql: include_str!("sql/002_rollups.sql") },
        Migration { name: "grains", sql: include_str!("sql/003_grains.sql") },
    ],
};

const CROSS: &str = "SELECT * FROM roll_cross";
const ARCHIVE: &str = "INSERT INTO archived(month, generation) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const FIRST: &str = "SELECT 1 FROM archived LIMIT 1";
const DROPPED: &str = "SELECT count(*) FROM archived WHERE month = ?1";

pub(super) struct Book {
    pub(super) path: PathBuf,
    db: Mutex<(Connection, Texts)>,
}

impl Book {
    pub(super) fn open(dir: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let path = dir.join(FILE_NAME);
        let db = open_writer(&path, &SCHEMA, Synchronous::Full, now)?;
        Ok(Self { path, db: Mutex::new((db, Texts::default())) })
    }
    pub(super) fn floor(&self) -> Result<Seq, RecordsError> {
        let (db, _) = &*self.db.lock();
        let floor = meta::get(db, meta::DRAINED).map_err(|error| self.error(error))?;
        Ok(Seq::new(column::unsigned(floor)))
    }
    pub(super) fn set_floor(&self, floor: Seq) -> Result<(), RecordsError> {
        let (db, _) = &*self.db.lock();
        meta::set(db, meta::DRAINED, column::integer(floor.number())).map_err(|error| self.error(error))
    }
    /// How many files of a month were taken over.
    pub(super) fn dropped(&self, month: Month) -> Result<i64, RecordsError> {
        let (db, _) = &*self.db.lock();
        let count = db
            .prepare_cached(DROPPED)
            .and_then(|mut statement| statement.query_row([month.to_string()], |row| row.get(0)));
        count.map_err(|error| self.error(error))
    }
    /// Takes over the roll-ups of a month's file, once: a file that was taken over before adds nothing.
    pub(super) fn take_over(
        &self,
        month: Month,
        generation: i64,
        file: &Connection,
        file_texts: &mut Texts,
    ) -> rusqlite::Result<()> {
        let (db, _) = &mut *self.db.lock();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if transaction.prepare_cached(ARCHIVE)?.execute((month.to_string(), generation))? > 0 {
            let mut numbers = Numbers::default();
            let mut renumber = |number: i64| {
                let text = file_texts.text(file, number)?;
                numbers.intern(&transaction, &text)
            };
            let mut rolls = Rolls::default();
            each_roll(file, CROSS, |[hour, names @ .., status]: CrossKey, sums| {
                let [project, user, key, agent, provider, model] = renumber_all(names, &mut renumber)?;
                rolls.cross.insert([hour, project, user, key, agent, provider, model, status], sums);
                rolls.write_if_many(&transaction)
            })?;
            for grain in Grain::ALL {
                let all = format!("SELECT * FROM {}", grain.table());
                each_roll(file, &all, |[dimension, period, names @ .., status]: NameKey, sums| {
                    let [value, project, model] = renumber_all(names, &mut renumber)?;
                    rolls.of_mut(grain).insert([dimension, period, value, project, model, status], sums);
                    rolls.write_if_many(&transaction)
                })?;
            }
            rolls.write(&transaction)?;
        }
        transaction.commit()
    }
    /// Whether nothing was taken over.
    pub(super) fn is_empty(&self) -> Result<bool, RecordsError> {
        let (db, _) = &*self.db.lock();
        let first = db.prepare_cached(FIRST).and_then(|mut statement| statement.exists([]));
        first.map(|found| !found).map_err(|error| self.error(error))
    }
    /// Reads the roll-ups that were taken over.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &mut Texts) -> rusqlite::Result<T>,
    ) -> Result<T, RecordsError> {
        let (db, texts) = &mut *self.db.lock();
        read(db, texts).map_err(|error| self.error(error))
    }
    fn error(&self, source: rusqlite::Error) -> RecordsError {
        RecordsError::sqlite(&self.path, source)
    }
}

fn renumber_all<const N: usize>(
    mut numbers: [i64; N],
    renumber: &mut impl FnMut(i64) -> rusqlite::Result<i64>,
) -> rusqlite::Result<[i64; N]> {
    for number in &mut numbers {
        *number = renumber(*number)?;
    }
    Ok(numbers)
}
