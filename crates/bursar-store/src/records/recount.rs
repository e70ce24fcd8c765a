//! Counts records again and compares with the roll-ups: the proof that both tell the same.

mod months;

use rusqlite::{Connection, TransactionBehavior};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::grain::Grain;
use super::month::Month;
use super::month_file::ReadError;
use super::roll::{CODE, DIMENSIONS, Gathered, Rolls, Sums, TAG, TOGETHER, each_roll, months_from_days};
use super::row::{COUNTED, SECOND, place_at, read_counted};
use super::{Records, RecordsError, meta};
use bursar_core::Timestamp;

/// Differences that are told one by one: more of the same help nobody.
const DIFFERENCES_MAX: usize = 100;

/// What a recount found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recount {
    /// Records that were counted.
    pub records: u64,
    /// Roll-up rows that were compared.
    pub rows: u64,
    /// Rows that differ: how many.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// A roll-up row that does not add up. Names are the numbers of the file's dictionary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// `roll_cross`, `roll_quarter`, `roll_hour`, `roll_day` or `roll_month`.
    pub table: &'static str,
    /// The row's key.
    pub key: Vec<i64>,
    /// What the roll-up says.
    pub rolled: Sums,
    /// What the records add up to; of a month, its days.
    pub recounted: Sums,
}

impl Recount {
    /// Adds what another recount found.
    pub fn add(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.rows = self.rows.saturating_add(other.rows);
        self.differing = self.differing.saturating_add(other.differing);
        let room = DIFFERENCES_MAX.saturating_sub(self.differences.len());
        self.differences.extend(other.differences.into_iter().take(room));
    }
    fn compared(&mut self, table: &'static str, key: &[i64], rolled: Sums, recounted: Sums) {
        if rolled != recounted {
            self.differing += 1;
            if self.differences.len() < DIFFERENCES_MAX {
                self.differences.push(Difference { table, key: key.to_vec(), rolled, recounted });
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, rolled, recounted } = self;
        write!(f, "{table} {key:?}: rolled up {rolled:?}, recounted {recounted:?}")
    }
}

const RECORDS: &str = "FROM records WHERE place >= ?1 AND place < ?2";
const TAGS: &str = "SELECT place, tag FROM record_tags WHERE place >= ?1 AND place < ?2 ORDER BY place, tag";
/// The condition for periods from `?1` to before `?2`, of each dimension.
fn in_periods() -> String {
    format!("dimension IN {DIMENSIONS} AND period >= ?1 AND period < ?2")
}

/// The periods that are counted from records; months are compared with their days.
const COUNTED_GRAINS: [Grain; 3] = [Grain::Days, Grain::Hours, Grain::Quarters];

impl Records {
    /// Counts the records of a month again and compares. Periods of which retention has deleted records are passed over,
    /// but the month is compared with its days all the same. Bounded memory: one day at a time.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn recount(&self, month: Month) -> Result<Recount, RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(Recount::default()) };
        let mut total = Recount::default();
        for day in days_of(month) {
            file.read(|db, _| Ok::<_, ReadError>(compare_day(db, day, &mut total)?))?;
        }
        file.read(|db, _| Ok::<_, ReadError>(months::compare(db, &mut total)?))?;
        Ok(total)
    }
    /// As [`Records::recount`], of one day in UTC.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn recount_day(&self, at: Timestamp) -> Result<Recount, RecordsError> {
        let Some(file) = self.known_month(Month::of(at))? else { return Ok(Recount::default()) };
        let mut total = Recount::default();
        file.read(|db, _| {
            compare_day(db, Grain::Days.number(at), &mut total)?;
            Ok::<_, ReadError>(months::compare(db, &mut total)?)
        })?;
        Ok(total)
    }
    /// Makes the roll-ups of a month anew from its records, with the same exception, and answers what was wrong before.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn rebuild(&self, month: Month) -> Result<Recount, RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(Recount::default()) };
        let mut total = Recount::default();
        file.read(|db, _| Ok::<_, ReadError>(months::compare(db, &mut total)?))?;
        for day in days_of(month) {
            file.write(|db, _| {
                let mut counted = compare_day(db, day, &mut total)?;
                // Months are made from their days below.
                counted.months.clear();
                clear_day(db, day)?;
                counted.write(db)
            })?;
        }
        file.write(|db, _| months_from_days(db, month.number()))?;
        Ok(total)
    }
}

