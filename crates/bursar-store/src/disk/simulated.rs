//! A disk in memory that behaves as badly as real ones are allowed to, the same way for the same seed.
//!
//! It keeps what a process sees (the cache) apart from what survives a power cut (the platter). A sync moves one to
//! the other; a power cut keeps any subset of the unsynced sectors and a prefix of the unsynced name changes. A hook
//! sees each operation and may break it. Exported for the simulator.

mod content;
mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use self::content::{Content, Random};
use self::file::{SimulatedFile, SimulatedLock};
use super::{Disk, DiskError, DiskFile, DiskLock, LockError, Operation};

/// What a hook may do to one operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// It fails with an I/O error and does nothing. A failed sync also forgets what was to be synced, as kernels do.
    Broken,
    /// It fails because the disk is full and does nothing.
    Full,
    /// A write happens for the first part of its sectors only, then fails with an I/O error.
    Torn,
    /// A write stores, or a read gives, one bit wrong, and nobody notices.
    Flipped,
    /// A sync reports success and syncs nothing.
    Lied,
    /// Power fails before it: this and every later operation fails.
    CutBefore,
    /// It happens, then power fails: it reports failure, as does every later operation.
    CutAfter,
}

/// How a simulated process ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// Killed: what was written stays.
    Killed,
    /// The machine lost power: only what was synced is sure to stay.
    PowerCut,
}

/// What a hook is told: how many operations came before, what is asked, of which file.
pub struct Asked<'a> {
    /// Operations since the disk was made, this one not counted.
    pub count: u64,
    /// What is asked.
    pub operation: Operation,
    /// Of which file.
    pub name: &'a str,
}

/// Decides what goes wrong.
pub type Hook = Box<dyn FnMut(&Asked<'_>) -> Option<Fault> + Send>;

/// A handle for one simulated process. It and its files stop working once [`SimulatedDisk::restart`] made the next.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    life: u64,
}

impl SimulatedDisk {
    /// An empty disk; `seed` decides what power cuts keep and which bits flip.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            life: 0,
            powered: true,
            count: 0,
            capacity: u64::MAX,
            hook: None,
            next_key: 0,
            contents: BTreeMap::new(),
            names: BTreeMap::new(),
            names_on_platter: BTreeMap::new(),
            changes: Vec::new(),
            locks: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), life: 0 }
    }
    /// Ends the process that uses this handle, in that way, and gives the next process its handle. The hook is gone.
    #[must_use]
    pub fn restart(&self, ending: Ending) -> Self {
        let mut state = self.state.lock();
        state.life += 1;
        state.hook = None;
        state.locks.clear();
        if ending == Ending::PowerCut || !state.powered {
            state.cut_power();
        }
        state.powered = true;
        Self { state: Arc::clone(&self.state), life: state.life }
    }
    /// Lets `hook` see, and break, each operation from now on.
    pub fn set_hook(&self, hook: Hook) {
        self.state.lock().hook = Some(hook);
    }
    /// Lets the disk hold at most `bytes`.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }
    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().count
    }
    /// The content of a file as a process sees it.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let content = state.names.get(name).and_then(|key| state.contents.get(key))?;
        Some(content.cache.clone())
    }
    /// Puts a file there, synced, replacing what had that name.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let key = state.new_content(Content::synced(bytes));
        state.names.insert(name.to_owned(), key);
        state.names_on_platter.insert(name.to_owned(), key);
    }
    /// Flips one bit at rest. Returns false where the file has no such byte.
    pub fn flip(&self, name: &str, byte: usize, bit: u8) -> bool {
        let mut state = self.state.lock();
        let Some(key) = state.names.get(name).copied() else { return false };
        state.contents.get_mut(&key).is_some_and(|content| content.flip(byte, bit))
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedDisk(life {})", self.life)
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.run(Operation::List, "", |state, _| Ok(state.names.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let key = self.run(Operation::Create, name, |state, _| {
            if state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let key = state.new_content(Content::default());
            state.change(NameChange::Put(name.to_owned(), key));
            Ok(key)
        })?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), key, name: name.to_owned() }))
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let key = self.run(Operation::Open, name, |state, _| state.key_of(name))?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), key, name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.run(Operation::Rename, from, |state, _| {
            let key = state.key_of(from)?;
            state.change(NameChange::Move { from: from.to_owned(), to: to.to_owned(), key });
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.run(Operation::Remove, name, |state, _| {
            state.key_of(name)?;
            state.change(NameChange::Take(name.to_owned()));
            Ok(())
        })
    }

    fn sync_directory(&self) -> Result<(), DiskError> {
        self.run(Operation::SyncDirectory, "", |state, fault| {
            if fault != Some(Fault::Lied) {
                state.changes.clear();
                state.names_on_platter.clone_from(&state.names);
                let State { names_on_platter, contents, .. } = state;
                contents.retain(|key, _| names_on_platter.values().any(|named| named == key));
            }
            Ok(())
        })
    }

    fn lock(&self, name: &str, holder: &str) -> Result<Box<dyn DiskLock>, LockError> {
        let held = self.run(Operation::Lock, name, |state, _| match state.locks.get(name) {
            Some(other) => Ok(Err(other.clone())),
            None => Ok(Ok(state.locks.insert(name.to_owned(), holder.to_owned()))),
        })?;
        match held {
            Err(holder) => Err(LockError::Held { holder }),
            Ok(_) => Ok(Box::new(SimulatedLock { disk: self.clone(), name: name.to_owned() })),
        }
    }
}

