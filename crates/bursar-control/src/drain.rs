//! Draining: the journal's entries become records, roll-ups and totals of keys, exactly once and in order.

mod own;
mod suspense;

use self::own::own_records;
use self::suspense::{after_suspense, given_up};
use crate::alert::of_entries;
use crate::feed::Feed;
use crate::key_use;
use crate::metrics::Metrics;
use crate::observer::Watcher;
use crate::state::State as ControlState;
use crate::throttle::MovesOfBatch;
use bursar_core::{RequestId, Timestamp};
use bursar_ledger::{Entry, State};
use bursar_store::journal::Seq;
use bursar_store::ledger::{DrainError as JournalDrainError, Drained, Ledger};
use bursar_store::records::{Record, Records, RecordsError, Status};
use bursar_store::settings::{AlertSource, KeyId, KeyUse, Settings, SettingsError};

mod shadow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of one batch: large enough that a transaction's cost does not count, small enough to stay in cache.
const BATCH: usize = 2_000;
/// Batches between two checkpoints of the record files.
const CHECKPOINT_EVERY: u32 = 16;

/// Why draining stopped. It goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalDrainError),
    /// The record files.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The totals of keys.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Brings what the journal and the watcher have into the record files.
pub struct Drainer {
    ledger: Arc<Ledger>,
    records: Arc<Records>,
    settings: Arc<Settings>,
    watcher: Arc<Watcher>,
    next: Seq,
    /// Up to here entries were looked at for alerts.
    alerted: Seq,
    /// Up to here totals of keys were added before this start: a batch may be cut differently after it.
    counted: Seq,
    batches: u32,
    feed: Option<Arc<Feed>>,
    metrics: Option<Arc<Metrics>>,
}

