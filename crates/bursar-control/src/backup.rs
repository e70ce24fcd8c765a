//! Backup: a copy of the data directory while it is in use, from which a server starts as after a crash.
//!
//! The order is what makes it whole. Settings and records first; the journal after them, so that it reaches at least as far
//! as they have drained, and kept from being pruned meanwhile, so that nothing is missing in between; cold windows at the
//! same moment as the journal. What the journal has beyond the records is drained after a restore, once.

use crate::state::State;
use bursar_store::BackupError;
use bursar_store::disk::{DiskError, RealDisk};
use bursar_store::journal::Seq;
use bursar_store::ledger::{LedgerBackupError, SqliteWindows};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The settings in the data directory.
pub const SETTINGS: &str = "settings.db";
/// The folder of the records.
pub const RECORDS: &str = "records";
/// The folder of the journal and its checkpoints.
pub const LEDGER: &str = "ledger";
/// The store of cold windows.
pub const WINDOWS: &str = "windows.db";
/// The operator's own price file.
pub const PRICES: &str = "prices.toml";
/// The file whose presence stops everything.
pub const KILL: &str = "KILL";
/// The folder of the backups.
pub const BACKUPS: &str = "backups";

/// A finished backup.
#[derive(Debug)]
pub struct Backup {
    /// A data directory.
    pub folder: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The last entry of the journal in it.
    pub upto: Seq,
}

/// Why there is no backup. What was copied so far was removed.
#[derive(Debug, thiserror::Error)]
pub enum MakeBackupError {
    /// Another one runs.
    #[error("a backup is being made already")]
    Busy,
    /// There is one of that name.
    #[error("there is a backup of that name already")]
    Exists,
    /// The settings or records.
    #[error("cannot copy the settings or records: {0}")]
    Sqlite(#[from] BackupError),
    /// The journal or the cold windows.
    #[error("cannot copy the ledger: {0}")]
    Ledger(#[from] LedgerBackupError),
    /// The copy's folder.
    #[error("cannot use the folder of the copy: {0}")]
    Disk(#[from] DiskError),
    /// A file or folder.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Copies the data directory of `state` into the folder `name` of its backups. Blocks on the disk.
///
/// # Errors
/// See [`MakeBackupError`].
pub fn make(state: &State, name: &str) -> Result<Backup, MakeBackupError> {
    let ledger = state.governor.ledger();
    let _kept = ledger.keep_journal().ok_or(MakeBackupError::Busy)?;
    let data_dir = state.settings.path().parent().unwrap_or(Path::new("."));
    let backups = data_dir.join(BACKUPS);
    folder(&backups, true)?;
    let to = backups.join(name);
    if to.exists() {
        return Err(MakeBackupError::Exists);
    }
    // Only what has its final name is a backup.
    let unfinished = backups.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        removed(&unfinished)?;
    }
    let copied = copy(state, data_dir, &unfinished);
    let upto = match copied {
        Ok(upto) => upto,
        Err(error) => {
            // The first error is the one that tells.
            let _second = removed(&unfinished);
            return Err(error);
        }
    };
    let bytes = bytes_in(&unfinished)?;
    std::fs::rename(&unfinished, &to).map_err(at(&to))?;
    std::fs::File::open(&backups).and_then(|folder| folder.sync_all()).map_err(at(&backups))?;
    Ok(Backup { folder: to, bytes, upto })
}

fn copy(state: &State, data_dir: &Path, to: &Path) -> Result<Seq, MakeBackupError> {
    folder(to, false)?;
    state.settings.backup_to(&to.join(SETTINGS))?;
    for name in [PRICES, KILL] {
        let (from, copy) = (data_dir.join(name), to.join(name));
        match std::fs::copy(&from, &copy) {
            Ok(_) => std::fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(at(&copy))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(at(&from)(source)),
        }
    }
    folder(&to.join(RECORDS), false)?;
    let _files = state.records.backup_to(&to.join(RECORDS))?;
    let ledger = to.join(LEDGER);
    folder(&ledger, false)?;
    let disk = RealDisk::open(&ledger)?;
    let windows = || SqliteWindows::backup(&data_dir.join(WINDOWS), &to.join(WINDOWS));
    Ok(state.governor.ledger().backup_to(&disk, windows)?)
}

/// A folder that only its owner may enter.
fn folder(path: &Path, may_exist: bool) -> Result<(), MakeBackupError> {
    std::fs::DirBuilder::new().recursive(may_exist).mode(0o700).create(path).map_err(at(path))
}

fn removed(path: &Path) -> Result<(), MakeBackupError> {
    std::fs::remove_dir_all(path).map_err(at(path))
}

fn bytes_in(path: &Path) -> Result<u64, MakeBackupError> {
    let mut bytes: u64 = 0;
    for entry in std::fs::read_dir(path).map_err(at(path))? {
        let entry = entry.map_err(at(path))?;
        let about = entry.metadata().map_err(at(path))?;
        let own = if about.is_dir() { bytes_in(&entry.path())? } else { about.len() };
        bytes = bytes.saturating_add(own);
    }
    Ok(bytes)
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> MakeBackupError + '_ {
    |source| MakeBackupError::File { path: path.to_owned(), source }
}
