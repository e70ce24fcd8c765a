//! Upkeep, once a second, off the requests' way: expiry, paging out, spare segments, checkpoints, pruning.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bursar_core::{ReservationId, Timestamp};
use bursar_ledger::{Command, Crossing, Outcome, WindowId};

use super::{CheckpointError, Ledger, LedgerDown, WindowStoreError, checkpoint};
use crate::disk::Disk;
use crate::journal::{JournalError, Segments, Seq};
use crate::limits::{
    EXPIRIES_PER_TEND_MAX, SEGMENTS_WITHOUT_CHECKPOINT_MAX, WINDOWS_EXAMINED_AT_ONCE,
    WINDOWS_EXAMINED_PER_TEND, WINDOWS_FORGOTTEN_PER_TEND,
};

/// What upkeep did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tended {
    /// Moved into suspense because nothing was heard of them.
    pub suspended: Vec<ReservationId>,
    /// Settled at their estimate, as their budgets say.
    pub estimated: Vec<ReservationId>,
    /// Thresholds that were crossed by that.
    pub crossings: Vec<Crossing>,
    /// Windows that left memory.
    pub paged_out: usize,
    /// Images of windows long past that were forgotten.
    pub forgotten: usize,
    /// The checkpoint that was written.
    pub checkpoint: Option<Seq>,
    /// Segments that were given up.
    pub pruned: usize,
}

/// Why upkeep could not be done. What was done before stays done; the ledger goes on unless it says that it is down.
#[derive(Debug, thiserror::Error)]
pub enum TendError {
    /// The ledger is down.
    #[error(transparent)]
    Down(#[from] LedgerDown),
    /// Cold windows cannot be stored; they stay in memory.
    #[error("cannot store cold windows")]
    Windows(#[from] WindowStoreError),
    /// No checkpoint was written; the journal grows.
    #[error("cannot write a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// No segment was prepared or given up.
    #[error("cannot prepare or prune the journal")]
    Journal(#[from] JournalError),
}

/// What upkeep remembers from one time to the next.
#[derive(Debug)]
pub(super) struct Keeper {
    disk: Arc<dyn Disk>,
    key: u64,
    checkpoint_bytes: u64,
    /// Bytes of the last checkpoint.
    last_bytes: u64,
    /// Journal bytes of earlier processes since the last checkpoint.
    carried: u64,
    /// Journal bytes of this process at the last checkpoint.
    counted: u64,
    /// The last entry of the last checkpoint.
    at: Seq,
    /// Where to look for cold windows next.
    slot: u32,
}

impl Keeper {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        key: u64,
        checkpoint_bytes: u64,
        (at, last_bytes): (Seq, u64),
        carried: u64,
    ) -> Self {
        Self { disk, key, checkpoint_bytes, last_bytes, carried, counted: 0, at, slot: 0 }
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// A checkpoint is due once the journal since the last is as long as asked, and as long as the checkpoint itself:
    /// then writing them costs at most what the journal costs. It is due as well once so many segments were begun since:
    /// each start begins one, and a process that is killed again and again must not fill the disk with files that are
    /// nearly empty.
    fn is_due(&self, journalled: u64, segments: &Segments) -> bool {
        if segments.begun_after(self.at) >= SEGMENTS_WITHOUT_CHECKPOINT_MAX {
            return true;
        }
        let since = self.carried.saturating_add(journalled.saturating_sub(self.counted));
        since >= self.checkpoint_bytes.max(self.last_bytes)
    }
}

/// Upkeep.
impl Ledger {
    /// Does all upkeep that is due. It blocks on the disk: call it from a thread of its own, once a second.
    ///
    /// # Errors
    /// [`TendError`].
    pub fn tend(&self, now: Timestamp) -> Result<Tended, TendError> {
        let mut keeper = self.keeper.lock();
        let mut tended = Tended::default();
        self.expire_all(now, &mut tended)?;
        self.page_out(now, &mut keeper, &mut tended)?;
        tended.forgotten = self.windows.forget(now, WINDOWS_FORGOTTEN_PER_TEND)?;
        self.core.segments.prepare_spare()?;
        if keeper.is_due(self.core.bytes(), &self.core.segments) {
            tended.checkpoint = self.make_checkpoint(&mut keeper)?;
        }
        tended.pruned = self.prune(&keeper)?;
        Ok(tended)
    }
    /// Writes a checkpoint now, of everything synced so far; `None` where nothing happened since the last.
    ///
    /// # Errors
    /// [`TendError`].
    pub fn checkpoint(&self) -> Result<Option<Seq>, TendError> {
        let mut keeper = self.keeper.lock();
        self.core.commit()?;
        let made = self.make_checkpoint(&mut keeper)?;
        self.prune(&keeper)?;
        Ok(made)
    }

    fn expire_all(&self, now: Timestamp, tended: &mut Tended) -> Result<(), LedgerDown> {
        for _ in 0..EXPIRIES_PER_TEND_MAX {
            let Outcome::Expired(expiry) = self.expire(now)?.outcome else { break };
            tended.suspended.extend(expiry.suspended);
            tended.estimated.extend(expiry.estimated);
            tended.crossings.extend(expiry.crossings);
            if !expiry.more {
                break;
            }
        }
        Ok(())
    }

    /// Looks at a part of all windows, a little at a time under the lock; stores the cold ones, then lets them go.
    fn page_out(&self, now: Timestamp, keeper: &mut Keeper, tended: &mut Tended) -> Result<(), TendError> {
        for _ in 0..WINDOWS_EXAMINED_PER_TEND.div_ceil(WINDOWS_EXAMINED_AT_ONCE) {
            let slot = keeper.slot;
            let look = |engine: &bursar_ledger::Engine| engine.cold(now, slot, WINDOWS_EXAMINED_AT_ONCE);
            let (last, (images, next)) = self.core.look_with_last(look)?;
            keeper.slot = next;
            if !images.is_empty() {
                // The store must never know more than the journal: after a power cut the journal decides.
                if self.core.synced() < last {
                    self.core.commit()?;
                }
                self.windows.put(&images)?;
                let windows: Vec<(WindowId, u64)> =
                    images.iter().map(|image| (image.id, image.changed)).collect();
                if let Outcome::PagedOut(count) = self.apply(now, Command::PageOut(windows))?.outcome {
                    tended.paged_out = tended.paged_out.saturating_add(count);
                }
            }
            if next == 0 {
                break;
            }
        }
        Ok(())
    }

    fn make_checkpoint(&self, keeper: &mut Keeper) -> Result<Option<Seq>, TendError> {
        let (upto, journalled) = (self.core.synced(), self.core.bytes());
        let made = checkpoint::make(keeper.disk.as_ref(), &self.core.segments, upto, keeper.key)?;
        if let Some((start, bytes)) = made {
            (keeper.last_bytes, keeper.carried, keeper.counted) = (bytes, 0, journalled);
            keeper.at = start.after;
            return Ok(Some(start.after));
        }
        Ok(None)
    }

    /// Gives up the segments that neither the older checkpoint nor the drainer needs.
    fn prune(&self, keeper: &Keeper) -> Result<usize, TendError> {
        let older = checkpoint::prune(keeper.disk.as_ref()).map_err(CheckpointError::from)?;
        let Some(older) = older else { return Ok(0) };
        let drained = Seq::new(self.drained.load(Ordering::Acquire));
        let pinned = Seq::new(self.pinned.load(Ordering::Acquire));
        Ok(self.core.segments.prune(older.min(drained).min(pinned).next())?)
    }
}
