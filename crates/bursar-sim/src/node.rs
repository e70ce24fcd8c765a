//! One process of the ledger: the engine over the journal over a simulated disk, driven step by step in one thread.

use crate::violation::{Rule, Violation, broken};
use bursar_core::Timestamp;
use bursar_ledger::{Command, Engine, Entry, Outcome, WindowImage};
use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::Ending;
use bursar_store::journal::{
    Batch, Durability, Journal, JournalError, JournalRecovery, PendingSync, SegmentJournal, SegmentOptions,
    Seq, Start, recover,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rules of the shell that a meta-test may break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WrongShell {
    /// Sends before the hold is durable.
    SendBeforeSync,
    /// Takes a failed sync for a success.
    IgnoreSyncError,
    /// Takes a failed write for a success.
    IgnoreWriteError,
    /// Leaves the last entry out when it recovers.
    LoseLastEntry,
    /// Stores the images of windows after it dropped them.
    StoreLate,
    /// Forgets the stored image of a window as soon as it is back in memory.
    ForgetImageEarly,
    /// Under `fast`, never syncs by itself.
    NeverSync,
    /// Under `fast`, syncs every half a second.
    SyncRarely,
    /// After a restart, forgets to put what was in flight into suspense.
    SkipRecover,
}

impl WrongShell {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::SendBeforeSync,
        Self::IgnoreSyncError,
        Self::IgnoreWriteError,
        Self::LoseLastEntry,
        Self::StoreLate,
        Self::ForgetImageEarly,
        Self::NeverSync,
        Self::SyncRarely,
        Self::SkipRecover,
    ];
}

/// How a node is made.
#[derive(Clone, Debug)]
pub(crate) struct Make {
    pub(crate) durability: Durability,
    pub(crate) wrong: Option<WrongShell>,
    pub(crate) tamper: Option<fn(&mut Engine)>,
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Engine,
    journal: SegmentJournal,
    batch: Batch,
    pub(crate) pending: Option<PendingSync>,
    make: Make,
    /// The journal failed: nothing is admitted any more.
    pub(crate) fenced: bool,
}

/// Images of windows that left memory: a table that is durable by itself.
#[derive(Debug, Default)]
pub(crate) struct Store {
    images: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store {
    pub(crate) fn put(&mut self, image: &WindowImage) {
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        image.key.encode(&mut key);
        image.encode(&mut bytes);
        self.images.insert(key, bytes);
    }
    pub(crate) fn get(&self, key: &bursar_ledger::WindowKey) -> Option<WindowImage> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        WindowImage::decode(self.images.get(&bytes)?).ok()
    }
    pub(crate) fn remove(&mut self, key: &bursar_ledger::WindowKey) {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        self.images.remove(&bytes);
    }
}

impl Node {
    /// Reads the journal and starts. Every entry must be the one that was written: `log` has them all.
    pub(crate) fn start(
        disk: &SimulatedDisk,
        boot: u64,
        make: Make,
        log: &[Entry],
    ) -> Result<Result<(Self, JournalRecovery), JournalError>, Violation> {
        let mut engine = Engine::new();
        if let Some(tamper) = make.tamper {
            tamper(&mut engine);
        }
        let options = SegmentOptions {
            segment_bytes: 64 * 1024,
            durability: make.durability,
            boot_id: format!("boot-{boot}"),
            journal: 7,
        };
        let mut wrong = None;
        let lose = make.wrong == Some(WrongShell::LoseLastEntry) && log.len() > 1;
        let last = u64::try_from(log.len()).unwrap_or(u64::MAX);
        let mut replay = |seq: Seq, bytes: &[u8]| -> Result<(), String> {
            let at = usize::try_from(seq.number().saturating_sub(1)).unwrap_or(usize::MAX);
            let entry = match Entry::decode(bytes) {
                Ok((entry, used)) if used == bytes.len() => entry,
                other => return Err(format!("entry {seq} cannot be read: {other:?}")),
            };
            if log.get(at) != Some(&entry) {
                wrong = Some(broken(Rule::Replay, format!("entry {seq} is read as {entry:?}")));
            }
            if lose && seq.number() == last {
                return Ok(());
            }
            engine.replay(&entry).map_err(|error| format!("entry {seq}: {error}"))
        };
        let recovered = recover(Arc::new(disk.clone()), options, Start::default(), &mut replay);
        if let Some(violation) = wrong {
            return Err(violation);
        }
        Ok(recovered.map(|(journal, recovery)| {
            let batch = Batch::new(journal.written().next());
            (Self { engine, journal, batch, pending: None, make, fenced: false }, recovery)
        }))
    }
    /// Applies a command; its entries wait in the batch, and their last number is told.
    pub(crate) fn apply(&mut self, now: Timestamp, command: Command) -> (Outcome, Vec<Entry>, Seq) {
        let mut entries: Vec<Entry> = Vec::new();
        let outcome = self.engine.apply(now, command, &mut entries);
        let mut seq = self.batch.next().before();
        for entry in &entries {
            seq = self.batch.push(|bytes| entry.encode(bytes));
        }
        (outcome, entries, seq)
    }
    /// Hands the batch to the operating system.
    pub(crate) fn flush(&mut self) {
        if self.batch.is_empty() || self.fenced {
            return;
        }
        let done = self.journal.append(&self.batch);
        if done.is_err() && self.make.wrong != Some(WrongShell::IgnoreWriteError) {
            self.fenced = true;
            return;
        }
        let next = self.batch.next();
        self.batch.reset(next);
    }
    /// Begins a sync of what the operating system has. Whether there was anything to sync.
    pub(crate) fn begin_sync(&mut self) -> bool {
        if self.fenced || self.pending.is_some() {
            return false;
        }
        match self.journal.begin_sync() {
            Ok(pending) => {
                self.pending = pending;
                self.pending.is_some()
            }
            Err(_) => {
                self.fenced = true;
                false
            }
        }
    }
    /// The disk is done.
    pub(crate) fn end_sync(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        let mut done = pending.run();
        if self.make.wrong == Some(WrongShell::IgnoreSyncError) {
            done = Ok(());
        }
        if self.journal.end_sync(&pending, done).is_err() {
            self.fenced = true;
        }
    }
    /// Notes what is synced, as an idle writer does.
    pub(crate) fn note(&mut self) {
        if !self.fenced && self.journal.note_synced().is_err() {
            self.fenced = true;
        }
    }
    /// The last entry there is, also in the batch.
    pub(crate) fn last(&self) -> Seq {
        self.batch.next().before()
    }
    pub(crate) fn written(&self) -> Seq {
        self.journal.written()
    }
    pub(crate) fn synced(&self) -> Seq {
        self.journal.synced()
    }
    /// Up to where something outside may rely on the journal.
    pub(crate) fn durable(&self) -> Seq {
        match self.make.durability {
            _ if self.make.wrong == Some(WrongShell::SendBeforeSync) => Seq::new(u64::MAX),
            _ if self.make.wrong == Some(WrongShell::IgnoreWriteError) => self.batch.first().before(),
            Durability::Sync => self.journal.synced(),
            Durability::Fast => self.journal.written(),
        }
    }
}

/// Ends a process and gives the next its disk.
pub(crate) fn end(disk: &SimulatedDisk, power_cut: bool) -> SimulatedDisk {
    disk.restart(if power_cut { Ending::PowerCut } else { Ending::Killed })
}
