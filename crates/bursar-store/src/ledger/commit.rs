//! The core that callers and the writer thread share: engine and buffer under one lock, the journal under another.
//!
//! Lock order: journal, then state. The state is locked for a decision or a swap of buffers, never across I/O.

use std::sync::Arc;
use std::task::Poll;

use bursar_ledger::{Command, Engine, Entry, Outcome, Rejection, Sink};
use tokio::sync::watch;

use super::waiters::Waiters;
use super::{LedgerDown, verbs};
use crate::journal::{Batch, Durability, Journal, Segments, Seq};
use crate::limits::BUFFER_BYTES_MAX;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What callers and the writer share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) state: Mutex<State>,
    /// Wakes the writer thread.
    pub(super) work: Condvar,
    pub(super) writer: Mutex<Writer>,
    /// How far entries are kept in the sense of the durability.
    pub(super) kept: Waiters,
    pub(super) written: AtomicU64,
    pub(super) synced: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) syncs: AtomicU64,
    /// Up to here somebody waits: no need to ask for a sync again.
    wanted: AtomicU64,
    pub(super) segments: Arc<Segments>,
    pub(super) durability: Durability,
    room: watch::Sender<u64>,
    down: watch::Sender<Option<LedgerDown>>,
}

/// What a command is decided on.
#[derive(Debug)]
pub(super) struct State {
    pub(super) engine: Engine,
    pub(super) batch: Batch,
    /// Windows may be in the store.
    pub(super) paged: bool,
    /// Somebody waits for what is in the buffer.
    pub(super) sync_wanted: bool,
    /// The writer thread sleeps until it is woken, without a timer.
    pub(super) parked: bool,
    pub(super) stopped: bool,
    /// Set while the engine works: still set when the lock is taken, it was left half done.
    deciding: bool,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) journal: Box<dyn Journal>,
    /// The buffer that is not the state's.
    pub(super) spare: Batch,
}

/// Takes effects into the buffer.
struct Buffer<'a> {
    batch: &'a mut Batch,
    needs_sync: bool,
}

impl Sink<Entry> for Buffer<'_> {
    fn push(&mut self, entry: Entry) {
        self.needs_sync |= entry.needs_sync();
        self.batch.push(|bytes| entry.encode(bytes));
    }
}

