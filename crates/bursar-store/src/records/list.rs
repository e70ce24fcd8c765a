//! Finds records: one by its id, many by filters, newest first.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row};
use std::fmt::Write;

use super::month::Month;
use super::month_file::ReadError;
use super::record::Record;
use super::row::place_at;
use super::status::Status;
use super::strings::{self, FromDictionary, Texts};
use super::{Records, RecordsError};
use crate::sqlite::{Page, PageRequest};
use bursar_core::{RequestId, Timestamp};

/// Which records are asked for. Everything absent: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// Of this project.
    pub project: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// Of this key, by its id.
    pub key: Option<String>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this run.
    pub run: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// That asked for this model.
    pub model: Option<String>,
    /// That this provider served.
    pub provider: Option<String>,
    /// In this state.
    pub status: Option<Status>,
    /// With this tag: name and value.
    pub tag: Option<(String, String)>,
    /// That went wrong so, in the word of [`Record::went_wrong`].
    pub code: Option<String>,
}

const BY_ID: &str = "SELECT body FROM records WHERE id = ?1";
const OPEN: &str = "SELECT body FROM records WHERE status < 2 ORDER BY place DESC LIMIT ?1";
const STALE: &str =
    "SELECT body FROM records WHERE status < 2 AND progressed_at < ?1 ORDER BY progressed_at LIMIT ?2";

impl Records {
    /// The record of a request.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn get(&self, id: RequestId) -> Result<Option<Record>, RecordsError> {
        let likely = Month::of_id(id);
        let others = self.months().into_iter().rev().filter(|month| *month != likely);
        for month in std::iter::once(likely).chain(others) {
            let Some(file) = self.known_month(month)? else { continue };
            let found = file.read(|db, texts| {
                let mut statement = db.prepare_cached(BY_ID)?;
                let body: Option<Vec<u8>> =
                    statement.query_row([id.as_u128().to_be_bytes()], |row| row.get(0)).optional()?;
                body.map(|body| decode(db, texts, &body)).transpose()
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
    /// Records, newest first.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn list(&self, filter: &RecordFilter, page: &PageRequest) -> Result<Page<Record>, RecordsError> {
        let position = page.position_integer()?;
        let mut found: Vec<(i64, Record)> = Vec::new();
        for month in self.months().into_iter().rev() {
            let early = filter.until.is_some_and(|until| month.starts_at() >= until);
            let late = filter.from.is_some_and(|from| month.ends_at() <= from);
            // A row may lie up to a second behind its month's end.
            let behind = position.is_some_and(|place| place_at(month.starts_at()) >= place);
            if early || late || behind {
                continue;
            }
            let Some(file) = self.known_month(month)? else { continue };
            let left = page.fetch().saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
            found.extend(file.read(|db, texts| list_month(db, texts, filter, position, left))?);
            if i64::try_from(found.len()).unwrap_or(i64::MAX) >= page.fetch() {
                break;
            }
        }
        let page = Page::cut(found, page, |(place, _)| place.to_be_bytes().to_vec());
        let items = page.items.into_iter().map(|(_, record)| record).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }
    /// Records that have not ended, newest first, at most `limit`.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn open_records(&self, limit: u32) -> Result<Vec<Record>, RecordsError> {
        self.gather(limit, |db, texts, left| bodies(db, texts, OPEN, [Sql::from(left)]))
    }
    /// Records that have not ended and in which nothing has happened since strictly before `before`, at most `limit`.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn stale_records(&self, before: Timestamp, limit: u32) -> Result<Vec<Record>, RecordsError> {
        let before = before.micros();
        self.gather(limit, |db, texts, left| bodies(db, texts, STALE, [Sql::from(before), Sql::from(left)]))
    }
    fn gather(
        &self,
        limit: u32,
        read: impl Fn(&Connection, &mut Texts, i64) -> Result<Vec<Record>, ReadError>,
    ) -> Result<Vec<Record>, RecordsError> {
        let mut found = Vec::new();
        for month in self.months().into_iter().rev() {
            let left = i64::from(limit).saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
            if left <= 0 {
                break;
            }
            if let Some(file) = self.known_month(month)? {
                found.extend(file.read(|db, texts| read(db, texts, left))?);
            }
        }
        Ok(found)
    }
}

pub(super) fn decode(db: &Connection, texts: &mut Texts, body: &[u8]) -> Result<Record, ReadError> {
    Ok(Record::take(body, &mut FromDictionary { db, texts })?)
}

