//! Copies a SQLite file while it is in use, and proves the copy.

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::open::{OpenError, open_reader};

/// Pages copied per step: a megabyte, a few milliseconds.
const PAGES_PER_STEP: i32 = 256;
/// Pause after a step that found the file busy.
const PAUSE: Duration = Duration::from_millis(10);
/// Busy steps in a row until the copy is given up: half a minute.
const BUSY_STEPS_MAX: u32 = 3000;

/// Why a file was not copied. What was copied so far is left where it is.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file to copy could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The target exists already, or its directory cannot be written.
    #[error("cannot make `{}`", path.display())]
    Target {
        /// The target.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Reading or writing failed on the way.
    #[error("cannot copy to `{}`", path.display())]
    Copy {
        /// The target.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file to copy was locked all the time.
    #[error("cannot copy to `{}`: the source stays locked", path.display())]
    Busy {
        /// The target.
        path: PathBuf,
    },
    /// The copy is damaged, and so is most likely the original.
    #[error("the copy `{}` is damaged: {finding}", path.display())]
    Damaged {
        /// The target.
        path: PathBuf,
        /// What SQLite found first.
        finding: String,
    },
}

/// Copies `from` as it is at this moment to `to`, which must not exist; `from` may be written meanwhile. The copy is
/// checked, is on the disk when this returns, and is one file.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Copy { path: to.to_owned(), source };
    let target = |source| BackupError::Target { path: to.to_owned(), source };
    let source = open_reader(from)?;
    OpenOptions::new().write(true).create_new(true).open(to).map_err(target)?;
    let mut copy = Connection::open(to).map_err(failed)?;
    // The open transaction pins the moment: writers go on behind it and the copy never starts again.
    source.execute_batch("BEGIN").map_err(failed)?;
    let _pinned: i64 =
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    run(&source, &mut copy)
        .map_err(failed)?
        .then_some(())
        .ok_or(BackupError::Busy { path: to.to_owned() })?;
    let finding: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if finding != "ok" {
        return Err(BackupError::Damaged { path: to.to_owned(), finding });
    }
    // One plain file, without a write-ahead log beside it; whoever opens it for writing turns the log on again.
    let _mode: String =
        copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(failed)?;
    copy.close().map_err(|(_, source)| failed(source))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(target)
}

/// False when the source stayed locked.
fn run(source: &Connection, copy: &mut Connection) -> rusqlite::Result<bool> {
    let backup = Backup::new(source, copy)?;
    let mut busy = 0;
    while busy < BUSY_STEPS_MAX {
        match backup.step(PAGES_PER_STEP)? {
            StepResult::Done => return Ok(true),
            StepResult::More => busy = 0,
            StepResult::Busy | StepResult::Locked | _ => {
                busy += 1;
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(false)
}