/// Counts what version 3 of a month's file began to roll up: quarters, and hours of runs, sessions, tags and codes. A day
/// per transaction, each noting from where to go on.
pub(super) fn fill(db: &mut Connection, month: Month) -> rusqlite::Result<()> {
    let Some(from) = meta::get(db, meta::UNFILLED)? else { return Ok(()) };
    let days = days_of(month);
    tracing::info!(%month, "counting what this version rolls up from the records of the version before");
    for day in days.start.max(from)..days.end {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let counted = count_day(&transaction, day, &mut Recount::default())?.rolls();
        let first = kept_from(&transaction)?;
        let is_new = |dimension: i64| matches!(dimension, 4 | 5 | TAG | CODE) || dimension == CODE + TOGETHER;
        let Rolls { quarters, hours, .. } = counted;
        let mut new = Rolls { quarters, hours, ..Rolls::default() };
        new.quarters.retain(|[_, quarter, ..], _| *quarter >= Grain::Quarters.first_from(first));
        new.hours
            .retain(|[dimension, hour, ..], _| is_new(*dimension) && *hour >= Grain::Hours.first_from(first));
        new.write(&transaction)?;
        meta::set(&transaction, meta::UNFILLED, day.saturating_add(1))?;
        transaction.commit()?;
    }
    meta::remove(db, meta::UNFILLED)
}

fn days_of(month: Month) -> std::ops::Range<i64> {
    Grain::Days.number(month.starts_at())..Grain::Days.number(month.ends_at())
}

fn kept_from(db: &Connection) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_micros(meta::get(db, meta::KEPT_FROM)?.unwrap_or(0)))
}

/// The periods of a grain in a day whose records are all there.
fn whole_periods(db: &Connection, grain: Grain, day: i64) -> rusqlite::Result<(i64, i64)> {
    let [start, end] = [day, day.saturating_add(1)].map(|day| grain.number(Grain::Days.start(day)));
    Ok((start.max(grain.first_from(kept_from(db)?)), end))
}

fn clear_day(db: &Connection, day: i64) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM roll_cross WHERE hour >= ?1 AND hour < ?2",
        whole_periods(db, Grain::Hours, day)?,
    )?;
    for grain in COUNTED_GRAINS {
        let sql = format!("DELETE FROM {} WHERE {}", grain.table(), in_periods());
        db.execute(&sql, whole_periods(db, grain, day)?)?;
    }
    Ok(())
}

/// Compares one day and answers what its records add up to.
fn compare_day(db: &Connection, day: i64, total: &mut Recount) -> rusqlite::Result<Rolls> {
    let mut counted = count_day(db, day, total)?.rolls();
    let (from, until) = whole_periods(db, Grain::Hours, day)?;
    counted.cross.retain(|[hour, ..], _| *hour >= from);
    let sql = format!("SELECT * FROM roll_cross WHERE hour >= {from} AND hour < {until}");
    compare("roll_cross", &rolled(db, &sql)?, &counted.cross, total);
    for grain in COUNTED_GRAINS {
        let (from, until) = whole_periods(db, grain, day)?;
        counted.of_mut(grain).retain(|[_, period, ..], _| *period >= from);
        let periods = in_periods().replace("?1", &from.to_string()).replace("?2", &until.to_string());
        let sql = format!("SELECT * FROM {} WHERE {periods}", grain.table());
        compare(grain.table(), &rolled(db, &sql)?, counted.of(grain), total);
    }
    Ok(counted)
}

fn count_day(db: &Connection, day: i64, total: &mut Recount) -> rusqlite::Result<Gathered> {
    let mut gathered = Gathered::default();
    // A row may lie up to a second behind its instant.
    let [start, end] = [day, day.saturating_add(1)].map(|day| place_at(Grain::Days.start(day)));
    let bounds = (start, end.saturating_add(SECOND));
    let mut tags = tags_between(db, bounds)?;
    let mut statement = db.prepare_cached(&format!("SELECT {COUNTED} {RECORDS}"))?;
    let mut rows = statement.query(bounds)?;
    while let Some(row) = rows.next()? {
        let (place, mut counted) = read_counted(row)?;
        if Grain::Days.number(counted.at) == day {
            counted.tags = tags.remove(&place).unwrap_or_default();
            gathered.add(&counted);
            total.records += 1;
        }
    }
    Ok(gathered)
}

/// The tags of the records in these places, in one go: asking for each record's would take as long as counting.
fn tags_between(db: &Connection, bounds: (i64, i64)) -> rusqlite::Result<BTreeMap<i64, Vec<i64>>> {
    let mut tags: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut statement = db.prepare_cached(TAGS)?;
    let mut rows = statement.query(bounds)?;
    while let Some(row) = rows.next()? {
        tags.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(tags)
}

fn rolled<const N: usize>(db: &Connection, sql: &str) -> rusqlite::Result<BTreeMap<[i64; N], Sums>> {
    let mut rows = BTreeMap::new();
    each_roll(db, sql, |key, sums| {
        rows.insert(key, sums);
        Ok(())
    })?;
    Ok(rows)
}

fn compare<const N: usize>(
    table: &'static str,
    rolled: &BTreeMap<[i64; N], Sums>,
    counted: &BTreeMap<[i64; N], Sums>,
    total: &mut Recount,
) {
    let keys: BTreeSet<&[i64; N]> = rolled.keys().chain(counted.keys()).collect();
    for key in keys {
        total.rows += 1;
        let sums = |rows: &BTreeMap<[i64; N], Sums>| rows.get(key).copied().unwrap_or_default();
        let (rolled, recounted) = (sums(rolled), sums(counted));
        total.compared(table, key, rolled, recounted);
    }
}
