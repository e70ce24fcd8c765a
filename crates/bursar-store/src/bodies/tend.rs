//! Retention of headers and bodies by stages: bodies as they came, bodies compressed, nothing.

use rusqlite::{Connection, OptionalExtension};

use super::day::Day;
use super::file;
use super::{Bodies, BodiesError};
use bursar_core::Timestamp;

/// Rows of one transaction: at a megabyte a body a few hundred megabytes pass through, one row at a time.
const BATCH: usize = 100;

/// How long what is kept, in seconds after the end of its day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Bodies as they came; compressed from then on.
    pub plain_s: i64,
    /// Bodies at all.
    pub bodies_s: i64,
    /// Headers.
    pub headers_s: i64,
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tended {
    /// Requests whose bodies were compressed.
    pub compressed: u64,
    /// Requests whose bodies were dropped, and their headers were kept.
    pub bodies_dropped: u64,
    /// Requests whose headers were dropped, and their bodies were kept.
    pub headers_dropped: u64,
    /// Whole days that were dropped.
    pub days_dropped: usize,
    /// Whether nothing is left to do.
    pub done: bool,
}

/// A part of a day's file that goes before the rest.
struct Part {
    stage: &'static str,
    drop: &'static str,
}

const BODIES: Part = Part {
    stage: "bodies_dropped",
    drop: "UPDATE details SET request_body = NULL, response_body = NULL WHERE rowid IN
      (SELECT rowid FROM details WHERE request_body IS NOT NULL OR response_body IS NOT NULL LIMIT ?1)",
};
const HEADERS: Part = Part {
    stage: "headers_dropped",
    drop: "UPDATE details SET request_headers = NULL, response_headers = NULL WHERE rowid IN
      (SELECT rowid FROM details WHERE request_headers IS NOT NULL OR response_headers IS NOT NULL LIMIT ?1)",
};
const COMPRESSED: &str = "bodies_compressed";

const DONE: &str = "SELECT 1 FROM stages WHERE name = ?1";
const MARK: &str = "INSERT INTO stages(name) VALUES (?1) ON CONFLICT DO NOTHING";
const PLAIN: &str = "SELECT rowid FROM details WHERE compressed = 0 LIMIT ?1";
const ROW: &str = "SELECT request_body, response_body FROM details WHERE rowid = ?1";
const PACK: &str =
    "UPDATE details SET request_body = ?2, response_body = ?3, compressed = 1 WHERE rowid = ?1";

impl Bodies {
    /// One step of retention: of the oldest day that has anything to do, at most a batch of rows. Call again until it is
    /// done.
    ///
    /// # Errors
    /// See [`BodiesError`]. A step that fails may be taken again.
    pub fn tend(&self, now: Timestamp, kept: &Kept) -> Result<Tended, BodiesError> {
        for day in self.days()? {
            let mut tended = Tended::default();
            let over = |seconds: i64| day.ends_at().plus_seconds(seconds) <= now;
            if over(kept.bodies_s.max(kept.headers_s)) {
                self.remove(day)?;
                tended.days_dropped = 1;
                return Ok(tended);
            }
            if over(kept.bodies_s) {
                tended.bodies_dropped = self.drop_part(day, &BODIES)?;
            } else if over(kept.plain_s) {
                tended.compressed = self.compress(day)?;
            }
            if over(kept.headers_s) {
                tended.headers_dropped = self.drop_part(day, &HEADERS)?;
            }
            if tended != Tended::default() {
                return Ok(tended);
            }
        }
        Ok(Tended { done: true, ..Tended::default() })
    }

    fn drop_part(&self, day: Day, part: &Part) -> Result<u64, BodiesError> {
        self.stage(day, part.stage, |db| {
            let dropped = db.execute(part.drop, [i64::try_from(BATCH).unwrap_or(1)])?;
            Ok(u64::try_from(dropped).unwrap_or(0))
        })
    }
    fn compress(&self, day: Day) -> Result<u64, BodiesError> {
        self.stage(day, COMPRESSED, |db| {
            let transaction = db.unchecked_transaction()?;
            let rows: Vec<i64> = {
                let mut plain = transaction.prepare_cached(PLAIN)?;
                let rows = plain.query_map([i64::try_from(BATCH).unwrap_or(1)], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            for row in &rows {
                pack(&transaction, *row)?;
            }
            transaction.commit()?;
            Ok(u64::try_from(rows.len()).unwrap_or(0))
        })
    }
    /// A batch of a stage that a file goes through once; after the last one its room is given back to the disk.
    fn stage(
        &self,
        day: Day,
        stage: &'static str,
        batch: impl FnOnce(&Connection) -> rusqlite::Result<u64>,
    ) -> Result<u64, BodiesError> {
        self.write(day, |db| {
            let done: Option<i64> = db.query_row(DONE, [stage], |row| row.get(0)).optional()?;
            if done.is_some() {
                return Ok(0);
            }
            let rows = batch(db)?;
            if rows == 0 {
                db.execute(MARK, [stage])?;
                db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
            }
            Ok(rows)
        })
    }
}

fn pack(db: &Connection, row: i64) -> rusqlite::Result<()> {
    let bodies: (Option<Vec<u8>>, Option<Vec<u8>>) =
        db.prepare_cached(ROW)?.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let packed = |body: Option<Vec<u8>>| {
        body.map(|body| file::compress(&body))
            .transpose()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    };
    let (request, response) = (packed(bodies.0)?, packed(bodies.1)?);
    db.prepare_cached(PACK)?.execute((row, request, response)).map(drop)
}
