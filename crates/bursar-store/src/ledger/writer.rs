//! Writing and syncing: by the writer thread, by callers under `fast`, by hand in simulators.

use std::sync::Arc;

use super::LedgerDown;
use super::commit::{Core, State, Writer};
use crate::journal::{Durability, JournalError, Seq};
use crate::limits::SYNC_INTERVAL;
use crate::sync::atomic::Ordering;
use crate::sync::thread;

/// What the writer thread does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Work {
    /// Write what is in the buffer and sync.
    Commit,
    /// Note in the idle journal that all of it is synced.
    Note,
    /// The ledger was closed, or is down.
    End,
}

/// Starts the thread that commits.
pub(super) fn start(core: &Arc<Core>) -> std::io::Result<thread::JoinHandle<()>> {
    let core = Arc::clone(core);
    thread::Builder::new().name("bursar-ledger".to_owned()).spawn(move || {
        let guard = DownOnPanic(&core);
        core.run();
        drop(guard);
    })
}

/// Nobody may wait for a thread that is gone.
struct DownOnPanic<'a>(&'a Core);

impl Drop for DownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(LedgerDown::new("its thread panicked: this is a bug"));
        }
    }
}

impl Core {
    /// Takes the buffer and writes it to the system. The writer is in hand, so batches keep their order.
    fn write(&self, writer: &mut Writer) -> Result<(), JournalError> {
        {
            let mut state = self.state.lock();
            state.sync_wanted = false;
            if state.batch.is_empty() {
                return Ok(());
            }
            writer.spare.reset(state.batch.next());
            std::mem::swap(&mut state.batch, &mut writer.spare);
        }
        writer.journal.append(&writer.spare)?;
        let bytes = u64::try_from(writer.spare.bytes()).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.written.fetch_max(writer.journal.written().number(), Ordering::AcqRel);
        Ok(())
    }

    /// `fast`: the caller writes what it, and whoever came meanwhile, has put into the buffer.
    pub(super) fn write_through(&self, seq: Seq) -> Result<(), LedgerDown> {
        if self.written() >= seq {
            return Ok(());
        }
        let mut writer = self.writer.lock();
        if self.written() >= seq {
            drop(writer);
            self.kept.advance(self.written());
            return Ok(());
        }
        if let Some(down) = self.down() {
            return Err(down);
        }
        let done = self.write(&mut writer);
        drop(writer);
        self.guard(done)?;
        self.kept.advance(self.written());
        Ok(())
    }

    /// Writes the buffer and syncs. Under `fast` others write on while the disk syncs.
    pub(super) fn commit(&self) -> Result<Seq, LedgerDown> {
        if let Some(down) = self.down() {
            return Err(down);
        }
        let done = self.try_commit();
        self.guard(done)?;
        Ok(self.synced())
    }

    fn try_commit(&self) -> Result<(), JournalError> {
        let mut writer = self.writer.lock();
        self.write(&mut writer)?;
        match self.durability {
            Durability::Sync => writer.journal.sync()?,
            Durability::Fast => {
                let begun = writer.journal.begin_sync()?;
                drop(writer);
                // Kept already, whatever becomes of the sync: whoever waits for these need not wait for it.
                self.kept.advance(self.written());
                let Some(pending) = begun else { return Ok(()) };
                let done = pending.run();
                writer = self.writer.lock();
                writer.journal.end_sync(&pending, done)?;
            }
        }
        let (synced, written) = (writer.journal.synced(), writer.journal.written());
        drop(writer);
        self.synced.fetch_max(synced.number(), Ordering::AcqRel);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.kept.advance(match self.durability {
            Durability::Sync => synced,
            Durability::Fast => written,
        });
        Ok(())
    }

    /// Notes in an idle journal that all of it is synced.
    fn note(&self) -> Result<(), LedgerDown> {
        let done = self.writer.lock().journal.note_synced();
        self.guard(done)
    }

    /// Ends the journal in order; the ledger is down then.
    pub(super) fn close(&self) -> Result<(), LedgerDown> {
        self.commit()?;
        let done = self.writer.lock().journal.close();
        self.guard(done)?;
        self.fail(LedgerDown::new("it was closed"));
        Ok(())
    }

    fn guard<T>(&self, done: Result<T, JournalError>) -> Result<T, LedgerDown> {
        done.map_err(|error| self.fail(LedgerDown::because(&error)))
    }

    /// Takes no more commands and lets the writer thread end.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_all();
    }

    /// Commits until stopped or down.
    pub(super) fn run(&self) {
        let mut noted = true;
        loop {
            match self.wait_for_work(noted) {
                Work::Commit => {
                    noted = false;
                    if self.commit().is_err() {
                        return;
                    }
                }
                Work::Note => {
                    noted = true;
                    if self.note().is_err() {
                        return;
                    }
                }
                Work::End => return,
            }
        }
    }

    fn wait_for_work(&self, noted: bool) -> Work {
        let mut state = self.state.lock();
        loop {
            if state.stopped || self.kept.down().is_some() {
                return Work::End;
            }
            if state.sync_wanted && self.durability == Durability::Sync {
                return Work::Commit;
            }
            let idle = self.is_idle(&state);
            if idle && noted {
                state.parked = true;
                self.work.wait(&mut state);
                state.parked = false;
            } else if self.work.wait_for(&mut state, SYNC_INTERVAL).timed_out() {
                return if self.is_idle(&state) { Work::Note } else { Work::Commit };
            }
        }
    }

    /// Whether all that was decided is synced. Not what was written: between taking the buffer and noting that it was
    /// written both would look done.
    fn is_idle(&self, state: &State) -> bool {
        state.batch.next().before() == self.synced()
    }
}
