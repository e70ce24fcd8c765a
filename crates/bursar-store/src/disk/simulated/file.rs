//! Open files and locks of the simulated disk.

use std::fmt;
use std::io;

use super::content::Content;
use super::{Fault, SimulatedDisk, State};
use crate::disk::{DiskError, DiskFile, DiskLock, Operation, SECTOR_BYTES};

/// One open file of one simulated process.
pub(super) struct SimulatedFile {
    pub(super) disk: SimulatedDisk,
    pub(super) key: u64,
    pub(super) name: String,
}

impl SimulatedFile {
    fn run<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        self.disk.run(operation, &self.name, act)
    }
}

impl DiskFile for SimulatedFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        self.run(Operation::Measure, |state, _| {
            let content = content(state, self.key)?;
            Ok(u64::try_from(content.cache.len()).unwrap_or(u64::MAX))
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.run(Operation::Read, |state, fault| {
            let start = place(offset)?;
            let rest = content(state, self.key)?.cache.get(start..).unwrap_or_default();
            let read = rest.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..read), rest.get(..read)) {
                to.copy_from_slice(from);
            }
            if fault == Some(Fault::Flipped) && read > 0 {
                let (byte, bit) = (state.random.up_to(read - 1), state.random.up_to(7));
                if let Some(byte) = buffer.get_mut(byte) {
                    *byte ^= 1 << bit;
                }
            }
            Ok(read)
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.run(Operation::Write, |state, fault| {
            let start = place(offset)?;
            let grown = start.saturating_add(bytes.len());
            let used: usize = state.contents.values().map(|other| other.cache.len()).sum();
            let more = grown.saturating_sub(content(state, self.key)?.cache.len());
            if u64::try_from(used.saturating_add(more)).unwrap_or(u64::MAX) > state.capacity {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut kept = bytes.len();
            if fault == Some(Fault::Torn) {
                kept = state.random.up_to(bytes.len() / SECTOR_BYTES) * SECTOR_BYTES;
            }
            let flip = (fault == Some(Fault::Flipped) && kept > 0)
                .then(|| (start + state.random.up_to(kept - 1), state.random.up_to(7)));
            let content = content(state, self.key)?;
            content.write(start, bytes.get(..kept).unwrap_or(bytes));
            if let Some((byte, bit)) = flip {
                content.flip(byte, u8::try_from(bit).unwrap_or(0));
            }
            Ok(())
        })
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.run(Operation::Sync, |state, fault| {
            if fault != Some(Fault::Lied) {
                content(state, self.key)?.sync();
            }
            Ok(())
        })
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedFile({})", self.name)
    }
}

/// A held lock of one simulated process.
#[derive(Debug)]
pub(super) struct SimulatedLock {
    pub(super) disk: SimulatedDisk,
    pub(super) name: String,
}

impl DiskLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.life == self.disk.life {
            state.locks.remove(&self.name);
        }
    }
}

fn content(state: &mut State, key: u64) -> io::Result<&mut Content> {
    state.contents.get_mut(&key).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}
