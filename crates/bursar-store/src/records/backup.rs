//! Copies records while they are in use.

use std::path::{Path, PathBuf};

use super::Records;
use super::book;
use crate::sqlite::{BackupError, backup};

impl Records {
    /// Copies every file to the directory `to`, where none of them may exist, and answers what it made. Draining goes on
    /// meanwhile; retention waits.
    ///
    /// Copy the journal after this: it must reach at least as far as these files have drained. What it has beyond that is
    /// drained after a restore, once.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup_to(&self, to: &Path) -> Result<Vec<PathBuf>, BackupError> {
        let _alone = self.upkeep.lock();
        let mut made = Vec::new();
        // The floor first: the months that are copied after it have drained at least as far.
        let names = std::iter::once(book::FILE_NAME.to_owned())
            .chain(self.months().into_iter().map(super::Month::file_name));
        for name in names {
            let target = to.join(&name);
            backup::copy(&self.dir.join(&name), &target)?;
            made.push(target);
        }
        Ok(made)
    }
}
