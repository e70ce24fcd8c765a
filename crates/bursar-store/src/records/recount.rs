//! Counts records again and compares with the roll-ups: the proof that both tell the same.

use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::month::Month;
use super::month_file::ReadError;
use super::roll::{Rolls, Sums, day_of, day_start, each_roll, hour_of};
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
    /// `roll_hour`, `roll_project` or `roll_day`.
    pub table: &'static str,
    /// The row's key.
    pub key: Vec<i64>,
    /// What the roll-up says.
    pub rolled: Sums,
    /// What the records add up to.
    pub recounted: Sums,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, rolled, recounted } = self;
        write!(f, "{table} {key:?}: rolled up {rolled:?}, recounted {recounted:?}")
    }
}

const RECORDS: &str = "FROM records WHERE place >= ?1 AND place < ?2";
const TAGS: &str = "SELECT place, tag FROM record_tags WHERE place >= ?1 AND place < ?2 ORDER BY place, tag";
const CLEAR_HOURS: &str = "DELETE FROM roll_hour WHERE hour >= ?1 AND hour < ?2";
const CLEAR_PROJECTS: &str = "DELETE FROM roll_project WHERE hour >= ?1 AND hour < ?2";
const CLEAR_DAY: &str = "DELETE FROM roll_day WHERE dimension BETWEEN 0 AND 19 AND day = ?1";

impl Records {
    /// Counts the records of a month again and compares. Hours and days of which retention has deleted records are passed
    /// over. Bounded memory: one day at a time.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn recount(&self, month: Month) -> Result<Recount, RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(Recount::default()) };
        let mut total = Recount::default();
        for day in days_of(month) {
            file.read(|db, _| Ok::<_, ReadError>(compare_day(db, day, &mut total)?))?;
        }
        Ok(total)
    }
    /// Makes the roll-ups of a month anew from its records, with the same exception, and answers what was wrong before.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn rebuild(&self, month: Month) -> Result<Recount, RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(Recount::default()) };
        let mut total = Recount::default();
        for day in days_of(month) {
            file.write(|db, _| {
                let kept = kept_from(db)?;
                let counted = compare_day(db, day, &mut total)?;
                let first_hour =
                    first_whole(hour_of(kept), kept, super::roll::hour_start).max(hour_of(day_start(day)));
                db.execute(CLEAR_HOURS, (first_hour, hour_of(day_start(day + 1))))?;
                db.execute(CLEAR_PROJECTS, (first_hour, hour_of(day_start(day + 1))))?;
                if first_whole(day_of(kept), kept, day_start) <= day {
                    db.execute(CLEAR_DAY, [day])?;
                }
                counted.write(db)
            })?;
        }
        Ok(total)
    }
}

fn days_of(month: Month) -> std::ops::Range<i64> {
    day_of(month.starts_at())..day_of(month.ends_at())
}

fn kept_from(db: &Connection) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_micros(meta::get(db, meta::KEPT_FROM)?.unwrap_or(0)))
}

/// The first period that begins at or after `kept`, which is in `period`.
fn first_whole(period: i64, kept: Timestamp, start: impl Fn(i64) -> Timestamp) -> i64 {
    if start(period) >= kept { period } else { period.saturating_add(1) }
}

/// Compares one day and answers what its records add up to.
fn compare_day(db: &Connection, day: i64, total: &mut Recount) -> rusqlite::Result<Rolls> {
    let kept = kept_from(db)?;
    let mut counted = count_day(db, day, total)?;
    let hours = (hour_of(day_start(day)), hour_of(day_start(day.saturating_add(1))));
    let first_hour = first_whole(hour_of(kept), kept, super::roll::hour_start);
    let first_day = first_whole(day_of(kept), kept, day_start);
    counted.hours.retain(|[hour, ..], _| *hour >= first_hour);
    counted.projects.retain(|[_, hour, _], _| *hour >= first_hour);
    counted.days.retain(|[_, day, ..], _| *day >= first_day);
    let from = hours.0.max(first_hour);
    let sql = format!("SELECT * FROM roll_hour WHERE hour >= {from} AND hour < {}", hours.1);
    compare("roll_hour", rolled(db, &sql)?, &counted.hours, total);
    let sql = format!("SELECT * FROM roll_project WHERE hour >= {from} AND hour < {}", hours.1);
    compare("roll_project", rolled(db, &sql)?, &counted.projects, total);
    if day >= first_day {
        let sql = format!("SELECT * FROM roll_day WHERE dimension BETWEEN 0 AND 19 AND day = {day}");
        compare("roll_day", rolled(db, &sql)?, &counted.days, total);
    }
    Ok(counted)
}

fn count_day(db: &Connection, day: i64, total: &mut Recount) -> rusqlite::Result<Rolls> {
    let mut rolls = Rolls::default();
    // A row may lie up to a second behind its instant.
    let bounds =
        (place_at(day_start(day)), place_at(day_start(day.saturating_add(1))).saturating_add(SECOND));
    let mut tags = tags_between(db, bounds)?;
    let mut statement = db.prepare_cached(&format!("SELECT {COUNTED} {RECORDS}"))?;
    let mut rows = statement.query(bounds)?;
    while let Some(row) = rows.next()? {
        let (place, mut counted) = read_counted(row)?;
        if day_of(counted.at) == day {
            counted.tags = tags.remove(&place).unwrap_or_default();
            rolls.add(&counted);
            total.records += 1;
        }
    }
    Ok(rolls)
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
    rolled: BTreeMap<[i64; N], Sums>,
    counted: &BTreeMap<[i64; N], Sums>,
    total: &mut Recount,
) {
    let keys: BTreeSet<&[i64; N]> = rolled.keys().chain(counted.keys()).collect();
    for key in keys {
        total.rows += 1;
        let sums = |rows: &BTreeMap<[i64; N], Sums>| rows.get(key).copied().unwrap_or_default();
        let (rolled, recounted) = (sums(&rolled), sums(counted));
        if rolled != recounted {
            total.differing += 1;
            if total.differences.len() < DIFFERENCES_MAX {
                total.differences.push(Difference { table, key: key.to_vec(), rolled, recounted });
            }
        }
    }
}
