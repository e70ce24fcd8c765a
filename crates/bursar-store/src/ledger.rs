//! The ledger: the engine behind a mutex, its effects in the journal, and everything that must not lie about either.
//!
//! A command is decided and its effects are put into a buffer under one short lock, so the order of execution is the
//! order of the journal is the order of replay. Under `sync` a writer thread takes the buffer, writes and syncs it as
//! one batch and wakes whoever waits for an entry in it; under `fast` the callers write the buffer themselves, one
//! for all that decided in its turn, and the thread syncs every 50 ms. A settle alone never starts a sync: it rides with the next reserve or the 50 ms timer.
//!
//! Invariant: once a write or a sync fails the ledger is down for good. Every command is answered with
//! [`LedgerDown`], nobody waits any longer, and nothing is tried again; the process must end and recover.

mod backup;
mod checkpoint;
mod commit;
mod drain;
mod error;
mod keeper;
mod open;
mod repair;
mod standings;
mod verbs;
mod verify;
mod waiters;
mod windows;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::backup::{JournalKept, LedgerBackupError};
pub use self::checkpoint::CheckpointError;
pub use self::drain::{DrainError, Drained};
pub use self::error::{LedgerDown, OpenError, ReserveError};
pub use self::keeper::{TendError, Tended};
pub use self::open::Recovery;
pub use self::repair::{Repaired, repair};
pub use self::verbs::{Applied, Reserved};
pub use self::verify::{Difference, Verification, VerifyError, verify};
pub use self::windows::{MemoryWindows, SqliteWindows, WindowStore, WindowStoreError, is_long_past};
pub use crate::journal::{Durability, Seq};

use self::commit::Core;
use crate::disk::DiskLock;

/// How a ledger is kept.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// When an entry counts as kept.
    pub durability: Durability,
    /// Bytes of a journal segment.
    pub segment_bytes: u64,
    /// Bytes of journal after which [`Ledger::tend`] writes a checkpoint, at least; more when the last one was larger.
    pub checkpoint_bytes: u64,
    /// Tells one start of the machine from the next: on Linux `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// What a second process is told about this one, e.g. `bursar serve, process 4711`.
    pub holder: String,
    /// A random number: names a new journal, and keys the engine's tables.
    pub random: u128,
    /// Who runs the group commit.
    pub commits: Commits,
}

/// Who runs the group commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Commits {
    /// A thread of the ledger's own, joined when it closes.
    Thread,
    /// The caller, by [`Ledger::commit`]: for simulators.
    ByHand,
}

/// The ledger of one node.
pub struct Ledger {
    core: Arc<Core>,
    thread: Mutex<Option<crate::sync::thread::JoinHandle<()>>>,
    keeper: Mutex<keeper::Keeper>,
    reader: Mutex<Option<crate::journal::JournalReader>>,
    drained: AtomicU64,
    /// Entries above it are kept whatever was drained: for a backup. Largest: no backup runs.
    pinned: AtomicU64,
    windows: Arc<dyn WindowStore>,
    _lock: Box<dyn DiskLock>,
}

impl Ledger {
    /// The last entry decided so far.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.core.last()
    }
    /// Waits until entry `seq` is kept: synced under `sync`, with the operating system under `fast`.
    ///
    /// # Errors
    /// [`LedgerDown`] when it never will be, as far as this process can know.
    pub async fn durable(&self, seq: Seq) -> Result<(), LedgerDown> {
        self.core.durable(seq).await
    }
    /// Waits until entry `seq` is with the operating system, where it is the caller who brings it there: under `fast`. It
    /// is written with what others decide in this turn of the caller's thread. Under `sync` a settle rides with the next
    /// reserve, and nobody waits for it here.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub async fn handed_over(&self, seq: Seq) -> Result<(), LedgerDown> {
        self.core.handed_over(seq).await
    }
    /// As [`Ledger::handed_over`], at once.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn write_now(&self, seq: Seq) -> Result<(), LedgerDown> {
        self.core.write_now(seq)
    }
    /// Up to here every entry is kept.
    #[must_use]
    pub fn durable_seq(&self) -> Seq {
        self.core.kept()
    }
    /// Up to here every entry is synced: what a power cut cannot take.
    #[must_use]
    pub fn synced_seq(&self) -> Seq {
        self.core.synced()
    }
    /// Commits so far: each is one sync, shared by the whole batch.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.core.syncs()
    }
    /// Says each time that room may have been freed somewhere, or that a limit changed: who waits for room looks again.
    /// Take it before looking; changes since then are not missed.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.core.room()
    }
    /// Why the ledger is down, if it is.
    #[must_use]
    pub fn down(&self) -> Option<LedgerDown> {
        self.core.down()
    }
    /// Waits until the ledger is down, for whatever reason. The process must end then.
    pub async fn until_down(&self) -> LedgerDown {
        self.core.until_down().await
    }
    /// Writes and syncs what was decided so far, now. With [`Commits::ByHand`] this is the only one who does.
    ///
    /// # Errors
    /// [`LedgerDown`] when the disk fails, or did before.
    pub fn commit(&self) -> Result<Seq, LedgerDown> {
        self.core.commit()
    }
    /// Ends in order: commits what is left, notes in the journal that nothing is missing, joins the thread. Every later
    /// command is answered with [`LedgerDown`].
    ///
    /// # Errors
    /// [`LedgerDown`] when the disk fails, or did before.
    pub fn close(&self) -> Result<(), LedgerDown> {
        self.core.stop();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the writer has taken the ledger down already.
            let _ended = thread.join();
        }
        self.core.close()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.core.stop();
        if let Some(thread) = self.thread.get_mut().take() {
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("last", &self.last()).field("durable", &self.durable_seq()).finish()
    }
}
