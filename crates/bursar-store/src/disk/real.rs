//! The real disk: `std::fs`, with `fdatasync` for files and `fsync` for the directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Disk, DiskError, DiskFile, DiskLock, LockError, Operation};

/// A directory of the file system.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
}

impl RealDisk {
    /// Opens the directory `path`, making it (for its owner alone) and its parents where absent.
    ///
    /// # Errors
    /// When it cannot be made or is no directory.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        use std::os::unix::fs::DirBuilderExt;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        let done =
            made.and_then(|()| if path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) });
        done.map_err(|source| failed(Operation::Open, &path.display().to_string(), source))?;
        Ok(Self { path: path.to_owned() })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Disk for RealDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        let names = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_type()?.is_file()
                    && let Ok(name) = entry.file_name().into_string()
                {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        names().map_err(|source| failed(Operation::List, &self.path.display().to_string(), source))
    }

    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.at(name));
        boxed(file, Operation::Create, name)
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = OpenOptions::new().read(true).write(true).open(self.at(name));
        boxed(file, Operation::Open, name)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        fs::rename(self.at(from), self.at(to)).map_err(|source| failed(Operation::Rename, from, source))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        fs::remove_file(self.at(name)).map_err(|source| failed(Operation::Remove, name, source))
    }

    fn sync_directory(&self) -> Result<(), DiskError> {
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|source| failed(Operation::SyncDirectory, &self.path.display().to_string(), source))
    }

    fn lock(&self, name: &str, holder: &str) -> Result<Box<dyn DiskLock>, LockError> {
        let fail = |source| failed(Operation::Lock, name, source);
        let path = self.at(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { holder: holder_of(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(fail(source).into()),
        }
        let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        written.and_then(|_| file.write_all(holder.as_bytes())).map_err(fail)?;
        Ok(Box::new(RealLock { _file: file }))
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
    name: String,
}

impl DiskFile for RealFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        let bytes = self.file.metadata().map(|about| about.len());
        bytes.map_err(|source| failed(Operation::Measure, &self.name, source))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            match self.file.read_at(rest, at) {
                Ok(0) => break,
                Ok(read) => done = done.saturating_add(read),
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed(Operation::Read, &self.name, source)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(|source| failed(Operation::Write, &self.name, source))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(|source| failed(Operation::Sync, &self.name, source))
    }
}

/// The system frees the lock when the file is closed, also when the process is killed.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

fn holder_of(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    if read.is_err() || text.trim().is_empty() {
        "another process".to_owned()
    } else {
        text.trim().to_owned()
    }
}

fn boxed(file: io::Result<File>, operation: Operation, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
    match file {
        Ok(file) => Ok(Box::new(RealFile { file, name: name.to_owned() })),
        Err(source) => Err(failed(operation, name, source)),
    }
}

fn failed(operation: Operation, name: &str, source: io::Error) -> DiskError {
    DiskError { operation, name: name.to_owned(), source }
}
