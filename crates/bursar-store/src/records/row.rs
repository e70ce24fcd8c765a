//! The row of a record: what is filtered and added up beside the record's bytes.

use rusqlite::{Connection, OptionalExtension, params};

use super::bytes::Bytes;
use super::encode::VERSION;
use super::record::Record;
use super::roll::{Counted, Sums};
use super::status::Status;
use super::strings::{IntoDictionary, Numbers};
use super::{RecordError, caching, meta};
use crate::sqlite::column;
use bursar_core::{Attribute, RequestId, Timestamp, UsageClass};

/// The attributes with a column, in the order of [`Counted::names`].
pub(super) const NAMED: [Attribute; 8] = [
    Attribute::Project,
    Attribute::User,
    Attribute::Key,
    Attribute::Agent,
    Attribute::Run,
    Attribute::Session,
    Attribute::Provider,
    Attribute::Model,
];

/// Places of one microsecond.
const TIES: i64 = 256;
/// Places of one second: how far a row may be moved to find a free place.
pub(super) const SECOND: i64 = TIES * 1_000_000;

/// The latest microsecond that has places, with a day of room behind it: in the year 3111.
const LATEST: i64 = i64::MAX / TIES - 86_400_000_000;

/// Where a record of that instant lies at the earliest: the lower end of a range of time.
pub(super) fn place_at(at: Timestamp) -> i64 {
    at.micros().clamp(0, LATEST).saturating_mul(TIES)
}

/// No record of the file was created after this instant; `None`: it has none, but may have had.
pub(super) fn newest_instant(db: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let last: Option<i64> =
        db.prepare_cached("SELECT max(place) FROM records")?.query_row([], |row| row.get(0))?;
    // Rows lie at or behind their instants.
    Ok(last.map(|place| Timestamp::from_micros(place.div_euclid(TIES))))
}

/// What writing one record did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    Inserted,
    Replaced,
    /// The state in the file may not become the state given: nothing was written.
    Unlawful,
}

// By number, not by name: looking 28 names up for every row would cost as much as writing it.
const INSERT: &str =
    "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
    ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE records SET status = ?3, progressed_at = ?4, project = ?5, user = ?6,
    key = ?7, agent = ?8, run = ?9, session = ?10, provider = ?11, model = ?12, input = ?13, cache_read = ?14,
    cache_write_5m = ?15, cache_write_1h = ?16, output = ?17, list_cost = ?18, effective_cost = ?19,
    first_byte_ms = ?20, total_ms = ?21, body = ?22, code = ?23,
    cache_read_cost = ?24, cache_write_cost = ?25, cache_saved = ?26, cache_premium = ?27, unbudgeted = ?28
  WHERE place = ?1";
/// As [`UPDATE`] where the names stay as they are, which is the usual case: their indexes are not touched.
const UPDATE_UNNAMED: &str =
    "UPDATE records SET status = ?3, progressed_at = ?4, input = ?13, cache_read = ?14,
    cache_write_5m = ?15, cache_write_1h = ?16, output = ?17, list_cost = ?18, effective_cost = ?19,
    first_byte_ms = ?20, total_ms = ?21, body = ?22, code = ?23,
    cache_read_cost = ?24, cache_write_cost = ?25, cache_saved = ?26, cache_premium = ?27, unbudgeted = ?28
  WHERE place = ?1";
/// The columns that [`read_counted`] reads.
pub(super) const COUNTED: &str =
    "place, status, body, project, user, key, agent, run, session, provider, model, code, 1, input,
    cache_read, cache_write_5m, cache_write_1h, output, list_cost, effective_cost, total_ms IS NOT NULL,
    coalesce(total_ms, 0), first_byte_ms IS NOT NULL, coalesce(first_byte_ms, 0), cache_read > 0,
    cache_read_cost, cache_write_cost, cache_saved, cache_premium, unbudgeted, unbudgeted * list_cost";