impl Core {
    pub(super) fn new(
        engine: Engine,
        journal: Box<dyn Journal>,
        segments: Arc<Segments>,
        durability: Durability,
        paged: bool,
    ) -> Self {
        let last = journal.written();
        let state = State {
            engine,
            batch: Batch::new(last.next()),
            paged,
            sync_wanted: false,
            parked: false,
            stopped: false,
            deciding: false,
        };
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            writer: Mutex::new(Writer { journal, spare: Batch::new(last.next()) }),
            kept: Waiters::new(last),
            written: AtomicU64::new(last.number()),
            synced: AtomicU64::new(last.number()),
            bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            wanted: AtomicU64::new(last.number()),
            segments,
            durability,
            room: watch::Sender::new(0),
            down: watch::Sender::new(None),
        }
    }
    /// Decides one command and has its effects journalled; the number of the last entry.
    pub(super) fn apply(
        &self,
        now: bursar_core::Timestamp,
        command: impl FnOnce(&State) -> Command,
    ) -> Result<(Outcome, Seq), LedgerDown> {
        let (outcome, seq) = self.gather(now, command)?;
        self.write_now(seq)?;
        Ok((outcome, seq))
    }
    /// As [`Core::apply`]; but under `fast` whoever relies on the entry writes it, with what others have put into the
    /// buffer by then: [`Core::durable`], [`Core::handed_over`] or [`Core::write_now`].
    pub(super) fn gather(
        &self,
        now: bursar_core::Timestamp,
        command: impl FnOnce(&State) -> Command,
    ) -> Result<(Outcome, Seq), LedgerDown> {
        let mut state = self.state()?;
        let command = command(&state);
        let (reserves, pages) =
            (matches!(command, Command::Reserve(_)), matches!(command, Command::PageOut(_)));
        state.paged |= pages;
        if reserves && state.batch.bytes() > BUFFER_BYTES_MAX {
            return Err(LedgerDown::new("the disk is too slow: too much waits to be written"));
        }
        let State { engine, batch, deciding, .. } = &mut *state;
        let before = batch.next();
        let mut buffer = Buffer { batch, needs_sync: false };
        *deciding = true;
        let outcome = engine.apply(now, command, &mut buffer);
        *deciding = false;
        let needs_sync = buffer.needs_sync;
        let seq = state.batch.next().before();
        let pushed = state.batch.next() > before;
        let wanted = needs_sync && !state.sync_wanted && self.durability == Durability::Sync;
        let wake = pushed && (state.parked || wanted);
        state.sync_wanted |= needs_sync;
        if needs_sync {
            self.wanted.fetch_max(seq.number(), Ordering::AcqRel);
        }
        drop(state);
        if let Outcome::Rejected(Rejection::Broken) = outcome {
            return Err(self.fail(LedgerDown::new("the engine's effects do not apply: this is a bug")));
        }
        if pushed {
            self.announce(&outcome);
            if wake {
                self.work.notify_one();
            }
        }
        Ok((outcome, seq))
    }
    /// `fast`: has entry `seq` written now. Under `sync` the writer thread writes.
    pub(super) fn write_now(&self, seq: Seq) -> Result<(), LedgerDown> {
        match self.durability {
            Durability::Sync => Ok(()),
            Durability::Fast => self.write_through(seq),
        }
    }
    /// As [`Core::write_now`], behind everybody who is ready to go on now: what they decide is written with it.
    pub(super) async fn handed_over(&self, seq: Seq) -> Result<(), LedgerDown> {
        if self.durability == Durability::Fast && self.written() < seq {
            let mut is_behind = false;
            let others = std::future::poll_fn(|context| {
                if std::mem::replace(&mut is_behind, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            });
            others.await;
        }
        self.write_now(seq)
    }
    /// Reads the engine, also of a ledger that is down.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Engine) -> T) -> Result<T, LedgerDown> {
        self.look_with_last(look).map(|(_, looked)| looked)
    }
    /// Reads the engine; also the last entry that is in it.
    pub(super) fn look_with_last<T>(&self, look: impl FnOnce(&Engine) -> T) -> Result<(Seq, T), LedgerDown> {
        let state = self.whole_state()?;
        Ok((state.batch.next().before(), look(&state.engine)))
    }
    /// Whether windows were ever paged out: then some may be in the store.
    pub(super) fn has_paged(&self) -> bool {
        self.state.lock().paged
    }
    pub(super) fn last(&self) -> Seq {
        self.state.lock().batch.next().before()
    }
    pub(super) fn kept(&self) -> Seq {
        self.kept.durable()
    }
    pub(super) fn written(&self) -> Seq {
        Seq::new(self.written.load(Ordering::Acquire))
    }
    pub(super) fn synced(&self) -> Seq {
        Seq::new(self.synced.load(Ordering::Acquire))
    }
    /// Bytes of entries journalled by this process.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
    /// Syncs by this process.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
    pub(super) fn room(&self) -> watch::Receiver<u64> {
        self.room.subscribe()
    }
    pub(super) fn down(&self) -> Option<LedgerDown> {
        self.kept.down().cloned()
    }
    pub(super) async fn until_down(&self) -> LedgerDown {
        let mut down = self.down.subscribe();
        match down.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_else(|| LedgerDown::new("it was closed")),
            Err(_closed) => LedgerDown::new("it was closed"),
        }
    }
    pub(super) async fn durable(&self, seq: Seq) -> Result<(), LedgerDown> {
        if self.kept.durable() < seq {
            self.handed_over(seq).await?;
        }
        if self.kept.durable() < seq && self.wanted.load(Ordering::Acquire) < seq.number() {
            self.want_sync();
        }
        self.kept.wait(seq).await
    }

    /// Locks the state for a command, unless the ledger is down or being closed.
    fn state(&self) -> Result<MutexGuard<'_, State>, LedgerDown> {
        if let Some(down) = self.kept.down() {
            return Err(down.clone());
        }
        let state = self.whole_state()?;
        if state.stopped {
            return Err(LedgerDown::new("it is being closed"));
        }
        Ok(state)
    }

    /// Locks the state, unless a panic left it half decided.
    fn whole_state(&self) -> Result<MutexGuard<'_, State>, LedgerDown> {
        let state = self.state.lock();
        if state.deciding {
            drop(state);
            return Err(self.fail(LedgerDown::new("the engine panicked: this is a bug")));
        }
        Ok(state)
    }

    fn want_sync(&self) {
        let mut state = self.state.lock();
        if !state.batch.is_empty() && !state.sync_wanted {
            state.sync_wanted = true;
            self.wanted.fetch_max(state.batch.next().before().number(), Ordering::AcqRel);
            self.work.notify_one();
        }
    }

    fn announce(&self, outcome: &Outcome) {
        if verbs::may_free_room(outcome) && self.room.receiver_count() > 0 {
            self.room.send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    /// Takes the ledger down for good and tells everybody; the reason that counts is the first.
    pub(super) fn fail(&self, down: LedgerDown) -> LedgerDown {
        self.kept.fail(down);
        let first = self.down().unwrap_or_else(|| LedgerDown::new("unknown"));
        self.down.send_if_modified(|known| {
            let new = known.is_none();
            *known = Some(first.clone());
            new
        });
        self.room.send_modify(|version| *version = version.wrapping_add(1));
        self.work.notify_all();
        first
    }
}
