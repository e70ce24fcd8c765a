//! What the ledger's files need of a disk: a seam with a real side and a simulated one that loses, tears and flips.
//!
//! One `Disk` is one directory. Names are plain file names. Every failure is an error that names the operation and
//! the file; nothing is retried here.

pub mod real;
pub mod simulated;

pub use real::RealDisk;
pub use simulated::SimulatedDisk;

use std::fmt;
use std::io;

/// Bytes that a disk writes whole or not at all: the logical block of every disk sold is this or a multiple of it.
pub const SECTOR_BYTES: usize = 512;

/// One directory of files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Names of the files in it, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self) -> Result<Vec<String>, DiskError>;
    /// A new, empty file for reading and writing.
    ///
    /// # Errors
    /// When it exists already or cannot be made.
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError>;
    /// An existing file for reading and writing.
    ///
    /// # Errors
    /// When it is absent or cannot be opened.
    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Gives a file another name, replacing what had that name. Lasting only after [`Disk::sync_directory`].
    ///
    /// # Errors
    /// When the file is absent or the directory refuses.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file. Lasting only after [`Disk::sync_directory`].
    ///
    /// # Errors
    /// When the file is absent or the directory refuses.
    fn remove(&self, name: &str) -> Result<(), DiskError>;
    /// Makes every name given or taken so far last through a power cut.
    ///
    /// # Errors
    /// When the sync fails: what lasts is then unknown.
    fn sync_directory(&self) -> Result<(), DiskError>;
    /// Takes the exclusive lock `name` for as long as the answer lives, and writes `holder` into it.
    ///
    /// # Errors
    /// [`LockError::Held`] with the text of the other holder; else the disk's failure.
    fn lock(&self, name: &str, holder: &str) -> Result<Box<dyn DiskLock>, LockError>;
}

/// One open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the file cannot be asked.
    fn bytes(&self) -> Result<u64, DiskError>;
    /// Reads from `offset` until `buffer` is full or the file ends; how much was read.
    ///
    /// # Errors
    /// When the read fails.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError>;
    /// Writes all of `bytes` at `offset`. Lasting only after [`DiskFile::sync`].
    ///
    /// # Errors
    /// When the write fails: any part of it may have happened.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes every write so far, and the length, last through a power cut.
    ///
    /// # Errors
    /// When the sync fails: what lasts is then unknown, and a second try proves nothing.
    fn sync(&self) -> Result<(), DiskError>;
}

/// An exclusive lock that ends when this is dropped.
pub trait DiskLock: Send + Sync + fmt::Debug {}

/// A failed disk operation.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{name}`")]
pub struct DiskError {
    /// What was tried.
    pub operation: Operation,
    /// On which file.
    pub name: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl DiskError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
    /// Whether the file is absent.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// What a disk is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// Names of the directory.
    List,
    /// A new file.
    Create,
    /// An existing file.
    Open,
    /// Another name.
    Rename,
    /// Take the name away.
    Remove,
    /// Make names last.
    SyncDirectory,
    /// Take the lock.
    Lock,
    /// Ask the length.
    Measure,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Make writes last.
    Sync,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::List => "list",
            Self::Create => "create",
            Self::Open => "open",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::SyncDirectory => "sync the directory of",
            Self::Lock => "lock",
            Self::Measure => "measure",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
        })
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the data directory is in use by {holder}")]
    Held {
        /// What the other holder wrote into the lock, e.g. its process id.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot use the lock of the data directory")]
    Disk(#[from] DiskError),
}