const LAST_NEAR: &str = "SELECT max(place) FROM records WHERE place >= ?1 AND place < ?2";
const TAGS: &str = "SELECT tag FROM record_tags WHERE place = ?1 ORDER BY tag";
const TAG: &str = "INSERT INTO record_tags(tag, place) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const UNTAG: &str = "DELETE FROM record_tags WHERE place = ?1";

/// Writes one record, in the place of an earlier state of it if there is one, and tells what the roll-ups lose and gain.
pub(super) fn write(
    db: &Connection,
    numbers: &mut Numbers,
    record: &Record,
) -> rusqlite::Result<(Written, Option<Counted>, Option<Counted>)> {
    let after = count(db, numbers, record)?;
    let tie = i64::from(record.id.as_u128().to_be_bytes().last().copied().unwrap_or(0));
    let place = place_at(record.created_at).saturating_add(tie);
    if put(db, numbers, INSERT, place, record, &after)? > 0 {
        tag(db, place, &after.tags)?;
        return Ok((Written::Inserted, None, Some(after)));
    }
    let Some((place, before)) = find(db, record.id)? else {
        let place = put_behind(db, numbers, place, record, &after)?;
        tag(db, place, &after.tags)?;
        return Ok((Written::Inserted, None, Some(after)));
    };
    let lawful = u8::try_from(before.status).ok().and_then(Status::from_number);
    if !lawful.ok_or_else(|| column::bad("status"))?.may_become(record.status) {
        return Ok((Written::Unlawful, None, None));
    }
    let (record, after) =
        (&Record { created_at: before.at, ..record.clone() }, Counted { at: before.at, ..after });
    let update = if before.names == after.names { UPDATE_UNNAMED } else { UPDATE };
    put(db, numbers, update, place, record, &after)?;
    if before.tags != after.tags {
        db.prepare_cached(UNTAG)?.execute([place])?;
        tag(db, place, &after.tags)?;
    }
    Ok((Written::Replaced, Some(before), Some(after)))
}

/// Reads what a row counts as from a row of [`COUNTED`]. Its tags are not in the row.
pub(super) fn read_counted(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Counted)> {
    let at = read_created_at(row, 2)?;
    let mut names = [0; 8];
    for (name, column) in names.iter_mut().zip(3..) {
        *name = row.get(column)?;
    }
    let sums = Sums::read(row, 12)?;
    let counted = Counted { at, status: row.get(1)?, names, tags: Vec::new(), code: row.get(11)?, sums };
    Ok((row.get(0)?, counted))
}

/// When the record was created whose body is in that column.
pub(super) fn read_created_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let body = row.get_ref(column)?.as_blob().map_err(|_| column::bad("body"))?;
    created_at(body).map_err(|_| column::bad("body"))
}

pub(super) fn tags_of(db: &Connection, place: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(TAGS)?.query_map([place], |row| row.get(0))?.collect()
}

/// Advances the file's own floor.
pub(super) fn set_drained(db: &Connection, floor: u64) -> rusqlite::Result<()> {
    meta::set(db, meta::DRAINED, column::integer(floor))
}

fn find(db: &Connection, id: RequestId) -> rusqlite::Result<Option<(i64, Counted)>> {
    let sql = format!("SELECT {COUNTED} FROM records WHERE id = ?1");
    let found = db.prepare_cached(&sql)?.query_row([id.as_u128().to_be_bytes()], read_counted).optional()?;
    let Some((place, counted)) = found else { return Ok(None) };
    Ok(Some((place, Counted { tags: tags_of(db, place)?, ..counted })))
}