impl Drainer {
    /// Goes on behind what was drained before.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn new(
        ledger: Arc<Ledger>,
        records: Arc<Records>,
        settings: Arc<Settings>,
        watcher: Arc<Watcher>,
    ) -> Result<Self, SettingsError> {
        let floor = records.floor();
        ledger.drained(floor);
        let counted = Seq::new(settings.totals_floor()?);
        let alerted = settings.alert_cursor(AlertSource::Journal)?;
        let alerted = Seq::new(u64::try_from(alerted).unwrap_or(0));
        Ok(Self {
            ledger,
            records,
            settings,
            watcher,
            next: floor.next(),
            alerted,
            counted,
            batches: 0,
            feed: None,
            metrics: None,
        })
    }

    /// Tells whoever watches requests, and counts what was billed above its hold.
    #[must_use]
    pub fn telling(mut self, state: &ControlState) -> Self {
        (self.feed, self.metrics) = (Some(Arc::clone(&state.feed)), Some(Arc::clone(&state.metrics)));
        self
    }
    /// Up to here everything is drained.
    pub(crate) const fn upto(&self) -> Seq {
        self.next.before()
    }
    /// Records that were given up.
    pub(crate) fn dropped(&self) -> u64 {
        self.watcher.dropped()
    }

    /// Drains what is there now; whether there may be more at once. Blocks on the disk.
    ///
    /// # Errors
    /// See [`DrainError`].
    pub fn step(&mut self) -> Result<bool, DrainError> {
        let waiting = self.watcher.take();
        if !waiting.is_empty() {
            if let Err(error) = self.records.put(&waiting) {
                self.watcher.give_back(waiting);
                return Err(error.into());
            }
            if let Some(feed) = &self.feed {
                feed.push(waiting.into_iter().map(Arc::new));
            }
        }
        self.note_refusals()?;
        let drained = self.ledger.drain(self.next, BATCH)?;
        if drained.entries.is_empty() {
            self.note_streaming()?;
            if self.batches > 0 {
                self.checkpoint()?;
            }
            return Ok(false);
        }
        let full = drained.entries.len() >= BATCH;
        let mut batch = Vec::new();
        let mut totals: BTreeMap<KeyId, KeyUse> = BTreeMap::new();
        let mut moves = MovesOfBatch::default();
        for ((seq, entry), own) in drained.entries.iter().zip(own_records(&drained.entries)) {
            if let Some(record) = self.record_of(entry, own, &batch)? {
                if let Entry::Settled(_) = entry
                    && *seq > self.counted
                {
                    count(&mut totals, &record);
                    moves.count(&record);
                }
                batch.push((*seq, record));
            }
        }
        if !self.watcher.keeps_records() {
            batch = self.known_before(batch)?;
        }
        // Before the records: what is drained once is not looked at again.
        self.note_alerts(&drained)?;
        self.records.drain(&batch, drained.upto)?;
        self.tell(&drained, batch);
        let totals: Vec<KeyUse> = totals.into_values().collect();
        let shadows = shadow::of_entries(&self.ledger, &drained.entries, self.counted);
        self.settings.add_totals(&totals, &shadows, &moves.into_rows(), drained.upto.number())?;
        self.next = drained.upto.next();
        if !full {
            self.note_streaming()?;
        }
        self.batches += 1;
        if self.batches >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        Ok(full)
    }

    fn tell(&self, drained: &Drained, batch: Vec<(Seq, Arc<Record>)>) {
        if let Some(feed) = &self.feed {
            feed.push(batch.into_iter().map(|(_, record)| record));
        }
        let Some(metrics) = &self.metrics else { return };
        for (_, entry) in &drained.entries {
            if let Entry::Settled(settled) = entry {
                metrics.overage(settled.charge.list.saturating_sub(settled.hold.list));
            }
        }
    }
    /// Writes which requests stream, once their beginnings are drained. What has ended meanwhile stays as it ended.
    fn note_streaming(&self) -> Result<(), DrainError> {
        let mut streaming = Vec::new();
        for (id, at) in self.watcher.take_streaming() {
            let Some(mut record) = self.records.get(id)? else { continue };
            if record.status == Status::Pending {
                record.status = Status::Streaming;
                record.progressed_at = record.progressed_at.max(at);
                streaming.push(record);
            }
        }
        if !streaming.is_empty() {
            self.records.put(&streaming)?;
        }
        Ok(())
    }

    /// Of records that are switched off those that began before, so that none stays open for ever.
    fn known_before(&self, batch: Vec<(Seq, Arc<Record>)>) -> Result<Vec<(Seq, Arc<Record>)>, DrainError> {
        let mut known = Vec::new();
        for (seq, record) in batch {
            if self.records.get(record.id)?.is_some() {
                known.push((seq, record));
            }
        }
        Ok(known)
    }

    /// Writes what refusals tell. What cannot be written waits.
    fn note_refusals(&self) -> Result<(), DrainError> {
        let alerts = self.watcher.refusals.take();
        if let Err(error) = self.settings.note_alerts(&alerts, None) {
            self.watcher.refusals.give_back(alerts);
            return Err(error.into());
        }
        Ok(())
    }

    /// Writes what entries tell, and with it how far they were looked at.
    fn note_alerts(&mut self, drained: &Drained) -> Result<(), DrainError> {
        let alerts = of_entries(&self.ledger, &drained.entries, self.alerted);
        let read_to = i64::try_from(drained.upto.number()).unwrap_or(i64::MAX);
        self.settings.note_alerts(&alerts, Some((AlertSource::Journal, read_to)))?;
        self.alerted = self.alerted.max(drained.upto);
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), DrainError> {
        self.batches = 0;
        self.ledger.drained(self.records.checkpoint()?);
        Ok(())
    }

    /// The record that an entry carries, `own`, or changes.
    fn record_of(
        &self,
        entry: &Entry,
        own: Option<Arc<Record>>,
        batch: &[(Seq, Arc<Record>)],
    ) -> Result<Option<Arc<Record>>, DrainError> {
        Ok(match entry {
            Entry::Reserved(_) | Entry::Released { .. } => own,
            Entry::Settled(settled) => match own {
                Some(record) if settled.from == State::Suspense => {
                    let known = self.newest(batch, record.id)?;
                    Some(Arc::new(after_suspense(known.as_ref(), Arc::unwrap_or_clone(record))))
                }
                Some(record) => Some(record),
                // Late truth without a record of its own: the amounts change, the rest stays.
                None => self.corrected(batch, settled.id.request, settled.at, |record| {
                    record.charge = settled.charge;
                    record.estimated = settled.estimated;
                    if settled.from == State::Suspense {
                        record.notes.push("settled from suspense".to_owned());
                    }
                })?,
            },
            Entry::Suspended { id, at, cause, .. } => match own {
                Some(record) => Some(record),
                None => self.corrected(batch, id.request, *at, |record| given_up(record, *cause))?,
            },
            Entry::Forgiven { id, at, audit } => self.corrected(batch, id.request, *at, |record| {
                record.charge = bursar_core::Charge::ZERO;
                record.notes.push(format!("forgiven by {}: {}", audit.actor, audit.reason));
            })?,
            Entry::Opened(_)
            | Entry::Extended { .. }
            | Entry::Progressed { .. }
            | Entry::Adjusted { .. }
            | Entry::BudgetPut { .. }
            | Entry::BudgetRemoved { .. }
            | Entry::PagedOut { .. }
            | Entry::PagedIn { .. }
            | Entry::Granted { .. }
            | Entry::GaveBack { .. }
            | Entry::Image(_) => None,
        })
    }

    /// The newest state of a record, in this batch or in the files.
    fn newest(&self, batch: &[(Seq, Arc<Record>)], id: RequestId) -> Result<Option<Record>, DrainError> {
        match batch.iter().rev().find(|(_, record)| record.id == id) {
            Some((_, record)) => Ok(Some(Record::clone(record))),
            None => Ok(self.records.get(id)?),
        }
    }

    /// The newest state of a record with a change.
    fn corrected(
        &self,
        batch: &[(Seq, Arc<Record>)],
        id: RequestId,
        at: Timestamp,
        change: impl FnOnce(&mut Record),
    ) -> Result<Option<Arc<Record>>, DrainError> {
        Ok(self.newest(batch, id)?.map(|mut record| {
            change(&mut record);
            record.progressed_at = record.progressed_at.max(at);
            record.finalized_at.get_or_insert(at);
            if !record.status.is_final() {
                record.status = Status::Failed;
            }
            Arc::new(record)
        }))
    }
}

fn count(totals: &mut BTreeMap<KeyId, KeyUse>, record: &Record) {
    let Some(sum) = key_use::of(totals, record) else { return };
    sum.requests += record.charge.requests;
    sum.tokens = sum.tokens.saturating_add(record.charge.tokens);
    sum.list_cost = sum.list_cost.saturating_add(record.charge.list);
    sum.effective_cost = sum.effective_cost.saturating_add(record.charge.effective);
}
