//! The ledger's disk with a stopwatch: how long a batch takes from its write to the end of its sync, and the sync
//! alone. The ledger itself reads no clock.

use bursar_control::metrics::LedgerTimes;
use bursar_store::disk::{Disk, DiskError, DiskFile, DiskLock, LockError};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A disk whose syncs are timed.
pub(super) struct TimedDisk {
    disk: Arc<dyn Disk>,
    times: Arc<LedgerTimes>,
}

struct TimedFile {
    file: Box<dyn DiskFile>,
    times: Arc<LedgerTimes>,
    /// When something was last written that is not synced.
    began: Mutex<Option<Instant>>,
}

impl TimedDisk {
    pub(super) fn new(disk: Arc<dyn Disk>, times: Arc<LedgerTimes>) -> Arc<Self> {
        Arc::new(Self { disk, times })
    }
    /// Segments of the journal are timed; checkpoints are nothing that a request waits for.
    fn timed(&self, name: &str, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        if !name.starts_with("journal-") {
            return file;
        }
        Box::new(TimedFile { file, times: Arc::clone(&self.times), began: Mutex::default() })
    }
}

impl Disk for TimedDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.list()
    }
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.create(name).map(|file| self.timed(name, file))
    }
    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open(name).map(|file| self.timed(name, file))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
    fn sync_directory(&self) -> Result<(), DiskError> {
        self.disk.sync_directory()
    }
    fn lock(&self, name: &str, holder: &str) -> Result<Box<dyn DiskLock>, LockError> {
        self.disk.lock(name, holder)
    }
}

impl DiskFile for TimedFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        self.file.bytes()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        // The last write before a sync counts: an idle journal is written a note that no sync follows.
        *self.began.lock() = Some(Instant::now());
        self.file.write_at(offset, bytes)
    }
    fn sync(&self) -> Result<(), DiskError> {
        // What others write while this syncs belongs to the next batch.
        let batch = self.began.lock().take();
        let began = Instant::now();
        let done = self.file.sync();
        let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.times.sync.observe_us(micros(began));
        self.times.batch.observe_us(micros(batch.unwrap_or(began)));
        done
    }
}

impl fmt::Debug for TimedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl fmt::Debug for TimedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}
