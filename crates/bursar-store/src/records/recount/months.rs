//! Compares the months of a file with their days, which are compared with the records: bounded memory, whatever a month has.

use rusqlite::Connection;

use super::super::roll::{NameKey, SUMS, Sums, each_roll};
use super::Recount;

/// Adds what differs.
pub(super) fn compare(db: &Connection, total: &mut Recount) -> rusqlite::Result<()> {
    let sums = |form: &dyn Fn(&str) -> String| SUMS.map(form).join(", ");
    let unequal = SUMS.map(|sum| format!("sum({sum}) <> 0")).join(" OR ");
    // Months less days, by name: where anything is left they differ. The key's period is the month, or 0 where it has none.
    let sql = format!(
        "SELECT dimension, max(period), value, project, model, status, {} FROM (
           SELECT dimension, period, value, project, model, status, {} FROM roll_month
           UNION ALL SELECT dimension, 0, value, project, model, status, {} FROM roll_day)
         GROUP BY dimension, value, project, model, status HAVING {unequal}",
        sums(&|sum| format!("sum({sum})")),
        sums(&str::to_owned),
        sums(&|sum| format!("-{sum}")),
    );
    let mut differing: Vec<(NameKey, Sums)> = Vec::new();
    each_roll(db, &sql, |key: NameKey, left| {
        differing.push((key, left));
        Ok(())
    })?;
    let rows: i64 = db.query_row("SELECT count(*) FROM roll_month", [], |row| row.get(0))?;
    total.rows = total.rows.saturating_add(u64::try_from(rows).unwrap_or(0));
    for (key, left) in differing {
        let [dimension, period, value, project, model, status] = key;
        let sql = format!(
            "SELECT * FROM roll_month WHERE dimension = {dimension} AND period = {period} AND value = {value}
               AND project = {project} AND model = {model} AND status = {status}"
        );
        let mut rolled = Sums::default();
        each_roll(db, &sql, |_: NameKey, sums| {
            rolled = sums;
            Ok(())
        })?;
        let mut recounted = rolled;
        recounted.subtract(&left);
        total.compared("roll_month", &key, rolled, recounted);
    }
    Ok(())
}
