//! Opening a ledger: lock, checkpoint, journal, suspense. What was in flight is presumed sent.

use std::sync::Arc;

use bursar_core::{ReservationId, Timestamp};
use bursar_ledger::{Command, Engine, Outcome};
use parking_lot::Mutex;

use super::checkpoint::{self, Checkpoint};
use super::commit::Core;
use super::keeper::Keeper;
use super::{CheckpointError, Commits, Ledger, LedgerDown, LedgerOptions, OpenError, WindowStore, writer};
use crate::disk::Disk;
use crate::journal::{Cut, JournalError, JournalRecovery, SegmentOptions, Seq, Start, recover};

/// The lock file of a data directory.
pub(super) const LOCK: &str = "ledger.lock";

/// What opening a ledger found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// The attempts that were in flight: in suspense now, in the order of their ids.
    pub suspended: Vec<ReservationId>,
    /// The last entry of the journal that was found.
    pub last: Seq,
    /// The checkpoint from which it was replayed.
    pub checkpoint: Option<Seq>,
    /// Checkpoints that are damaged, set aside and not needed: name and what is wrong.
    pub damaged_checkpoints: Vec<(String, String)>,
    /// Entries that were replayed.
    pub replayed: u64,
    /// Where a batch that nobody relied on was cut off.
    pub cut: Option<Cut>,
    /// Whether the ledger was closed in order.
    pub closed: bool,
    /// Whether the machine restarted since.
    pub rebooted: bool,
    /// Whether a power cut may have forgotten the last 50 ms: only under `fast`.
    pub may_have_forgotten: bool,
}

/// Opening.
impl Ledger {
    /// Locks the directory, reads checkpoint and journal, puts what was in flight into suspense, and starts.
    ///
    /// # Errors
    /// [`OpenError`]: another process has it, or what is on the disk is not what was written. Nothing is guessed.
    pub fn open(
        disk: Arc<dyn Disk>,
        windows: Arc<dyn WindowStore>,
        options: &LedgerOptions,
        now: Timestamp,
    ) -> Result<(Arc<Self>, Recovery), OpenError> {
        let lock = disk.lock(LOCK, &options.holder)?;
        let key = engine_key(options.random);
        checkpoint::sweep(disk.as_ref()).map_err(CheckpointError::from)?;
        let found = checkpoint::find(disk.as_ref(), key)?;
        let mut replayer = Replayer::new(found.newest, key);
        let (bytes, start) = (replayer.checkpoint_bytes, replayer.start);
        let segments = SegmentOptions {
            segment_bytes: options.segment_bytes,
            durability: options.durability,
            boot_id: options.boot_id.clone(),
            journal: options.random,
        };
        let recovered = recover(Arc::clone(&disk), segments, start, &mut |_, entry| replayer.replay(entry));
        let (journal, recovery) = recovered.map_err(|error| blame(error, &found.damaged))?;
        checkpoint::set_aside(disk.as_ref(), &found.damaged).map_err(CheckpointError::from)?;
        let files = Arc::clone(journal.segments());
        let Replayer { engine, paged, replayed_bytes, .. } = replayer;
        let core = Core::new(engine, Box::new(journal), files, options.durability, paged);
        let core = Arc::new(core);
        let suspended = suspend(&core, now)?;
        let thread = match options.commits {
            Commits::Thread => Some(writer::start(&core).map_err(OpenError::Thread)?),
            Commits::ByHand => None,
        };
        let keeper = Keeper::new(disk, key, options.checkpoint_bytes, (start.after, bytes), replayed_bytes);
        let ledger = Self {
            core,
            thread: Mutex::new(thread),
            keeper: Mutex::new(keeper),
            reader: Mutex::new(None),
            drained: std::sync::atomic::AtomicU64::new(0),
            pinned: std::sync::atomic::AtomicU64::new(u64::MAX),
            windows,
            _lock: lock,
        };
        Ok((Arc::new(ledger), report(recovery, start, suspended, found.damaged)))
    }
}

/// Takes entries of the journal into the engine.
struct Replayer {
    engine: Engine,
    paged: bool,
    start: Start,
    checkpoint_bytes: u64,
    replayed_bytes: u64,
}

impl Replayer {
    fn new(checkpoint: Option<Checkpoint>, key: u64) -> Self {
        match checkpoint {
            Some(Checkpoint { engine, paged, start, bytes }) => {
                Self { engine, paged, start, checkpoint_bytes: bytes, replayed_bytes: 0 }
            }
            None => Self {
                engine: Engine::with_key(key),
                paged: false,
                start: Start::default(),
                checkpoint_bytes: 0,
                replayed_bytes: 0,
            },
        }
    }

    fn replay(&mut self, bytes: &[u8]) -> Result<(), String> {
        let entry = checkpoint::replay(&mut self.engine, bytes)?;
        self.paged |= checkpoint::pages(&entry);
        self.replayed_bytes = self.replayed_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        Ok(())
    }
}

/// What keys the engine's tables.
pub(super) fn engine_key(random: u128) -> u64 {
    let [low @ .., _, _, _, _, _, _, _, _] = random.to_le_bytes();
    u64::from_le_bytes(low)
}

/// Without its checkpoints the journal alone may be too short: then they are to blame.
fn blame(error: JournalError, damaged: &[(String, String)]) -> OpenError {
    match (error, damaged.first()) {
        (JournalError::Missing { .. }, Some((file, what))) => {
            CheckpointError::Damaged { file: file.clone(), what: what.clone() }.into()
        }
        (error, _) => error.into(),
    }
}

/// Puts exactly what was in flight into suspense, lasting.
fn suspend(core: &Core, now: Timestamp) -> Result<Vec<ReservationId>, OpenError> {
    let (outcome, _) = core.apply(now, |_| Command::Recover)?;
    let Outcome::Expired(expiry) = outcome else {
        let down = LedgerDown::new("what was in flight cannot be put into suspense: this is a bug");
        return Err(core.fail(down).into());
    };
    core.commit()?;
    Ok(expiry.suspended)
}

fn report(
    journal: JournalRecovery,
    start: Start,
    suspended: Vec<ReservationId>,
    damaged_checkpoints: Vec<(String, String)>,
) -> Recovery {
    Recovery {
        suspended,
        last: journal.last,
        checkpoint: start.journal.map(|_| start.after),
        damaged_checkpoints,
        replayed: journal.replayed,
        cut: journal.cut,
        closed: journal.closed,
        rebooted: journal.rebooted,
        may_have_forgotten: journal.may_have_forgotten,
    }
}
