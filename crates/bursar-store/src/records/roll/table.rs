//! The tables of roll-ups: adding to their rows and reading them.

use rusqlite::Connection;
use std::collections::BTreeMap;

use super::sums::{SUMS, Sums};
use super::{CrossKey, NameKey};
use crate::records::grain::Grain;

/// A roll-up table and the columns of its key; behind them come those of [`SUMS`].
struct Table {
    name: &'static str,
    key: &'static [&'static str],
}

const CROSS: Table = Table {
    name: "roll_cross",
    key: &["hour", "project", "user", "key", "agent", "provider", "model", "status"],
};

const fn named(grain: Grain) -> Table {
    Table { name: grain.table(), key: &["dimension", "period", "value", "project", "model", "status"] }
}

impl Table {
    /// Adds to a row, or makes it.
    fn add(&self) -> String {
        let places = vec!["?"; self.key.len() + SUMS.len()].join(", ");
        let sums: Vec<String> = SUMS.iter().map(|sum| format!("{sum} = {sum} + excluded.{sum}")).collect();
        format!("INSERT INTO {} VALUES ({places}) ON CONFLICT DO UPDATE SET {}", self.name, sums.join(", "))
    }
    /// Removes a row in which nothing counts.
    fn drop(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| format!("{column} = ?")).collect();
        format!("DELETE FROM {} WHERE {} AND requests = 0", self.name, key.join(" AND "))
    }
}

pub(super) fn write_cross(db: &Connection, rows: &BTreeMap<CrossKey, Sums>) -> rusqlite::Result<()> {
    write_rows(db, rows, &CROSS)
}

pub(super) fn write_named(
    db: &Connection,
    grain: Grain,
    rows: &BTreeMap<NameKey, Sums>,
) -> rusqlite::Result<()> {
    write_rows(db, rows, &named(grain))
}

fn write_rows<const N: usize>(
    db: &Connection,
    rows: &BTreeMap<[i64; N], Sums>,
    table: &Table,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(&table.add())?;
    let drop = table.drop();
    for (key, sums) in rows.iter().filter(|(_, sums)| **sums != Sums::default()) {
        statement.execute(rusqlite::params_from_iter(key.iter().copied().chain(sums.values())))?;
        if sums.requests < 0 {
            db.prepare_cached(&drop)?.execute(rusqlite::params_from_iter(key.iter()))?;
        }
    }
    Ok(())
}

/// Makes the rows of a month anew from its days.
pub(in crate::records) fn months_from_days(db: &Connection, month: i64) -> rusqlite::Result<()> {
    let sums: Vec<String> = SUMS.iter().map(|sum| format!("sum({sum})")).collect();
    let sql = format!(
        "INSERT INTO roll_month SELECT dimension, {month}, value, project, model, status, {} FROM roll_day
          GROUP BY dimension, value, project, model, status",
        sums.join(", ")
    );
    db.execute("DELETE FROM roll_month", [])?;
    db.execute(&sql, []).map(drop)
}

/// Reads the rows of a roll-up, `N` columns of key and then the sums, one by one.
pub(in crate::records) fn each_roll<const N: usize>(
    db: &Connection,
    sql: &str,
    mut take: impl FnMut([i64; N], Sums) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut key = [0; N];
        for (part, column) in key.iter_mut().zip(0..) {
            *part = row.get(column)?;
        }
        take(key, Sums::read(row, N)?)?;
    }
    Ok(())
}
