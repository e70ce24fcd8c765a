//! Verifying: recomputes every counter from the entries and compares it with what was recorded.
//!
//! Three witnesses must agree: a plain recount that only adds up what entries say, the engine's replay of the same
//! entries, and what was recorded before (each checkpoint, the images of windows that left memory, and the running
//! engine where there is one).

mod recount;

use std::collections::BTreeMap;

use bursar_ledger::{
    Engine, Entry, State, WINDOWS_PER_COMMAND_MAX, WindowId, WindowImage, WindowKey, check_invariants,
};

use self::recount::{Counters, Recount};
use super::checkpoint::{self, Checkpoint, CheckpointError};
use super::open::LOCK;
use super::{Ledger, LedgerDown, WindowStore, WindowStoreError};
use crate::disk::{Disk, LockError};
use crate::journal::{JournalError, Seq, Start, first_entry, inspect};

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verification {
    /// The first entry of the journal.
    pub first: Seq,
    /// The last entry that was read.
    pub last: Seq,
    /// Entries from which counters were recomputed.
    pub entries: u64,
    /// The checkpoints that were compared.
    pub checkpoints: Vec<Seq>,
    /// Windows that were compared.
    pub windows: usize,
    /// Windows that left memory and did not come back, as far as the entries reach; compared with their images.
    pub paged: usize,
    /// Attempts in flight.
    pub live: usize,
    /// Attempts in suspense.
    pub suspense: usize,
    /// Counters that are not what the entries say.
    pub differences: Vec<Difference>,
    /// Everything else that is wrong, a sentence each, with file and place.
    pub problems: Vec<String>,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty() && self.problems.is_empty()
    }
}

/// A counter that is not what the entries say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// After which entry.
    pub at: Seq,
    /// Where the recorded number stands: a checkpoint, the replay, the running ledger.
    pub recorded_in: &'static str,
    /// Which window.
    pub window: WindowId,
    /// Which counter, in the word of the standings.
    pub counter: &'static str,
    /// What is recorded; absent where the window is not.
    pub recorded: Option<i64>,
    /// What the entries add up to; absent where they know no such window.
    pub recomputed: Option<i64>,
}

