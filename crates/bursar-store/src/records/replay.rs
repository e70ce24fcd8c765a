//! Reads records in order of time, oldest first, a batch at a time: for whoever asks what history would have been.

use rusqlite::Row;

use super::list::decode;
use super::record::Record;
use super::row::{SECOND, place_at};
use super::{Records, RecordsError};
use bursar_core::Timestamp;
use std::ops::ControlFlow;

/// Records of one transaction: a few milliseconds, so that writing is not kept waiting.
const BATCH: i64 = 1_000;
const NEXT: &str = "SELECT place, body FROM records WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3";

impl Records {
    /// Shows every record created at or after `from` and before `until`, oldest first, until `visit` breaks. Whether it saw
    /// all of them. What is written meanwhile may be seen or not.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn replay(
        &self,
        from: Timestamp,
        until: Timestamp,
        mut visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<bool, RecordsError> {
        // A row may lie up to a second behind its instant.
        let end = place_at(until).saturating_add(SECOND);
        for month in self.months() {
            if month.starts_at() >= until || month.ends_at() <= from {
                continue;
            }
            let Some(file) = self.known_month(month)? else { continue };
            let mut next = place_at(from);
            loop {
                let batch: Vec<(i64, Record)> = file.read(|db, texts| {
                    let mut statement = db.prepare_cached(NEXT)?;
                    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
                    let rows = statement.query_map((next, end, BATCH), read)?;
                    let decoded = rows.map(|row| {
                        let (place, body) = row?;
                        Ok((place, decode(db, texts, &body)?))
                    });
                    decoded.collect()
                })?;
                let Some((last, _)) = batch.last() else { break };
                next = last.saturating_add(1);
                for (_, record) in batch {
                    let inside = record.created_at >= from && record.created_at < until;
                    if inside && visit(record).is_break() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}