fn count(db: &Connection, numbers: &mut Numbers, record: &Record) -> rusqlite::Result<Counted> {
    let mut names = [0; 8];
    for (name, attribute) in names.iter_mut().zip(&NAMED) {
        let value = record.attributes.get(attribute).map_or("", |value| value.as_str());
        *name = numbers.intern(db, value)?;
    }
    let mut tags = Vec::new();
    for (attribute, value) in record.attributes.iter() {
        if let Attribute::Tag(tag) = attribute {
            tags.push(numbers.intern(db, &format!("{tag}={value}"))?);
        }
    }
    tags.sort_unstable();
    tags.dedup();
    let used = |class: UsageClass| column::integer(record.usage.get(class));
    let sums = Sums {
        requests: 1,
        input: used(UsageClass::Input),
        cache_read: used(UsageClass::CacheRead),
        cache_write_5m: used(UsageClass::CacheWrite5m),
        cache_write_1h: used(UsageClass::CacheWrite1h),
        output: used(UsageClass::Output),
        list_cost: record.charge.list.nanos(),
        effective_cost: record.charge.effective.nanos(),
        timed: i64::from(record.total_ms.is_some()),
        total_ms: i64::from(record.total_ms.unwrap_or(0)),
        first_bytes: i64::from(record.first_byte_ms.is_some()),
        first_byte_ms: i64::from(record.first_byte_ms.unwrap_or(0)),
        cache_hits: i64::from(used(UsageClass::CacheRead) > 0),
        unbudgeted: i64::from(is_unbudgeted(record)),
        unbudgeted_cost: if is_unbudgeted(record) { record.charge.list.nanos() } else { 0 },
        ..caching::sums(record)
    };
    let code = numbers.intern(db, &record.went_wrong())?;
    let status = i64::from(record.status.number());
    Ok(Counted { at: record.created_at, status, names, tags, code, sums })
}

/// Whether it was let through and no budget counted it.
fn is_unbudgeted(record: &Record) -> bool {
    record.windows.is_empty() && record.status != Status::Denied
}

fn put(
    db: &Connection,
    numbers: &mut Numbers,
    sql: &str,
    place: i64,
    record: &Record,
    counted: &Counted,
) -> rusqlite::Result<usize> {
    let mut body = Vec::with_capacity(256);
    let mut dictionary = IntoDictionary { db, numbers, failure: None };
    record.put(&mut body, &mut dictionary);
    if let Some(failure) = dictionary.failure {
        return Err(failure);
    }
    let [project, user, key, agent, run, session, provider, model] = counted.names;
    let sums = &counted.sums;
    db.prepare_cached(sql)?.execute(params![
        place,
        record.id.as_u128().to_be_bytes(),
        counted.status,
        record.progressed_at.micros(),
        project,
        user,
        key,
        agent,
        run,
        session,
        provider,
        model,
        sums.input,
        sums.cache_read,
        sums.cache_write_5m,
        sums.cache_write_1h,
        sums.output,
        sums.list_cost,
        sums.effective_cost,
        record.first_byte_ms,
        record.total_ms,
        body,
        counted.code,
        sums.cache_read_cost,
        sums.cache_write_cost,
        sums.cache_saved,
        sums.cache_premium,
        sums.unbudgeted,
    ])
}

/// Puts a record whose place is taken by another one into the next free place, within the second if there is one.
fn put_behind(
    db: &Connection,
    numbers: &mut Numbers,
    mut place: i64,
    record: &Record,
    counted: &Counted,
) -> rusqlite::Result<i64> {
    loop {
        let bounds = (place, place.saturating_add(SECOND));
        let last: Option<i64> = db.prepare_cached(LAST_NEAR)?.query_row(bounds, |row| row.get(0))?;
        place = last.unwrap_or(place).saturating_add(1);
        if put(db, numbers, INSERT, place, record, counted)? > 0 {
            return Ok(place);
        }
    }
}

fn tag(db: &Connection, place: i64, tags: &[i64]) -> rusqlite::Result<()> {
    for tag in tags {
        db.prepare_cached(TAG)?.execute((tag, place))?;
    }
    Ok(())
}

/// When a record was created, from the first bytes of its body.
fn created_at(body: &[u8]) -> Result<Timestamp, RecordError> {
    let mut from = Bytes(body);
    let version = from.byte()?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    let _id: [u8; 16] = from.fixed()?;
    let _status = from.byte()?;
    let _bits = from.u64()?;
    from.i64().map(Timestamp::from_micros)
}