/// Why nothing was verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Another process has the ledger, or the lock file cannot be used.
    #[error("cannot lock the ledger")]
    Lock(#[from] LockError),
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[from] crate::disk::DiskError),
    /// The ledger is down.
    #[error(transparent)]
    Down(#[from] LedgerDown),
    /// The store of cold windows cannot be read.
    #[error("cannot read the store of cold windows")]
    Windows(#[from] WindowStoreError),
}

/// Verifies the ledger on a disk that nobody else uses, with the images of cold windows where they are given. Writes
/// nothing but the lock.
///
/// # Errors
/// [`VerifyError`]; what is wrong with the ledger is no error but in the answer.
pub fn verify(disk: &dyn Disk, windows: Option<&dyn WindowStore>) -> Result<Verification, VerifyError> {
    let _lock = disk.lock(LOCK, "bursar ledger verify")?;
    let mut run = Run::default();
    run.read_checkpoints(disk)?;
    let first = match first_entry(disk) {
        Ok(first) => first,
        Err(error) => {
            run.problem(error)?;
            return Ok(run.found);
        }
    };
    run.found.first = first;
    let base = run.begin(first);
    if let Some(newest) = run.checkpoints.values().next_back().map(|checkpoint| checkpoint.start)
        && let Err(error) = inspect(disk, newest, &mut |_, _| Ok(()))
    {
        run.problem(error)?;
    }
    let all = Start { after: first.before(), ..Start::default() };
    let inspected = inspect(disk, all, &mut |seq, bytes| run.take(seq, base, bytes));
    match inspected {
        Ok(_) => {}
        Err(error) if run.found.problems.contains(&chain_of(&error)) => {}
        Err(error) => run.problem(error)?,
    }
    if let Some(windows) = windows {
        run.compare_stored(windows)?;
    }
    Ok(run.finish(None))
}

impl Ledger {
    /// Verifies the running ledger: entries on disk against checkpoints and the engine of now. It stops nobody for longer
    /// than it takes to copy the counters. Reads the disk, so call it where blocking is allowed.
    ///
    /// # Errors
    /// [`VerifyError`]; what is wrong with the ledger is no error but in the answer.
    pub fn verify(&self) -> Result<Verification, VerifyError> {
        // In hand, nothing is pruned meanwhile.
        let keeper = self.keeper.lock();
        let (last, images) = self.core.look_with_last(|engine| engine.images(0))?;
        self.core.commit()?;
        let mut run = Run::default();
        run.read_checkpoints(keeper.disk())?;
        run.found.first = self.core.segments.first();
        let base = run.begin(run.found.first);
        run.found.last = if base < last { base } else { Seq::NONE };
        let mut broken = None;
        let read = self.core.segments.reader(base.next()).and_then(|mut reader| {
            reader.read(last, |seq, bytes| {
                broken = run.take(seq, base, bytes).err().map(|what| format!("entry {seq}: {what}"));
                broken.is_none()
            })
        });
        let whole = read.is_ok() && broken.is_none();
        if let Err(error) = read {
            run.problem(error)?;
        }
        run.found.problems.extend(broken);
        if whole {
            run.compare_stored(self.windows.as_ref())?;
        }
        // Where the entries end early the running counters must differ, and that would say nothing.
        Ok(run.finish(whole.then_some(&images)))
    }
}

/// A verification in progress.
#[derive(Default)]
struct Run {
    found: Verification,
    checkpoints: BTreeMap<Seq, Checkpoint>,
    engine: Engine,
    recount: Recount,
}

impl Run {
    fn read_checkpoints(&mut self, disk: &dyn Disk) -> Result<(), VerifyError> {
        for seq in checkpoint::list(disk)? {
            match checkpoint::read(disk, seq, 0) {
                Ok(checkpoint) => {
                    self.checkpoints.insert(seq, checkpoint);
                }
                Err(CheckpointError::Disk(error)) => return Err(error.into()),
                Err(error) => self.found.problems.push(chain_of(&error)),
            }
        }
        Ok(())
    }

    /// Starts from nothing where the journal is complete, else from the oldest checkpoint that it continues.
    fn begin(&mut self, first: Seq) -> Seq {
        if first <= Seq::NONE.next() {
            return Seq::NONE;
        }
        let Some((seq, base)) = self.checkpoints.range(first.before()..).next() else {
            self.found
                .problems
                .push(format!("the journal begins at entry {first} and no checkpoint is below it"));
            return Seq::new(u64::MAX);
        };
        self.engine = base.engine.clone();
        self.recount = Recount::of(&self.engine);
        *seq
    }

    /// Takes one entry of the journal, the counters' where it is behind the base.
    fn take(&mut self, seq: Seq, base: Seq, bytes: &[u8]) -> Result<(), String> {
        let before = std::mem::replace(&mut self.found.last, seq);
        self.go_over(before, seq);
        if seq <= base {
            return Entry::decode(bytes).map(|_| ()).map_err(|error| error.to_string());
        }
        let entry = checkpoint::replay(&mut self.engine, bytes)?;
        self.recount.add(&entry)?;
        self.found.entries = self.found.entries.saturating_add(1);
        if let Some(checkpoint) = self.checkpoints.get(&seq) {
            let images = checkpoint.engine.images(0);
            if checkpoint.engine.state_hash() != self.engine.state_hash() {
                self.found.problems.push(format!("checkpoint {seq} is not what the entries lead to"));
            }
            self.found.checkpoints.push(seq);
            self.compare(seq, "checkpoint", &images);
        }
        Ok(())
    }

    /// Where a repair gave entries up, counters go on from the newest checkpoint among them, as they did then.
    fn go_over(&mut self, before: Seq, seq: Seq) {
        if before == Seq::NONE || seq == before.next() {
            return;
        }
        if let Some((_, checkpoint)) = self.checkpoints.range(before.next()..seq).next_back() {
            self.engine = checkpoint.engine.clone();
            self.recount = Recount::of(&self.engine);
        }
    }

    fn finish(mut self, live: Option<&Vec<WindowImage>>) -> Verification {
        let last = self.found.last;
        let images = self.engine.images(0);
        self.compare(last, "replay", &images);
        if let Some(images) = live {
            self.compare(last, "running ledger", images);
        }
        for seq in self.checkpoints.keys().filter(|seq| **seq > last) {
            self.found
                .problems
                .push(format!("checkpoint {seq} is beyond the last entry of the journal, {last}"));
        }
        if let Err(broken) = check_invariants(&self.engine) {
            self.found.problems.push(format!("after entry {last}: {broken}"));
        }
        self.found.windows = images.len();
        let open = self.engine.open();
        self.found.suspense = open.iter().filter(|one| one.state == State::Suspense).count();
        self.found.live = open.len().saturating_sub(self.found.suspense);
        self.found
    }

    /// Compares recorded counters with the recount.
    fn compare(&mut self, at: Seq, recorded_in: &'static str, images: &[WindowImage]) {
        let recorded: BTreeMap<WindowId, Counters> =
            images.iter().map(|image| (image.id, Counters::of(image))).collect();
        let recomputed = self.recount.windows().clone();
        let ids = recorded.keys().chain(recomputed.keys().filter(|id| !recorded.contains_key(id)));
        for window in ids {
            let (one, other) = (recorded.get(window), recomputed.get(window));
            if one != other {
                self.differ(at, recorded_in, *window, one, other);
            }
        }
    }

    /// Compares the images of windows that left memory with the recount. One whose period is over may be forgotten.
    fn compare_stored(&mut self, store: &dyn WindowStore) -> Result<(), VerifyError> {
        let (at, paged) = (self.found.last, self.recount.paged());
        self.found.paged = paged.len();
        for part in paged.chunks(WINDOWS_PER_COMMAND_MAX) {
            let keys: Vec<WindowKey> = part.iter().map(|(_, key, _)| key.clone()).collect();
            let images = match store.find(&keys) {
                Ok(images) => images,
                Err(WindowStoreError::Image(error)) => {
                    self.found.problems.push(format!("the store of cold windows: {error}"));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let stored: BTreeMap<WindowId, Counters> =
                images.iter().map(|image| (image.id, Counters::of(image))).collect();
            for (window, key, counters) in part {
                let recorded = stored.get(window);
                if recorded == Some(counters) || (recorded.is_none() && key.interval.ends_at.is_some()) {
                    continue;
                }
                self.differ(at, "the store of cold windows", *window, recorded, Some(counters));
            }
        }
        Ok(())
    }

    fn differ(
        &mut self,
        at: Seq,
        recorded_in: &'static str,
        window: WindowId,
        recorded: Option<&Counters>,
        recomputed: Option<&Counters>,
    ) {
        for counter in Counters::WORDS {
            let recorded = recorded.map(|counters| counters.get(counter));
            let recomputed = recomputed.map(|counters| counters.get(counter));
            if recorded != recomputed {
                let difference = Difference { at, recorded_in, window, counter, recorded, recomputed };
                self.found.differences.push(difference);
            }
        }
    }

    /// What is wrong with the journal is a finding, a disk that cannot be read is none.
    fn problem(&mut self, error: JournalError) -> Result<(), VerifyError> {
        if let JournalError::Disk(error) = error {
            return Err(error.into());
        }
        self.found.problems.push(chain_of(&error));
        Ok(())
    }
}

/// An error with all its causes.
fn chain_of(error: &dyn std::error::Error) -> String {
    LedgerDown::because(error).reason.to_string()
}
