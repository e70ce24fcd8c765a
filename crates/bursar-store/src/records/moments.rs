//! When requests came: the few columns that analyses of gaps and latencies go through, without the rest of each record.

use rusqlite::types::Value as Sql;
use std::fmt::Write;
use std::sync::Arc;

use super::limits::MOMENTS_MAX;
use super::month_file::ReadError;
use super::row::{SECOND, place_at, read_created_at};
use super::status::Status;
use super::strings;
use super::usage::{Dimension, NameFilter};
use super::{Records, RecordsError};
use bursar_core::Timestamp;

/// One completed request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// When it was received.
    pub at: Timestamp,
    /// On whose behalf; empty where there is no user.
    pub user: Arc<str>,
    /// The key, by its id.
    pub key: Arc<str>,
    /// Who was billed.
    pub project: Arc<str>,
    /// The conversation; empty where there is none. Ask by project too: two projects may have one of the same name.
    pub session: Arc<str>,
    /// The model that was asked for.
    pub model: Arc<str>,
    /// The provider that served.
    pub provider: Arc<str>,
    /// Milliseconds to the first byte.
    pub first_byte_ms: Option<u32>,
    /// Milliseconds to the end.
    pub total_ms: Option<u32>,
}

/// Completed requests of an interval, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Moments {
    /// They.
    pub items: Vec<Moment>,
    /// Whether there were more than are given at once: the oldest are missing then.
    pub cut: bool,
}

impl Records {
    /// The completed requests created at or after `from` and before `until`, the newest `limit` of them, at most
    /// [`MOMENTS_MAX`]. Filters by code are passed over: what completed has none.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn moments(
        &self,
        from: Timestamp,
        until: Timestamp,
        filter: &NameFilter,
        limit: usize,
    ) -> Result<Moments, RecordsError> {
        let limit = limit.min(MOMENTS_MAX);
        let mut items: Vec<Moment> = Vec::new();
        for month in self.months().into_iter().rev() {
            let outside = month.starts_at() >= until || month.ends_at() <= from;
            if outside || items.len() > limit {
                continue;
            }
            let Some(file) = self.known_month(month)? else { continue };
            let left = limit.saturating_add(1).saturating_sub(items.len());
            let interval = (from.max(month.starts_at()), until.min(month.ends_at()));
            items.extend(file.read(|db, texts| of_month(db, texts, interval, filter, left))?);
        }
        let cut = items.len() > limit;
        items.truncate(limit);
        items.reverse();
        Ok(Moments { items, cut })
    }
}

fn of_month(
    db: &rusqlite::Connection,
    texts: &mut strings::Texts,
    (from, until): (Timestamp, Timestamp),
    filter: &NameFilter,
    limit: usize,
) -> Result<Vec<Moment>, ReadError> {
    let mut sql = format!(
        "SELECT body, user, key, model, provider, first_byte_ms, total_ms, project, session FROM records
          WHERE place >= ? AND place < ? AND status = {}",
        Status::Completed.number()
    );
    // A row may lie up to a second behind its instant.
    let mut values: Vec<Sql> = vec![place_at(from).into(), place_at(until).saturating_add(SECOND).into()];
    for (dimension, name) in filter.iter().filter(|(dimension, _)| **dimension != Dimension::Code) {
        let Some(number) = strings::find(db, name)? else { return Ok(Vec::new()) };
        match dimension {
            Dimension::Tag => sql.push_str(" AND place IN (SELECT place FROM record_tags WHERE tag = ?)"),
            named => {
                let _ = write!(sql, " AND {named} = ?");
                if number != 0 && named.is_indexed() {
                    let _ = write!(sql, " AND {named} <> 0");
                }
            }
        }
        values.push(number.into());
    }
    sql.push_str(" ORDER BY place DESC LIMIT ?");
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let at = read_created_at(row, 0)?;
        if at < from || at >= until {
            continue;
        }
        items.push(Moment {
            at,
            user: texts.text(db, row.get(1)?)?,
            key: texts.text(db, row.get(2)?)?,
            model: texts.text(db, row.get(3)?)?,
            provider: texts.text(db, row.get(4)?)?,
            first_byte_ms: row.get(5)?,
            total_ms: row.get(6)?,
            project: texts.text(db, row.get(7)?)?,
            session: texts.text(db, row.get(8)?)?,
        });
    }
    // Rows that share a place lie a little behind their instant.
    items.sort_by_key(|moment| std::cmp::Reverse(moment.at));
    Ok(items)
}
