//! Writes records: those of the journal exactly once, those beside it by their id.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::limits::BATCH_MAX;
use super::month::Month;
use super::record::Record;
use super::roll::{Counted, Gathered};
use super::row::{self, Written};
use super::{Records, RecordsError, meta};
use crate::journal::Seq;
use crate::sqlite::column;

/// What a batch did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Records that are new.
    pub inserted: usize,
    /// Records that took the place of an earlier state.
    pub replaced: usize,
    /// Records whose state may not follow the one in the file: passed over.
    pub unlawful: usize,
    /// Records that the file had already drained.
    pub repeated: usize,
}

impl Records {
    /// Writes the records of journal entries, each with the entry's number, in the order of the journal; `floor` is the
    /// last entry of the batch, whether it has a record or not. A batch that is given again, whole, in part or cut
    /// differently, changes nothing: each file knows up to which entry it has drained.
    ///
    /// The batch is not yet safe from a power cut: [`Records::checkpoint`] says up to where the journal may be pruned.
    ///
    /// # Errors
    /// See [`RecordsError`]. A batch that fails may be given again.
    pub fn drain<R: Borrow<Record>>(&self, batch: &[(Seq, R)], floor: Seq) -> Result<Applied, RecordsError> {
        let mut drained = self.drained.lock();
        let mut months: BTreeMap<Month, Vec<(Seq, &Record)>> = BTreeMap::new();
        for (seq, record) in batch {
            let record: &Record = record.borrow();
            months.entry(Month::of(record.created_at)).or_default().push((*seq, record));
        }
        let mut applied = Applied::default();
        for (month, entries) in months {
            let file = self.open_month(month)?;
            drained.dirty.insert(month);
            let part = file.write(|db, numbers| {
                let reached = column::unsigned(meta::get(db, meta::DRAINED)?);
                let (mut applied, mut gathered) = (Applied::default(), Gathered::default());
                for (seq, record) in entries {
                    if seq.number() <= reached {
                        applied.repeated += 1;
                        continue;
                    }
                    applied.note(row::write(db, numbers, record)?, &mut gathered);
                }
                gathered.rolls().write(db)?;
                row::set_drained(db, floor.number().max(reached))?;
                Ok(applied)
            })?;
            applied.add(part);
        }
        drained.reached = drained.reached.max(floor);
        Ok(applied)
    }
    /// Writes records that no journal entry carries: refusals, requests that have only begun, imports.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn put(&self, records: &[Record]) -> Result<Applied, RecordsError> {
        let mut applied = Applied::default();
        let mut months: BTreeMap<Month, Vec<&Record>> = BTreeMap::new();
        for record in records {
            months.entry(Month::of(record.created_at)).or_default().push(record);
        }
        for (month, records) in months {
            let file = self.open_month(month)?;
            for chunk in records.chunks(BATCH_MAX) {
                applied.add(file.write(|db, numbers| {
                    let (mut applied, mut gathered) = (Applied::default(), Gathered::default());
                    for record in chunk {
                        applied.note(row::write(db, numbers, record)?, &mut gathered);
                    }
                    gathered.rolls().write(db)?;
                    Ok(applied)
                })?);
            }
        }
        Ok(applied)
    }
    /// Makes what was drained safe from a power cut, and answers the last entry up to which the journal may be pruned and
    /// from which draining goes on after a restart.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn checkpoint(&self) -> Result<Seq, RecordsError> {
        let mut drained = self.drained.lock();
        for month in drained.dirty.clone() {
            if let Some(file) = self.known_month(month)?
                && !file.checkpoint()?
            {
                return Ok(drained.safe);
            }
            drained.dirty.remove(&month);
        }
        if drained.safe < drained.reached {
            self.book.set_floor(drained.reached)?;
            drained.safe = drained.reached;
        }
        Ok(drained.safe)
    }
    /// The last entry that is certainly drained: draining goes on behind it after a start.
    #[must_use]
    pub fn floor(&self) -> Seq {
        self.drained.lock().safe
    }
}

impl Applied {
    fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.replaced += other.replaced;
        self.unlawful += other.unlawful;
        self.repeated += other.repeated;
    }
    fn note(
        &mut self,
        (written, before, after): (Written, Option<Counted>, Option<Counted>),
        gathered: &mut Gathered,
    ) {
        match written {
            Written::Inserted => self.inserted += 1,
            Written::Replaced => self.replaced += 1,
            Written::Unlawful => self.unlawful += 1,
        }
        if let Some(before) = before {
            gathered.subtract(&before);
        }
        if let Some(after) = after {
            gathered.add(&after);
        }
    }
}
