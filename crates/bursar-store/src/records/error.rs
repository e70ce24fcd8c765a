//! What can go wrong with records.

use std::path::{Path, PathBuf};

use crate::sqlite::{OpenError, PageError, is_damage};

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer version wrote it.
    #[error("record version {0} is not known")]
    Version(u8),
    /// It is damaged.
    #[error("malformed record: {0}")]
    Malformed(&'static str),
}

/// Why records were not written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// A file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The directory could not be listed or a file in it not removed.
    #[error("cannot use `{}`", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file holds what this program never wrote.
    #[error("`{}` is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A row of a file is no record.
    #[error("`{}` holds a damaged record", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The operating system or SQLite failed: the disk is full, the file is locked, ….
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A cursor that this list did not give out.
    #[error(transparent)]
    Cursor(#[from] PageError),
    /// An answer of more rows than are given at once.
    #[error("more than {0} rows: ask for less, or export")]
    TooManyRows(usize),
    /// Records of more months than are kept.
    #[error("records of more than {0} months")]
    TooManyMonths(usize),
}

impl RecordsError {
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if is_damage(&source) { Self::Corrupt { path, source } } else { Self::Io { path, source } }
    }
}
