//! Copies settings while they are in use.

use std::path::Path;

use super::Settings;
use crate::sqlite::{BackupError, backup};

impl Settings {
    /// Copies the file as it is now to `to`, which must not exist. Changes go on meanwhile.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup_to(&self, to: &Path) -> Result<(), BackupError> {
        backup::copy(&self.path, to)
    }
}