fn bodies<const N: usize>(
    db: &Connection,
    texts: &mut Texts,
    sql: &str,
    values: [Sql; N],
) -> Result<Vec<Record>, ReadError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|body| decode(db, texts, &body?)).collect()
}

/// The rows of one month, as places and records.
fn list_month(
    db: &Connection,
    texts: &mut Texts,
    filter: &RecordFilter,
    position: Option<i64>,
    rows: i64,
) -> Result<Vec<(i64, Record)>, ReadError> {
    let Some((sql, values)) = statement(db, filter, position, rows)? else { return Ok(Vec::new()) };
    let mut statement = db.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
    let rows = statement.query_map(rusqlite::params_from_iter(values), read)?;
    let decoded = rows.map(|row| {
        let (place, body) = row?;
        Ok((place, decode(db, texts, &body)?))
    });
    decoded.collect()
}

/// One condition per filter that is set, so that the planner sees which index fits. `None`: a text that the file's
/// dictionary does not have is in no row.
fn statement(
    db: &Connection,
    filter: &RecordFilter,
    position: Option<i64>,
    rows: i64,
) -> rusqlite::Result<Option<(String, Vec<Sql>)>> {
    let mut sql = "SELECT records.place, body FROM records WHERE TRUE".to_owned();
    let mut values: Vec<Sql> = Vec::new();
    if let Some((name, value)) = &filter.tag {
        let Some(tag) = strings::find(db, &format!("{name}={value}"))? else { return Ok(None) };
        // The tag's rows in order of time lead, the rest is looked up.
        sql = "SELECT records.place, body FROM record_tags CROSS JOIN records USING (place) WHERE tag = ?"
            .to_owned();
        values.push(tag.into());
    }
    let named = [
        ("project", &filter.project),
        ("user", &filter.user),
        ("key", &filter.key),
        ("agent", &filter.agent),
        ("run", &filter.run),
        ("session", &filter.session),
        ("model", &filter.model),
        ("provider", &filter.provider),
        ("code", &filter.code),
    ];
    for (column, text) in named {
        let Some(text) = text else { continue };
        let Some(number) = strings::find(db, text)? else { return Ok(None) };
        // A partial index is used only where its own condition is said.
        let _ = write!(sql, " AND {column} = ? AND {column} <> 0");
        values.push(number.into());
    }
    if let Some(status) = filter.status {
        sql.push_str(" AND status = ?");
        values.push(i64::from(status.number()).into());
    }
    // One upper bound: of two, SQLite seeks by one and walks down to the other, so that later pages would cost more and more.
    let end = filter.until.map(place_at).into_iter().chain(position).min();
    let bounds = [(" AND records.place >= ?", filter.from.map(place_at)), (" AND records.place < ?", end)];
    for (condition, place) in bounds {
        if let Some(place) = place {
            sql.push_str(condition);
            values.push(place.into());
        }
    }
    sql.push_str(" ORDER BY records.place DESC LIMIT ?");
    values.push(rows.into());
    Ok(Some((sql, values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    /// A month of 2,000 bare rows, at places 1 to 2,000.
    fn full_month() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("sql/001_records.sql")).unwrap();
        db.execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
             INSERT INTO records SELECT n, unhex(printf('%032x', n)), 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               NULL, NULL, x'00' FROM n",
        )
        .unwrap();
        db
    }

    /// The places of a page that ends before `position`, and how many steps SQLite took to find them.
    fn page_before(db: &Connection, position: Option<i64>) -> (Vec<i64>, i32) {
        let filter = RecordFilter { until: Some(Timestamp::from_micros(1_000)), ..RecordFilter::default() };
        let (sql, values) = super::statement(db, &filter, position, 10).unwrap().unwrap();
        let mut statement = db.prepare(&sql).unwrap();
        let places = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        (places, statement.get_status(StatementStatus::VmStep))
    }

    /// An export reads page after page: the last must cost what the first costs.
    #[test]
    fn a_later_page_costs_no_more_than_the_first() {
        let db = full_month();
        let (first, cost) = page_before(&db, None);
        assert_eq!(first, (1991..=2000).rev().collect::<Vec<_>>());
        let (last, later) = page_before(&db, Some(11));
        assert_eq!(last, (1..=10).rev().collect::<Vec<_>>());
        assert!(later <= cost + 10, "{later} steps, {cost} for the first page");
    }
}