impl SimulatedDisk {
    /// Runs one operation under the hook and the power switch.
    fn run<T>(
        &self,
        operation: Operation,
        name: &str,
        act: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let mut state = self.state.lock();
        state.run(self.life, operation, name, act).map_err(|source| DiskError {
            operation,
            name: name.to_owned(),
            source,
        })
    }
}

struct State {
    random: Random,
    life: u64,
    powered: bool,
    count: u64,
    capacity: u64,
    hook: Option<Hook>,
    next_key: u64,
    contents: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    names_on_platter: BTreeMap<String, u64>,
    changes: Vec<NameChange>,
    locks: BTreeMap<String, String>,
}

/// A change of the directory that no sync has made lasting.
enum NameChange {
    Put(String, u64),
    Move { from: String, to: String, key: u64 },
    Take(String),
}

impl State {
    fn run<T>(
        &mut self,
        life: u64,
        operation: Operation,
        name: &str,
        act: impl FnOnce(&mut Self, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.powered || self.life != life {
            return Err(io::Error::other("the power is off"));
        }
        let asked = Asked { count: self.count, operation, name };
        self.count += 1;
        let fault = self.hook.as_mut().and_then(|hook| hook(&asked));
        match fault {
            None | Some(Fault::Flipped | Fault::Lied) => act(self, fault),
            Some(Fault::Torn) if operation == Operation::Write => {
                act(self, fault)?;
                Err(io::Error::other("simulated I/O error"))
            }
            Some(Fault::Broken | Fault::Torn) => {
                self.forget_unsynced(operation, name);
                Err(io::Error::other("simulated I/O error"))
            }
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::CutBefore) => {
                self.powered = false;
                Err(io::Error::other("the power is off"))
            }
            Some(Fault::CutAfter) => {
                act(self, None)?;
                self.powered = false;
                Err(io::Error::other("the power is off"))
            }
        }
    }

    /// A failed sync marks pages clean that never reached the platter: a second sync has nothing to do.
    fn forget_unsynced(&mut self, operation: Operation, name: &str) {
        if operation == Operation::Sync
            && let Some(key) = self.names.get(name)
            && let Some(content) = self.contents.get_mut(key)
        {
            content.forget_unsynced();
        }
    }

    fn key_of(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn new_content(&mut self, content: Content) -> u64 {
        self.next_key += 1;
        self.contents.insert(self.next_key, content);
        self.next_key
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn cut_power(&mut self) {
        let kept = self.random.up_to(self.changes.len());
        for change in self.changes.drain(..).take(kept) {
            change.apply(&mut self.names_on_platter);
        }
        self.names.clone_from(&self.names_on_platter);
        let named = &self.names;
        self.contents.retain(|key, _| named.values().any(|other| other == key));
        for content in self.contents.values_mut() {
            content.cut_power(&mut self.random);
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Put(name, key) => {
                names.insert(name.clone(), *key);
            }
            Self::Move { from, to, key } => {
                names.remove(from);
                names.insert(to.clone(), *key);
            }
            Self::Take(name) => {
                names.remove(name);
            }
        }
    }
}
